/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * image.h - a distribution's kernel, while it is being adapted.
 *
 * elf is the file as it was given (a developer's vmlinux, or what a bzImage
 * holds) and is only read.  What will be loaded is a copy of its PT_LOADs:
 * image_at() leads into that, and is how everything is changed.  Adapting
 * changes nothing before all of it was claimed (adapt.h has the order).
 */
#ifndef CVM_KERNEL_IMAGE_H
#define CVM_KERNEL_IMAGE_H

#include <stdint.h>

#include <cvm/object.h>

#include "btf.h"
#include "elf.h"
#include "kallsyms.h"

#define IMAGE_SEGMENTS	16u	/* what the loader takes, CVM_IMAGE_SEGS_MAX */

struct image_segment {
	uint64_t gva, gpa;
	uint64_t bytes;		/* of contents; grows up to room */
	uint64_t room;
	uint64_t mem_bytes;
	uint32_t flags;
	uint64_t off;		/* in data */
};

struct image {
	const char *path;	/* for messages */
	struct elf elf;
	struct kallsyms symbols;
	struct btf btf;		/* .types is 0 if there is none */
	uint64_t text;		/* _text; struct cvm_site.at counts from it */
	uint64_t text_end;	/* _etext */
	uint8_t build_id[64];
	uint32_t build_id_bytes;	/* 0: none */
	char release[72];	/* "6.12.117+deb12-cloud-amd64" */
	uint8_t *data;		/* the ELF image that is being made */
	uint64_t data_bytes;
	struct image_segment segment[IMAGE_SEGMENTS];
	uint32_t segments;
};

/*
 * image_open - read all of the above of an unpacked kernel.  -1 with a
 * problem; image_close() in every case.
 */
int image_open(struct image *image, const char *path, const void *file,
	       uint64_t bytes, struct problem *problem);
void image_close(struct image *image);

/* image_at - [gva, gva + bytes) of what will be loaded, or NULL. */
uint8_t *image_at(const struct image *image, uint64_t gva, uint64_t bytes);

/*
 * image_grow - the same, where the segment may grow into the gap behind it;
 * what is new is zero.  NULL if another one is in the way.
 */
uint8_t *image_grow(struct image *image, uint64_t gva, uint64_t bytes);

/* image_room - the same, and nothing grows. */
const uint8_t *image_room(const struct image *image, uint64_t gva,
			  uint64_t bytes);

/*
 * image_finish - make data an ELF file for cvm_image_parse(), with this note.
 * -1 with a problem.
 */
int image_finish(struct image *image, const void *note, uint64_t note_bytes,
		 struct problem *problem);

/*
 * image_symbol - the address of a name that must be there, and once; 0 with a
 * problem.
 */
uint64_t image_symbol(const struct image *image, const char *name,
		      struct problem *problem);

/*
 * image_function - name of the function that holds gva, for messages and for
 * lists of judged ones; "?" if none does.
 */
const char *image_function(const struct image *image, uint64_t gva);

/* A range of the image that the adapter changes: audit.h looks at overlaps. */
struct image_change {
	uint64_t gva;
	uint32_t bytes;
	uint32_t code_bytes;	/* of code; the rest, if any, runs no more */
	const uint8_t *code;	/* what will be there */
	uint64_t mcount;	/* entry of __mcount_loc that will be 0, or 0 */
	const char *what;	/* name of a hook's target, or "site" */
};

#endif /* CVM_KERNEL_IMAGE_H */
