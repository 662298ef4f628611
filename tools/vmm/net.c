// SPDX-License-Identifier: GPL-2.0-only
/* net.c - a network card for a guest (VIRTIO 1.2, 5.1 "Network Device"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "net_ctrl.h"

#define NET_DEVICE_ID	1u

#define NET_S_LINK_UP	1u

/* Buffers kept for one frame (5.1.6.4), and their pieces. */
#define HELD_MAX	64u
#define HELD_PIECES	(4 * NET_PIECES)

/* 5.1.4 "Device configuration layout" */
struct net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

_Static_assert(sizeof(struct net_config) == 12, "5.1.4");

struct net {
	struct cvm_device dev;
	struct net_backend *backend;
	uint8_t mac[6];			/* after a reset */
	struct cvm_worker control;

	struct cvm_plat_lock lock;	/* guards what follows and the rings */
	bool live[2];			/* NET_RX, NET_TX are served */
	struct cvm_chain held[HELD_MAX]; /* popped for the next frame */
	uint32_t helds;
	uint32_t held_pieces;
	uint64_t held_bytes;
	struct cvm_iov piece[HELD_PIECES];
	struct cvm_iov sent[NET_PIECES];

	struct cvm_plat_thread *thread;
	bool stop;
};

static struct net *net_of(struct cvm_device *dev)
{
	return (struct net *)dev;
}

/* ---- receiving (5.1.6.3, 5.1.6.4) ---------------------------------------- */

static void fail(struct net *net, struct cvm_queue *queue)
{
	cvm_device_fail(&net->dev, "queue %u: %s", queue->index,
			queue->vq.reason);
	net->live[queue->index] = false;
}

/* One more buffer: 1, 0: there is none, -1: broken. */
static int hold(struct net *net)
{
	struct cvm_vq *vq = &net->dev.queue[NET_RX].vq;
	struct cvm_chain *chain = &net->held[net->helds];
	int ret;

	if (net->helds == HELD_MAX ||
	    net->held_pieces > HELD_PIECES - NET_PIECES)
		return cvm_vq_break(vq, "%u buffers hold no more than %llu "
				    "bytes", net->helds,
				    (unsigned long long)net->held_bytes);
	chain->iov = net->piece + net->held_pieces;
	chain->room = NET_PIECES;
	ret = cvm_vq_pop(vq, chain);
	if (ret <= 0)
		return ret;
	if (chain->readable || chain->write_bytes < sizeof(struct net_header))
		return cvm_vq_break(vq, "a buffer of %llu bytes, %llu of them "
				    "not to be written", (unsigned long long)
				    chain->write_bytes, (unsigned long long)
				    chain->read_bytes);
	net->helds++;
	net->held_pieces += chain->writable;
	net->held_bytes += chain->write_bytes;
	return 1;
}

bool net_room(struct net *net, size_t bytes)
{
	bool merge = cvm_device_has(&net->dev, NET_F_MRG_RXBUF);
	int ret = 1;

	while (net->live[NET_RX] && ret > 0 &&
	       (merge ? net->held_bytes < bytes + sizeof(struct net_header) :
		!net->helds))
		ret = hold(net);
	if (ret < 0)
		fail(net, &net->dev.queue[NET_RX]);
	return ret || !net->live[NET_RX];
}

/* The first count buffers were used or are not needed any more. */
static void drop_held(struct net *net, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		net->held_bytes -= net->held[i].write_bytes;
		net->held_pieces -= net->held[i].writable;
	}
	net->helds -= count;
	memmove(net->held, net->held + count,
		net->helds * sizeof(net->held[0]));
	/* Their pieces move to the front as well. */
	if (net->helds)
		memmove(net->piece, net->held[0].iov,
			net->held_pieces * sizeof(net->piece[0]));
	for (i = 0, count = 0; i < net->helds; i++) {
		net->held[i].iov = net->piece + count;
		count += net->held[i].writable;
	}
}

/* How many of the buffers a frame with its header takes; 0: it is too long. */
static uint32_t buffers_for(const struct net *net, size_t bytes)
{
	uint32_t count;

	for (count = 0; bytes && count < net->helds; count++)
		bytes -= bytes < net->held[count].write_bytes ? bytes :
			 net->held[count].write_bytes;
	if (!cvm_device_has(&net->dev, NET_F_MRG_RXBUF) && count > 1)
		return 0;
	return bytes ? 0 : count;
}

void net_receive(struct net *net, const struct net_header *header,
		 const void *frame, size_t bytes)
{
	struct cvm_queue *queue = &net->dev.queue[NET_RX];
	uint32_t count = buffers_for(net, bytes + sizeof(*header)), i;
	struct net_header first = *header;
	size_t at = 0, skip = sizeof(first), part;
	struct cvm_chain *chain;

	if (!net->live[NET_RX] || !count)
		return;
	/* 5.1.6.4.1: also 1 without mergeable buffers. */
	first.num_buffers = (uint16_t)count;
	cvm_iov_put(net->held[0].iov, net->held[0].writable, 0, &first, skip);
	for (i = 0; i < count; i++, skip = 0) {
		chain = &net->held[i];
		part = cvm_iov_put(chain->iov, chain->writable, skip,
				   (const uint8_t *)frame + at, bytes - at);
		at += part;
		cvm_vq_push(&queue->vq, chain, (uint32_t)(skip + part));
	}
	drop_held(net, count);
	cvm_queue_publish(queue);
}

/* ---- sending (5.1.6.2) --------------------------------------------------- */

static const char *bad_offload(const struct net *net,
			       const struct net_header *h, uint64_t bytes)
{
	uint64_t need = 0;

	switch (h->gso_type & ~NET_GSO_ECN) {
	case NET_GSO_NONE:
		break;
	case NET_GSO_TCPV4:
		need = NET_F_HOST_TSO4;
		break;
	case NET_GSO_TCPV6:
		need = NET_F_HOST_TSO6;
		break;
	default:
		return "an unknown segmentation";
	}
	/* Explicit congestion notification is never offered. */
	if (h->gso_type & NET_GSO_ECN ||
	    (need && !cvm_device_has(&net->dev, need)))
		return "a segmentation that was not negotiated";
	if (need && (!h->gso_size || !(h->flags & NET_HDR_NEEDS_CSUM)))
		return "a segmentation without size or checksum";
	if (!(h->flags & NET_HDR_NEEDS_CSUM))
		return NULL;
	if (!cvm_device_has(&net->dev, NET_F_CSUM))
		return "a checksum that was not negotiated";
	if (h->csum_start + h->csum_offset + 2ull > bytes)
		return "a checksum outside the frame";
	return NULL;
}

/* One frame: as cvm_vq_pop(). */
static int transmit(struct net *net)
{
	struct cvm_queue *queue = &net->dev.queue[NET_TX];
	struct cvm_chain chain = { .iov = net->sent, .room = NET_PIECES };
	struct net_header header;
	const char *bad;
	uint64_t bytes;
	uint32_t count;
	int ret;

	ret = cvm_vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	if (chain.read_bytes < sizeof(header) + NET_ETH_BYTES ||
	    chain.read_bytes > sizeof(header) + NET_FRAME_MAX ||
	    chain.writable)
		return cvm_vq_break(&queue->vq, "%llu bytes, and %llu to be "
				    "written, are no frame",
				    (unsigned long long)chain.read_bytes,
				    (unsigned long long)chain.write_bytes);
	bytes = chain.read_bytes - sizeof(header);
	cvm_iov_get(chain.iov, chain.readable, 0, &header, sizeof(header));
	bad = bad_offload(net, &header, bytes);
	if (bad)
		return cvm_vq_break(&queue->vq, "a frame with %s", bad);
	header.flags &= NET_HDR_NEEDS_CSUM;
	header.num_buffers = 0;
	count = cvm_iov_cut(chain.iov, chain.readable, sizeof(header), bytes);
	net->backend->ops->send(net->backend, &header, chain.iov, count,
				bytes);
	cvm_vq_push(&queue->vq, &chain, 0);
	cvm_queue_publish(queue);
	return 1;
}

/* ---- the thread of both -------------------------------------------------- */

#define BURST	64u	/* frames in one direction before the other's turn */

/* All there is, at most a burst; true: there may be more. */
static bool serve(struct net *net, bool *full)
{
	struct cvm_queue *rx = &net->dev.queue[NET_RX];
	struct cvm_queue *tx = &net->dev.queue[NET_TX];
	bool more = false;
	uint32_t i;
	int ret = 1;

	if (net->live[NET_TX])
		cvm_vq_quiet(&tx->vq);
	for (i = 0; i < BURST && net->live[NET_TX] && ret > 0; i++) {
		ret = transmit(net);
		if (ret < 0)
			fail(net, tx);
	}
	if (net->live[NET_RX])
		cvm_vq_quiet(&rx->vq);
	*full = net->backend->ops->receive(net->backend);
	if (net->live[NET_TX])
		more = ret > 0 || cvm_vq_listen(&tx->vq);
	/* New buffers are news only to somebody who waits for them. */
	if (*full && net->live[NET_RX])
		more |= cvm_vq_listen(&rx->vq);
	return more;
}

static void net_main(void *arg)
{
	struct net *net = arg;
	struct cvm_plat_event *const doorbell[2] = {
		&net->dev.queue[NET_RX].doorbell,
		&net->dev.queue[NET_TX].doorbell,
	};
	bool more, full;

	while (!__atomic_load_n(&net->stop, __ATOMIC_ACQUIRE)) {
		cvm_plat_lock(&net->lock);
		more = serve(net, &full);
		cvm_plat_unlock(&net->lock);
		if (!more)
			net->backend->ops->wait(net->backend, doorbell, full);
	}
}

static int net_start(struct cvm_queue *queue)
{
	struct net *net = net_of(queue->dev);
	char name[16];

	if (queue->index == NET_CTRL)
		return cvm_worker_start(&net->control, queue, net_ctrl_serve);
	cvm_plat_lock(&net->lock);
	net->live[queue->index] = true;
	cvm_plat_unlock(&net->lock);
	if (net->thread) {
		cvm_plat_event_signal(&queue->doorbell);
		return 0;
	}
	net->stop = false;
	snprintf(name, sizeof(name), "net%u", net->dev.slot % 100);
	net->thread = cvm_plat_thread_start(net_main, net, name);
	if (!net->thread)
		net->live[queue->index] = false;
	return net->thread ? 0 : -1;
}

/* The thread is needed as long as the other queue runs. */
static void net_stop(struct cvm_queue *queue)
{
	struct net *net = net_of(queue->dev);

	if (queue->index == NET_CTRL) {
		cvm_worker_stop(&net->control);
		return;
	}
	cvm_plat_lock(&net->lock);
	net->live[queue->index] = false;
	if (queue->index == NET_RX)
		drop_held(net, net->helds);
	cvm_plat_unlock(&net->lock);
	if (net->dev.queue[!queue->index].running || !net->thread)
		return;
	__atomic_store_n(&net->stop, true, __ATOMIC_RELEASE);
	cvm_plat_event_signal(&queue->doorbell);
	cvm_plat_thread_join(net->thread);
	net->thread = NULL;
}

/* ---- the device ---------------------------------------------------------- */

static void net_features_ok(struct cvm_device *dev)
{
	struct net_backend *backend = net_of(dev)->backend;

	if (backend->ops->offload)
		backend->ops->offload(backend, dev->negotiated);
}

static void net_reset(struct cvm_device *dev)
{
	struct net *net = net_of(dev);

	if (net->backend->ops->offload)
		net->backend->ops->offload(net->backend, 0);
	cvm_device_config(dev, offsetof(struct net_config, mac), net->mac,
			  sizeof(net->mac), false);
}

void net_link(struct net *net, bool up)
{
	uint16_t status = up ? NET_S_LINK_UP : 0;

	cvm_device_config(&net->dev, offsetof(struct net_config, status),
			  &status, sizeof(status), true);
}

static void net_destroy(struct cvm_device *dev)
{
	struct net *net = net_of(dev);

	cvm_device_exit(dev);
	net->backend->ops->close(net->backend);
	cvm_plat_lock_destroy(&net->lock);
	free(net);
}

static const struct cvm_device_ops net_ops = {
	.name = "net",
	.id = NET_DEVICE_ID,
	.queue_start = net_start,
	.queue_stop = net_stop,
	.features_ok = net_features_ok,
	.reset = net_reset,
	.destroy = net_destroy,
};

static void configure(struct net *net, const struct cvm_net_args *args)
{
	struct net_config config = {
		.status = NET_S_LINK_UP,
		.max_virtqueue_pairs = 1,
		.mtu = NET_MTU,
	};

	memcpy(net->mac, args->mac, sizeof(net->mac));
	memcpy(config.mac, args->mac, sizeof(config.mac));
	net->dev.features = net->backend->ops->features | NET_F_MAC |
			    NET_F_MTU | NET_F_MRG_RXBUF | NET_F_STATUS |
			    NET_F_CTRL_VQ | NET_F_CTRL_RX |
			    NET_F_CTRL_RX_EXTRA | NET_F_CTRL_MAC_ADDR;
	net->dev.config_len = sizeof(config);
	memcpy(net->dev.config, &config, sizeof(config));
}

int cvm_vmm_devices_add_net(struct cvm_vmm_devices *devs,
			    const struct cvm_net_args *args,
			    struct cvm_vmm_error *err)
{
	struct net_backend *backend = args->tap ? net_tap_open(args, err) :
						  net_slirp_open(args, err);
	struct net *net;
	int slot;

	if (!backend)
		return -1;
	net = calloc(1, sizeof(*net));
	if (!net) {
		backend->ops->close(backend);
		return cvm_vmm_error_set(err, "net: no memory");
	}
	net->backend = backend;
	backend->net = net;
	cvm_plat_lock_init(&net->lock);
	if (cvm_device_init(&net->dev, &net_ops, NET_QUEUES,
			    NET_QUEUE_SIZE)) {
		net_destroy(&net->dev);
		return cvm_vmm_error_set(err, "net: no memory or no event");
	}
	configure(net, args);
	slot = cvm_device_plug(devs, &net->dev);
	if (slot < 0) {
		net_destroy(&net->dev);
		return cvm_vmm_error_set(err, "net: all %u slots are taken",
					 CVM_VIRTIO_SLOTS);
	}
	return slot;
}
