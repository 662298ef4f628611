/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_impl.h - between the parts of the network device: net.c has the device
 * and its thread, net_rx.c and net_tx.c one direction each, net_common.c what
 * all of them call.
 *
 * What is declared here runs under both locks, struct net_tx's before struct
 * net's, where nothing else is said.
 */
#ifndef CVM_VIRTIO_NET_NET_IMPL_H
#define CVM_VIRTIO_NET_NET_IMPL_H

#include "net_backend.h"
#include "net_filter.h"
#include "virtio/core/worker.h"

/*
 * Receive buffers that were popped for frames to come: as many as a frame may
 * fill (5.1.6.4), and all of their pieces in a row, so that a frame can be
 * read into them at once.
 */
#define NET_HELD_MAX	NET_QUEUE_SIZE

struct net_held {
	struct vq_chain chain[NET_HELD_MAX];
	uint32_t first, end;		/* of the chains, */
	uint32_t piece_first, piece_end; /* of their pieces */
	uint64_t bytes;
	struct os_iov piece[NET_HELD_PIECES];
};

/* The driver's frames, which the vCPU's thread may send too. */
struct net_tx {
	struct os_lock lock;	/* before net->lock; guards what
					 * follows and the transmit queue */
	bool live;			/* the queue is served */
	struct os_iov piece[NET_PIECES];

	/* What was sent, in frames of the usual length, */
	uint64_t flow;			/* since frame number `after` came, */
	uint64_t flow_before;		/* and between that and those before */
	uint64_t after;

	bool left;			/* without a lock: the net's thread is
					 * to serve the queue */
};

/* rx_ are under net->lock, tx_ under the transmit queue's. */
struct net_counters {
#define NET_COUNTER(name, counts) uint64_t name;
#include "virtio/counters.def"
};

struct net {
	struct virtio_device dev;
	struct net_counters count;
	struct net_backend *backend;
	uint8_t mac[6];			/* after a reset */
	struct virtio_worker control;

	struct os_lock turnstile;	/* net_lock() */
	struct net_tx tx;
	struct os_lock lock;	/* guards what follows, the receive
					 * queue and the back end */
	bool live;			/* the queue is served */
	bool rx_blocked;		/* a frame found no buffer */
	struct net_held held;
	struct net_filter filter;

	bool running;			/* the receive queue's thread serves
					 * both directions */
	bool stop;
};

/* 5.1.4 "Device configuration layout" */
#define VIRTIO_NET_S_LINK_UP	1u

struct net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

_Static_assert(sizeof(struct net_config) == 12, "5.1.4");

/*
 * net_lock - take one of the two locks, however busy the net's thread is: it
 * lets a lock go only to take it again at once, which would leave everybody
 * else waiting for a queue to run empty.
 */
void net_lock(struct net *net, struct os_lock *lock);

/* net_broken - the driver broke a rule of a queue.  The queue's lock. */
void net_broken(struct virtio_queue *queue, bool *live);

/* net_held_drop - give up all held buffers: their queue ends.  net->lock. */
void net_held_drop(struct net_held *held);

/*
 * net_ring - the transmit queue's doorbell, where it comes to the vCPU's
 * thread: frames that are alone are sent by it.  No lock.
 */
void net_ring(struct net *net, struct cvm_user_run *run);

/* net_wake - let the net's thread look at a queue.  No lock. */
void net_wake(struct net *net, struct virtio_queue *queue);

/* net_sending - is the transmit queue this thread's in this turn?  No lock. */
bool net_sending(struct net *net);

/* net_send - a burst of the driver's frames; true: there may be more. */
bool net_send(struct net *net);

/*
 * net_sent - tell the driver of them; more: this thread will be back at once.
 * true: it has to be.
 */
bool net_sent(struct net *net, bool more);

#endif /* CVM_VIRTIO_NET_NET_IMPL_H */
