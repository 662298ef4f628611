// SPDX-License-Identifier: GPL-2.0-only
/*
 * admin.c - the driver and guests' services in the service control
 * manager's books.
 *
 * The driver is the service "cvm"; a guest NAME is "cvm-NAME", whose command
 * line is `cvmctl service run NAME --config FILE`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

#define DRIVER		L"cvm"
#define PREFIX		L"cvm-"
#define PREFIX_LEN	4
#define WAIT_STEP	100u	/* ms */
#define WAIT_STEPS	300u
#define LINE		(NT_PATH * 2 + 100)
/* SERVICE_CONFIG_PRESHUTDOWN_INFO, NT 6.0 */
#define PRESHUTDOWN_INFO	7u

static const char driver_name[] = "driver";

/* ---- handles ---- */

static SC_HANDLE manager_open(DWORD access, struct problem *problem)
{
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, access);

	if (!manager)
		nt_problem(problem, "service control manager",
			   GetLastError());
	return manager;
}

/* A service that is there; NULL with a problem, unless absent is wanted. */
static SC_HANDLE service_open(const wchar_t *name, const char *thing,
			      DWORD access, int *absent,
			      struct problem *problem)
{
	SC_HANDLE manager = manager_open(SC_MANAGER_CONNECT, problem);
	SC_HANDLE service;
	DWORD error;

	if (!manager)
		return NULL;
	service = OpenServiceW(manager, name, access);
	error = GetLastError();
	CloseServiceHandle(manager);
	if (!service && absent && error == ERROR_SERVICE_DOES_NOT_EXIST)
		*absent = 1;
	else if (!service)
		nt_problem(problem, thing, error);
	return service;
}

static DWORD service_state(SC_HANDLE service)
{
	SERVICE_STATUS status;

	return QueryServiceStatus(service, &status) ? status.dwCurrentState :
	       0;
}

/* Until it is in this state; 0, or the state it stays in. */
static DWORD wait_for(SC_HANDLE service, DWORD wanted)
{
	DWORD state = 0;
	unsigned int i;

	for (i = 0; i < WAIT_STEPS; i++) {
		state = service_state(service);
		if (state == wanted)
			return 0;
		if (wanted == SERVICE_RUNNING && state == SERVICE_STOPPED)
			break;
		Sleep(WAIT_STEP);
	}
	return state ? state : SERVICE_STOPPED;
}

/* The command line, or file, of a service; "" when it cannot be read. */
static void service_line(SC_HANDLE service, char *to, size_t size)
{
	DWORD bytes = 0;
	QUERY_SERVICE_CONFIGW *config;

	to[0] = '\0';
	QueryServiceConfigW(service, NULL, 0, &bytes);
	config = calloc(1, bytes + sizeof(*config));
	if (config && QueryServiceConfigW(service, config, bytes, &bytes))
		nt_utf8(config->lpBinaryPathName, to, size);
	free(config);
}

/* ---- the driver ---- */

int os_driver_query(struct os_driver_info *info, struct problem *problem)
{
	static const char nt_prefix[] = "\\??\\";
	SC_HANDLE service;
	int absent = 0;

	memset(info, 0, sizeof(*info));
	service = service_open(DRIVER, driver_name, SERVICE_QUERY_STATUS |
			       SERVICE_QUERY_CONFIG, &absent, problem);
	if (!service)
		return absent ? 0 : -1;
	switch (service_state(service)) {
	case SERVICE_RUNNING:
		info->state = OS_DRIVER_RUNNING;
		break;
	case SERVICE_STOPPED:
		info->state = OS_DRIVER_STOPPED;
		break;
	default:
		info->state = OS_DRIVER_CHANGING;
		break;
	}
	service_line(service, info->path, sizeof(info->path));
	CloseServiceHandle(service);
	/* The path is NT's own form of it. */
	if (!strncmp(info->path, nt_prefix, 4))
		memmove(info->path, info->path + 4, strlen(info->path) - 3);
	return 0;
}

static int driver_file(const char *path, wchar_t *to, struct problem *problem)
{
	wchar_t wide[NT_PATH];
	DWORD len = 0;

	if (path ? nt_wide(path, wide, NT_PATH) :
	    nt_own_path("cvm.sys", wide, NT_PATH))
		return problem_set(problem, path ? path : "cvm.sys",
				   "the path is too long");
	len = GetFullPathNameW(wide, NT_PATH, to, NULL);
	if (!len || len >= NT_PATH)
		return problem_set(problem, path ? path : "cvm.sys",
				   "the path is too long");
	return 0;
}

/* Windows would tell at the start only. */
static int driver_file_is_there(const wchar_t *wide, struct problem *problem)
{
	char path[NT_PATH * 3];
	uint64_t bytes;
	intptr_t handle;
	char magic[2] = "";
	int ret;

	if (nt_utf8(wide, path, sizeof(path)))
		return problem_set(problem, driver_name,
				   "the path is too long");
	ret = os_file_open(path, &handle, &bytes, problem);
	if (!ret && os_file_read(handle, 0, magic, 2, path, problem) >= 0 &&
	    memcmp(magic, "MZ", 2))
		problem_set(problem, path, "this is no driver");
	if (handle != OS_NO_FILE)
		os_file_close(handle);
	return problem->text[0] ? -1 : 0;
}

int os_driver_install(const char *path, struct problem *problem)
{
	wchar_t file[NT_PATH];
	SC_HANDLE manager, service;

	if (driver_file(path, file, problem) ||
	    driver_file_is_there(file, problem))
		return -1;
	manager = manager_open(SC_MANAGER_CREATE_SERVICE, problem);
	if (!manager)
		return -1;
	service = CreateServiceW(manager, DRIVER, L"libcvm driver",
				 SERVICE_QUERY_STATUS, SERVICE_KERNEL_DRIVER,
				 SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
				 file, NULL, NULL, NULL, NULL, NULL);
	if (service)
		CloseServiceHandle(service);
	else
		nt_problem(problem, driver_name, GetLastError());
	CloseServiceHandle(manager);
	return service ? 0 : -1;
}

int os_driver_start(struct problem *problem)
{
	struct os_driver_info info;
	SC_HANDLE service;
	DWORD error = 0;

	if (os_driver_query(&info, problem))
		return -1;
	if (info.state == OS_DRIVER_ABSENT)
		return problem_set(problem, driver_name, "it is not installed:"
				   " cvmctl driver install");
	service = service_open(DRIVER, driver_name, SERVICE_START |
			       SERVICE_QUERY_STATUS, NULL, problem);
	if (!service)
		return -1;
	if (!StartServiceW(service, 0, NULL))
		error = GetLastError();
	else if (wait_for(service, SERVICE_RUNNING))
		error = ERROR_SERVICE_REQUEST_TIMEOUT;
	CloseServiceHandle(service);
	if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
		return problem_set(problem, driver_name, "its file %s is gone",
				   info.path);
	return error ? nt_problem(problem, driver_name, error) : 0;
}

/* Windows unloads it when the last program has closed it. */
static int stop_service(SC_HANDLE service, const char *thing,
			struct problem *problem)
{
	SERVICE_STATUS status;

	if (!ControlService(service, SERVICE_CONTROL_STOP, &status))
		return nt_problem(problem, thing, GetLastError());
	if (wait_for(service, SERVICE_STOPPED))
		return problem_set(problem, thing, "it has not stopped yet: "
				   "something still has it open");
	return 0;
}

int os_driver_stop(struct problem *problem)
{
	SC_HANDLE service;
	int ret;

	service = service_open(DRIVER, driver_name, SERVICE_STOP |
			       SERVICE_QUERY_STATUS, NULL, problem);
	if (!service)
		return -1;
	ret = stop_service(service, driver_name, problem);
	CloseServiceHandle(service);
	return ret;
}

static int remove_service(const wchar_t *name, const char *thing,
			  struct problem *problem)
{
	SC_HANDLE service = service_open(name, thing, SERVICE_STOP | DELETE |
					 SERVICE_QUERY_STATUS, NULL, problem);
	int ret = 0;

	if (!service)
		return -1;
	if (service_state(service) != SERVICE_STOPPED)
		ret = stop_service(service, thing, problem);
	if (!ret && !DeleteService(service))
		ret = nt_problem(problem, thing, GetLastError());
	CloseServiceHandle(service);
	return ret;
}

void os_driver_why(char *to, size_t size)
{
	(void)size;
	to[0] = '\0';
}

int os_driver_remove(struct problem *problem)
{
	return remove_service(DRIVER, driver_name, problem);
}

/* ---- guests ---- */

static int guest_name(const char *name, wchar_t *to)
{
	wcscpy(to, PREFIX);
	return nt_wide(name, to + PREFIX_LEN, CVM_NAME_MAX);
}

/* Time for a guest to power off before Windows does; NT 6.0 and later. */
static void set_preshutdown(SC_HANDLE service, uint32_t seconds)
{
	DWORD timeout = seconds * 1000 + 10000;

	ChangeServiceConfig2W(service, PRESHUTDOWN_INFO, &timeout);
}

int os_service_install(const char *name, const char *config,
		       uint32_t seconds, struct problem *problem)
{
	wchar_t service_name[CVM_NAME_MAX + PREFIX_LEN], own[NT_PATH];
	wchar_t wide_name[CVM_NAME_MAX], wide_config[NT_PATH], line[LINE];
	SC_HANDLE manager, service;

	if (guest_name(name, service_name) ||
	    nt_wide(name, wide_name, CVM_NAME_MAX) ||
	    nt_wide(config, wide_config, NT_PATH) ||
	    nt_own_path(NULL, own, NT_PATH))
		return problem_set(problem, config, "the path is too long");
	_snwprintf(line, LINE, L"\"%ls\" service run %ls --config \"%ls\"",
		   own, wide_name, wide_config);
	manager = manager_open(SC_MANAGER_CREATE_SERVICE, problem);
	if (!manager)
		return -1;
	service = CreateServiceW(manager, service_name, service_name,
				 SERVICE_CHANGE_CONFIG,
				 SERVICE_WIN32_OWN_PROCESS,
				 SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
				 line, NULL, NULL, DRIVER L"\0", NULL, NULL);
	if (service) {
		set_preshutdown(service, seconds);
		CloseServiceHandle(service);
	} else {
		nt_problem(problem, name, GetLastError());
	}
	CloseServiceHandle(manager);
	return service ? 0 : -1;
}

int os_service_remove(const char *name, struct problem *problem)
{
	wchar_t service_name[CVM_NAME_MAX + PREFIX_LEN];

	if (guest_name(name, service_name))
		return problem_set(problem, name, "no such service");
	return remove_service(service_name, name, problem);
}

static const char *state_word(DWORD state)
{
	switch (state) {
	case SERVICE_RUNNING:
		return "running";
	case SERVICE_STOPPED:
		return "stopped";
	case SERVICE_START_PENDING:
		return "starting";
	case SERVICE_STOP_PENDING:
		return "stopping";
	default:
		return "changing";
	}
}

/* The word behind --config; ours was written by os_service_install(). */
static void config_of(SC_HANDLE manager, const wchar_t *name, char *to,
		      size_t size)
{
	static const char option[] = " --config \"";
	SC_HANDLE service = OpenServiceW(manager, name, SERVICE_QUERY_CONFIG);
	char line[LINE * 3], *at;

	line[0] = to[0] = '\0';
	if (service) {
		service_line(service, line, sizeof(line));
		CloseServiceHandle(service);
	}
	at = strstr(line, option);
	if (at)
		snprintf(to, size, "%.*s", (int)strcspn(at + sizeof(option) -
							1, "\""),
			 at + sizeof(option) - 1);
}

static ENUM_SERVICE_STATUSW *all_services(SC_HANDLE manager, DWORD *count)
{
	ENUM_SERVICE_STATUSW *list;
	DWORD bytes = 0, resume = 0;

	*count = 0;
	EnumServicesStatusW(manager, SERVICE_WIN32, SERVICE_STATE_ALL, NULL, 0,
			    &bytes, count, &resume);
	list = calloc(1, bytes + 4096);
	resume = 0;
	if (list && !EnumServicesStatusW(manager, SERVICE_WIN32,
					 SERVICE_STATE_ALL, list, bytes + 4096,
					 &bytes, count, &resume))
		*count = 0;
	return list;
}

int os_service_list(void (*fn)(const char *name, const char *state,
			       const char *config),
		    struct problem *problem)
{
	SC_HANDLE manager = manager_open(SC_MANAGER_CONNECT |
					 SC_MANAGER_ENUMERATE_SERVICE,
					 problem);
	char name[CVM_NAME_MAX * 3], config[NT_PATH * 3];
	ENUM_SERVICE_STATUSW *list;
	DWORD count, i;

	if (!manager)
		return -1;
	list = all_services(manager, &count);
	for (i = 0; i < count; i++) {
		if (wcsncmp(list[i].lpServiceName, PREFIX, PREFIX_LEN) ||
		    nt_utf8(list[i].lpServiceName + PREFIX_LEN, name,
			    sizeof(name)))
			continue;
		config_of(manager, list[i].lpServiceName, config,
			  sizeof(config));
		fn(name, state_word(list[i].ServiceStatus.dwCurrentState),
		   config);
	}
	free(list);
	CloseServiceHandle(manager);
	return 0;
}
