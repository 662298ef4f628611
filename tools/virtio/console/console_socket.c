// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_socket.c - a port that listens at a Unix socket.
 *
 * One peer at a time: others wait in the socket's queue until it has gone.
 * The name stays when the port is gone (struct virtio_port_args); the next who
 * binds it takes it over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/un.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console_fd.h"
#include "console_kinds.h"
#include "os/linux/own_file.h"

#define WAITING		4

static int peer_new(struct fd_port *p)
{
	int fd = linux_accept(&p->accept, p->listen_fd, SOCK_NONBLOCK);
	const char *why = linux_accept_news(&p->accept);

	if (why)
		virtio_port_log(p->port, "%s: %s; who connects has to wait",
				p->where, why);
	return fd;
}

static void peer_gone(struct fd_port *p, int fd)
{
	(void)p;
	close(fd);
}

static void socket_close(struct fd_port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
}

static const struct fd_kind socket_kind = {
	.peer_new = peer_new,
	.peer_gone = peer_gone,
	.close = socket_close,
};

/* One that nobody listens on was left by a process that was killed. */
static int bind_new(int fd, const struct sockaddr_un *addr, bool locked)
{
	const struct sockaddr *plain = (const struct sockaddr *)addr;
	struct stat st;
	int probe, err;

	if (!bind(fd, plain, sizeof(*addr)))
		return 0;
	if (errno != EADDRINUSE || !locked)
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

/* Bound, and listened at: nobody takes it over in between. */
static int begin(int fd, const struct sockaddr_un *addr)
{
	char dir[sizeof(addr->sun_path) + 1];
	int lock = linux_dir_of(addr->sun_path, dir, sizeof(dir)) ? -1 :
		   linux_dir_lock(dir);
	mode_t old = umask(0177);
	int ret = bind_new(fd, addr, lock >= 0) || listen(fd, WAITING);
	int err = errno;

	umask(old);
	if (lock >= 0)
		close(lock);
	errno = err;
	return ret ? -1 : 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !begin(fd, &addr))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/*
 * What the name is of: by the socket itself, for the path may lead elsewhere
 * already.  Linux tells this to whoever has CAP_NET_ADMIN.
 */
static int file_of(int fd, const char *path)
{
	int file = ioctl(fd, SIOCUNIXFILE);

	return file < 0 && errno == EPERM ?
	       open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : file;
}

static int hand_over(int fd, const struct virtio_port_args *args)
{
	int file = file_of(fd, args->path), err, ret;

	if (file < 0)
		return -1;
	/* By the path's name it could be anybody's. */
	ret = args->owner && geteuid() != args->owner->uid ?
	      fchownat(file, "", args->owner->uid, args->owner->gid,
		       AT_EMPTY_PATH) : 0;
	err = errno;
	if (args->made)
		args->made(args->path, file);
	close(file);
	errno = err;
	return ret;
}

void *socket_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port, struct problem *problem)
{
	struct fd_port *p = fd_port_new(port, &socket_kind, args->name,
					problem);

	if (!p)
		return NULL;
	p->listen_fd = listen_at(args->path);
	if (p->listen_fd >= 0 && !hand_over(p->listen_fd, args)) {
		snprintf(p->where, sizeof(p->where), "%s", args->path);
		return fd_port_ready(p, -1, args->name, problem);
	}
	problem_set(problem, args->name, "%s: %s", args->path, strerror(errno));
	fd_port_drop(p);
	return NULL;
}
