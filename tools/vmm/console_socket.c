// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_socket.c - a port that listens at a Unix socket.
 *
 * One peer at a time: others wait in the socket's queue until it has gone.
 * The name stays when the port is gone (struct cvm_port_args); the next who
 * binds it takes it over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "console_fd.h"

#define WAITING		4

static int socket_enter(struct fd_port *p)
{
	int fd = cvm_accept(&p->accept, p->door, SOCK_NONBLOCK);
	const char *why = cvm_accept_news(&p->accept);

	if (why)
		cvm_port_log(p->port, "%s: %s; who connects has to wait",
			     p->where, why);
	return fd;
}

static void socket_leave(struct fd_port *p, int fd)
{
	(void)p;
	close(fd);
}

static void socket_close(struct fd_port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->door >= 0)
		close(p->door);
}

static const struct fd_kind socket_kind = {
	.enter = socket_enter,
	.leave = socket_leave,
	.close = socket_close,
};

/* One that nobody listens on was left by a process that was killed. */
static int bind_new(int fd, const struct sockaddr_un *addr)
{
	const struct sockaddr *plain = (const struct sockaddr *)addr;
	struct stat st;
	int probe, err;

	if (!bind(fd, plain, sizeof(*addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	err = probe < 0 || !connect(probe, plain, sizeof(*addr)) ?
	      EADDRINUSE : errno;
	if (probe >= 0)
		close(probe);
	errno = EADDRINUSE;
	if (err != ECONNREFUSED || unlink(addr->sun_path))
		return -1;
	return bind(fd, plain, sizeof(*addr));
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	old = umask(0177);
	ret = bind_new(fd, &addr);
	umask(old);
	if (!ret && !listen(fd, WAITING))
		return fd;
	ret = errno;
	close(fd);
	errno = ret;
	return -1;
}

void *fd_open_socket(const struct cvm_port_args *args, struct cvm_port *port,
		     struct cvm_vmm_error *err)
{
	struct fd_port *p = fd_port_new(port, &socket_kind, args->name, err);

	if (!p)
		return NULL;
	p->door = listen_at(args->path);
	if (p->door >= 0) {
		if (args->made)
			args->made(args->path);
		snprintf(p->where, sizeof(p->where), "%s", args->path);
		return fd_port_ready(p, -1, args->name, err);
	}
	cvm_vmm_error_set(err, "%s: %s: %s", args->name, args->path,
			  strerror(errno));
	fd_port_drop(p);
	return NULL;
}
