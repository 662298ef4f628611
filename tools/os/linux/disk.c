// SPDX-License-Identifier: GPL-2.0-only
/* disk.c - files and disks on Linux. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cvm/error.h>

#include "disk_map.h"
#include "os/disk.h"

_Static_assert(sizeof(struct iovec) == sizeof(struct os_iov) &&
	       offsetof(struct iovec, iov_base) ==
	       offsetof(struct os_iov, base) &&
	       offsetof(struct iovec, iov_len) ==
	       offsetof(struct os_iov, bytes), "os_iov is an iovec");

static int open_error(struct problem *problem, const char *path)
{
	if (errno == EBUSY)
		return problem_set(problem, path, "in use by the host, mounted "
				   "perhaps");
	return problem_set(problem, path, "%s", strerror(errno));
}

/* A disk that the host has mounted is not opened with O_EXCL. */
static int open_disk(struct os_disk *file, const char *path, int flags,
		     struct problem *problem)
{
	int block = 512, fd;

	if (!file->readonly) {
		fd = open(path, flags | O_EXCL);
		if (fd < 0)
			return open_error(problem, path);
		close((int)file->handle);
		file->handle = fd;
	}
	if (ioctl((int)file->handle, BLKGETSIZE64, &file->bytes) ||
	    ioctl((int)file->handle, BLKSSZGET, &block))
		return open_error(problem, path);
	file->block = (uint32_t)block;
	return 0;
}

static bool try_align(struct os_disk *file, uint32_t align)
{
	static uint8_t buf[3 * 4096] __attribute__((aligned(4096)));

	if (pread((int)file->direct, buf + align, align, align) != align)
		return false;
	file->direct_align = align;
	return true;
}

/*
 * Which alignment O_DIRECT takes is found out by reading; a file too short for
 * that may be so later (os_disk_grow()).
 */
static void try_direct(struct os_disk *file)
{
	if (file->direct < 0 || file->bytes < 2 * 4096 ||
	    try_align(file, 512) || try_align(file, 4096))
		return;
	close((int)file->direct);
	file->direct = -1;
}

static void open_direct(struct os_disk *file, int flags)
{
	char path[40];

	/* The same file, whatever its name means by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", (int)file->handle);
	file->direct = open(path, flags | O_DIRECT);
	try_direct(file);
}

/* Hugetlbfs knows no write(). */
static bool is_in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && ((uint32_t)fs.f_type == TMPFS_MAGIC ||
				     (uint32_t)fs.f_type == RAMFS_MAGIC);
}

int os_disk_open(struct os_disk *file, const char *path,
		 bool readonly, bool direct, struct problem *problem)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY;
	struct stat st;

	*file = (struct os_disk){ .direct = -1, .block = 512,
					.readonly = readonly };
	/* A pipe is not waited for, it is refused. */
	file->handle = open(path, flags | O_NONBLOCK);
	if (file->handle < 0)
		return open_error(problem, path);
	if (fstat((int)file->handle, &st) ||
	    fcntl((int)file->handle, F_SETFL, 0))
		return open_error(problem, path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return problem_set(problem, path, "neither a file nor a disk");
	file->bytes = (uint64_t)st.st_size;
	file->regular = S_ISREG(st.st_mode);
	if (S_ISBLK(st.st_mode) && open_disk(file, path, flags, problem))
		return -1;
	file->in_memory = file->regular && is_in_memory((int)file->handle);
	if (direct && !file->in_memory)
		open_direct(file, flags);
	return 0;
}

int os_disk_grow(struct os_disk *file, const char *path,
		 uint64_t bytes, struct problem *problem)
{
	struct stat st;

	/* Somebody without a lock may have made it longer meanwhile. */
	if (fstat((int)file->handle, &st) ||
	    ((uint64_t)st.st_size < bytes &&
	     ftruncate((int)file->handle, (off_t)bytes)))
		return problem_set(problem, path, "cannot grow to %llu bytes: "
				   "%s", (unsigned long long)bytes,
				   strerror(errno));
	file->bytes = (uint64_t)st.st_size > bytes ? (uint64_t)st.st_size :
		      bytes;
	if (!file->direct_align)
		try_direct(file);
	return 0;
}

/* The mark goes along with cp -a and the like, and not with the content. */
#define RAW_MARK	"user.libcvm.raw"

/* Is there one of this length? */
static bool is_marked(const struct os_disk *file, const char *mark)
{
	char there[24];
	ssize_t bytes = fgetxattr((int)file->handle, RAW_MARK, there,
				  sizeof(there));

	return bytes > 0 && (size_t)bytes == strlen(mark) &&
	       !memcmp(mark, there, (size_t)bytes);
}

void os_disk_set_raw(struct os_disk *file, uint64_t bytes)
{
	char mark[24];

	snprintf(mark, sizeof(mark), "%llu", (unsigned long long)bytes);
	if (file->regular && !is_marked(file, mark))
		fsetxattr((int)file->handle, RAW_MARK, mark, strlen(mark), 0);
}

bool os_disk_was_raw(const struct os_disk *file)
{
	char mark[24];

	snprintf(mark, sizeof(mark), "%llu", (unsigned long long)file->bytes);
	return is_marked(file, mark);
}

void os_disk_map(struct os_disk *file)
{
	file->map = linux_disk_map_open((int)file->handle, file->bytes);
}

void os_disk_cut(struct os_disk *file, uint64_t bytes)
{
	if (file->map)
		linux_disk_map_emptied(file->map, bytes, UINT64_MAX - bytes);
}

void os_disk_close(struct os_disk *file)
{
	linux_disk_map_close(file->map);
	file->map = NULL;
	if (file->direct >= 0)
		close((int)file->direct);
	if (file->handle >= 0)
		close((int)file->handle);
	file->direct = -1;
	file->handle = -1;
}

/* The one call that knows files and disks, and which is allowed (confine.h). */
uint64_t os_disk_size(const struct os_disk *file)
{
	off_t end = lseek((int)file->handle, 0, SEEK_END);

	return end < 0 ? file->bytes : (uint64_t)end;
}

static bool holds(const struct os_disk *file, uint64_t offset,
		  uint64_t bytes)
{
	return !file->regular || offset + bytes <= os_disk_size(file);
}

/*
 * A lock of the open file description: the process's own other disks collide
 * with it too.  A file system without locks claims nothing.
 */
int os_disk_claim(struct os_disk *file, uint64_t offset,
		  uint64_t bytes)
{
	struct flock lock = {
		.l_type = file->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = (off_t)bytes,
	};

	if (fcntl((int)file->handle, F_OFD_SETLK, &lock) &&
	    (errno == EAGAIN || errno == EACCES))
		return -CVM_EBUSY;
	return 0;
}

intptr_t os_disk_handle(const struct os_disk *file,
			const struct os_iov *iov, uint32_t count,
			uint64_t offset)
{
	uintptr_t bits = offset;
	uint32_t i;

	if (!file->direct_align)
		return file->handle;
	for (i = 0; i < count; i++)
		bits |= (uintptr_t)iov[i].base | iov[i].bytes;
	return bits & (file->direct_align - 1) ? file->handle : file->direct;
}

typedef ssize_t (*transfer_fn)(int, const struct iovec *, int, off_t);

/* The pieces that a short transfer left, one by one. */
static int transfer_rest(transfer_fn fn, int fd, const struct os_iov *iov,
			 uint32_t count, size_t done, uint64_t offset)
{
	struct iovec part;
	ssize_t got;
	uint32_t i;

	for (i = 0; i < count; i++) {
		while (done < iov[i].bytes) {
			part.iov_base = (uint8_t *)iov[i].base + done;
			part.iov_len = iov[i].bytes - done;
			got = fn(fd, &part, 1, (off_t)offset);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return got ? -errno : OS_DISK_ENDED;
			done += (size_t)got;
			offset += (uint64_t)got;
		}
		done -= iov[i].bytes;
	}
	return 0;
}

static int transfer(transfer_fn fn, struct os_disk *file,
		    const struct os_iov *iov, uint32_t count,
		    uint64_t offset)
{
	int fd = (int)os_disk_handle(file, iov, count, offset);
	ssize_t got;

	got = fn(fd, (const struct iovec *)iov, (int)count, (off_t)offset);
	/* EINVAL, EFAULT: a place or memory that O_DIRECT does not take */
	if (got < 0 && errno != EINTR && errno != EINVAL && errno != EFAULT)
		return -errno;
	if (got < 0)
		got = 0;
	return transfer_rest(fn, (int)file->handle, iov, count, (size_t)got,
			     offset + (uint64_t)got);
}

int os_disk_read(struct os_disk *file, const struct os_iov *iov,
		 uint32_t count, uint64_t offset)
{
	if (file->map && linux_disk_map_read(file->map, iov, count, offset))
		return 0;
	return transfer(preadv, file, iov, count, offset);
}

int os_disk_write(struct os_disk *file, const struct os_iov *iov,
		  uint32_t count, uint64_t offset)
{
	uint64_t bytes = os_iov_bytes(iov, count);
	int ret;

	if (!holds(file, offset, bytes))
		return OS_DISK_ENDED;
	ret = transfer(pwritev, file, iov, count, offset);
	if (file->map && !ret)
		linux_disk_map_filled(file->map, offset, bytes);
	return ret;
}

int os_disk_sync(struct os_disk *file)
{
	return fdatasync((int)file->handle) ? -errno : 0;
}

static int allocate(struct os_disk *file, int mode, uint64_t offset,
		    uint64_t bytes)
{
	if (file->map)
		linux_disk_map_emptied(file->map, offset, bytes);
	if (!fallocate((int)file->handle, mode | FALLOC_FL_KEEP_SIZE,
		       (off_t)offset, (off_t)bytes))
		return 0;
	return errno == EIO || errno == ENOSPC || errno == EDQUOT ? -errno :
	       -CVM_ENOSYS;
}

int os_disk_discard(struct os_disk *file, uint64_t offset,
		    uint64_t bytes)
{
	return allocate(file, FALLOC_FL_PUNCH_HOLE, offset, bytes);
}

int os_disk_zero(struct os_disk *file, uint64_t offset,
		 uint64_t bytes, bool unmap)
{
	if (!holds(file, offset, bytes))
		return OS_DISK_ENDED;
	return allocate(file, unmap ? FALLOC_FL_PUNCH_HOLE :
			FALLOC_FL_ZERO_RANGE, offset, bytes);
}

void os_disk_reason(int result, char *to, size_t size)
{
	snprintf(to, size, "%s", result == OS_DISK_ENDED ?
		 "the file ends before that" : strerror(-result));
}
