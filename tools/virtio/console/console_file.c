// SPDX-License-Identifier: GPL-2.0-only
/* console_file.c - a port whose output is put at the end of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "console_kinds.h"
#include "os/linux/own_file.h"

struct file_port {
	struct virtio_port *port;
	int fd;
	char path[128];		/* for messages */
	char *made;		/* its name, while nothing may stay of it */
	struct virtio_warnings warnings;
};

/* All of it, or -1 with errno. */
static int write_all(int fd, const uint8_t *at, size_t bytes)
{
	ssize_t ret;

	for (; bytes; bytes -= (size_t)ret) {
		ret = write(fd, at, bytes);
		if (ret < 0 && errno == EINTR)
			ret = 0;
		if (ret < 0)
			return -1;
		at += ret;
	}
	return 0;
}

static void lost(struct file_port *file, int error)
{
	enum virtio_warning said = virtio_warnings_next(&file->warnings, error,
							time(NULL));

	if (said != WARNING_SILENT)
		virtio_port_log(file->port, "%s: %s; what the guest prints "
				"there is lost%s", file->path, strerror(error),
				virtio_warnings_end(said, error));
}

static void output(void *backend, const struct os_iov *iov,
		   uint32_t count)
{
	struct file_port *file = backend;
	uint32_t i;

	for (i = 0; i < count; i++)
		if (write_all(file->fd, iov[i].base, iov[i].bytes))
			lost(file, errno);
}

/* It never has input, and is never waited for. */
static void nothing(void *backend)
{
	(void)backend;
}

static void settle(void *backend)
{
	struct file_port *file = backend;

	free(file->made);
	file->made = NULL;
}

/* What was made for a VM that is not to be: as long as it is that file. */
static void unmake(const struct file_port *file)
{
	struct linux_own_file own;

	if (linux_own_file_open(&own, file->made, file->fd))
		return;
	linux_own_file_remove(&own, true);
	linux_own_file_close(&own);
}

static void destroy(void *backend)
{
	struct file_port *file = backend;

	if (file->made)
		unmake(file);
	if (file->fd >= 0)
		close(file->fd);
	free(file->made);
	free(file);
}

const struct virtio_port_ops file_port_ops = {
	.settle = settle,
	.output = output,
	.input_space = nothing,
	.hangup = nothing,
	.destroy = destroy,
};

/* Its end, or a new one, which is ours until settle(). */
static int open_end(struct file_port *file, const struct virtio_port_args *args)
{
	const struct virtio_port_owner *owner = args->owner;
	const char *path = args->path;
	int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK;

	file->fd = open(path, flags);
	if (file->fd >= 0 || errno != ENOENT)
		return file->fd;
	file->fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	if (file->fd < 0)
		/* Made meanwhile, or a link to what is yet to be made. */
		return file->fd = errno == EEXIST ?
		       open(path, flags | O_CREAT, 0600) : -1;
	file->made = strdup(path);
	if (owner && fchown(file->fd, owner->uid, owner->gid))
		return -1;
	return file->fd;
}

void *file_port_open(const struct virtio_port_args *args,
		     struct virtio_port *port, struct problem *problem)
{
	struct file_port *file = calloc(1, sizeof(*file));
	struct stat st;

	if (!file) {
		problem_set(problem, args->name, "no memory");
		return NULL;
	}
	file->port = port;
	snprintf(file->path, sizeof(file->path), "%s", args->path);
	if (open_end(file, args) < 0 || fstat(file->fd, &st))
		problem_set(problem, args->name, "%s: %s", args->path,
			    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		problem_set(problem, args->name, "%s: not a regular file",
			    args->path);
	else
		return file;
	destroy(file);
	return NULL;
}
