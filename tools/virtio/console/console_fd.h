/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console_fd.h - a port with a file descriptor of Linux behind it.
 *
 * What the guest prints goes out at once.  What a slow peer does not take is
 * kept, KEPT bytes of it; when that is full the guest waits.  With nobody
 * there the last KEPT bytes are kept for the next who comes, older ones are
 * lost.  What a peer sends is read only as fast as the guest takes it.
 */
#ifndef CVM_VIRTIO_CONSOLE_CONSOLE_FD_H
#define CVM_VIRTIO_CONSOLE_CONSOLE_FD_H

#include "console.h"
#include "os/linux/accept.h"

#define FD_KEPT		65536u
#define FD_INPUT	4096u

struct fd_port;

/* How peers come and go. */
struct fd_kind {
	/* .listen_fd is readable: the new peer's descriptor, or -1: none. */
	int (*peer_new)(struct fd_port *p);
	/* This peer has gone, and nobody else knows its descriptor any more. */
	void (*peer_gone)(struct fd_port *p, int fd);
	/* Optional: as in struct virtio_port_ops. */
	void (*settle)(struct fd_port *p);
	/* Undo all of it. */
	void (*close)(struct fd_port *p);
};

struct fd_port {
	struct virtio_port *port;
	const struct fd_kind *kind;
	int listen_fd;		/* readable when a peer may be new; or -1 */
	struct linux_accept accept; /* of .listen_fd, where it is a socket */
	int line;		/* a pty's own end, or -1 */
	void *before;		/* what settle() lets go of */
	char where[128];

	struct os_thread *thread;	/* from the first input_space() on */
	struct os_notifier wake;	/* of the thread */
	uint8_t in[FD_INPUT];	/* the thread's: read, not taken yet */
	size_t in_at, in_bytes;

	struct os_lock lock;	/* of what follows */
	struct os_notifier space;	/* a writer sleeps on it */
	int fd;			/* the peer, non-blocking, or -1; the thread
				 * writes it, under .lock, so it may read it
				 * without */
	bool write_closed;	/* it takes nothing any more */
	bool waiting;		/* a writer does */
	bool shutdown;		/* nobody is to wait */
	bool stop;
	uint64_t head, tail;	/* of what is kept: tail <= head */
	uint8_t kept[FD_KEPT];
};

extern const struct virtio_port_ops fd_port_ops;

/*
 * fd_port_ready - everything is open; the peer is fd, or -1: nobody yet.  NULL
 * with a problem; then .kind has closed everything.
 */
void *fd_port_ready(struct fd_port *p, int fd, const char *name,
		    struct problem *problem);

/* fd_port_new - with nothing open; NULL with a problem. */
struct fd_port *fd_port_new(struct virtio_port *port,
			    const struct fd_kind *kind, const char *name,
			    struct problem *problem);

/* fd_port_drop - undo fd_port_new() and what was opened since. */
void fd_port_drop(struct fd_port *p);

#endif /* CVM_VIRTIO_CONSOLE_CONSOLE_FD_H */
