// SPDX-License-Identifier: GPL-2.0-only
/* virtqueue.c - what both ring formats share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cvm/error.h>

#include "virtqueue_impl.h"

int vq_break(struct vq *vq, const char *fmt, ...)
{
	va_list args;

	if (!vq->broken) {
		va_start(args, fmt);
		vsnprintf(vq->reason, sizeof(vq->reason), fmt, args);
		va_end(args);
	}
	vq->broken = true;
	return -1;
}

static void *area(struct vq *vq, const char *name, uint64_t gpa,
		  const struct vq_area *shape)
{
	uint32_t bytes = shape->fixed + shape->each * vq->size;
	void *at;

	if (gpa % shape->align) {
		vq_break(vq, "the %s area at 0x%llx is not aligned to %u "
			 "bytes", name, (unsigned long long)gpa,
			 shape->align);
		return NULL;
	}
	at = virtio_memory_at(vq->mem, gpa, bytes);
	if (!at)
		vq_break(vq, "the %s area, %u bytes at 0x%llx, is not "
			 "guest memory", name, bytes,
			 (unsigned long long)gpa);
	return at;
}

static int start(struct vq *vq, const struct vq_config *config)
{
	const struct vq_format *format = vq->format;

	/* 2.7: a power of 2; 2.8: any, up to 2^15. */
	if (!vq->size || vq->size > VIRTQ_SIZE_MAX ||
	    (format == &vq_split && (vq->size & (vq->size - 1))))
		return vq_break(vq, "a %s queue cannot have %u entries",
				format == &vq_split ? "split" :
				"packed", vq->size);
	vq->desc = area(vq, "descriptor", config->desc_gpa, &format->desc);
	vq->driver = area(vq, "driver", config->driver_gpa, &format->driver);
	vq->device = area(vq, "device", config->device_gpa, &format->device);
	return vq->broken ? -1 : 0;
}

int vq_start(struct vq *vq, const struct vq_config *config)
{
	bool packed = config->features & VIRTIO_F_RING_PACKED;

	memset(vq, 0, sizeof(*vq));
	vq->format = packed ? &vq_packed : &vq_split;
	vq->mem = config->mem;
	vq->size = config->size;
	vq->chain_max = config->chain_max;
	vq->modulus = packed ? 2u * config->size : 0x10000u;
	vq->event_idx = config->features & VIRTIO_F_EVENT_IDX;
	vq->indirect = config->features & VIRTIO_F_INDIRECT_DESC;
	return start(vq, config) ? -CVM_EINVAL : 0;
}

static int append(struct vq *vq, struct vq_chain *chain,
		  const struct vq_place *at, void *hva, uint64_t bytes,
		  bool write)
{
	uint32_t count = chain->readable + chain->writable;
	struct os_iov *last = count ? &chain->iov[count - 1] : NULL;

	/* Neighbours become one piece, within each of the two parts. */
	if (last && (uint8_t *)last->base + last->bytes == hva &&
	    (write ? chain->writable : chain->readable)) {
		last->bytes += bytes;
		return 0;
	}
	if (count == chain->space)
		return vq_break(vq, "%s %u: a request of more than %u "
				"pieces", at->table, at->index,
				chain->space);
	chain->iov[count] = (struct os_iov){ hva, bytes };
	if (write)
		chain->writable++;
	else
		chain->readable++;
	return 0;
}

/* Descriptors lie in the same range mostly, in that of the one before. */
static uint64_t piece(struct vq *vq, uint64_t gpa, uint64_t bytes,
		      void **hva)
{
	if (!vq->recent || !virtio_range_has(vq->recent, gpa))
		vq->recent = virtio_memory_find(vq->mem, gpa);
	return vq->recent ? virtio_range_piece(vq->recent, gpa, bytes, hva) : 0;
}

int vq_add(struct vq *vq, struct vq_chain *chain,
	   const struct vq_place *at, uint64_t gpa, uint32_t bytes,
	   bool write)
{
	uint64_t total = chain->read_bytes + chain->write_bytes + bytes;
	uint64_t part, left = bytes;
	void *hva;

	if (!bytes)
		return vq_break(vq, "%s %u has no bytes", at->table,
				at->index);
	/* 2.7.5.2, 2.8.5: at most 2^32 bytes; used lengths have 32 bits. */
	if (total > UINT32_MAX)
		return vq_break(vq, "%s %u: a request of 4 GiB and more",
				at->table, at->index);
	/* 2.7.4.2, 2.8.17 */
	if (!write && chain->writable)
		return vq_break(vq, "%s %u: a readable part behind a "
				"writable one", at->table, at->index);
	for (; left; left -= part, gpa += part) {
		part = piece(vq, gpa, left, &hva);
		if (!part)
			return vq_break(vq, "%s %u: %u bytes up to 0x%llx "
					"are not all guest memory",
					at->table, at->index, bytes,
					(unsigned long long)(gpa + left));
		if (append(vq, chain, at, hva, part, write))
			return -1;
	}
	if (write)
		chain->write_bytes += bytes;
	else
		chain->read_bytes += bytes;
	return 0;
}

const void *vq_table(struct vq *vq, struct vq_place at,
		     uint64_t gpa, uint32_t bytes, uint32_t *entries)
{
	const void *table;

	*entries = bytes / sizeof(struct virtq_desc);
	if (!vq->indirect) {
		vq_break(vq, "%s %u: indirect, which was not negotiated",
			 at.table, at.index);
		return NULL;
	}
	if (!bytes || bytes % sizeof(struct virtq_desc) ||
	    *entries > vq->chain_max) {
		vq_break(vq, "%s %u: an indirect table of %u bytes",
			 at.table, at.index, bytes);
		return NULL;
	}
	table = virtio_memory_at(vq->mem, gpa, bytes);
	if (!table)
		vq_break(vq, "%s %u: an indirect table at 0x%llx, which "
			 "is not guest memory", at.table, at.index,
			 (unsigned long long)gpa);
	return table;
}

int vq_pop(struct vq *vq, struct vq_chain *chain)
{
	if (vq->broken)
		return -1;
	chain->readable = 0;
	chain->writable = 0;
	chain->read_bytes = 0;
	chain->write_bytes = 0;
	return vq->format->pop(vq, chain);
}

void vq_push(struct vq *vq, const struct vq_chain *chain,
	     uint32_t written)
{
	vq->format->push(vq, chain, written);
}

bool vq_publish(struct vq *vq)
{
	bool needs_notification;

	if (vq->published != vq->used)
		vq->format->publish(vq);
	if (vq->signalled == vq->published)
		return false;
	/*
	 * The used entries before the look at the driver's wish: the driver
	 * wishes, then looks for entries (2.7.7.1, 2.8.22), so one of the two
	 * sees the other.  Release order alone lets the look go first.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	needs_notification = vq->format->needs_notification(vq);
	vq->signalled = vq->published;
	return needs_notification;
}

void vq_disable_notification(struct vq *vq)
{
	vq->format->disable_notification(vq);
}

bool vq_enable_notification(struct vq *vq)
{
	if (vq->broken)
		return false;
	vq->format->enable_notification(vq);
	/*
	 * The same with sides exchanged: the driver makes available, then
	 * looks whether to notify (2.7.13.4.1, 2.8.21.3.1).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vq->format->has_available(vq);
}

uint32_t vq_in_flight(const struct vq *vq)
{
	return vq_ahead(vq, vq->avail, vq->used);
}
