/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hook_text.h - code that hooks need: ways to what they replace.
 *
 * Such a way only moves instructions.  What returns is the object's own, whose
 * returns the kernel's start patches with those of the kernel: an unpatched one
 * is warned of.
 */
#ifndef CVM_KERNEL_HOOK_TEXT_H
#define CVM_KERNEL_HOOK_TEXT_H

#include "hooks.h"

#define HOOK_TEXT_MAX	96u	/* bytes of one hook */

struct hook_function {
	const char *name;
	uint64_t gva;
	const uint8_t *code;
	uint32_t bytes;
	uint32_t skip;		/* of an endbr64 */
	uint32_t moved;		/* hook_text_move(): bytes behind that */
};

/* All -1 with a problem.  *to is where it was put. */
int hook_text_move(struct hook_text *text, const struct image *image,
		   struct hook_function *f, uint64_t *to,
		   struct problem *problem);

/*
 * hook_text_branches - how many calls of and jumps to target there are in code
 * that runs at gva; *at is the last one's.
 */
uint32_t hook_text_branches(const uint8_t *code, uint32_t bytes, uint64_t gva,
			    uint64_t target, uint64_t *at);

#endif /* CVM_KERNEL_HOOK_TEXT_H */
