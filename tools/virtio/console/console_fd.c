// SPDX-License-Identifier: GPL-2.0-only
/* console_fd.c - a port with a file descriptor of Linux behind it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "console_fd.h"

/* ---- what is kept; under .lock ------------------------------------------- */

static size_t kept(const struct fd_port *p)
{
	return p->head - p->tail;
}

/* Is there somebody who will read it? */
static bool has_reader(const struct fd_port *p)
{
	return p->fd >= 0 && !p->write_closed && !p->shutdown;
}

/* To the peer, as much as it takes now. */
static size_t write_now(struct fd_port *p, const void *data, size_t bytes)
{
	ssize_t ret;

	if (!has_reader(p))
		return 0;
	do {
		ret = write(p->fd, data, bytes);
	} while (ret < 0 && errno == EINTR);
	/* What it sent before it went is still to be read. */
	if (ret < 0 && errno != EAGAIN)
		p->write_closed = true;
	return ret < 0 ? 0 : (size_t)ret;
}

static void write_kept(struct fd_port *p)
{
	size_t at, part, done = 1;

	while (kept(p) && done) {
		at = p->tail % FD_KEPT;
		part = FD_KEPT - at < kept(p) ? FD_KEPT - at : kept(p);
		done = write_now(p, p->kept + at, part);
		p->tail += done;
	}
	if (p->waiting && (kept(p) < FD_KEPT || !has_reader(p))) {
		p->waiting = false;
		os_notifier_signal(&p->space);
	}
}

/* As much as fits; with no reader, what is oldest goes. */
static size_t keep(struct fd_port *p, const uint8_t *data, size_t bytes)
{
	size_t i, space = FD_KEPT - kept(p);

	if (!has_reader(p)) {
		bytes = bytes < FD_KEPT ? bytes : FD_KEPT;
		if (bytes > space)
			p->tail += bytes - space;
	} else if (bytes > space) {
		bytes = space;
	}
	for (i = 0; i < bytes; i++)
		p->kept[p->head++ % FD_KEPT] = data[i];
	return bytes;
}

/* ---- the guest's side ---------------------------------------------------- */

static void put(struct fd_port *p, const uint8_t *data, size_t bytes)
{
	size_t done;

	while (bytes) {
		done = kept(p) ? 0 : write_now(p, data, bytes);
		if (!done)
			done = keep(p, data, bytes);
		data += done;
		bytes -= done;
		if (done)
			continue;
		p->waiting = true;
		os_unlock(&p->lock);
		os_notifier_wait(&p->space);
		os_lock(&p->lock);
	}
}

static void output(void *backend, const struct os_iov *iov, uint32_t count)
{
	struct fd_port *p = backend;
	bool rest;
	uint32_t i;

	os_lock(&p->lock);
	for (i = 0; i < count; i++)
		put(p, iov[i].base, iov[i].bytes);
	rest = kept(p) && has_reader(p);
	os_unlock(&p->lock);
	if (rest)
		os_notifier_signal(&p->wake);
}

static void hangup(void *backend)
{
	struct fd_port *p = backend;

	os_lock(&p->lock);
	p->shutdown = true;
	write_kept(p);
	os_unlock(&p->lock);
}

static const char *where(void *backend)
{
	return ((struct fd_port *)backend)->where;
}

/* ---- the peer's side: the thread ----------------------------------------- */

static void set_peer(struct fd_port *p, int fd)
{
	os_lock(&p->lock);
	p->fd = fd;
	p->write_closed = false;
	write_kept(p);
	os_unlock(&p->lock);
	virtio_port_connected(p->port, fd >= 0);
}

static void set_write_closed(struct fd_port *p)
{
	os_lock(&p->lock);
	p->write_closed = true;
	os_unlock(&p->lock);
}

static void offer_input(struct fd_port *p)
{
	if (p->in_bytes)
		p->in_at += virtio_port_input(p->port, p->in + p->in_at,
					      p->in_bytes - p->in_at);
	if (p->in_at == p->in_bytes)
		p->in_at = p->in_bytes = 0;
}

/* Sleep; what there is to do afterwards: at the peer, and is somebody new? */
static void sleep_on(struct fd_port *p, short wanted, short *peer,
		     bool *somebody)
{
	bool alone = p->fd < 0;
	struct pollfd polls[3] = {
		{ .fd = (int)p->wake.handle, .events = POLLIN },
		{ .fd = wanted ? p->fd : -1, .events = wanted },
		{ .fd = alone ?
			linux_accept_socket(&p->accept, p->listen_fd) : -1,
		  .events = POLLIN },
	};
	int ret, ms = alone ? linux_accept_ms(&p->accept, -1) : -1;

	do {
		ret = poll(polls, 3, ms);
	} while (ret < 0 && errno == EINTR);
	if (polls[0].revents)
		os_notifier_wait(&p->wake);
	*peer = polls[1].revents;
	*somebody = polls[2].revents || !ret;
}

/*
 * Its number is taken from the guest first: once it is closed, it is the next
 * file's that anybody opens.
 */
static void lose_peer(struct fd_port *p)
{
	int fd = p->fd;

	set_peer(p, -1);
	p->kind->peer_gone(p, fd);
}

static void read_peer(struct fd_port *p)
{
	ssize_t ret = read(p->fd, p->in, sizeof(p->in));

	if (ret > 0)
		p->in_bytes = (size_t)ret;
	else if (!ret || (errno != EAGAIN && errno != EINTR))
		lose_peer(p);
}

static void fd_main(void *arg)
{
	struct fd_port *p = arg;
	short wanted, peer;
	bool somebody, stop;
	int fd;

	for (;;) {
		offer_input(p);
		os_lock(&p->lock);
		write_kept(p);
		wanted = p->in_bytes ? 0 : POLLIN;
		if (kept(p) && has_reader(p))
			wanted |= POLLOUT;
		stop = p->stop;
		os_unlock(&p->lock);
		if (stop)
			return;
		sleep_on(p, wanted, &peer, &somebody);
		/* A peer that left is seen by reading to its end. */
		if ((peer & ~POLLOUT) && !p->in_bytes)
			read_peer(p);
		else if (peer & ~POLLOUT)
			set_write_closed(p);
		fd = somebody ? p->kind->peer_new(p) : -1;
		if (fd >= 0)
			set_peer(p, fd);
	}
}

static void input_space(void *backend)
{
	struct fd_port *p = backend;

	if (!p->thread) {
		p->thread = virtio_port_thread(p->port);
		os_thread_run(p->thread, fd_main, p);
	}
	os_notifier_signal(&p->wake);
}

/* ---- start and end ------------------------------------------------------- */

void fd_port_drop(struct fd_port *p)
{
	p->kind->close(p);
	if (p->wake.handle >= 0)
		os_notifier_close(&p->wake);
	if (p->space.handle >= 0)
		os_notifier_close(&p->space);
	os_lock_destroy(&p->lock);
	free(p);
}

static void settle(void *backend)
{
	struct fd_port *p = backend;

	if (p->kind->settle)
		p->kind->settle(p);
}

static void destroy(void *backend)
{
	struct fd_port *p = backend;

	os_lock(&p->lock);
	p->stop = true;
	os_unlock(&p->lock);
	os_notifier_signal(&p->wake);
	if (p->thread)
		os_thread_wait(p->thread);
	fd_port_drop(p);
}

const struct virtio_port_ops fd_port_ops = {
	.settle = settle,
	.output = output,
	.input_space = input_space,
	.hangup = hangup,
	.where = where,
	.destroy = destroy,
	.threaded = true,
};

struct fd_port *fd_port_new(struct virtio_port *port,
			    const struct fd_kind *kind, const char *name,
			    struct problem *problem)
{
	struct fd_port *p = calloc(1, sizeof(*p));

	if (!p) {
		problem_set(problem, name, "no memory");
		return NULL;
	}
	p->port = port;
	p->kind = kind;
	p->listen_fd = p->line = p->fd = -1;
	p->wake.handle = p->space.handle = -1;
	os_lock_init(&p->lock);
	return p;
}

void *fd_port_ready(struct fd_port *p, int fd, const char *name,
		    struct problem *problem)
{
	p->fd = fd;
	if (!os_notifier_open(&p->wake) && !os_notifier_open(&p->space)) {
		virtio_port_connected(p->port, fd >= 0);
		return p;
	}
	problem_set(problem, name, "out of file handles");
	fd_port_drop(p);
	return NULL;
}
