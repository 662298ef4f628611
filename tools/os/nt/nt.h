/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nt.h - what the files named *_nt.c share.
 *
 * The program is linked against what NT 5.2 x64 exports and nothing else
 * (imports.txt); all strings inside are UTF-8 and become UTF-16 where a
 * function of the system is called.
 */
#ifndef CVM_OS_NT_NT_H
#define CVM_OS_NT_NT_H

#include <windows.h>

#include "os/os.h"

#define NT_PATH		1024	/* UTF-16 units of a path we handle */

/* nt_wide - text as UTF-16, at most size units; -1 when it does not fit. */
int nt_wide(const char *text, wchar_t *to, size_t size);

/* nt_utf8 - and back. */
int nt_utf8(const wchar_t *text, char *to, size_t size);

/* nt_path - the same of a path, in the form that may be long. */
int nt_path(const char *path, wchar_t *to, size_t size);

/* nt_words - a GetLastError() in words: what happened, what to do. */
const char *nt_words(DWORD error);

/* nt_problem - problem_set() with these words. */
int nt_problem(struct problem *problem, const char *thing, DWORD error);

/* nt_result - a GetLastError() as a result of os.h. */
int nt_result(DWORD error);

/* nt_own_path - the running program's file, or another beside it. */
int nt_own_path(const char *name, wchar_t *to, size_t size);

/* nt_stop - OS_WAIT_STOP.  Any thread. */
void nt_stop(void);
/* nt_stops - are there waits that nt_stop() reaches? */
int nt_stops(void);

/* nt_resized - has the window another size since it was asked last? */
int nt_resized(void);

/* nt_unblocked - set since os_unblock(), for writers to wait for too. */
HANDLE nt_unblocked(void);

/* What os_wait() waits for; a link's: os_link_recv() has something. */
HANDLE nt_wake_event(void);
HANDLE nt_stop_event(void);
HANDLE nt_link_event(const struct os_link *link);
HANDLE nt_listen_event(void);	/* NULL: nobody can come */

/* nt_input_event - to wait for input with; asks for it when it is a pipe. */
HANDLE nt_input_event(void);

/* nt_output_to - stdout and stderr are this file from now on. */
void nt_output_to(HANDLE file);

/* nt_console_begin - UTF-8 output and Ctrl-Break; before any output. */
void nt_console_begin(void);

/* nt_split_pid - of the client, when this process is a VMM; else 0. */
long nt_split_pid(void);

#endif /* CVM_OS_NT_NT_H */
