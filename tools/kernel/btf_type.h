/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * btf_type.h - one type of BTF: for btf.c and btf_text.c alone.
 *
 * "BPF Type Format (BTF)", Documentation/bpf/btf.rst of Linux, 2.2.
 */
#ifndef CVM_KERNEL_BTF_TYPE_H
#define CVM_KERNEL_BTF_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "btf.h"

enum btf_kind {
	BTF_VOID, BTF_INT, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM,
	BTF_FWD, BTF_TYPEDEF, BTF_VOLATILE, BTF_CONST, BTF_RESTRICT, BTF_FUNC,
	BTF_FUNC_PROTO, BTF_VAR, BTF_DATASEC, BTF_FLOAT, BTF_DECL_TAG,
	BTF_TYPE_TAG, BTF_ENUM64,
	BTF_KINDS
};

/* Longer chains of types than this are rings. */
#define BTF_STEPS	64u

/* Nothing aligns the section. */
#define BTF_PACKED	__attribute__((packed))

struct BTF_PACKED btf_type {
	uint32_t name;
	uint32_t info;
	union {
		uint32_t size;
		uint32_t type;
	};
};

struct BTF_PACKED btf_array {
	uint32_t type, index, elements;
};

struct BTF_PACKED btf_member {
	uint32_t name, type, bit;
};

struct BTF_PACKED btf_param {
	uint32_t name, type;
};

struct BTF_PACKED btf_enum {
	uint32_t name;
	int32_t value;
};

struct BTF_PACKED btf_enum64 {
	uint32_t name, low, high;
};

static inline const struct btf_type *btf_type(const struct btf *btf,
					      uint32_t type)
{
	return (const void *)(btf->data + btf->at[type]);
}

static inline const char *btf_name(const struct btf *btf, uint32_t name)
{
	return btf->strings + name;
}

static inline uint32_t btf_kind(const struct btf_type *type)
{
	return type->info >> 24 & 0x1f;
}

static inline uint32_t btf_vlen(const struct btf_type *type)
{
	return type->info & 0xffff;
}

/* Signed enumerators; members that say how many bits they have. */
static inline bool btf_flag(const struct btf_type *type)
{
	return type->info >> 31;
}

static inline bool btf_signed(const struct btf_type *type)
{
	return btf_flag(type);
}

static inline bool btf_refers(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_PTR:
	case BTF_TYPEDEF:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_FUNC:
	case BTF_FUNC_PROTO:
	case BTF_VAR:
	case BTF_DECL_TAG:
	case BTF_TYPE_TAG:
		return true;
	default:
		return false;
	}
}

#define BTF_EXTRA(what, struct_name)					\
static inline const struct struct_name *what(const struct btf_type *type) \
{									\
	return (const void *)(type + 1);				\
}

BTF_EXTRA(btf_array, btf_array)
BTF_EXTRA(btf_members, btf_member)
BTF_EXTRA(btf_params, btf_param)
BTF_EXTRA(btf_enums, btf_enum)
BTF_EXTRA(btf_enums64, btf_enum64)
#undef BTF_EXTRA

static inline uint32_t btf_member_bit(const struct btf_type *type,
				      const struct btf_member *member)
{
	return btf_flag(type) ? member->bit & 0xffffff : member->bit;
}

static inline uint32_t btf_member_bits(const struct btf_type *type,
				       const struct btf_member *member)
{
	return btf_flag(type) ? member->bit >> 24 : 0;
}

/* btf_next_named - one of this name after type, which is 0 at first; or 0. */
uint32_t btf_next_named(const struct btf *btf, const char *name,
			uint32_t type);

/* btf_plain - without typedefs and qualifiers; 0: void, or a ring. */
uint32_t btf_plain(const struct btf *btf, uint32_t type);

#endif /* CVM_KERNEL_BTF_TYPE_H */
