// SPDX-License-Identifier: GPL-2.0-only
/* audit.c - what a kernel changes by itself of what the adapter has changed. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "decode.h"

#define LOCK_PREFIX	0xf0
#define INT3		0xcc

/* The first change that ends behind gva; none overlaps another. */
static const struct image_change *change_from(const struct image_change *from,
					      size_t count, uint64_t gva)
{
	size_t low = 0, high = count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (from[middle].gva + from[middle].bytes <= gva)
			low = middle + 1;
		else
			high = middle;
	}
	return from + low;
}

/* What will be at gva. */
static uint8_t then(const struct image *image,
		    const struct image_change *change, uint64_t gva)
{
	const uint8_t *at = elf_at(&image->elf, gva, 1);

	if (gva - change->gva < change->code_bytes)
		return change->code[gva - change->gva];
	return at ? *at : 0;
}

/* An alternative writes all of it, or none: then it looks for no-ops. */
static const char *of_alternative(const struct image_change *change)
{
	return change->bytes == 1 && *change->code == INT3 ?
		"it stays, or its replacement is looked at by itself" : NULL;
}

static const char *of_ftrace(const struct selfpatch *patch,
			     const struct image_change *change)
{
	return change->mcount == patch->entry ?
		"its place in the table becomes 0, which is skipped" : NULL;
}

/*
 * call_get_dest() of arch/x86/kernel/callthunks.c decodes what is there before
 * anything is written, and warns of what is no instruction.
 */
static const char *of_call(const struct image *image,
			   const struct selfpatch *patch,
			   const struct image_change *change)
{
	uint8_t code[16];
	struct insn insn;
	size_t i;

	for (i = 0; i < sizeof(code); i++)
		code[i] = then(image, change, patch->gva + i);
	decode(code, sizeof(code), &insn);
	if (insn.class == INSN_UNKNOWN)
		return NULL;
	if (insn.flow != FLOW_CALL)
		return "it is no call then, and is left";
	return change->gva == patch->gva ?
		"still a call, of what has as much room in front" : NULL;
}

static const char *of_lock(const struct image *image,
			   const struct selfpatch *patch,
			   const struct image_change *change)
{
	return then(image, change, patch->gva) != LOCK_PREFIX ?
		"there is no such prefix then, and it is left" : NULL;
}

static void overlap(const struct image *image, struct audit_overlap *to)
{
	switch (to->patch.kind) {
	case SELFPATCH_ALTERNATIVE:
		to->reason = of_alternative(&to->change);
		break;
	case SELFPATCH_FTRACE:
		to->reason = of_ftrace(&to->patch, &to->change);
		break;
	case SELFPATCH_CALL:
		to->reason = of_call(image, &to->patch, &to->change);
		break;
	case SELFPATCH_LOCK:
		to->reason = of_lock(image, &to->patch, &to->change);
		break;
	default:
		to->reason = NULL;
		break;
	}
	to->refused = !to->reason;
	if (to->refused)
		to->reason = "would be written over it";
}

static int compare(struct audit *audit, const struct image *image,
		   const struct selfpatches *all,
		   const struct image_change *changes, size_t count)
{
	const struct image_change *change, *end = changes + count;
	struct audit_overlap *grown;
	size_t i;

	for (i = 0; i < all->count; i++) {
		change = change_from(changes, count, all->list[i].gva);
		for (; change < end && change->gva < all->list[i].gva +
		     all->list[i].bytes; change++) {
			grown = realloc(audit->list, (audit->count + 1) *
					sizeof(*grown));
			if (!grown)
				return -1;
			audit->list = grown;
			grown += audit->count++;
			*grown = (struct audit_overlap){
				.patch = all->list[i], .change = *change };
			overlap(image, grown);
			audit->refused += grown->refused;
		}
	}
	return 0;
}

int audit_image(struct audit *audit, const struct image *image,
		const struct image_change *changes, size_t count,
		struct problem *problem)
{
	struct selfpatches all;
	int ret;

	memset(audit, 0, sizeof(*audit));
	ret = selfpatch_read(&all, image, UINT32_MAX, problem);
	if (!ret) {
		memcpy(audit->looked_at, all.counts, sizeof(all.counts));
		if (compare(audit, image, &all, changes, count))
			ret = problem_set(problem, image->path, "no memory");
	}
	selfpatch_free(&all);
	return ret;
}

void audit_free(struct audit *audit)
{
	free(audit->list);
	memset(audit, 0, sizeof(*audit));
}

int audit_refusal(const struct audit *audit, const struct image *image,
		  struct problem *problem)
{
	const struct audit_overlap *row = audit->list;

	if (!audit->refused)
		return 0;
	while (!row->refused)
		row++;
	return problem_set(problem, image->path,
			   "%.80s in function %.80s: the kernel's own %s %s, "
			   "so this kernel cannot be adapted", row->change.what,
			   image_function(image, row->patch.gva),
			   selfpatch_words(row->patch.kind), row->reason);
}
