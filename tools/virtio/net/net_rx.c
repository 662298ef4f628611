// SPDX-License-Identifier: GPL-2.0-only
/* net_rx.c - frames to the driver (VIRTIO 1.2, 5.1.6.3 and 5.1.6.4). */
#include <string.h>

#include "net_impl.h"

/* ---- buffers that are held ----------------------------------------------- */

void net_held_drop(struct net_held *held)
{
	held->first = 0;
	held->end = 0;
	held->piece_first = 0;
	held->piece_end = 0;
	held->bytes = 0;
}

static bool no_place(const struct net_held *held)
{
	return held->end == NET_HELD_MAX ||
	       held->piece_end > NET_HELD_PIECES - NET_PIECES;
}

/* Move what is held to the beginning. */
static void compact(struct net_held *held)
{
	struct os_iov *piece = held->piece;
	uint32_t i;

	held->end -= held->first;
	held->piece_end -= held->piece_first;
	memmove(held->chain, held->chain + held->first,
		held->end * sizeof(held->chain[0]));
	memmove(piece, piece + held->piece_first,
		held->piece_end * sizeof(*piece));
	held->first = 0;
	held->piece_first = 0;
	for (i = 0; i < held->end; i++) {
		held->chain[i].iov = piece;
		piece += held->chain[i].writable;
	}
}

/* One more buffer: 1, 0: there is none, -1: broken. */
static int hold(struct net *net)
{
	struct vq *vq = &net->dev.queue[NET_RX].vq;
	struct net_held *held = &net->held;
	struct vq_chain *chain;
	int ret;

	if (no_place(held))
		compact(held);
	if (no_place(held))
		return vq_break(vq, "%u buffers hold no more than %llu "
				"bytes", held->end,
				(unsigned long long)held->bytes);
	chain = &held->chain[held->end];
	chain->iov = held->piece + held->piece_end;
	chain->space = NET_PIECES;
	ret = vq_pop(vq, chain);
	if (ret <= 0)
		return ret;
	if (chain->readable ||
	    chain->write_bytes < sizeof(struct virtio_net_hdr))
		return vq_break(vq, "a buffer of %llu bytes, %llu of them "
				"not to be written", (unsigned long long)
				chain->write_bytes, (unsigned long long)
				chain->read_bytes);
	held->end++;
	held->piece_end += chain->writable;
	held->bytes += chain->write_bytes;
	return 1;
}

/* How much a frame with its header may have; one buffer, or all (5.1.6.4). */
static uint64_t space(const struct net *net)
{
	const struct net_held *held = &net->held;

	if (held->first == held->end)
		return 0;
	return virtio_device_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF) ?
	       held->bytes : held->chain[held->first].write_bytes;
}

bool net_room(struct net *net, size_t bytes)
{
	bool merge = virtio_device_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF);
	uint64_t need = merge ? bytes + sizeof(struct virtio_net_hdr) : 1;
	int ret = 1;

	while (net->live && ret > 0 && space(net) < need)
		ret = hold(net);
	if (ret < 0)
		net_broken(&net->dev.queue[NET_RX], &net->live);
	if (net->live && ret > 0)
		return true;
	net->rx_blocked = true;
	return false;
}

struct os_iov *net_pieces(struct net *net, uint32_t *count)
{
	struct net_held *held = &net->held;

	*count = virtio_device_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF) ?
		 held->piece_end - held->piece_first :
		 held->chain[held->first].writable;
	return held->piece + held->piece_first;
}

/* ---- frames -------------------------------------------------------------- */

/* The oldest buffer, with this many bytes in it. */
static void give_back(struct net *net, size_t bytes)
{
	struct net_held *held = &net->held;
	struct vq_chain *chain = &held->chain[held->first++];

	held->piece_first += chain->writable;
	held->bytes -= chain->write_bytes;
	vq_push(&net->dev.queue[NET_RX].vq, chain, (uint32_t)bytes);
	if (held->first == held->end)
		net_held_drop(held);
}

/* Whom a frame that lies in the driver's room is for. */
static void address(struct net *net, uint8_t to[NET_MAC_BYTES])
{
	struct os_iov *piece;
	uint32_t count;

	piece = net_pieces(net, &count);
	memset(to, 0, NET_MAC_BYTES);
	os_iov_get(piece, count, sizeof(struct virtio_net_hdr), to,
		   NET_MAC_BYTES);
}

/* The room of one that is not is used for the next. */
static bool wanted(struct net *net, const uint8_t *to)
{
	bool is = net_filter_wants(&net->filter, to);

	virtio_count(&net->count.rx_unwanted, !is);
	return is;
}

void net_lost(struct net *net)
{
	virtio_count(&net->count.rx_dropped, 1);
}

/* What lies in the driver's room is a frame for it. */
static void fill(struct net *net, size_t bytes)
{
	struct net_held *held = &net->held;
	uint32_t first = held->first, count = 0;
	size_t left = bytes, part;
	uint16_t buffers;

	if (bytes > space(net)) {
		net_lost(net);
		return;
	}
	for (; left; left -= part, count++) {
		part = held->chain[first + count].write_bytes;
		part = left < part ? left : part;
	}
	/* 5.1.6.4.1: also 1 without mergeable buffers. */
	buffers = (uint16_t)count;
	os_iov_put(held->chain[first].iov, held->chain[first].writable,
		   offsetof(struct virtio_net_hdr, num_buffers), &buffers,
		   sizeof(buffers));
	virtio_count(&net->count.rx_frames, 1);
	virtio_count(&net->count.rx_bytes,
		     bytes - sizeof(struct virtio_net_hdr));
	for (; bytes; bytes -= part) {
		part = held->chain[held->first].write_bytes;
		part = bytes < part ? bytes : part;
		give_back(net, part);
	}
}

void net_filled(struct net *net, size_t bytes)
{
	uint8_t to[NET_MAC_BYTES];

	address(net, to);
	if (wanted(net, to))
		fill(net, bytes);
}

void net_receive(struct net *net, const struct virtio_net_hdr *header,
		 const void *frame, size_t bytes)
{
	struct os_iov *piece;
	uint32_t count;

	if (!wanted(net, frame))
		return;
	if (bytes + sizeof(*header) > space(net)) {
		net_lost(net);
		return;
	}
	piece = net_pieces(net, &count);
	os_iov_put(piece, count, 0, header, sizeof(*header));
	os_iov_put(piece, count, sizeof(*header), frame, bytes);
	fill(net, bytes + sizeof(*header));
}
