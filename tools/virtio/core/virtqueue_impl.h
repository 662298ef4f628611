/* SPDX-License-Identifier: GPL-2.0-only */
/* virtqueue_impl.h - between virtqueue.c and the two ring formats. */
#ifndef CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H
#define CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H

#include "virtqueue.h"

/* Bytes and alignment of an area, 2.7 and 2.8.10.1. */
struct cvm_vq_area {
	uint32_t fixed, each, align;
};

struct cvm_vq_format {
	struct cvm_vq_area desc, driver, device;
	int (*pop)(struct cvm_vq *vq, struct cvm_chain *chain);
	void (*push)(struct cvm_vq *vq, const struct cvm_chain *chain,
		     uint32_t written);
	void (*publish)(struct cvm_vq *vq);
	/* Is the driver to be interrupted for what is now published? */
	bool (*wanted)(struct cvm_vq *vq);
	void (*quiet)(struct cvm_vq *vq);
	void (*listen)(struct cvm_vq *vq);
	bool (*waiting)(struct cvm_vq *vq);
};

extern const struct cvm_vq_format cvm_vq_split, cvm_vq_packed;

/* Where a descriptor stands, for reasons. */
struct cvm_vq_place {
	const char *table;	/* "descriptor" or "indirect descriptor" */
	uint32_t index;
};

/* cvm_vq_add - one more element of a chain, checked and translated. */
int cvm_vq_add(struct cvm_vq *vq, struct cvm_chain *chain,
	       const struct cvm_vq_place *at, uint64_t gpa, uint32_t bytes,
	       bool write);

/*
 * cvm_vq_table - the indirect table that a descriptor means, and how many
 * descriptors it has; NULL when broken.
 */
const void *cvm_vq_table(struct cvm_vq *vq, struct cvm_vq_place at,
			 uint64_t gpa, uint32_t bytes, uint32_t *entries);

/* cvm_vq_ahead - how far position a is ahead of b. */
static inline uint32_t cvm_vq_ahead(const struct cvm_vq *vq, uint32_t a,
				    uint32_t b)
{
	return a >= b ? a - b : a + vq->modulus - b;
}

/* cvm_vq_step - the position n entries behind a; n <= modulus. */
static inline uint32_t cvm_vq_step(const struct cvm_vq *vq, uint32_t a,
				   uint32_t n)
{
	return a + n < vq->modulus ? a + n : a + n - vq->modulus;
}

/*
 * cvm_vq_passed - did publishing go past the driver's event?  2.7.7.2: the
 * entry the driver waits for is among those it has not been asked about.
 */
static inline bool cvm_vq_passed(const struct cvm_vq *vq, uint32_t event)
{
	return cvm_vq_ahead(vq, event, vq->signalled) <
	       cvm_vq_ahead(vq, vq->published, vq->signalled);
}

/*
 * A driver's word, read exactly once: volatile keeps the compiler from
 * reading again what it believes to know.  An indirect table may be unaligned.
 */
typedef uint64_t __attribute__((aligned(1), may_alias)) cvm_unaligned64;

static inline uint64_t cvm_read_once(const void *at)
{
	return *(const volatile cvm_unaligned64 *)at;
}

#endif /* CVM_VIRTIO_CORE_VIRTQUEUE_IMPL_H */
