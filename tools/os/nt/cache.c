// SPDX-License-Identifier: GPL-2.0-only
/*
 * cache.c - what can be made again, in %LOCALAPPDATA%\\libcvm, where nobody but
 * this user and administrators may write.
 */
#include <stdio.h>
#include <stdlib.h>

#include "nt.h"

static int cache_path(const char *name, wchar_t *to, size_t size)
{
	wchar_t dir[NT_PATH];
	DWORD len = GetEnvironmentVariableW(L"LOCALAPPDATA", dir, NT_PATH);
	char text[NT_PATH * 3], path[NT_PATH * 3];

	if (!len || len >= NT_PATH || nt_utf8(dir, text, sizeof(text)))
		return -1;
	if (snprintf(path, sizeof(path), "%s\\libcvm", text) >=
	    (int)sizeof(path) || nt_wide(path, to, size))
		return -1;
	CreateDirectoryW(to, NULL);
	if (snprintf(path, sizeof(path), "%s\\libcvm\\%s", text, name) >=
	    (int)sizeof(path))
		return -1;
	return nt_wide(path, to, size);
}

static void *read_all(HANDLE file, size_t max, size_t *bytes)
{
	LARGE_INTEGER size;
	DWORD got;
	char *data;

	if (!GetFileSizeEx(file, &size) || (uint64_t)size.QuadPart > max)
		return NULL;
	*bytes = (size_t)size.QuadPart;
	data = malloc(*bytes + 1);
	if (data && ReadFile(file, data, (DWORD)*bytes, &got, NULL) &&
	    got == *bytes)
		return data;
	free(data);
	return NULL;
}

void *os_cache_read(const char *name, size_t max, size_t *bytes)
{
	wchar_t path[NT_PATH];
	void *data = NULL;
	HANDLE file;

	if (cache_path(name, path, NT_PATH))
		return NULL;
	file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL,
			   OPEN_EXISTING, 0, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return NULL;
	data = read_all(file, max, bytes);
	CloseHandle(file);
	return data;
}

void os_cache_write(const char *name, const void *data, size_t bytes)
{
	wchar_t path[NT_PATH], temporary[NT_PATH];
	char own[256];
	HANDLE file;
	DWORD got;
	BOOL done;

	snprintf(own, sizeof(own), "%.200s.%lu", name, GetCurrentProcessId());
	if (cache_path(name, path, NT_PATH) ||
	    cache_path(own, temporary, NT_PATH))
		return;
	file = CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0,
			   NULL);
	if (file == INVALID_HANDLE_VALUE)
		return;
	done = WriteFile(file, data, (DWORD)bytes, &got, NULL) &&
	       got == bytes;
	CloseHandle(file);
	if (!done || !MoveFileExW(temporary, path, MOVEFILE_REPLACE_EXISTING))
		DeleteFileW(temporary);
}
