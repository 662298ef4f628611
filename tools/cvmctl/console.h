/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.h - the console of a running VM, in the VMM's process.
 *
 * Direct: stdin and stdout as they are, with back-pressure both ways.
 * Served: one terminal process at a time over a link; without one, output is
 * kept in a ring and shown to the next that comes.
 */
#ifndef CVMCTL_CONSOLE_H
#define CVMCTL_CONSOLE_H

#include <stddef.h>

#include "platform.h"

enum console_event {
	CONSOLE_INPUT,		/* *bytes bytes are in buf */
	CONSOLE_EOF,		/* there will be no more input */
	CONSOLE_WAKE,		/* plat_wake() was called */
	CONSOLE_STOP,		/* somebody wants the VM to end in order */
	CONSOLE_KILL,		/* somebody wants it to end now */
	CONSOLE_LOST		/* the terminal's process died */
};

/*
 * One of the two.  first: the link that exists from the start, or NULL;
 * copy: output goes to stdout too.
 */
int console_direct(struct problem *problem);
int console_served(struct link *first, int copy, struct problem *problem);

/*
 * console_open - catch what means "stop" from here on.  A served console can
 * be reached by name from now on.
 */
int console_open(const char *name, struct problem *problem);

/* console_started - the guest runs from now on: tell the terminal. */
void console_started(const char *greeting);

/*
 * console_wait - sleep until something happens.  Input is only taken when buf
 * is not NULL.
 */
enum console_event console_wait(void *buf, size_t size, size_t *bytes);

/* console_write - guest output; waits while the reader is slow. */
void console_write(const void *data, size_t bytes);

/* console_note - a line of ours beside the guest's output. */
void console_note(const char *fmt, ...)
	__attribute__((format(CVMCTL_PRINTF, 1, 2)));

/* console_end - hand status and a last line (or "") to the terminal. */
void console_end(int status, const char *line);

#endif /* CVMCTL_CONSOLE_H */
