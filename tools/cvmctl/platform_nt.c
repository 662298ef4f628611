// SPDX-License-Identifier: GPL-2.0-only
/* platform_nt.c - driver, files and threads on Windows. */
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/error.h>
#include <cvm/nt.h>

#include "nt.h"

const char plat_device[] = CVM_NT_PATH;

struct device {
	HANDLE handle;
};

/* ---- text ---- */

int nt_wide(const char *text, wchar_t *to, size_t size)
{
	return MultiByteToWideChar(CP_UTF8, 0, text, -1, to, (int)size) ?
	       0 : -1;
}

int nt_utf8(const wchar_t *text, char *to, size_t size)
{
	return WideCharToMultiByte(CP_UTF8, 0, text, -1, to, (int)size, NULL,
				   NULL) ? 0 : -1;
}

/* Beyond MAX_PATH Windows wants a full path, marked. */
int nt_path(const char *path, wchar_t *to, size_t size)
{
	wchar_t wide[NT_PATH], full[NT_PATH];
	const wchar_t *from = full, *mark = L"\\\\?\\";
	DWORD len;

	if (nt_wide(path, wide, NT_PATH))
		return -1;
	len = GetFullPathNameW(wide, NT_PATH, full, NULL);
	if (!len || len >= NT_PATH)
		return -1;
	if (len < MAX_PATH - 12 || !wcsncmp(full, L"\\\\?\\", 4) ||
	    !wcsncmp(full, L"\\\\.\\", 4)) {
		from = wide;
		mark = L"";
	} else if (!wcsncmp(full, L"\\\\", 2)) {
		from = full + 2;
		mark = L"\\\\?\\UNC\\";
	}
	if (wcslen(mark) + wcslen(from) >= size)
		return -1;
	wcscpy(to, mark);
	wcscat(to, from);
	return 0;
}

int plat_absolute(const char *path, char *to, size_t size)
{
	wchar_t wide[NT_PATH], full[NT_PATH];
	DWORD len;

	if (nt_wide(path, wide, NT_PATH))
		return -1;
	len = GetFullPathNameW(wide, NT_PATH, full, NULL);
	return len && len < NT_PATH ? nt_utf8(full, to, size) : -1;
}

/* "C:x" and "\x" are seen from elsewhere too. */
int plat_beside(const char *file, const char *name, char *to, size_t size)
{
	const char *at, *end = file;

	for (at = file; *at; at++)
		if (*at == '\\' || *at == '/' || (*at == ':' && at - file == 1))
			end = at + 1;
	if (name[0] == '\\' || name[0] == '/' || (name[0] && name[1] == ':'))
		end = file;
	return snprintf(to, size, "%.*s%s", (int)(end - file), file, name) <
	       (int)size ? 0 : -1;
}

int nt_own_path(const char *name, wchar_t *to, size_t size)
{
	DWORD len = GetModuleFileNameW(NULL, to, (DWORD)size);
	char own[NT_PATH * 3], beside[NT_PATH * 3];

	if (!len || len >= size)
		return -1;
	if (!name)
		return 0;
	if (nt_utf8(to, own, sizeof(own)) ||
	    plat_beside(own, name, beside, sizeof(beside)))
		return -1;
	return nt_wide(beside, to, size);
}

long plat_pid(void)
{
	long front = nt_split_pid();

	return front ? front : (long)GetCurrentProcessId();
}

/* ---- driver ---- */

/* Without a device: is there a driver at all? */
static void no_device(struct problem *problem)
{
	struct driver_info info;
	struct problem ignored = { "" };

	if (plat_driver_query(&info, &ignored))
		problem_set(problem, plat_device, "the libcvm driver is not "
			    "running");
	else if (info.state == DRIVER_ABSENT)
		problem_set(problem, plat_device, "the libcvm driver is not "
			    "installed: cvmctl driver install, as "
			    "Administrator");
	else
		problem_set(problem, plat_device, "the libcvm driver is not "
			    "started: cvmctl driver start, as Administrator");
}

/* RUN waits in the driver, so other requests must get by: overlapped. */
struct device *plat_open(struct problem *problem)
{
	struct device *dev = malloc(sizeof(*dev));
	DWORD error;

	if (!dev) {
		problem_set(problem, plat_device, "no memory");
		return NULL;
	}
	dev->handle = CreateFileW(L"" CVM_NT_PATH, GENERIC_READ |
				  GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
				  FILE_FLAG_OVERLAPPED, NULL);
	if (dev->handle != INVALID_HANDLE_VALUE)
		return dev;
	error = GetLastError();
	if (error == ERROR_FILE_NOT_FOUND)
		no_device(problem);
	else if (error == ERROR_ACCESS_DENIED)
		problem_set(problem, plat_device, "access denied: whoever "
			    "opens it can run code in ring 0, so run this as "
			    "Administrator");
	else
		nt_problem(problem, plat_device, error);
	free(dev);
	return NULL;
}

void plat_close(struct device *dev)
{
	CloseHandle(dev->handle);
	free(dev);
}

/*
 * cvm.sys carries requests out in the calling thread; the event is for what
 * lies between (Wine hands them to another process).
 */
int plat_op(struct device *dev, uint32_t op, void *arg, size_t bytes)
{
	OVERLAPPED over = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
	DWORD got, error = 0;

	if (!over.hEvent)
		return nt_result(GetLastError());
	if (!DeviceIoControl(dev->handle, CVM_NT_IOCTL(op), arg, (DWORD)bytes,
			     arg, (DWORD)bytes, NULL, &over))
		error = GetLastError();
	if (error == ERROR_IO_PENDING)
		error = GetOverlappedResult(dev->handle, &over, &got, TRUE) ?
			0 : GetLastError();
	CloseHandle(over.hEvent);
	return error ? nt_result(error) : 0;
}

/* All windows of one range, each where it belongs in the span. */
static int map_range(struct device *dev, const struct cvm_user_range *range,
		     uint64_t gpa, uint8_t *span)
{
	struct cvm_nt_map map;
	uint64_t at;
	int ret;

	for (at = range->gpa; at < range->gpa + range->bytes;
	     at = map.gpa + map.bytes) {
		memset(&map, 0, sizeof(map));
		map.gpa = at;
		map.wish = (uintptr_t)span + (at - gpa);
		ret = plat_op(dev, CVM_NT_MAP, &map, sizeof(map));
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
void *plat_map(struct device *dev, const struct cvm_user_ranges *ranges,
	       uint64_t gpa, uint64_t bytes)
{
	uint8_t *span = VirtualAlloc(NULL, bytes, MEM_RESERVE, PAGE_NOACCESS);
	uint32_t i;

	if (!span)
		return NULL;
	VirtualFree(span, 0, MEM_RELEASE);
	for (i = 0; i < ranges->count; i++)
		if (map_range(dev, &ranges->range[i], gpa, span))
			return NULL;
	return span;
}

/* Mappings go with the handle. */
void plat_unmap(void *map, uint64_t bytes)
{
	(void)map;
	(void)bytes;
}

/* ---- files ---- */

int plat_file_open(const char *path, intptr_t *handle, uint64_t *bytes,
		   struct problem *problem)
{
	wchar_t wide[NT_PATH];
	LARGE_INTEGER size;
	HANDLE file;

	*handle = PLAT_NO_FILE;
	if (nt_path(path, wide, NT_PATH))
		return problem_set(problem, path, "the path is too long");
	if (GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES &&
	    GetFileAttributesW(wide) & FILE_ATTRIBUTE_DIRECTORY)
		return problem_set(problem, path, "this is a directory");
	file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL,
			   OPEN_EXISTING, 0, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return nt_problem(problem, path, GetLastError());
	*handle = (intptr_t)file;
	*bytes = PLAT_STREAM;
	if (GetFileType(file) == FILE_TYPE_DISK && GetFileSizeEx(file, &size))
		*bytes = (uint64_t)size.QuadPart;
	return 0;
}

void plat_file_close(intptr_t handle)
{
	CloseHandle((HANDLE)handle);
}

int64_t plat_file_read(intptr_t handle, uint64_t offset, void *to,
		       size_t bytes, const char *path,
		       struct problem *problem)
{
	OVERLAPPED at = {
		.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)
	};
	int disk = GetFileType((HANDLE)handle) == FILE_TYPE_DISK;
	DWORD got = 0, error;

	if (bytes > 1u << 30)
		bytes = 1u << 30;
	if (ReadFile((HANDLE)handle, to, (DWORD)bytes, &got,
		     disk ? &at : NULL))
		return got;
	error = GetLastError();
	if (error == ERROR_HANDLE_EOF || error == ERROR_BROKEN_PIPE)
		return 0;
	return nt_problem(problem, path, error);
}

const void *plat_file_map(intptr_t handle, uint64_t bytes, const char *path,
			  struct problem *problem)
{
	HANDLE section = CreateFileMappingW((HANDLE)handle, NULL,
					    PAGE_READONLY, 0, 0, NULL);
	const void *map = NULL;

	if (section)
		map = MapViewOfFile(section, FILE_MAP_READ, 0, 0, bytes);
	if (!map)
		nt_problem(problem, path, GetLastError());
	if (section)
		CloseHandle(section);
	return map;
}

void plat_file_unmap(const void *map, uint64_t bytes)
{
	(void)bytes;
	UnmapViewOfFile(map);
}

/* ---- threads ---- */

struct thread {
	HANDLE handle;
	void (*fn)(void *arg);
	void *arg;
};

static unsigned int __stdcall thread_main(void *arg)
{
	struct thread *thread = arg;

	thread->fn(thread->arg);
	return 0;
}

struct thread *plat_thread_start(void (*fn)(void *arg), void *arg)
{
	struct thread *thread = malloc(sizeof(*thread));

	if (!thread)
		return NULL;
	thread->fn = fn;
	thread->arg = arg;
	thread->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main, thread,
						0, NULL);
	if (thread->handle)
		return thread;
	free(thread);
	return NULL;
}

void plat_thread_join(struct thread *thread)
{
	WaitForSingleObject(thread->handle, INFINITE);
	CloseHandle(thread->handle);
	free(thread);
}
