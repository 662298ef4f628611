/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fields.h - what a platform object believes of a kernel's types, and what it
 * wants to be told of them (object.h: .cvm.fields, cvm_field. and the like).
 */
#ifndef CVM_KERNEL_FIELDS_H
#define CVM_KERNEL_FIELDS_H

#include <stdint.h>

#include "btf.h"

/* A row of .cvm.fields with its names; NULL is one that the row has not. */
struct field {
	const char *structure;
	const char *member;
	uint32_t offset;
	uint32_t bytes;
};

/*
 * field_check - is it so in this kernel?  -1 with a problem that says what the
 * object was compiled with and what the kernel has.
 */
int field_check(const struct btf *btf, const struct field *field,
		struct problem *problem);

enum field_symbol {
	FIELD_NONE,		/* no symbol of this kind */
	FIELD_FOUND,
	FIELD_REFUSED		/* with a problem */
};

/*
 * field_symbol - the value of "cvm_field.STRUCT.MEMBER", "cvm_size.STRUCT" or
 * "cvm_enum.NAME".
 */
enum field_symbol field_symbol(const struct btf *btf, const char *symbol,
			       uint64_t *value, struct problem *problem);

#endif /* CVM_KERNEL_FIELDS_H */
