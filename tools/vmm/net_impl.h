/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_impl.h - between the parts of the network device: net.c has the device
 * and its thread, net_rx.c and net_tx.c one direction each.
 *
 * What is declared here runs under the device's lock.
 */
#ifndef CVM_VMM_NET_IMPL_H
#define CVM_VMM_NET_IMPL_H

#include "net.h"
#include "worker.h"

/*
 * Receive buffers that were popped for frames to come: as many as a frame may
 * fill (5.1.6.4), and all of their pieces in a row, so that a frame can be
 * read into them at once.
 */
#define NET_HELD_MAX	NET_QUEUE_SIZE

struct net_held {
	struct cvm_chain chain[NET_HELD_MAX];
	uint32_t first, end;		/* of the chains, */
	uint32_t piece_first, piece_end; /* of their pieces */
	uint64_t bytes;
	struct cvm_iov piece[NET_HELD_PIECES];
};

struct net {
	struct cvm_device dev;
	struct net_backend *backend;
	uint8_t mac[6];			/* after a reset */
	struct cvm_worker control;

	struct cvm_plat_lock lock;	/* guards what follows and the rings */
	bool live[2];			/* NET_RX, NET_TX are served */
	bool hungry;			/* a frame found no room */
	struct net_held held;
	struct cvm_iov sent[NET_PIECES];
	struct cvm_net_stats stats;

	struct cvm_plat_thread *thread;
	bool stop;
};

/* net_broken - the driver broke a rule of a queue, whose reason says it. */
void net_broken(struct net *net, struct cvm_queue *queue);

/* net_held_drop - give up all held buffers: their queue ends. */
void net_held_drop(struct net_held *held);

/* net_transmit - one frame of the driver's: as cvm_vq_pop(). */
int net_transmit(struct net *net);

#endif /* CVM_VMM_NET_IMPL_H */
