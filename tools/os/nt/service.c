// SPDX-License-Identifier: GPL-2.0-only
/*
 * service.c - be a service: a guest without a user.
 *
 * Windows calls service_main() in a thread of its own and control() in the
 * first one.  A wish to stop is passed on to the guest, which is ended when
 * its time is up (run_loop.c); a watchman tells Windows that it is under way.
 */
#include <process.h>

#include "nt.h"

#define ACCEPT_PRESHUTDOWN	0x100u	/* SERVICE_ACCEPT_..., NT 6.0 */
#define CONTROL_PRESHUTDOWN	0x0fu	/* SERVICE_CONTROL_... */
#define STEP_MS			1000u

static struct {
	SERVICE_STATUS_HANDLE handle;
	SERVICE_STATUS status;
	int (*run)(void *ctx);
	void *ctx;
	int result;
	const char *log;	/* path */
	HANDLE stopping;	/* event: the guest has been asked */
	HANDLE ended;		/* event: there is no guest any more */
} service;

/* Windows before 6.0 refuses bits it does not know. */
static DWORD accepted(void)
{
	DWORD stop = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN;

	return (GetVersion() & 0xff) < 6 ? stop : stop | ACCEPT_PRESHUTDOWN;
}

static void report(DWORD state, DWORD checkpoint)
{
	service.status.dwCurrentState = state;
	service.status.dwControlsAccepted = state == SERVICE_RUNNING ?
					    accepted() : 0;
	service.status.dwCheckPoint = checkpoint;
	service.status.dwWaitHint = checkpoint ? 3 * STEP_MS : 0;
	SetServiceStatus(service.handle, &service.status);
}

static DWORD WINAPI control(DWORD code, DWORD type, void *data, void *ctx)
{
	(void)type;
	(void)data;
	(void)ctx;
	switch (code) {
	case SERVICE_CONTROL_STOP:
	case SERVICE_CONTROL_SHUTDOWN:
	case CONTROL_PRESHUTDOWN:
		SetEvent(service.stopping);
		return NO_ERROR;
	case SERVICE_CONTROL_INTERROGATE:
		return NO_ERROR;
	default:
		return ERROR_CALL_NOT_IMPLEMENTED;
	}
}

static unsigned int __stdcall watchman(void *arg)
{
	HANDLE events[2] = { service.ended, service.stopping };
	DWORD second = 1;

	(void)arg;
	if (WaitForMultipleObjects(2, events, FALSE, INFINITE) ==
	    WAIT_OBJECT_0)
		return 0;
	nt_stop();
	do {
		report(SERVICE_STOP_PENDING, second++);
	} while (WaitForSingleObject(service.ended, STEP_MS) != WAIT_OBJECT_0);
	return 0;
}

/*
 * A service has no stdout, no stderr: both are the log.  The reason why there
 * is none can only be the service's exit code.
 */
static DWORD open_log(void)
{
	wchar_t wide[NT_PATH];
	HANDLE log;

	if (nt_path(service.log, wide, NT_PATH))
		return ERROR_FILENAME_EXCED_RANGE;
	log = CreateFileW(wide, FILE_APPEND_DATA | SYNCHRONIZE,
			  FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
			  OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	if (log == INVALID_HANDLE_VALUE)
		return GetLastError();
	nt_output_to(log);
	return NO_ERROR;
}

/* Run the guest; one that powered off is a service that ended well. */
static DWORD serve(void)
{
	HANDLE thread;

	report(SERVICE_RUNNING, 0);
	thread = (HANDLE)_beginthreadex(NULL, 0, watchman, NULL, 0, NULL);
	service.result = service.run(service.ctx);
	SetEvent(service.ended);
	WaitForSingleObject(thread, INFINITE);
	service.status.dwServiceSpecificExitCode = (DWORD)service.result;
	return service.result == EXIT_OK ? NO_ERROR :
	       ERROR_SERVICE_SPECIFIC_ERROR;
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
	DWORD error;

	/* Windows calls with the service's name, whatever the table says. */
	service.handle = argc ? RegisterServiceCtrlHandlerExW(argv[0], control,
							      NULL) : NULL;
	if (!service.handle)
		return;
	error = open_log();
	if (!error)
		error = serve();
	service.status.dwWin32ExitCode = error;
	report(SERVICE_STOPPED, 0);
}

int os_service_run(const char *name, const char *log,
		   int (*run)(void *ctx), void *ctx,
		   struct problem *problem)
{
	const SERVICE_TABLE_ENTRYW table[] = {
		{ (wchar_t *)L"", service_main }, { NULL, NULL }
	};

	service.run = run;
	service.ctx = ctx;
	service.log = log;
	service.result = EXIT_REFUSED;
	service.status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
	service.stopping = CreateEventW(NULL, TRUE, FALSE, NULL);
	service.ended = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!service.stopping || !service.ended) {
		problem_set(problem, name, "no memory");
		return EXIT_REFUSED;
	}
	if (!StartServiceCtrlDispatcherW(table)) {
		nt_problem(problem, name, GetLastError());
		return EXIT_REFUSED;
	}
	return service.result;
}
