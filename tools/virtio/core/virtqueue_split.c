// SPDX-License-Identifier: GPL-2.0-only
/* virtqueue_split.c - VIRTIO 1.2, 2.7 "Split Virtqueues". */
#include "virtqueue_impl.h"

/* A descriptor, read in two halves, each once. */
static struct virtq_desc read_desc(const void *table, uint32_t index)
{
	const uint8_t *at = (const uint8_t *)table +
			    index * sizeof(struct virtq_desc);
	uint64_t rest = cvm_read_once(at + 8);

	return (struct virtq_desc){
		.addr = cvm_read_once(at),
		.len = (uint32_t)rest,
		.flags = (uint16_t)(rest >> 32),
		.next = (uint16_t)(rest >> 48),
	};
}

/* Descriptors linked in one table; *outer: the one that is indirect, if any. */
static int walk(struct cvm_vq *vq, struct cvm_chain *chain,
		const void *table, uint32_t entries,
		struct cvm_vq_place at, struct virtq_desc *outer)
{
	struct virtq_desc desc;
	uint32_t seen;

	/* A chain that is longer than its table has a loop (2.7.5.2). */
	for (seen = 0; seen < entries; seen++) {
		if (at.index >= entries)
			return cvm_vq_break(vq, "%s %u of a table of %u",
					    at.table, at.index, entries);
		desc = read_desc(table, at.index);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			/* 2.7.5.3.1: one table a chain, and its last part */
			if (!outer || (desc.flags & VIRTQ_DESC_F_NEXT))
				return cvm_vq_break(vq, "%s %u: indirect, in a "
						    "table or before a next "
						    "descriptor", at.table,
						    at.index);
			*outer = desc;
			return (int)at.index;
		}
		if (cvm_vq_add(vq, chain, &at, desc.addr, desc.len,
			       desc.flags & VIRTQ_DESC_F_WRITE))
			return -1;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		at.index = desc.next;
	}
	return cvm_vq_break(vq, "%s %u: the chain does not end", at.table,
			    at.index);
}

static int read_chain(struct cvm_vq *vq, struct cvm_chain *chain,
		      uint32_t head)
{
	struct cvm_vq_place at = { "descriptor", head };
	struct virtq_desc outer = { 0 };
	const void *table;
	uint32_t entries;
	int ret;

	ret = walk(vq, chain, vq->desc, vq->size, at, &outer);
	if (ret < 0 || !outer.flags)
		return ret;
	at.index = (uint32_t)ret;
	table = cvm_vq_table(vq, at, outer.addr, outer.len, &entries);
	if (!table)
		return -1;
	at = (struct cvm_vq_place){ "indirect descriptor", 0 };
	return walk(vq, chain, table, entries, at, NULL);
}

/* How many chains the driver has made available and nobody has popped. */
static uint32_t ahead(const struct cvm_vq *vq)
{
	const struct virtq_avail *avail = vq->driver;

	/* 2.7.13.3: entries before idx are written before idx is. */
	return cvm_vq_ahead(vq, __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE),
			    vq->avail);
}

static int split_pop(struct cvm_vq *vq, struct cvm_chain *chain)
{
	const struct virtq_avail *avail = vq->driver;
	uint32_t waiting = ahead(vq);
	uint16_t head;

	if (!waiting)
		return 0;
	/* Each takes a descriptor at least, so there are no more. */
	if (waiting + cvm_vq_in_flight(vq) > vq->size)
		return cvm_vq_break(vq, "available index %u: %u requests in a "
				    "queue of %u", (uint16_t)(vq->avail +
				    waiting), waiting + cvm_vq_in_flight(vq),
				    vq->size);
	head = __atomic_load_n(&avail->ring[vq->avail & (vq->size - 1)],
			       __ATOMIC_RELAXED);
	if (head >= vq->size)
		return cvm_vq_break(vq, "available entry %u: descriptor %u of "
				    "a table of %u", vq->avail, head,
				    vq->size);
	if (read_chain(vq, chain, head))
		return -1;
	chain->id = head;
	chain->slots = 1;
	vq->avail = cvm_vq_step(vq, vq->avail, 1);
	return 1;
}

static void split_push(struct cvm_vq *vq, const struct cvm_chain *chain,
		       uint32_t written)
{
	struct virtq_used *used = vq->device;
	struct virtq_used_elem *elem = &used->ring[vq->used & (vq->size - 1)];

	__atomic_store_n(&elem->id, chain->id, __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, written, __ATOMIC_RELAXED);
	vq->used = cvm_vq_step(vq, vq->used, 1);
}

static void split_publish(struct cvm_vq *vq)
{
	struct virtq_used *used = vq->device;

	/* 2.7.8.2: the elements and what is in the buffers before idx. */
	__atomic_store_n(&used->idx, (uint16_t)vq->used, __ATOMIC_RELEASE);
	vq->published = vq->used;
}

static bool split_wanted(struct cvm_vq *vq)
{
	const struct virtq_avail *avail = vq->driver;

	/* 2.7.7.2: used_event behind the ring, or the flag */
	if (vq->event_idx)
		return cvm_vq_passed(vq, __atomic_load_n(
					&avail->ring[vq->size],
					__ATOMIC_RELAXED));
	return !(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) &
		 VIRTQ_AVAIL_F_NO_INTERRUPT);
}

/* 2.7.10: an avail_event that was passed asks for no doorbell again. */
static void split_quiet(struct cvm_vq *vq)
{
	struct virtq_used *used = vq->device;

	if (!vq->event_idx)
		__atomic_store_n(&used->flags, VIRTQ_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
}

static void split_listen(struct cvm_vq *vq)
{
	struct virtq_used *used = vq->device;
	uint16_t *avail_event = (uint16_t *)&used->ring[vq->size];

	if (vq->event_idx)
		__atomic_store_n(avail_event, (uint16_t)vq->avail,
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&used->flags, 0, __ATOMIC_RELAXED);
}

static bool split_waiting(struct cvm_vq *vq)
{
	return ahead(vq) != 0;
}

const struct cvm_vq_format cvm_vq_split = {
	.desc = { 0, sizeof(struct virtq_desc), 16 },
	.driver = { 6, sizeof(uint16_t), 2 },
	.device = { 6, sizeof(struct virtq_used_elem), 4 },
	.pop = split_pop,
	.push = split_push,
	.publish = split_publish,
	.wanted = split_wanted,
	.quiet = split_quiet,
	.listen = split_listen,
	.waiting = split_waiting,
};
