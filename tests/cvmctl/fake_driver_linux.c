// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_driver_linux.c - preloaded into cvmctl it answers for /dev/cvm: the
 * device is a sparse memfd, so that mmap with offset == GPA simply works.
 */
/* Otherwise the header gives open() the name open64(). */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_driver.h"

static int device = -1;

void fake_driver_memory_write(uint64_t gpa, const void *data, size_t bytes)
{
	if (pwrite(device, data, bytes, (off_t)gpa) < 0)
		abort();
}

void fake_driver_memory_read(uint64_t gpa, void *data, size_t bytes)
{
	if (pread(device, data, bytes, (off_t)gpa) != (ssize_t)bytes)
		abort();
}

/* What the kernel tells lies below CVM_FAKE_ROOT, and nothing beside it. */
static int elsewhere(const char *path, char *to, size_t size)
{
	static const char *const told[] = {
		"/proc/sys/", "/sys/", "/lib/modules/", "/dev/kmsg"
	};
	const char *root = getenv("CVM_FAKE_ROOT");
	size_t i;

	for (i = 0; root && i < sizeof(told) / sizeof(told[0]); i++)
		if (!strncmp(path, told[i], strlen(told[i])))
			return snprintf(to, size, "%s%s", root, path) > 0;
	return 0;
}

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	char other[300];
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "open");
	if (elsewhere(path, other, sizeof(other)))
		path = other;
	if (strcmp(path, CVM_DEVICE_PATH))
		return real(path, flags, mode);
	errno = (int)fake_driver_setting("CVM_FAKE_ERRNO", 0);
	if (errno)
		return -1;
	device = memfd_create("cvm", MFD_CLOEXEC);
	if (device >= 0 && ftruncate(device, 1ll << 39))
		return -1;
	return device;
}

/* What programs built for large files call. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	if (fd != device || fd < 0 || (request & 0xc000ff00) !=
	    CVM_IOCTL(0u, 0u))
		return real(fd, request, arg);
	ret = fake_driver_ioctl((uint32_t)(request & 0xff), arg);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

/* A file system without RENAME_NOREPLACE, and one without links. */
int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned int flags)
{
	static int (*real)(int, const char *, int, const char *, unsigned int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "renameat2");
	errno = (int)fake_driver_setting("CVM_FAKE_RENAME", 0);
	return errno ? -1 : real(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
	static int (*real)(const char *, const char *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "link");
	errno = (int)fake_driver_setting("CVM_FAKE_LINK", 0);
	return errno ? -1 : real(from, to);
}

/* CVM_FAKE_GATE names a FIFO: nobody listens before it was opened to write. */
int listen(int fd, int backlog)
{
	static int (*real)(int, int);
	const char *gate = getenv("CVM_FAKE_GATE");

	if (gate)
		close(open(gate, O_RDONLY));
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "listen");
	return real(fd, backlog);
}

/* CVM_FAKE_THREADS: that thread of a process is not to be had, nor others. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
		   void *(*fn)(void *), void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);
	static long created;
	long fail_at = fake_driver_setting("CVM_FAKE_THREADS", 0);

	if (fail_at && ++created >= fail_at)
		return EAGAIN;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, fn, arg);
}
