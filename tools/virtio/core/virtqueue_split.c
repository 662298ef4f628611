// SPDX-License-Identifier: GPL-2.0-only
/* virtqueue_split.c - VIRTIO 1.2, 2.7 "Split Virtqueues". */
#include "virtqueue_impl.h"

/* A descriptor, read in two halves, each once. */
static struct virtq_desc read_desc(const void *table, uint32_t index)
{
	const uint8_t *at = (const uint8_t *)table +
			    index * sizeof(struct virtq_desc);
	uint64_t rest = vq_read_once(at + 8);

	return (struct virtq_desc){
		.addr = vq_read_once(at),
		.len = (uint32_t)rest,
		.flags = (uint16_t)(rest >> 32),
		.next = (uint16_t)(rest >> 48),
	};
}

/* Descriptors linked in one table; *outer: the one that is indirect, if any. */
static int walk(struct vq *vq, struct vq_chain *chain,
		const void *table, uint32_t entries,
		struct vq_place at, struct virtq_desc *outer)
{
	struct virtq_desc desc;
	uint32_t seen;

	/* A chain that is longer than its table has a loop (2.7.5.2). */
	for (seen = 0; seen < entries; seen++) {
		if (at.index >= entries)
			return vq_break(vq, "%s %u of a table of %u",
					at.table, at.index, entries);
		desc = read_desc(table, at.index);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			/* 2.7.5.3.1: one table a chain, and its last part */
			if (!outer || (desc.flags & VIRTQ_DESC_F_NEXT))
				return vq_break(vq, "%s %u: indirect, in a "
						"table or before a next "
						"descriptor", at.table,
						at.index);
			*outer = desc;
			return (int)at.index;
		}
		if (vq_add(vq, chain, &at, desc.addr, desc.len,
			   desc.flags & VIRTQ_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		at.index = desc.next;
	}
	return vq_break(vq, "%s %u: the chain does not end", at.table,
			at.index);
}

static int read_chain(struct vq *vq, struct vq_chain *chain,
		      uint32_t head)
{
	struct vq_place at = { "descriptor", head };
	struct virtq_desc outer = { 0 };
	const void *table;
	uint32_t entries;
	int ret;

	ret = walk(vq, chain, vq->desc, vq->size, at, &outer);
	if (ret < 0 || !outer.flags)
		return ret;
	at.index = (uint32_t)ret;
	table = vq_table(vq, at, outer.addr, outer.len, &entries);
	if (!table)
		return -1;
	at = (struct vq_place){ "indirect descriptor", 0 };
	return walk(vq, chain, table, entries, at, NULL);
}

/* How many chains the driver has made available and nobody has popped. */
static uint32_t ahead(const struct vq *vq)
{
	const struct virtq_avail *avail = vq->driver;

	/* 2.7.13.3: entries before idx are written before idx is. */
	return vq_ahead(vq, __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE),
			vq->avail);
}

static int pop(struct vq *vq, struct vq_chain *chain)
{
	const struct virtq_avail *avail = vq->driver;
	uint32_t waiting = ahead(vq);
	uint16_t head;

	if (!waiting)
		return 0;
	/* Each takes a descriptor at least, so there are no more. */
	if (waiting + vq_in_flight(vq) > vq->size)
		return vq_break(vq, "available index %u: %u requests in a "
				"queue of %u", (uint16_t)(vq->avail + waiting),
				waiting + vq_in_flight(vq), vq->size);
	head = __atomic_load_n(&avail->ring[vq->avail & (vq->size - 1)],
			       __ATOMIC_RELAXED);
	if (head >= vq->size)
		return vq_break(vq, "available entry %u: descriptor %u of "
				"a table of %u", vq->avail, head,
				vq->size);
	if (read_chain(vq, chain, head))
		return -1;
	chain->id = head;
	chain->slots = 1;
	vq->avail = vq_step(vq, vq->avail, 1);
	return 1;
}

static void push(struct vq *vq, const struct vq_chain *chain,
		 uint32_t written)
{
	struct virtq_used *used = vq->device;
	struct virtq_used_elem *elem = &used->ring[vq->used & (vq->size - 1)];

	__atomic_store_n(&elem->id, chain->id, __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, written, __ATOMIC_RELAXED);
	vq->used = vq_step(vq, vq->used, 1);
}

static void publish(struct vq *vq)
{
	struct virtq_used *used = vq->device;

	/* 2.7.8.2: the elements and what is in the buffers before idx. */
	__atomic_store_n(&used->idx, (uint16_t)vq->used, __ATOMIC_RELEASE);
	vq->published = vq->used;
}

static bool needs_notification(struct vq *vq)
{
	const struct virtq_avail *avail = vq->driver;

	/* 2.7.7.2: used_event behind the ring, or the flag */
	if (vq->event_idx)
		return vq_need_event(vq, __atomic_load_n(
					&avail->ring[vq->size],
					__ATOMIC_RELAXED));
	return !(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) &
		 VIRTQ_AVAIL_F_NO_INTERRUPT);
}

/* 2.7.10: an avail_event that was passed asks for no doorbell again. */
static void disable_notification(struct vq *vq)
{
	struct virtq_used *used = vq->device;

	if (!vq->event_idx)
		__atomic_store_n(&used->flags, VIRTQ_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
}

static void enable_notification(struct vq *vq)
{
	struct virtq_used *used = vq->device;
	uint16_t *avail_event = (uint16_t *)&used->ring[vq->size];

	if (vq->event_idx)
		__atomic_store_n(avail_event, (uint16_t)vq->avail,
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&used->flags, 0, __ATOMIC_RELAXED);
}

static bool has_available(struct vq *vq)
{
	return ahead(vq) != 0;
}

const struct vq_format vq_split = {
	.desc = { 0, sizeof(struct virtq_desc), 16 },
	.driver = { 6, sizeof(uint16_t), 2 },
	.device = { 6, sizeof(struct virtq_used_elem), 4 },
	.pop = pop,
	.push = push,
	.publish = publish,
	.needs_notification = needs_notification,
	.disable_notification = disable_notification,
	.enable_notification = enable_notification,
	.has_available = has_available,
};
