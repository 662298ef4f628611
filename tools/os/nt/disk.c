// SPDX-License-Identifier: GPL-2.0-only
/* disk.c - files and disks on Windows. */
#include <stdio.h>
#include <windows.h>

#include <winioctl.h>

#include <cvm/error.h>

#include "os/disk.h"

static HANDLE handle_of(const struct os_disk *file)
{
	return (HANDLE)file->handle;
}

static void put_error(DWORD code, char *to, size_t size)
{
	*to = '\0';
	FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM |
		       FORMAT_MESSAGE_IGNORE_INSERTS |
		       FORMAT_MESSAGE_MAX_WIDTH_MASK, NULL, code, 0, to,
		       (DWORD)size, NULL);
}

static int open_error(struct problem *problem, const char *path)
{
	DWORD code = GetLastError();
	char text[256];

	if (code == ERROR_SHARING_VIOLATION)
		return problem_set(problem, path, "in use by another VM or "
				   "program");
	put_error(code, text, sizeof(text));
	return problem_set(problem, path, "error %lu: %s", code, text);
}

static int find_size(struct os_disk *file)
{
	GET_LENGTH_INFORMATION length;
	DISK_GEOMETRY geometry;
	LARGE_INTEGER size;
	DWORD got;

	if (GetFileSizeEx(handle_of(file), &size)) {
		file->bytes = (uint64_t)size.QuadPart;
		file->regular = true;
		return 0;
	}
	if (!DeviceIoControl(handle_of(file), IOCTL_DISK_GET_LENGTH_INFO,
			     NULL, 0, &length, sizeof(length), &got, NULL) ||
	    !DeviceIoControl(handle_of(file), IOCTL_DISK_GET_DRIVE_GEOMETRY,
			     NULL, 0, &geometry, sizeof(geometry), &got,
			     NULL))
		return -1;
	file->bytes = (uint64_t)length.Length.QuadPart;
	file->block = geometry.BytesPerSector;
	return 0;
}

int os_disk_open(struct os_disk *file, const char *path,
		 bool readonly, bool direct, struct problem *problem)
{
	WCHAR wide[1024];
	HANDLE handle;

	/* Without the cache needs reads of whole sectors: the cache stays. */
	(void)direct;
	*file = (struct os_disk){ .direct = -1, .block = 512,
					.readonly = readonly };
	file->handle = (intptr_t)INVALID_HANDLE_VALUE;
	if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1,
				 wide, 1024))
		return open_error(problem, path);
	/* The claim: one writer, or readers. */
	handle = CreateFileW(wide, GENERIC_READ |
			     (readonly ? 0 : GENERIC_WRITE),
			     readonly ? FILE_SHARE_READ : 0, NULL,
			     OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
	file->handle = (intptr_t)handle;
	if (handle == INVALID_HANDLE_VALUE || find_size(file))
		return open_error(problem, path);
	return 0;
}

/* Windows' files remember nothing of that kind. */
void os_disk_set_raw(struct os_disk *file, uint64_t bytes)
{
	(void)file;
	(void)bytes;
}

bool os_disk_was_raw(const struct os_disk *file)
{
	(void)file;
	return false;
}

int os_disk_grow(struct os_disk *file, const char *path,
		 uint64_t bytes, struct problem *problem)
{
	LARGE_INTEGER end = { .QuadPart = (LONGLONG)bytes };

	if (!SetFilePointerEx(handle_of(file), end, NULL, FILE_BEGIN) ||
	    !SetEndOfFile(handle_of(file)))
		return open_error(problem, path);
	file->bytes = bytes;
	return 0;
}

uint64_t os_disk_size(const struct os_disk *file)
{
	struct os_disk now = { .handle = file->handle };

	return find_size(&now) ? file->bytes : now.bytes;
}

/* A file that we write to is nobody else's to make shorter. */
void os_disk_cut(struct os_disk *file, uint64_t bytes)
{
	(void)file;
	(void)bytes;
}

/* None is known to be in memory. */
void os_disk_map(struct os_disk *file)
{
	(void)file;
}

void os_disk_close(struct os_disk *file)
{
	if (handle_of(file) != INVALID_HANDLE_VALUE)
		CloseHandle(handle_of(file));
	file->handle = (intptr_t)INVALID_HANDLE_VALUE;
}

int os_disk_claim(struct os_disk *file, uint64_t offset,
		  uint64_t bytes)
{
	(void)file;	/* claimed as a whole when it was opened */
	(void)offset;
	(void)bytes;
	return 0;
}

intptr_t os_disk_handle(const struct os_disk *file,
			const struct os_iov *iov, uint32_t count,
			uint64_t offset)
{
	(void)iov;
	(void)count;
	(void)offset;
	return file->handle;
}

static int transfer(struct os_disk *file, uint8_t *at, size_t bytes,
		    uint64_t offset, bool write)
{
	OVERLAPPED place = { 0 };
	DWORD got, part;
	BOOL ok;

	for (; bytes; at += got, bytes -= got, offset += got) {
		place.Offset = (DWORD)offset;
		place.OffsetHigh = (DWORD)(offset >> 32);
		part = bytes < 1u << 30 ? (DWORD)bytes : 1u << 30;
		ok = write ? WriteFile(handle_of(file), at, part, &got,
				       &place) :
		     ReadFile(handle_of(file), at, part, &got, &place);
		if (!ok && GetLastError() != ERROR_HANDLE_EOF)
			return -(int)GetLastError();
		if (!ok || !got)
			return OS_DISK_ENDED;
	}
	return 0;
}

static int transfer_all(struct os_disk *file, const struct os_iov *iov,
			uint32_t count, uint64_t offset, bool write)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < count && !ret; offset += iov[i++].bytes)
		ret = transfer(file, iov[i].base, iov[i].bytes, offset,
			       write);
	return ret;
}

int os_disk_read(struct os_disk *file, const struct os_iov *iov,
		 uint32_t count, uint64_t offset)
{
	return transfer_all(file, iov, count, offset, false);
}

int os_disk_write(struct os_disk *file, const struct os_iov *iov,
		  uint32_t count, uint64_t offset)
{
	return transfer_all(file, iov, count, offset, true);
}

int os_disk_sync(struct os_disk *file)
{
	/* A file opened for reading has nothing to be written. */
	return file->readonly || FlushFileBuffers(handle_of(file)) ? 0 :
	       -(int)GetLastError();
}

/* In a sparse file the storage goes back, in another it is overwritten. */
static int set_zero(struct os_disk *file, uint64_t offset,
		    uint64_t bytes)
{
	FILE_ZERO_DATA_INFORMATION range;
	DWORD got;

	range.FileOffset.QuadPart = (LONGLONG)offset;
	range.BeyondFinalZero.QuadPart = (LONGLONG)(offset + bytes);
	return DeviceIoControl(handle_of(file), FSCTL_SET_ZERO_DATA, &range,
			       sizeof(range), NULL, 0, &got, NULL) ? 0 :
	       -CVM_ENOSYS;
}

int os_disk_discard(struct os_disk *file, uint64_t offset,
		    uint64_t bytes)
{
	return set_zero(file, offset, bytes);
}

int os_disk_zero(struct os_disk *file, uint64_t offset,
		 uint64_t bytes, bool unmap)
{
	(void)unmap;
	return set_zero(file, offset, bytes);
}

void os_disk_reason(int result, char *to, size_t size)
{
	char text[256] = "the file ends before that";

	if (result != OS_DISK_ENDED)
		put_error((DWORD)-result, text, sizeof(text));
	snprintf(to, size, "%s", text);
}
