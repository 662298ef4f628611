// SPDX-License-Identifier: GPL-2.0-only
/*
 * link.c - links on Windows.
 *
 * A link is a named pipe of messages.  A read is always under way, a write
 * at most one; both are started and ended by CancelIo()'s rules: by the
 * thread that started them.  Terminals find a VM by a pipe named after it,
 * open to SYSTEM and Administrators only, like the driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

#include <sddl.h>

#define PIPE_ROOM	131072u	/* the replayed output must fit */
#define NO_REMOTE	8u	/* PIPE_REJECT_REMOTE_CLIENTS, NT 6.0 */
#define VMM_VARIABLE	L"CVMCTL_VMM"	/* "HANDLE PID", to a new VMM */
#define SECURITY	L"D:P(A;;GA;;;SY)(A;;GA;;;BA)"

struct os_link {
	HANDLE pipe;
	HANDLE shut;		/* event: os_link_shut() */
	OVERLAPPED in, out;
	int ended;		/* no more reads */
	int busy;		/* out is under way */
	char in_packet[1 + OS_LINK_DATA];
	char out_packet[1 + OS_LINK_DATA];
};

static HANDLE listener = INVALID_HANDLE_VALUE;
static OVERLAPPED listening;
static wchar_t listener_name[80];
static HANDLE vmm;
static long client_pid;

/* ---- packets ---- */

static void start_read(struct os_link *link)
{
	if (ReadFile(link->pipe, link->in_packet, sizeof(link->in_packet),
		     NULL, &link->in) || GetLastError() == ERROR_IO_PENDING)
		return;
	link->ended = 1;
	SetEvent(link->in.hEvent);
}

static struct os_link *new_link(HANDLE pipe)
{
	struct os_link *link = calloc(1, sizeof(*link));

	if (!link) {
		CloseHandle(pipe);
		return NULL;
	}
	link->pipe = pipe;
	link->shut = CreateEventW(NULL, TRUE, FALSE, NULL);
	link->in.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	link->out.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!link->shut || !link->in.hEvent || !link->out.hEvent)
		link->ended = 1;
	else
		start_read(link);
	return link;
}

/* Until the packet under way was taken: as os_link_send(). */
static enum os_link_sent finish_send(struct os_link *link,
				     enum os_link_wait wait)
{
	HANDLE events[3] = { link->out.hEvent, link->shut, nt_unblocked() };
	DWORD got;

	if (!link->busy)
		return OS_LINK_SENT;
	if (WaitForMultipleObjects(wait == OS_LINK_BLOCK ? 3 : 2, events, FALSE,
				   wait == OS_LINK_NOW ? 0 : INFINITE) !=
	    WAIT_OBJECT_0)
		return OS_LINK_FULL;
	link->busy = 0;
	return GetOverlappedResult(link->pipe, &link->out, &got, FALSE) ?
	       OS_LINK_SENT : OS_LINK_GONE;
}

enum os_link_sent os_link_send(struct os_link *link, char letter,
			       const void *data, size_t bytes,
			       enum os_link_wait wait)
{
	DWORD got;
	enum os_link_sent ret = finish_send(link, wait);

	if (ret != OS_LINK_SENT)
		return ret;
	if (bytes > OS_LINK_DATA)
		bytes = OS_LINK_DATA;
	link->out_packet[0] = letter;
	if (bytes)
		memcpy(link->out_packet + 1, data, bytes);
	if (!WriteFile(link->pipe, link->out_packet, (DWORD)bytes + 1, NULL,
		       &link->out) && GetLastError() != ERROR_IO_PENDING)
		return OS_LINK_GONE;
	link->busy = 1;
	if (wait == OS_LINK_NOW)
		return OS_LINK_SENT;
	ret = finish_send(link, wait);
	if (link->busy) {
		/* This thread may end, and its requests would with it. */
		CancelIo(link->pipe);
		GetOverlappedResult(link->pipe, &link->out, &got, TRUE);
		link->busy = 0;
	}
	return ret;
}

int os_link_recv(struct os_link *link, char *letter, void *data)
{
	DWORD got = 0;

	*letter = 0;
	if (link->ended)
		return -1;
	if (!GetOverlappedResult(link->pipe, &link->in, &got, FALSE) &&
	    GetLastError() == ERROR_IO_INCOMPLETE)
		return 0;
	if (!got) {
		link->ended = 1;
		return -1;
	}
	*letter = link->in_packet[0];
	memcpy(data, link->in_packet + 1, got - 1);
	start_read(link);
	return (int)got - 1;
}

void os_link_shut(struct os_link *link)
{
	SetEvent(link->shut);
}

/* What the other end has not read yet stays there for it. */
void os_link_close(struct os_link *link)
{
	DWORD got;

	if (link->busy)
		WaitForSingleObject(link->out.hEvent, 1000);
	CancelIo(link->pipe);
	if (!link->ended)
		GetOverlappedResult(link->pipe, &link->in, &got, TRUE);
	if (link->busy)
		GetOverlappedResult(link->pipe, &link->out, &got, TRUE);
	CloseHandle(link->pipe);
	CloseHandle(link->shut);
	CloseHandle(link->in.hEvent);
	CloseHandle(link->out.hEvent);
	free(link);
}

/* ---- pipes ---- */

static HANDLE create_pipe(const wchar_t *name, DWORD flags, DWORD instances)
{
	SECURITY_ATTRIBUTES security = { .nLength = sizeof(security) };
	DWORD mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | NO_REMOTE;
	HANDLE pipe;
	DWORD error;

	if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(SECURITY, 1,
			&security.lpSecurityDescriptor, NULL))
		return INVALID_HANDLE_VALUE;
	flags |= PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
	pipe = CreateNamedPipeW(name, flags, mode, instances, PIPE_ROOM,
				PIPE_ROOM, 0, &security);
	if (pipe == INVALID_HANDLE_VALUE &&
	    GetLastError() == ERROR_INVALID_PARAMETER)
		pipe = CreateNamedPipeW(name, flags, mode & ~NO_REMOTE,
					instances, PIPE_ROOM, PIPE_ROOM, 0,
					&security);
	error = GetLastError();
	LocalFree(security.lpSecurityDescriptor);
	SetLastError(error);
	return pipe;
}

static HANDLE open_pipe(const wchar_t *name, int inherit)
{
	SECURITY_ATTRIBUTES security = {
		.nLength = sizeof(security), .bInheritHandle = inherit,
	};
	DWORD mode = PIPE_READMODE_MESSAGE;
	HANDLE pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0,
				  &security, OPEN_EXISTING,
				  FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT |
				  SECURITY_IDENTIFICATION, NULL);

	if (pipe != INVALID_HANDLE_VALUE)
		SetNamedPipeHandleState(pipe, &mode, NULL, NULL);
	return pipe;
}

static void console_name(const char *name, wchar_t *to, size_t size)
{
	wchar_t wide[CVM_NAME_MAX] = L"";

	nt_wide(name, wide, CVM_NAME_MAX);
	_snwprintf(to, size, L"\\\\.\\pipe\\cvm-console-%ls", wide);
}

/* ---- somebody connects ---- */

/* The next instance of the pipe, for the next terminal. */
static int listen_again(DWORD flags)
{
	listener = create_pipe(listener_name, flags, 4);
	if (listener == INVALID_HANDLE_VALUE)
		return -1;
	if (!ConnectNamedPipe(listener, &listening) &&
	    GetLastError() == ERROR_PIPE_CONNECTED)
		SetEvent(listening.hEvent);
	return 0;
}

int os_link_listen(const char *name, os_made_fn *leave,
		   struct problem *problem)
{
	DWORD error;

	(void)leave;	/* a pipe goes with its last handle */
	console_name(name, listener_name, 80);
	listening.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!listening.hEvent)
		return nt_problem(problem, "console", GetLastError());
	/* FIRST_PIPE_INSTANCE decides; Wine does not know it. */
	if (!WaitNamedPipeW(listener_name, 1) &&
	    GetLastError() == ERROR_FILE_NOT_FOUND) {
		if (!listen_again(FILE_FLAG_FIRST_PIPE_INSTANCE))
			return 0;
		error = GetLastError();
		if (error != ERROR_ACCESS_DENIED && error != ERROR_PIPE_BUSY)
			return nt_problem(problem, "console", error);
	}
	return problem_set(problem, name, "a VM of this name is running; "
			   "choose another --name");
}

int os_log_begin(const char *name, os_made_fn *leave,
		 struct problem *problem)
{
	(void)name;
	(void)leave;
	(void)problem;
	return 0;
}

void os_link_unlisten(void)
{
	if (listener == INVALID_HANDLE_VALUE)
		return;
	CancelIo(listener);
	CloseHandle(listener);
	listener = INVALID_HANDLE_VALUE;
}

struct os_link *os_link_accept(struct problem *problem)
{
	HANDLE pipe = listener;
	DWORD got;
	int there = GetOverlappedResult(pipe, &listening, &got, FALSE) ||
		    GetLastError() == ERROR_PIPE_CONNECTED;

	(void)problem;	/* Windows has no such limit */
	ResetEvent(listening.hEvent);
	listen_again(0);
	if (there)
		return new_link(pipe);
	CloseHandle(pipe);
	return NULL;
}

struct os_link *os_link_connect(const char *name, struct problem *problem)
{
	wchar_t wide[80];
	HANDLE pipe;

	console_name(name, wide, 80);
	pipe = open_pipe(wide, 0);
	if (pipe == INVALID_HANDLE_VALUE &&
	    GetLastError() == ERROR_PIPE_BUSY && WaitNamedPipeW(wide, 2000))
		pipe = open_pipe(wide, 0);
	if (pipe != INVALID_HANDLE_VALUE)
		return new_link(pipe);
	nt_problem(problem, name, GetLastError());
	return NULL;
}

/* ---- a second process ---- */

long nt_split_pid(void)
{
	wchar_t text[40];
	long handle;

	if (!client_pid && GetEnvironmentVariableW(VMM_VARIABLE, text, 40))
		swscanf(text, L"%ld %ld", &handle, &client_pid);
	return client_pid;
}

/* 1 in the process that was started to be the VMM. */
static int am_vmm(struct os_link **link)
{
	wchar_t text[40];
	long handle = 0;

	if (!GetEnvironmentVariableW(VMM_VARIABLE, text, 40))
		return 0;
	swscanf(text, L"%ld %ld", &handle, &client_pid);
	SetEnvironmentVariableW(VMM_VARIABLE, NULL);
	*link = new_link((HANDLE)(intptr_t)handle);
	return 1;
}

/* The VMM keeps nothing of ours open but its end of the pipe. */
static HANDLE keep_to_ourselves(DWORD which)
{
	HANDLE handle = GetStdHandle(which);

	if (handle && handle != INVALID_HANDLE_VALUE)
		SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
	return handle;
}

static int start_vmm(HANDLE end)
{
	STARTUPINFOW start = { .cb = sizeof(start) };
	PROCESS_INFORMATION process;
	wchar_t path[NT_PATH], text[40], *line;
	int ok;

	keep_to_ourselves(STD_INPUT_HANDLE);
	keep_to_ourselves(STD_OUTPUT_HANDLE);
	keep_to_ourselves(STD_ERROR_HANDLE);
	line = _wcsdup(GetCommandLineW());
	if (!line || nt_own_path(NULL, path, NT_PATH))
		return -1;
	_snwprintf(text, 40, L"%ld %ld", (long)(intptr_t)end,
		   (long)GetCurrentProcessId());
	SetEnvironmentVariableW(VMM_VARIABLE, text);
	start.dwFlags = STARTF_USESTDHANDLES;
	/* Without a console it survives ours, and its Ctrl-Break. */
	ok = CreateProcessW(path, line, NULL, NULL, TRUE, DETACHED_PROCESS,
			    NULL, NULL, &start, &process);
	SetEnvironmentVariableW(VMM_VARIABLE, NULL);
	free(line);
	if (!ok)
		return -1;
	CloseHandle(process.hThread);
	vmm = process.hProcess;
	return 0;
}

enum os_side os_split(struct os_link **link, struct problem *problem)
{
	HANDLE here, there = INVALID_HANDLE_VALUE;
	wchar_t name[80];
	int ret;

	if (am_vmm(link)) {
		if (*link)
			return OS_SIDE_VMM;
		problem_set(problem, "console", "no memory");
		return OS_SIDE_NONE;
	}
	_snwprintf(name, 80, L"\\\\.\\pipe\\cvm-client-%ld-%lx",
		   (long)GetCurrentProcessId(), GetTickCount());
	here = create_pipe(name, FILE_FLAG_FIRST_PIPE_INSTANCE, 1);
	if (here != INVALID_HANDLE_VALUE)
		there = open_pipe(name, 1);
	if (there == INVALID_HANDLE_VALUE)
		return nt_problem(problem, "console", GetLastError());
	ret = start_vmm(there);
	if (ret)
		nt_problem(problem, "cvmctl", GetLastError());
	CloseHandle(there);
	*link = ret ? NULL : new_link(here);
	return *link ? OS_SIDE_CLIENT : OS_SIDE_NONE;
}

void os_vmm_kill(void)
{
	TerminateProcess(vmm, EXIT_ENDED);
}

void os_vmm_ending(char *text, size_t size)
{
	DWORD code;

	if (WaitForSingleObject(vmm, 5000) == WAIT_OBJECT_0 &&
	    GetExitCodeProcess(vmm, &code))
		snprintf(text, size, "has ended with code %s%lx",
			 code > 9 ? "0x" : "", code);
}

HANDLE nt_link_event(const struct os_link *link)
{
	return link->in.hEvent;
}

HANDLE nt_listen_event(void)
{
	return listener != INVALID_HANDLE_VALUE ? listening.hEvent : NULL;
}

long os_pid(void)
{
	long client = nt_split_pid();

	return client ? client : (long)GetCurrentProcessId();
}
