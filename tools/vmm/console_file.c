// SPDX-License-Identifier: GPL-2.0-only
/* console_file.c - a port whose output is put at the end of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "console_fd.h"

struct file_port {
	struct cvm_port *port;
	int fd;
	bool failed;		/* said once */
};

static void file_output(void *backend, const struct cvm_iov *iov,
			uint32_t count)
{
	struct file_port *file = backend;
	const uint8_t *at;
	uint32_t i;
	size_t left;
	ssize_t ret;

	for (i = 0; i < count; i++) {
		at = iov[i].base;
		for (left = iov[i].bytes; left; left -= (size_t)ret) {
			ret = write(file->fd, at, left);
			if (ret < 0 && errno == EINTR)
				ret = 0;
			if (ret < 0)
				break;
			at += ret;
		}
		if (left && !file->failed)
			cvm_port_log(file->port, "%s; what the guest prints "
				     "there is lost", strerror(errno));
		file->failed = left;
	}
}

/* It never has input, and is never waited for. */
static void file_nothing(void *backend)
{
	(void)backend;
}

static void file_destroy(void *backend)
{
	struct file_port *file = backend;

	close(file->fd);
	free(file);
}

const struct cvm_port_ops file_port_ops = {
	.output = file_output,
	.room = file_nothing,
	.hangup = file_nothing,
	.destroy = file_destroy,
};

void *file_open_port(const struct cvm_port_args *args, struct cvm_port *port,
		     struct cvm_vmm_error *err)
{
	struct file_port *file = calloc(1, sizeof(*file));
	struct stat st;

	if (!file) {
		cvm_vmm_error_set(err, "%s: no memory", args->name);
		return NULL;
	}
	file->port = port;
	file->fd = open(args->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
			O_NONBLOCK, 0600);
	if (file->fd < 0 || fstat(file->fd, &st))
		cvm_vmm_error_set(err, "%s: %s: %s", args->name, args->path,
				  strerror(errno));
	else if (!S_ISREG(st.st_mode))
		cvm_vmm_error_set(err, "%s: %s: this is no file", args->name,
				  args->path);
	else
		return file;
	if (file->fd >= 0)
		close(file->fd);
	free(file);
	return NULL;
}
