// SPDX-License-Identifier: GPL-2.0-only
/* platform_linux.c - driver, files and threads on Linux. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cvm/error.h>

#include "platform.h"

struct device {
	int fd;
};

static const char *open_reason(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "the libcvm driver is not loaded";
	case EACCES:
		return "permission denied: whoever opens it can run code in "
		       "ring 0, so this takes root";
	case EPERM:
		return "refused: this takes CAP_SYS_MODULE and CAP_SYS_RAWIO "
		       "in the initial namespace, and a kernel that is not "
		       "locked down";
	default:
		return strerror(err);
	}
}

struct device *plat_open(struct problem *problem)
{
	struct device *dev = malloc(sizeof(*dev));

	if (!dev) {
		problem_set(problem, CVM_DEVICE_PATH, "no memory");
		return NULL;
	}
	dev->fd = open(CVM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (dev->fd >= 0)
		return dev;
	problem_set(problem, CVM_DEVICE_PATH, "%s", open_reason(errno));
	free(dev);
	return NULL;
}

void plat_close(struct device *dev)
{
	close(dev->fd);
	free(dev);
}

/* CVM_E* have Linux's own numbers (error.h). */
int plat_op(struct device *dev, uint32_t op, void *arg)
{
	return ioctl(dev->fd, CVM_IOCTL((unsigned long)op), arg) < 0 ?
	       -errno : 0;
}

void *plat_map(struct device *dev, uint64_t gpa, uint64_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 dev->fd, (off_t)gpa);

	return map == MAP_FAILED ? NULL : map;
}

void plat_unmap(void *map, uint64_t bytes)
{
	munmap(map, bytes);
}

const char *plat_reason(int ret)
{
	switch (ret) {
	case -CVM_EPERM:
		return "refused on this host; cvmctl check tells why";
	case -CVM_ENOENT:
		return "no such VM";
	case -CVM_EIO:
		return "the VM has ended already";
	case -CVM_ENOTTY:
		return "the driver does not know this operation; it is older "
		       "than this cvmctl";
	case -CVM_EPROTO:
		return "the driver speaks another ABI version";
	default:
		return strerror(-ret);
	}
}

/* ---- files ---- */

static int file_open(struct file *file, const char *path, struct stat *st,
		     struct problem *problem)
{
	memset(file, 0, sizeof(*file));
	file->path = path;
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0 || fstat(file->fd, st))
		return problem_set(problem, path, "%s", strerror(errno));
	if (S_ISDIR(st->st_mode))
		return problem_set(problem, path, "%s", strerror(EISDIR));
	return 0;
}

/* Read until the end, whatever the kind of file. */
static int slurp(struct file *file, struct problem *problem)
{
	size_t room = 1 << 20;
	uint8_t *data = NULL, *more;
	ssize_t got;

	do {
		if (!data || file->bytes == room) {
			room *= 2;
			more = realloc(data, room);
			if (!more) {
				free(data);
				return problem_set(problem, file->path,
						   "no memory to read it");
			}
			data = more;
		}
		got = read(file->fd, data + file->bytes, room - file->bytes);
		if (got > 0)
			file->bytes += (uint64_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	file->data = data;
	if (got < 0)
		return problem_set(problem, file->path, "%s", strerror(errno));
	return 0;
}

int plat_file_map(struct file *file, const char *path,
		  struct problem *problem)
{
	struct stat st;
	void *map;

	if (file_open(file, path, &st, problem))
		return -1;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return slurp(file, problem);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, file->fd,
		   0);
	if (map == MAP_FAILED)
		return problem_set(problem, path, "%s", strerror(errno));
	file->data = map;
	file->bytes = (uint64_t)st.st_size;
	file->mapped = 1;
	return 0;
}

int plat_file_open(struct file *file, const char *path,
		   struct problem *problem)
{
	struct stat st;

	if (file_open(file, path, &st, problem))
		return -1;
	if (!S_ISREG(st.st_mode))
		return slurp(file, problem);
	file->bytes = (uint64_t)st.st_size;
	return 0;
}

int plat_file_read(struct file *file, void *to, struct problem *problem)
{
	uint64_t done = 0;
	ssize_t got;

	if (file->data) {
		memcpy(to, file->data, file->bytes);
		return 0;
	}
	while (done < file->bytes) {
		got = pread(file->fd, (char *)to + done, file->bytes - done,
			    (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return problem_set(problem, file->path, "%s",
					   strerror(errno));
		if (!got)
			return problem_set(problem, file->path,
					   "it became shorter while it was "
					   "read");
		done += (uint64_t)got;
	}
	return 0;
}

void plat_file_close(struct file *file)
{
	if (file->mapped)
		munmap((void *)(uintptr_t)file->data, file->bytes);
	else
		free((void *)(uintptr_t)file->data);
	file->data = NULL;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* ---- threads ---- */

struct thread {
	pthread_t id;
	void (*fn)(void *arg);
	void *arg;
};

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	thread->fn(thread->arg);
	return NULL;
}

/*
 * A vCPU's thread takes no signals: the first thread does, and RUN would come
 * back for each.  Those of a crash stay open, they mean the thread itself.
 */
struct thread *plat_thread_start(void (*fn)(void *arg), void *arg)
{
	struct thread *thread = malloc(sizeof(*thread));
	sigset_t all, old;
	int err;

	if (!thread)
		return NULL;
	thread->fn = fn;
	thread->arg = arg;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return thread;
	free(thread);
	return NULL;
}

void plat_thread_join(struct thread *thread)
{
	pthread_join(thread->id, NULL);
	free(thread);
}
