// SPDX-License-Identifier: GPL-2.0-only
/* net_tx.c - frames of the driver's (VIRTIO 1.2, 5.1.6.2). */
#include "net_impl.h"

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

int net_transmit(struct net *net)
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
	if (!net->backend->ops->send(net->backend, &header, chain.iov, count,
				     bytes))
		net->stats.tx.dropped++;
	cvm_vq_push(&queue->vq, &chain, 0);
	net->stats.tx.frames++;
	net->stats.tx.bytes += bytes;
	return 1;
}
