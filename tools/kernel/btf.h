/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * btf.h - types of a kernel, from its .BTF section (Documentation/bpf/btf.rst
 * of Linux).  libbpf reads it too, but exists for Linux only.
 */
#ifndef CVM_KERNEL_BTF_H
#define CVM_KERNEL_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf.h"

struct btf {
	const uint8_t *data;
	const char *strings;
	uint32_t string_bytes;
	uint32_t *at;		/* of each type, in data; [0] is void */
	uint32_t types;		/* with void; 0: no BTF */
	uint32_t *hash;		/* of names: a type, or 0 */
	uint32_t *next;		/* of the same hash, for each type; or 0 */
	uint32_t hash_mask;
};

/*
 * btf_read - from section .BTF; without one, types is 0 and all below says
 * that there is nothing.  -1 with a problem when it is damaged.  btf_free() in
 * every case.
 */
int btf_read(struct btf *btf, const struct elf *elf, const char *thing,
	     struct problem *problem);
void btf_free(struct btf *btf);

/*
 * btf_prototype - of a function, as "int (int, void *)"; false if none of this
 * name is known, or several that differ.
 */
bool btf_prototype(const struct btf *btf, const char *function, char *to,
		   size_t size);

/*
 * btf_signature - the same without typedefs and qualifiers, which a declaration
 * may have and the definition not: "int (int, void *)".
 */
bool btf_signature(const struct btf *btf, const char *function, char *to,
		   size_t size);

/*
 * btf_member - where member ("a", or "a.b" for one inside; those of anonymous
 * members too) of a structure or union lies, in bytes.  Of a bit-field bytes is
 * 0 and offset counts bits.  A structure without a tag has the name of its
 * typedef.  False for all three if several of one name differ in it.
 */
bool btf_member(const struct btf *btf, const char *structure,
		const char *member, uint32_t *offset, uint32_t *bytes);
bool btf_size(const struct btf *btf, const char *structure, uint32_t *bytes);

/*
 * btf_next_record - the structures and unions of a name, and behind them the
 * types without a tag that have it, one after the other: after 0 the first.
 * 0: no more.  btf_in() and btf_bytes() are of that one.
 */
uint32_t btf_next_record(const struct btf *btf, const char *name,
			 uint32_t after);
bool btf_in(const struct btf *btf, uint32_t type, const char *member,
	    uint32_t *offset, uint32_t *bytes);
bool btf_bytes(const struct btf *btf, uint32_t type, uint32_t *bytes);

bool btf_enumerator(const struct btf *btf, const char *name, int64_t *value);

#endif /* CVM_KERNEL_BTF_H */
