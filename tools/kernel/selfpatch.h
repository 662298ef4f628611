/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selfpatch.h - the places where a kernel changes its own instructions, from
 * the tables that it has for that.
 */
#ifndef CVM_KERNEL_SELFPATCH_H
#define CVM_KERNEL_SELFPATCH_H

#include <stdint.h>

#include "os/problem.h"

#include "image.h"

enum selfpatch_kind {
#define SELFPATCH(name, words, section, begin, end, entry, bytes) \
	SELFPATCH_##name,
#include "kernel/selfpatch.def"
	SELFPATCH_KINDS
};

struct selfpatch {
	uint64_t gva;
	uint32_t bytes;		/* that may be changed */
	uint8_t kind;		/* enum selfpatch_kind */
	uint8_t other_bytes;	/* of other: SELFPATCH_ALTERNATIVE */
	uint16_t feature;	/* X86_FEATURE_* that decides, as well */
	uint64_t other;		/* replacement, or where a jump label goes */
	uint64_t entry;		/* of the table */
};

struct selfpatches {
	struct selfpatch *list;	/* in the order of the tables */
	size_t count;
	uint32_t counts[SELFPATCH_KINDS];
};

/*
 * selfpatch_read - the tables whose bits (1 << SELFPATCH_...) are set.  -1 with
 * a problem: one is damaged or of a form that nobody knows.  selfpatch_free()
 * in every case.
 */
int selfpatch_read(struct selfpatches *all, const struct image *image,
		   uint32_t kinds, struct problem *problem);
void selfpatch_free(struct selfpatches *all);

const char *selfpatch_words(enum selfpatch_kind kind);

#endif /* CVM_KERNEL_SELFPATCH_H */
