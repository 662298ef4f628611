/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * link.h - the platform object, linked to a kernel that was linked before.
 *
 * include/cvm/object.h says what an object holds and how its undefined symbols
 * are resolved.  The order is object_open(), which tells how much of each
 * group there is, and has the names in the rows that are set aside; the caller
 * finds places and fills group[].gva; object_link() makes each group's bytes
 * for its place.  Nothing of the image is changed.
 */
#ifndef CVM_KERNEL_LINK_H
#define CVM_KERNEL_LINK_H

#include <stdint.h>

#include <cvm/object.h>

#include "image.h"

enum object_group_kind {
	OBJECT_TEXT,
	OBJECT_DATA,
	OBJECT_PERCPU,
	OBJECT_ENTRY,	/* .cvm.entry: in user mode's page tables, too */
	OBJECT_ASIDE,	/* for the adapter alone: hooks, fields, strings */
	OBJECT_NOTE,
	OBJECT_GROUPS
};

struct object_group {
	uint64_t bytes;
	uint64_t align;
	uint64_t gva;		/* where it goes: the caller's */
	uint8_t *data;		/* bytes of it */
};

struct object_section {
	int group;		/* enum object_group_kind, or -1: dropped */
	uint64_t off;		/* in its group */
};

struct object {
	const char *path;	/* for messages */
	struct elf elf;
	struct cvm_object head;
	struct object_group group[OBJECT_GROUPS];
	struct object_section *place;	/* of each section */
	const struct elf_section *symbols;
	const struct elf_section *names;
	uint32_t symbol_count;
	uint64_t *value;	/* of each symbol */
	uint32_t weak_absent;	/* symbols that the kernel has not */
};

/* What the adapter lays beside the object, and where pages of it end. */
struct object_extra {
	uint64_t site_table, site_table_end;
	uint64_t text_begin, text_end;
	uint64_t data_begin, data_end;
};

/*
 * object_open - -1 with a problem: no object, or of another ABI.  The file
 * stays the caller's, until object_close(), which is called in every case.
 */
int object_open(struct object *object, const char *path, const void *file,
		uint64_t bytes, struct problem *problem);
void object_close(struct object *object);

/*
 * object_link - resolve and relocate.  -1 with a problem that names the symbol
 * which is missing or of which there are two.
 */
int object_link(struct object *object, const struct image *image,
		const struct object_extra *extra, struct problem *problem);

/* object_text - a text of the object's by its address; NULL: none is there. */
const char *object_text(const struct object *object, uint64_t gva);

/* object_data - bytes of what was linked, by its address; NULL: not in it. */
uint8_t *object_data(const struct object *object, uint64_t gva,
		     uint64_t bytes);

/*
 * object_rows - the rows of a section set aside (".cvm.hooks"), linked; *count
 * of them, each of row bytes.  -1 with a problem if they are not whole.
 */
int object_rows(const struct object *object, const char *section,
		uint32_t row, const void **rows, uint32_t *count,
		struct problem *problem);

#endif /* CVM_KERNEL_LINK_H */
