/* SPDX-License-Identifier: GPL-2.0-only */
/* net_poll.h - a back end's sleep on Linux: doorbells and file descriptors. */
#ifndef CVM_VIRTIO_NET_NET_POLL_H
#define CVM_VIRTIO_NET_NET_POLL_H

#include <stdbool.h>

#include "os/thread.h"

struct pollfd;

struct net_poll {
	struct pollfd *fd;
	uint32_t count, room;
	struct os_notifier *const *doorbell;
	bool failed;		/* the last poll() */
};

/* net_poll_begin - a new list, with two doorbells in it. */
void net_poll_begin(struct net_poll *poll,
		    struct os_notifier *const doorbell[2]);

/* net_poll_add - wait for events (POLLIN, ...); an index, -1: no memory. */
int net_poll_add(struct net_poll *poll, int fd, short events);

/*
 * net_poll_sleep - for at most this many milliseconds, UINT32_MAX: for ever.
 * Doorbells that rang are silent again.
 */
void net_poll_sleep(struct net_poll *poll, uint32_t limit);

/* net_poll_got - what happened, by net_poll_add()'s index. */
short net_poll_got(const struct net_poll *poll, int index);

void net_poll_free(struct net_poll *poll);

#endif /* CVM_VIRTIO_NET_NET_POLL_H */
