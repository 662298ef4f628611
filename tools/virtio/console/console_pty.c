// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_pty.c - a port that is a pseudo terminal of the host.
 *
 * As long as somebody has the other end open, ours can be read and written.
 * Nothing tells when it is opened again but inotify, which the kernel keeps
 * for the name of the terminal as for any other file.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "console_fd.h"
#include "console_kinds.h"

static int peer_new(struct fd_port *p)
{
	struct pollfd line = { .fd = p->line };
	char events[4096];

	while (read(p->listen_fd, events, sizeof(events)) > 0)
		;
	/* It may have been closed again meanwhile. */
	return poll(&line, 1, 0) > 0 && line.revents & POLLHUP ? -1 : p->line;
}

/* It is our own end, which stays. */
static void peer_gone(struct fd_port *p, int fd)
{
	(void)p;
	(void)fd;
}

static void pty_close(struct fd_port *p)
{
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	if (p->line >= 0)
		close(p->line);
}

static const struct fd_kind pty_kind = {
	.peer_new = peer_new,
	.peer_gone = peer_gone,
	.close = pty_close,
};

/*
 * The guest's tty echoes and edits, so this one does not.  Opened and closed
 * once, it says that nobody is there.
 */
static int make_raw(const char *path, const struct virtio_port_owner *owner)
{
	struct termios mode;
	int ret, fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ret = tcgetattr(fd, &mode);
	if (!ret) {
		cfmakeraw(&mode);
		ret = tcsetattr(fd, TCSANOW, &mode);
	}
	if (!ret && owner)	/* its group is the terminals' */
		ret = fchown(fd, owner->uid, (gid_t)-1);
	close(fd);
	return ret;
}

static int pty_open(struct fd_port *p, const struct virtio_port_owner *owner)
{
	p->line = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->line < 0 || grantpt(p->line) || unlockpt(p->line) ||
	    ptsname_r(p->line, p->where, sizeof(p->where)) ||
	    make_raw(p->where, owner))
		return -1;
	p->listen_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return p->listen_fd < 0 ||
	       inotify_add_watch(p->listen_fd, p->where, IN_OPEN) < 0 ? -1 : 0;
}

void *pty_port_open(const struct virtio_port_args *args,
		    struct virtio_port *port, struct problem *problem)
{
	struct fd_port *p = fd_port_new(port, &pty_kind, args->name, problem);

	if (!p)
		return NULL;
	if (!pty_open(p, args->owner))
		return fd_port_ready(p, -1, args->name, problem);
	problem_set(problem, args->name, "pty: %s", strerror(errno));
	fd_port_drop(p);
	return NULL;
}
