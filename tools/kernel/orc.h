/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * orc.h - the kernel's unwinder learns of the object's text.
 *
 * A kernel looks for text between _text and _etext in its own ORC tables
 * (arch/x86/kernel/unwind_orc.c of Linux), so that is where the rows of what
 * the object has in there go; of text elsewhere the object tells as a module
 * does.  The tables have no room.  But each stretch of padding has a row,
 * which nobody executes and which may as well inherit the row before it: as
 * many of these, the nearest ones, give up their places, and what stands
 * between moves along.
 */
#ifndef CVM_KERNEL_ORC_H
#define CVM_KERNEL_ORC_H

#include <stdint.h>

#include "image.h"
#include "link.h"

#define ORC_BYTES	6u	/* struct orc_entry */

struct orc_row {
	uint64_t gva;
	uint8_t entry[ORC_BYTES];
};

struct orc {
	struct orc_row *row;	/* what is to stand from first on */
	uint32_t first, count;
	const uint8_t *ip;	/* the kernel's two tables, when planned */
	const uint8_t *entry;
	uint64_t ip_gva, entry_gva;
	uint32_t rows;		/* that they have */
	uint32_t added;
};

/*
 * orc_plan - what to change; nothing, where the kernel or the object has no
 * such tables.  object is linked.  -1 with a problem: tables of another shape,
 * or too little padding.  orc_free() in every case.
 */
int orc_plan(struct orc *orc, const struct image *image,
	     const struct object *object, struct problem *problem);
void orc_free(struct orc *orc);

/* orc_lay - do it. */
void orc_lay(const struct orc *orc, const struct image *image);

#endif /* CVM_KERNEL_ORC_H */
