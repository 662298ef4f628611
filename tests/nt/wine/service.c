// SPDX-License-Identifier: GPL-2.0-only
/* service.c - the driver's life: installed, started, stopped, removed. */
#include "test.h"

#define SERVICE	"cvm"
#define PATIENCE_MS	60000

SC_HANDLE driver_install(SC_HANDLE manager, const char *path)
{
	return CreateServiceA(manager, SERVICE, "libcvm", SERVICE_ALL_ACCESS,
			      SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START,
			      SERVICE_ERROR_NORMAL, path, NULL, NULL, NULL,
			      NULL, NULL);
}

DWORD driver_state(SC_HANDLE service)
{
	SERVICE_STATUS status = { 0 };

	if (!QueryServiceStatus(service, &status))
		return 0;
	return status.dwCurrentState;
}

static int driver_becomes(SC_HANDLE service, DWORD state)
{
	DWORD begin = GetTickCount();

	while (driver_state(service) != state) {
		if (GetTickCount() - begin > PATIENCE_MS)
			return 0;
		Sleep(20);
	}
	return 1;
}

static DWORD try_start(SC_HANDLE service)
{
	return StartServiceA(service, 0, NULL) ? 0 : GetLastError();
}

static DWORD try_stop(SC_HANDLE service)
{
	SERVICE_STATUS status;

	return ControlService(service, SERVICE_CONTROL_STOP, &status) ? 0 :
	       GetLastError();
}

static DWORD try_open(void)
{
	HANDLE device = device_open(FILE_FLAG_OVERLAPPED);

	if (device == INVALID_HANDLE_VALUE)
		return GetLastError();
	CloseHandle(device);
	return 0;
}

void test_start(SC_HANDLE service)
{
	expect(driver_state(service), SERVICE_STOPPED,
	       "state of the installed service");
	expect(try_open(), ERROR_FILE_NOT_FOUND,
	       "the device is not there before the start");
	expect(try_stop(service), ERROR_SERVICE_NOT_ACTIVE,
	       "what is not started is not stopped");
	expect(try_start(service), 0, "the service starts");
	report(driver_becomes(service, SERVICE_RUNNING), "it runs");
	expect(try_start(service), ERROR_SERVICE_ALREADY_RUNNING,
	       "it is not started twice");
	expect(try_open(), 0, "the device can be opened");
}

/* NT keeps the driver until the file is closed, Wine does not; both stop. */
static void stop_with_handle(SC_HANDLE service)
{
	HANDLE device = device_open(FILE_FLAG_OVERLAPPED);
	DWORD error = try_stop(service);

	expect(error, 0, "the service is stopped under an open handle");
	explain("state %lu, and the handle %s", driver_state(service),
		device_answers(device) ? "answers" : "is dead");
	CloseHandle(device);
}

void test_stop(SC_HANDLE manager, SC_HANDLE service)
{
	SC_HANDLE again;

	stop_with_handle(service);
	report(driver_becomes(service, SERVICE_STOPPED), "it is stopped");
	expect(try_open(), ERROR_FILE_NOT_FOUND, "the device is gone");
	report(DeleteService(service), "the service is removed");
	CloseServiceHandle(service);
	again = OpenServiceA(manager, SERVICE, SERVICE_QUERY_STATUS);
	report(!again && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST,
	       "nothing of it is left");
	if (again)
		CloseServiceHandle(again);
}
