// SPDX-License-Identifier: GPL-2.0-only
/* process.c - paths, processes and files on Windows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

/* ---- paths ---- */

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

int os_path_absolute(const char *path, char *to, size_t size)
{
	wchar_t wide[NT_PATH], full[NT_PATH];
	DWORD len;

	if (nt_wide(path, wide, NT_PATH))
		return -1;
	len = GetFullPathNameW(wide, NT_PATH, full, NULL);
	return len && len < NT_PATH ? nt_utf8(full, to, size) : -1;
}

/* "C:x" and "\x" are seen from elsewhere too. */
int os_path_beside(const char *file, const char *name, char *to, size_t size)
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
	    os_path_beside(own, name, beside, sizeof(beside)))
		return -1;
	return nt_wide(beside, to, size);
}

int os_program_path(const char *name, char *to, size_t size)
{
	wchar_t path[NT_PATH];

	return nt_own_path(name, path, NT_PATH) || nt_utf8(path, to, size) ?
	       -1 : 0;
}

int os_owner(uint32_t *uid, uint32_t *gid)
{
	(void)uid;
	(void)gid;
	return -1;
}

/* ---- processes ---- */

intptr_t os_process_open(long pid)
{
	HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);

	return process ? (intptr_t)process : OS_NO_FILE;
}

int os_process_wait(intptr_t process, int ms)
{
	DWORD ret = WaitForSingleObject((HANDLE)process,
					ms < 0 ? INFINITE : (DWORD)ms);

	CloseHandle((HANDLE)process);
	return ret == WAIT_OBJECT_0;
}

/* ---- files ---- */

void os_raise_file_limit(void)
{
	/* NT limits handles by memory only. */
}

int os_file_open(const char *path, intptr_t *handle, uint64_t *bytes,
		 struct problem *problem)
{
	wchar_t wide[NT_PATH];
	LARGE_INTEGER size;
	HANDLE file;

	*handle = OS_NO_FILE;
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
	*bytes = OS_STREAM;
	if (GetFileType(file) != FILE_TYPE_DISK &&
	    GetFileType(file) != FILE_TYPE_PIPE)
		return problem_set(problem, path, "neither a file nor a pipe");
	if (GetFileType(file) == FILE_TYPE_DISK && GetFileSizeEx(file, &size))
		*bytes = (uint64_t)size.QuadPart;
	return 0;
}

void os_file_close(intptr_t handle)
{
	CloseHandle((HANDLE)handle);
}

int os_file_new(const char *path, const void *data, uint64_t bytes,
		struct problem *problem)
{
	wchar_t wide[NT_PATH];
	const char *at = data;
	DWORD error = 0, done, part;
	HANDLE file;

	if (nt_path(path, wide, NT_PATH))
		return problem_set(problem, path, "the path is too long");
	file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return nt_problem(problem, path, GetLastError());
	for (; bytes && !error; at += done, bytes -= done) {
		part = bytes < 1u << 20 ? (DWORD)bytes : 1u << 20;
		if (!WriteFile(file, at, part, &done, NULL))
			error = GetLastError();
	}
	CloseHandle(file);
	if (!error)
		return 0;
	DeleteFileW(wide);
	return nt_problem(problem, path, error);
}

int64_t os_file_read(intptr_t handle, uint64_t offset, void *to,
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

const void *os_file_map(intptr_t handle, uint64_t bytes, const char *path,
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

void os_file_unmap(const void *map, uint64_t bytes)
{
	(void)bytes;
	UnmapViewOfFile(map);
}

/* Nobody on Windows writes paths of others by mistake. */
int os_path_foreign(const char *path)
{
	(void)path;
	return 0;
}
