/* SPDX-License-Identifier: GPL-2.0-only */
/* virtqueue_impl.h - between virtqueue.c and the two ring formats. */
#ifndef CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H
#define CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H

#include "virtqueue.h"

/* Bytes and alignment of an area, 2.7 and 2.8.10.1. */
struct vq_area {
	uint32_t fixed, each, align;
};

struct vq_format {
	struct vq_area desc, driver, device;
	int (*pop)(struct vq *vq, struct vq_chain *chain);
	void (*push)(struct vq *vq, const struct vq_chain *chain,
		     uint32_t written);
	void (*publish)(struct vq *vq);
	/* Is the driver to be interrupted for what is now published? */
	bool (*needs_notification)(struct vq *vq);
	void (*disable_notification)(struct vq *vq);
	void (*enable_notification)(struct vq *vq);
	bool (*has_available)(struct vq *vq);
};

extern const struct vq_format vq_split, vq_packed;

/* Where a descriptor stands, for reasons. */
struct vq_place {
	const char *table;	/* "descriptor" or "indirect descriptor" */
	uint32_t index;
};

/* vq_add - one more element of a chain, checked and translated. */
int vq_add(struct vq *vq, struct vq_chain *chain,
	   const struct vq_place *at, uint64_t gpa, uint32_t bytes,
	   bool write);

/*
 * vq_table - the indirect table that a descriptor means, and how many
 * descriptors it has; NULL when broken.
 */
const void *vq_table(struct vq *vq, struct vq_place at,
		     uint64_t gpa, uint32_t bytes, uint32_t *entries);

/* vq_ahead - how far position a is ahead of b. */
static inline uint32_t vq_ahead(const struct vq *vq, uint32_t a,
				uint32_t b)
{
	return a >= b ? a - b : a + vq->modulus - b;
}

/* vq_step - the position n entries behind a; n <= modulus. */
static inline uint32_t vq_step(const struct vq *vq, uint32_t a,
			       uint32_t n)
{
	return a + n < vq->modulus ? a + n : a + n - vq->modulus;
}

/*
 * vq_need_event - did publishing go past the driver's event?  2.7.7.2: the
 * entry the driver waits for is among those it has not been asked about.
 */
static inline bool vq_need_event(const struct vq *vq, uint32_t event)
{
	return vq_ahead(vq, event, vq->signalled) <
	       vq_ahead(vq, vq->published, vq->signalled);
}

/*
 * A driver's word, read exactly once: volatile keeps the compiler from
 * reading again what it believes to know.  An indirect table may be unaligned.
 */
typedef uint64_t __attribute__((aligned(1), may_alias)) vq_unaligned64;

static inline uint64_t vq_read_once(const void *at)
{
	return *(const volatile vq_unaligned64 *)at;
}

#endif /* CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H */
