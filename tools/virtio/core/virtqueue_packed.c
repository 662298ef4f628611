// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtqueue_packed.c - VIRTIO 1.2, 2.8 "Packed Virtqueues".
 *
 * A position counts entries over two turns of the ring, 0 .. 2 * size - 1:
 * the entry is position % size, the wrap counter (2.8.1) is 1 in the first
 * turn and 0 in the second.
 */
#include "virtqueue_impl.h"

static struct pvirtq_desc *entry(const struct vq *vq, uint32_t position)
{
	struct pvirtq_desc *ring = vq->desc;

	return &ring[position < vq->size ? position : position - vq->size];
}

static bool wrap(const struct vq *vq, uint32_t position)
{
	return position < vq->size;
}

/* 2.8.1: available when AVAIL matches the wrap counter and USED does not. */
static bool available(const struct vq *vq, uint32_t position,
		      uint16_t flags)
{
	bool turn = wrap(vq, position);

	return !!(flags & VIRTQ_DESC_F_AVAIL) == turn &&
	       !!(flags & VIRTQ_DESC_F_USED) != turn;
}

/* Acquire: the rest of the descriptor was written before its flags. */
static uint16_t read_flags(const struct vq *vq, uint32_t position)
{
	return __atomic_load_n(&entry(vq, position)->flags, __ATOMIC_ACQUIRE);
}

/* 2.8.7: one table, its descriptors in order, WRITE their only flag. */
static int read_table(struct vq *vq, struct vq_chain *chain,
		      struct vq_place at, uint64_t gpa, uint32_t bytes)
{
	const uint8_t *table;
	uint32_t entries;
	uint64_t rest;

	table = vq_table(vq, at, gpa, bytes, &entries);
	if (!table)
		return -1;
	at = (struct vq_place){ "indirect descriptor", 0 };
	for (; at.index < entries; at.index++, table += 16) {
		rest = vq_read_once(table + 8);
		if (vq_add(vq, chain, &at, vq_read_once(table),
			   (uint32_t)rest,
			   rest >> 48 & VIRTQ_DESC_F_WRITE))
			return -1;
	}
	return 0;
}

/* One descriptor of a list, whose flags were read. */
static int read_desc(struct vq *vq, struct vq_chain *chain,
		     uint32_t position, uint16_t flags)
{
	const struct pvirtq_desc *desc = entry(vq, position);
	struct vq_place at = { "descriptor",
				   position % vq->size };
	uint64_t gpa = __atomic_load_n(&desc->addr, __ATOMIC_RELAXED);
	uint32_t bytes = __atomic_load_n(&desc->len, __ATOMIC_RELAXED);

	/* 2.8.6: the id counts in the last descriptor of a list. */
	chain->id = __atomic_load_n(&desc->id, __ATOMIC_RELAXED);
	if (!(flags & VIRTQ_DESC_F_INDIRECT))
		return vq_add(vq, chain, &at, gpa, bytes,
			      flags & VIRTQ_DESC_F_WRITE);
	/* 2.8.19: not in a list */
	if (chain->slots > 1 || (flags & VIRTQ_DESC_F_NEXT))
		return vq_break(vq, "%s %u: indirect, in a list",
				at.table, at.index);
	return read_table(vq, chain, at, gpa, bytes);
}

static int pop(struct vq *vq, struct vq_chain *chain)
{
	uint32_t position = vq->avail;
	uint16_t flags = read_flags(vq, position);

	if (!available(vq, position, flags))
		return 0;
	for (chain->slots = 0;; flags = read_flags(vq, position)) {
		/* 2.8.17: no list is longer than what is free. */
		if (vq_in_flight(vq) + chain->slots >= vq->size)
			return vq_break(vq, "descriptor %u is available "
					"while it is in use",
					position % vq->size);
		if (!available(vq, position, flags))
			return vq_break(vq, "descriptor %u continues a "
					"list but is not available",
					position % vq->size);
		chain->slots++;
		if (read_desc(vq, chain, position, flags))
			return -1;
		position = vq_step(vq, position, 1);
		if (!(flags & VIRTQ_DESC_F_NEXT))
			break;
	}
	vq->avail = position;
	return 1;
}

static void push(struct vq *vq, const struct vq_chain *chain,
		 uint32_t written)
{
	struct pvirtq_desc *desc = entry(vq, vq->used);
	uint16_t flags = 0;

	/* 2.8.1: used when both bits match the device's wrap counter. */
	if (wrap(vq, vq->used))
		flags = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
	/* 2.8.3: only with WRITE the length means something. */
	if (written)
		flags |= VIRTQ_DESC_F_WRITE;
	__atomic_store_n(&desc->id, chain->id, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, written, __ATOMIC_RELAXED);
	/* The driver goes in order: behind the first it looks at none. */
	if (vq->used == vq->published)
		vq->first_flags = flags;
	else
		__atomic_store_n(&desc->flags, flags, __ATOMIC_RELEASE);
	vq->used = vq_step(vq, vq->used, chain->slots);
}

static void publish(struct vq *vq)
{
	/* 2.8.15: not touched any more after its flags. */
	__atomic_store_n(&entry(vq, vq->published)->flags, vq->first_flags,
			 __ATOMIC_RELEASE);
	vq->published = vq->used;
}

static bool needs_notification(struct vq *vq)
{
	const uint32_t *event = vq->driver;
	uint32_t word = __atomic_load_n(event, __ATOMIC_ACQUIRE);
	uint32_t off = PVIRTQ_EVENT_OFF(word);

	/* 2.8.10; an offset outside the ring waits for anything. */
	switch (PVIRTQ_EVENT_FLAGS(word)) {
	case RING_EVENT_FLAGS_DISABLE:
		return false;
	case RING_EVENT_FLAGS_DESC:
		if (!vq->event_idx || off >= vq->size)
			return true;
		return vq_need_event(vq, PVIRTQ_EVENT_WRAP(word) ? off :
				     off + vq->size);
	default:
		return true;
	}
}

static void disable_notification(struct vq *vq)
{
	uint32_t *event = vq->device;

	__atomic_store_n(event, PVIRTQ_EVENT(0, 0, RING_EVENT_FLAGS_DISABLE),
			 __ATOMIC_RELAXED);
}

static void enable_notification(struct vq *vq)
{
	uint32_t *event = vq->device;
	uint32_t word = PVIRTQ_EVENT(0, 0, RING_EVENT_FLAGS_ENABLE);

	if (vq->event_idx)
		word = PVIRTQ_EVENT(vq->avail % vq->size,
				    wrap(vq, vq->avail), RING_EVENT_FLAGS_DESC);
	__atomic_store_n(event, word, __ATOMIC_RELAXED);
}

static bool has_available(struct vq *vq)
{
	return available(vq, vq->avail, read_flags(vq, vq->avail));
}

const struct vq_format vq_packed = {
	.desc = { 0, sizeof(struct pvirtq_desc), 16 },
	.driver = { 4, 0, 4 },
	.device = { 4, 0, 4 },
	.pop = pop,
	.push = push,
	.publish = publish,
	.needs_notification = needs_notification,
	.disable_notification = disable_notification,
	.enable_notification = enable_notification,
	.has_available = has_available,
};
