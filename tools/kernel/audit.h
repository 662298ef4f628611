/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * audit.h - does a kernel change by itself what the adapter has changed?
 *
 * Each overlap is listed with why it does no harm; one that would is refused.
 */
#ifndef CVM_KERNEL_AUDIT_H
#define CVM_KERNEL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/problem.h"

#include "image.h"
#include "selfpatch.h"

struct audit_overlap {
	struct selfpatch patch;
	struct image_change change;
	const char *reason;	/* why it does no harm, or what it would do */
	bool refused;
};

struct audit {
	struct audit_overlap *list;
	size_t count;
	size_t refused;
	uint32_t looked_at[SELFPATCH_KINDS];
};

/*
 * audit_image - changes are all ranges of text that will differ, sorted.  A
 * site's range is its whole instruction, though only the first byte differs.
 * -1 with a problem: no memory, or a damaged table.  audit_free() in every
 * case.
 */
int audit_image(struct audit *audit, const struct image *image,
		const struct image_change *changes, size_t count,
		struct problem *problem);
void audit_free(struct audit *audit);

/* audit_refusal - a problem that names the first refused one, or 0. */
int audit_refusal(const struct audit *audit, const struct image *image,
		  struct problem *problem);

#endif /* CVM_KERNEL_AUDIT_H */
