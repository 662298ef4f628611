/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields.h - what a platform object believes of a kernel's types.
 *
 * An object for a whole series was compiled with the headers of one kernel.
 * All that it took for granted of that kernel's types stands in .cvm.fields
 * (include/cvm/object.h), and is looked up in the BTF of the one at hand.
 */
#ifndef CVM_KERNEL_FIELDS_H
#define CVM_KERNEL_FIELDS_H

#include <stdint.h>

#include "image.h"
#include "link.h"

/* A row with its names. */
struct field {
	enum cvm_field_kind kind;
	const char *name;
	const char *member;	/* NULL of what has none */
	uint32_t value;
	uint32_t bytes;
};

/*
 * field_check - is it so in this kernel?  One row, or all those that are about
 * the members and the size of one type.  -1 with a problem that says what the
 * object was compiled with and what the kernel has.
 */
int field_check(const struct image *image, const struct field *rows,
		uint32_t count, struct problem *problem);

/*
 * fields_check - all rows of an object that was linked.  -1 with a problem
 * for the first that differs, or if an object of a series has none.
 */
int fields_check(const struct image *image, const struct object *object,
		 struct problem *problem);

#endif /* CVM_KERNEL_FIELDS_H */
