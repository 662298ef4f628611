/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites_cache.h - the table of sites of a kernel that was looked through
 * before: decoding all of its text is half of what adapting takes.
 *
 * By content: of the whole unpacked kernel, of the platform object, and of the
 * sources of this program that judge.  An entry that is not whole, or that
 * another user could have written, is none.
 */
#ifndef CVM_KERNEL_SITES_CACHE_H
#define CVM_KERNEL_SITES_CACHE_H

#include <stdint.h>

#include <cvm/object.h>

#include "image.h"
#include "link.h"

struct sites_key {
	uint64_t word[2];
};

void sites_key(struct sites_key *key, const struct image *image,
	       const struct object *object);

/* sites_cache_read - rows of them, malloc()ed; NULL: look through it. */
struct cvm_site *sites_cache_read(const struct sites_key *key,
				  const struct image *image, uint32_t *rows);
void sites_cache_write(const struct sites_key *key,
		       const struct cvm_site *table, uint32_t rows);

#endif /* CVM_KERNEL_SITES_CACHE_H */
