// SPDX-License-Identifier: GPL-2.0-only
/* device.c - the driver on Windows (include/cvm/nt.h). */
#include <stdlib.h>
#include <string.h>

#include <cvm/error.h>
#include <cvm/nt.h>

#include "nt.h"

const char os_driver_name[] = CVM_NT_PATH;

struct os_driver {
	HANDLE handle;
};

/* Without a device: is there a driver at all? */
static void no_device(struct problem *problem)
{
	struct os_driver_info info;
	struct problem ignored = { "" };

	if (os_driver_query(&info, &ignored))
		problem_set(problem, os_driver_name, "the libcvm driver is not "
			    "running");
	else if (info.state == OS_DRIVER_ABSENT)
		problem_set(problem, os_driver_name, "the libcvm driver is not "
			    "installed: cvmctl driver install, as "
			    "Administrator");
	else
		problem_set(problem, os_driver_name, "the libcvm driver is not "
			    "started: cvmctl driver start, as Administrator");
}

/* RUN waits in the driver, so other requests must get by: overlapped. */
struct os_driver *os_driver_open(struct problem *problem)
{
	struct os_driver *driver = malloc(sizeof(*driver));
	DWORD error;

	if (!driver) {
		problem_set(problem, os_driver_name, "no memory");
		return NULL;
	}
	driver->handle = CreateFileW(L"" CVM_NT_PATH, GENERIC_READ |
				     GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
				     FILE_FLAG_OVERLAPPED, NULL);
	if (driver->handle != INVALID_HANDLE_VALUE)
		return driver;
	error = GetLastError();
	if (error == ERROR_FILE_NOT_FOUND)
		no_device(problem);
	else if (error == ERROR_ACCESS_DENIED)
		problem_set(problem, os_driver_name, "access denied: whoever "
			    "opens it can run code in ring 0, so run this as "
			    "Administrator");
	else
		nt_problem(problem, os_driver_name, error);
	free(driver);
	return NULL;
}

void os_driver_close(struct os_driver *driver)
{
	CloseHandle(driver->handle);
	free(driver);
}

/*
 * cvm.sys carries requests out in the calling thread; the event is for what
 * lies between (Wine hands them to another process).
 */
int os_driver_request(struct os_driver *driver, uint32_t op, void *arg,
		      size_t bytes)
{
	OVERLAPPED over = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
	DWORD got, error = 0;

	if (!over.hEvent)
		return nt_result(GetLastError());
	if (!DeviceIoControl(driver->handle, CVM_NT_IOCTL(op), arg,
			     (DWORD)bytes, arg, (DWORD)bytes, NULL, &over))
		error = GetLastError();
	if (error == ERROR_IO_PENDING)
		error = GetOverlappedResult(driver->handle, &over, &got, TRUE) ?
			0 : GetLastError();
	CloseHandle(over.hEvent);
	return error ? nt_result(error) : 0;
}

/* All windows of one range, each where it belongs in the span. */
static int map_range(struct os_driver *driver,
		     const struct cvm_user_range *range, uint64_t gpa,
		     uint8_t *span)
{
	struct cvm_nt_map map;
	uint64_t at;
	int ret;

	for (at = range->gpa; at < range->gpa + range->bytes;
	     at = map.gpa + map.bytes) {
		memset(&map, 0, sizeof(map));
		map.gpa = at;
		map.wish = (uintptr_t)span + (at - gpa);
		ret = os_driver_request(driver, CVM_NT_MAP, &map, sizeof(map));
		if (ret)
			return ret;
		if (map.gpa > at || map.gpa + map.bytes <= at ||
		    map.address != (uintptr_t)span + (map.gpa - gpa))
			return -CVM_ENOMEM;
	}
	return 0;
}

/*
 * Windows that belong together must lie together: they are wished to where a
 * reservation of the whole span was a moment ago.  Only another thread could
 * take a part of it in between, and there is none yet.
 */
void *os_driver_map(struct os_driver *driver,
		    const struct cvm_user_ranges *ranges, uint64_t gpa,
		    uint64_t bytes)
{
	uint8_t *span = VirtualAlloc(NULL, bytes, MEM_RESERVE, PAGE_NOACCESS);
	uint32_t i;

	if (!span)
		return NULL;
	VirtualFree(span, 0, MEM_RELEASE);
	for (i = 0; i < ranges->count; i++)
		if (map_range(driver, &ranges->range[i], gpa, span))
			return NULL;
	return span;
}

/* Mappings go with the handle. */
void os_driver_unmap(void *map, uint64_t bytes)
{
	(void)map;
	(void)bytes;
}
