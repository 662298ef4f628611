// SPDX-License-Identifier: GPL-2.0-only
/* fake_guest.c - the driver's side of a virtqueue, a model for tests. */
#include <stdlib.h>
#include <string.h>

#include "fake_guest.h"

#define load(at)	__atomic_load_n(at, __ATOMIC_ACQUIRE)
#define store(at, to)	__atomic_store_n(at, to, __ATOMIC_RELEASE)

static void *area(const struct virtio_memory *mem, uint64_t gpa, uint32_t bytes)
{
	void *at = virtio_memory_at(mem, gpa, bytes);

	if (!at)
		abort();
	memset(at, 0, bytes);
	return at;
}

void fake_guest_init(struct fake_queue *q, const struct virtio_memory *mem,
		     uint64_t gpa, uint16_t size, uint64_t features)
{
	uint32_t driver, device;
	uint16_t i;

	memset(q, 0, sizeof(*q));
	q->packed = features & VIRTIO_F_RING_PACKED;
	q->event_idx = features & VIRTIO_F_EVENT_IDX;
	q->size = size;
	q->free = size;
	q->ids_free = size;
	q->avail_wrap = true;
	q->used_wrap = true;
	driver = q->packed ? 4 : 6 + 2u * size;
	device = q->packed ? 4 : 6 + 8u * size;
	q->desc_gpa = gpa;
	q->driver_gpa = gpa + 16ull * size;
	q->device_gpa = (q->driver_gpa + driver + 3) & ~3ull;
	q->end_gpa = (q->device_gpa + device + 15) & ~15ull;
	q->desc = area(mem, q->desc_gpa, 16u * size);
	q->driver = area(mem, q->driver_gpa, driver);
	q->device = area(mem, q->device_gpa, device);
	for (i = 0; i < size; i++) {
		q->ids[i] = i;
		if (!q->packed)
			((struct virtq_desc *)q->desc)[i].next = i + 1;
	}
}

/* ---- split --------------------------------------------------------------- */

static int split_add(struct fake_queue *q, const struct fake_buffer *buf,
		     uint16_t count, uint16_t flags)
{
	struct virtq_desc *table = q->desc, *desc = NULL;
	struct virtq_avail *avail = q->driver;
	uint16_t head = q->next_free, i, at = head;

	for (i = 0; i < count; i++) {
		desc = &table[at];
		desc->addr = buf[i].gpa;
		desc->len = buf[i].bytes;
		desc->flags = (uint16_t)(flags | VIRTQ_DESC_F_NEXT |
					 (buf[i].write ? VIRTQ_DESC_F_WRITE :
					  0));
		at = desc->next;
	}
	desc->flags &= (uint16_t)~VIRTQ_DESC_F_NEXT;
	q->next_free = at;
	q->free -= count;
	q->slots[head] = count;
	__atomic_store_n(&avail->ring[q->avail % q->size], head,
			 __ATOMIC_RELAXED);
	store(&avail->idx, ++q->avail);
	return head;
}

static bool split_must_kick(struct fake_queue *q)
{
	struct virtq_used *used = q->device;
	uint16_t event = load((uint16_t *)&used->ring[q->size]);
	uint16_t old = q->kicked;

	q->kicked = q->avail;
	if (!q->event_idx)
		return !(load(&used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	/* 2.7.10: is the event among [old, avail)? */
	return (uint16_t)(event - old) < (uint16_t)(q->avail - old);
}

static int split_get(struct fake_queue *q, uint32_t *len)
{
	struct virtq_desc *table = q->desc;
	struct virtq_used *used = q->device;
	uint16_t head, last, i;

	if (load(&used->idx) == q->used)
		return -1;
	head = (uint16_t)used->ring[q->used % q->size].id;
	*len = used->ring[q->used % q->size].len;
	for (last = head, i = 1; i < q->slots[head]; i++)
		last = table[last].next;
	table[last].next = q->next_free;
	q->next_free = head;
	q->free += q->slots[head];
	q->used++;
	return head;
}

/* ---- packed -------------------------------------------------------------- */

static uint16_t packed_flags(const struct fake_queue *q)
{
	return q->avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

static int packed_add(struct fake_queue *q, const struct fake_buffer *buf,
		      uint16_t count, uint16_t flags)
{
	struct pvirtq_desc *ring = q->desc, *head = &ring[q->avail];
	uint16_t id = q->ids[--q->ids_free], i, head_flags = 0, f;

	for (i = 0; i < count; i++) {
		ring[q->avail].addr = buf[i].gpa;
		ring[q->avail].len = buf[i].bytes;
		ring[q->avail].id = id;
		f = (uint16_t)(flags | packed_flags(q) |
			       (buf[i].write ? VIRTQ_DESC_F_WRITE : 0) |
			       (i + 1 < count ? VIRTQ_DESC_F_NEXT : 0));
		if (i)
			store(&ring[q->avail].flags, f);
		else
			head_flags = f;
		if (++q->avail == q->size) {
			q->avail = 0;
			q->avail_wrap = !q->avail_wrap;
		}
	}
	q->free -= count;
	q->added += count;
	q->slots[id] = count;
	store(&head->flags, head_flags);
	return id;
}

static bool packed_must_kick(struct fake_queue *q)
{
	uint32_t word = load((uint32_t *)q->device);
	uint16_t old = q->added, off = PVIRTQ_EVENT_OFF(word);
	int event = off, new = q->avail;

	q->added = 0;
	if (PVIRTQ_EVENT_FLAGS(word) != RING_EVENT_FLAGS_DESC)
		return PVIRTQ_EVENT_FLAGS(word) == RING_EVENT_FLAGS_ENABLE;
	/* 2.8.21.3.1: is the event among the last old entries? */
	if (PVIRTQ_EVENT_WRAP(word) != q->avail_wrap)
		event -= q->size;
	return event < new && event >= new - old;
}

static int packed_get(struct fake_queue *q, uint32_t *len)
{
	struct pvirtq_desc *desc = (struct pvirtq_desc *)q->desc + q->used;
	uint16_t flags = load(&desc->flags), id;

	if (!!(flags & VIRTQ_DESC_F_AVAIL) != q->used_wrap ||
	    !!(flags & VIRTQ_DESC_F_USED) != q->used_wrap)
		return -1;
	id = desc->id;
	*len = flags & VIRTQ_DESC_F_WRITE ? desc->len : 0;
	q->used += q->slots[id];
	if (q->used >= q->size) {
		q->used -= q->size;
		q->used_wrap = !q->used_wrap;
	}
	q->free += q->slots[id];
	q->ids[q->ids_free++] = id;
	return id;
}

/* ---- both ---------------------------------------------------------------- */

static int add(struct fake_queue *q, const struct fake_buffer *buf,
	       uint16_t count, uint16_t flags)
{
	if (count > q->free)
		return -1;
	return q->packed ? packed_add(q, buf, count, flags) :
	       split_add(q, buf, count, flags);
}

int fake_guest_add(struct fake_queue *q, const struct fake_buffer *buf,
		   uint16_t count)
{
	return add(q, buf, count, 0);
}

int fake_guest_add_indirect(struct fake_queue *q,
			    const struct virtio_memory *mem,
			    uint64_t table_gpa, const struct fake_buffer *buf,
			    uint16_t count)
{
	struct fake_buffer outer = { table_gpa, 16u * count, false };
	struct virtq_desc *split = virtio_memory_at(mem, table_gpa,
						    16u * count);
	struct pvirtq_desc *packed = (struct pvirtq_desc *)split;
	uint16_t i, write;

	for (i = 0; i < count; i++) {
		write = buf[i].write ? VIRTQ_DESC_F_WRITE : 0;
		if (q->packed) {
			packed[i] = (struct pvirtq_desc){ buf[i].gpa,
				buf[i].bytes, 0, write };
			continue;
		}
		split[i] = (struct virtq_desc){ buf[i].gpa, buf[i].bytes,
			write, i + 1 };
		if (i + 1 < count)
			split[i].flags |= VIRTQ_DESC_F_NEXT;
	}
	return add(q, &outer, 1, VIRTQ_DESC_F_INDIRECT);
}

bool fake_guest_needs_notification(struct fake_queue *q)
{
	/* 2.7.13.4.1, 2.8.21.3.1: available, then look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->packed ? packed_must_kick(q) : split_must_kick(q);
}

int fake_guest_get(struct fake_queue *q, uint32_t *len)
{
	return q->packed ? packed_get(q, len) : split_get(q, len);
}

void fake_guest_disable_notification(struct fake_queue *q)
{
	struct virtq_avail *avail = q->driver;

	if (q->packed)
		store((uint32_t *)q->driver,
		      PVIRTQ_EVENT(0, 0, RING_EVENT_FLAGS_DISABLE));
	else if (!q->event_idx)
		store(&avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
	/* 2.7.7.1: an event that was passed is enough. */
}

static bool has_used(struct fake_queue *q)
{
	struct pvirtq_desc *ring = q->desc;
	struct virtq_used *used = q->device;
	uint16_t flags;

	if (!q->packed)
		return load(&used->idx) != q->used;
	flags = load(&ring[q->used].flags);
	return !!(flags & VIRTQ_DESC_F_AVAIL) == q->used_wrap &&
	       !!(flags & VIRTQ_DESC_F_USED) == q->used_wrap;
}

bool fake_guest_enable_notification(struct fake_queue *q)
{
	struct virtq_avail *avail = q->driver;

	if (q->packed) {
		store((uint32_t *)q->driver,
		      q->event_idx ?
		      PVIRTQ_EVENT(q->used, q->used_wrap,
				   RING_EVENT_FLAGS_DESC) :
		      PVIRTQ_EVENT(0, 0, RING_EVENT_FLAGS_ENABLE));
	} else {
		store(&avail->flags, 0);
		if (q->event_idx)
			store(&avail->ring[q->size], q->used);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return has_used(q);
}
