// SPDX-License-Identifier: GPL-2.0-only
/* net_tx.c - frames of the driver's (VIRTIO 1.2, 5.1.6.2). */
#include "net_impl.h"

#define BURST	64u	/* frames before the other direction's turn */
#define ALONE	4u	/* frames of the usual length between two that come */

static const char *bad_offload(const struct net *net,
			       const struct virtio_net_hdr *h, uint64_t bytes)
{
	uint64_t need = 0;

	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		need = VIRTIO_NET_F_HOST_TSO4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		need = VIRTIO_NET_F_HOST_TSO6;
		break;
	default:
		return "an unknown segmentation";
	}
	/* Explicit congestion notification is never offered. */
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN ||
	    (need && !virtio_device_has(&net->dev, need)))
		return "a segmentation that was not negotiated";
	if (need && (!h->gso_size || !(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)))
		return "a segmentation without size or checksum";
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return NULL;
	if (!virtio_device_has(&net->dev, VIRTIO_NET_F_CSUM))
		return "a checksum that was not negotiated";
	if (h->csum_start + h->csum_offset + 2ull > bytes)
		return "a checksum outside the frame";
	return NULL;
}

/* One frame of the driver's: as vq_pop(). */
static int transmit(struct net *net)
{
	struct virtio_queue *queue = &net->dev.queue[NET_TX];
	struct vq_chain chain = { .iov = net->tx.piece, .space = NET_PIECES };
	struct virtio_net_hdr header;
	const char *bad;
	uint64_t bytes;
	uint32_t count;
	int ret;

	ret = vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	if (chain.read_bytes < sizeof(header) + NET_ETH_BYTES ||
	    chain.read_bytes > sizeof(header) + NET_FRAME_MAX ||
	    chain.writable)
		return vq_break(&queue->vq, "%llu bytes, and %llu to be "
				"written, are no frame",
				(unsigned long long)chain.read_bytes,
				(unsigned long long)chain.write_bytes);
	bytes = chain.read_bytes - sizeof(header);
	os_iov_get(chain.iov, chain.readable, 0, &header, sizeof(header));
	bad = bad_offload(net, &header, bytes);
	if (bad)
		return vq_break(&queue->vq, "a frame with %s", bad);
	header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.num_buffers = 0;
	count = os_iov_cut(chain.iov, chain.readable, sizeof(header), bytes);
	if (!net->backend->ops->send(net->backend, &header, chain.iov, count,
				     bytes))
		virtio_count(&net->count.tx_dropped, 1);
	vq_push(&queue->vq, &chain, 0);
	net->tx.flow += 1 + bytes / NET_MTU;
	virtio_count(&net->count.tx_frames, 1);
	virtio_count(&net->count.tx_bytes, bytes);
	return 1;
}

/* Under tx->lock.  So many at most; true: there may be more. */
static bool send_some(struct net *net, uint32_t limit)
{
	struct net_tx *tx = &net->tx;
	uint32_t i;
	int ret = 1;

	for (i = 0; i < limit && tx->live && ret > 0; i++) {
		ret = transmit(net);
		if (ret < 0)
			net_broken(&net->dev.queue[NET_TX], &tx->live);
	}
	return tx->live && ret > 0;
}

/* ---- by the net's thread ------------------------------------------------- */

void net_wake(struct net *net, struct virtio_queue *queue)
{
	__atomic_store_n(&net->tx.left, true, __ATOMIC_RELEASE);
	os_notifier_signal(&queue->doorbell);
}

bool net_sending(struct net *net)
{
	return !net->dev.queue[NET_TX].in_place ||
	       __atomic_exchange_n(&net->tx.left, false, __ATOMIC_ACQUIRE);
}

bool net_send(struct net *net)
{
	if (!net->tx.live)
		return false;
	vq_disable_notification(&net->dev.queue[NET_TX].vq);
	return send_some(net, BURST);
}

bool net_sent(struct net *net, bool more)
{
	struct virtio_queue *queue = &net->dev.queue[NET_TX];

	if (net->tx.live) {
		virtio_queue_publish(queue);
		more = more || vq_enable_notification(&queue->vq);
	}
	if (more)
		__atomic_store_n(&net->tx.left, true, __ATOMIC_RELEASE);
	return more;
}

/* ---- by the vCPU's thread ------------------------------------------------ */

/*
 * Is what there is to send a frame as of a conversation?  Few were sent since
 * one came, and before that.
 */
static bool alone(struct net *net)
{
	struct net_tx *tx = &net->tx;
	uint64_t came = __atomic_load_n(&net->count.rx_frames,
					__ATOMIC_RELAXED);

	if (tx->flow && came != tx->after) {
		tx->flow_before = tx->flow;
		tx->flow = 0;
	}
	tx->after = came;
	return tx->flow + tx->flow_before <= ALONE;
}

/* true: the net's thread is to look. */
static bool ring(struct net *net)
{
	struct virtio_queue *queue = &net->dev.queue[NET_TX];

	if (!net->tx.live)
		return false;
	vq_disable_notification(&queue->vq);
	if (!alone(net) || send_some(net, ALONE))
		return true;
	if (!net->tx.live)
		return false;
	virtio_queue_publish(queue);
	return vq_enable_notification(&queue->vq);
}

/*
 * The host is done with a frame that is alone sooner than a thread wakes up,
 * on this CPU or another one, and somebody waits for it.  The frames of a
 * stream are for the thread, beside which the guest goes on.
 */
void net_ring(struct net *net, struct cvm_user_run *run)
{
	struct virtio_queue *queue = &net->dev.queue[NET_TX];
	bool left = true;

	/* Who has the lock may have looked for the last time already. */
	if (!os_trylock(&net->tx.lock)) {
		queue->run = run;
		left = ring(net);
		queue->run = NULL;
		os_unlock(&net->tx.lock);
	}
	if (left)
		net_wake(net, queue);
}
