// SPDX-License-Identifier: GPL-2.0-only
/* process.c - driver, files and processes on Linux. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

const char os_driver_name[] = CVM_DEVICE_PATH;

struct os_driver {
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

static void come_back(int sig)
{
	(void)sig;
}

/*
 * Where the machine's memory fails under a guest, the host's kernel ends the
 * VM and sends the thread that ran it a SIGBUS, as to any program whose memory
 * fails.  One such signal is no end: RUN has returned, with the reason.  A
 * fault of this program's own comes again, to what is there by default.
 */
static void outlive_memory_error(void)
{
	const struct sigaction action = {
		.sa_handler = come_back,
		.sa_flags = SA_RESETHAND,
	};

	sigaction(SIGBUS, &action, NULL);
}

struct os_driver *os_driver_open(struct problem *problem)
{
	struct os_driver *driver = malloc(sizeof(*driver));

	if (!driver) {
		problem_set(problem, os_driver_name, "no memory");
		return NULL;
	}
	driver->fd = open(CVM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (driver->fd >= 0) {
		outlive_memory_error();
		return driver;
	}
	problem_set(problem, os_driver_name, "%s", open_reason(errno));
	free(driver);
	return NULL;
}

void os_driver_close(struct os_driver *driver)
{
	close(driver->fd);
	free(driver);
}

/* CVM_E* have Linux's own numbers (error.h). */
int os_driver_request(struct os_driver *driver, uint32_t op, void *arg,
		      size_t bytes)
{
	return ioctl(driver->fd, CVM_IOCTL(op, bytes), arg) < 0 ? -errno : 0;
}

/* The file offset is the guest physical address. */
void *os_driver_map(struct os_driver *driver,
		    const struct cvm_user_ranges *ranges, uint64_t gpa,
		    uint64_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 driver->fd, (off_t)gpa);

	(void)ranges;
	return map == MAP_FAILED ? NULL : map;
}

void os_driver_unmap(void *map, uint64_t bytes)
{
	munmap(map, bytes);
}

const char *os_error_text(int result)
{
	return strerror(-result);
}

void os_say(const char *line)
{
	fputs(line, stderr);
}

long os_pid(void)
{
	return getpid();
}

/* ---- files ---- */

/* A device need not have an end. */
static int check_kind(const struct stat *st, const char *path,
		      struct problem *problem)
{
	if (S_ISDIR(st->st_mode))
		return problem_set(problem, path, "%s", strerror(EISDIR));
	return S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode) ? 0 :
	       problem_set(problem, path, "neither a file nor a pipe");
}

int os_file_open(const char *path, intptr_t *handle, uint64_t *bytes,
		 struct problem *problem)
{
	struct stat st;
	int fd;

	/* First, for opening a device may already do something. */
	*handle = OS_NO_FILE;
	if (stat(path, &st))
		return problem_set(problem, path, "%s", strerror(errno));
	if (check_kind(&st, path, problem))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	*handle = fd;
	if (fd < 0 || fstat(fd, &st))
		return problem_set(problem, path, "%s", strerror(errno));
	if (check_kind(&st, path, problem))
		return -1;
	*bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : OS_STREAM;
	return 0;
}

void os_file_close(intptr_t handle)
{
	close((int)handle);
}

/* The system may take less at a time than it is given. */
static int write_all(int fd, const uint8_t *data, uint64_t bytes)
{
	ssize_t done;

	while (bytes) {
		done = write(fd, data, bytes);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		data += done;
		bytes -= (uint64_t)done;
	}
	return 0;
}

int os_file_new(const char *path, const void *data, uint64_t bytes,
		struct problem *problem)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int error = 0;

	if (fd < 0)
		return problem_set(problem, path, "%s", strerror(errno));
	if (write_all(fd, data, bytes))
		error = errno;
	if (close(fd) && !error)
		error = errno;
	if (!error)
		return 0;
	unlink(path);
	return problem_set(problem, path, "%s", strerror(error));
}

int64_t os_file_read(intptr_t handle, uint64_t offset, void *to,
		     size_t bytes, const char *path,
		     struct problem *problem)
{
	ssize_t got;

	do {
		got = pread((int)handle, to, bytes, (off_t)offset);
		if (got < 0 && errno == ESPIPE)
			got = read((int)handle, to, bytes);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? problem_set(problem, path, "%s", strerror(errno)) :
	       got;
}

const void *os_file_map(intptr_t handle, uint64_t bytes, const char *path,
			struct problem *problem)
{
	void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, (int)handle, 0);

	if (map != MAP_FAILED)
		return map;
	problem_set(problem, path, "%s", strerror(errno));
	return NULL;
}

void os_file_unmap(const void *map, uint64_t bytes)
{
	munmap((void *)(uintptr_t)map, bytes);
}

int os_path_absolute(const char *path, char *to, size_t size)
{
	char here[PATH_MAX] = "";

	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -1;
	return snprintf(to, size, "%s%s%s", here, here[0] ? "/" : "", path) <
	       (int)size ? 0 : -1;
}

int os_path_beside(const char *file, const char *name, char *to, size_t size)
{
	const char *slash = strrchr(file, '/');
	int dir = name[0] == '/' || !slash ? 0 : (int)(slash - file) + 1;

	return snprintf(to, size, "%.*s%s", dir, file, name) < (int)size ?
	       0 : -1;
}

int os_program_path(const char *name, char *to, size_t size)
{
	return snprintf(to, size, "/usr/lib/cvm/%s", name) < (int)size ?
	       0 : -1;
}

/* "C:\\x", "C:/x", "\\Device\\x"; whoever has such files can say "./C:/x". */
int os_path_foreign(const char *path)
{
	if (isalpha((unsigned char)path[0]) && path[1] == ':')
		return path[2] == '\\' || path[2] == '/';
	return path[0] == '\\';
}

/* Debian's soft limit is 1,024, for programs that call select(). */
void os_raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* ---- processes ---- */

intptr_t os_process_open(long pid)
{
	return pidfd_open((pid_t)pid, 0);
}

int os_process_wait(intptr_t process, int ms)
{
	struct pollfd ended = { .fd = (int)process, .events = POLLIN };
	int ret;

	do {
		ret = poll(&ended, 1, ms);
	} while (ret < 0 && errno == EINTR);
	close((int)process);
	return ret > 0;
}
