/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kallsyms.h - a kernel's own symbols, from the tables in its read-only data.
 *
 * The tables (scripts/kallsyms.c of Linux) have no header: they are found by
 * what they hold.  Two orders are known, 6.1's and that of 6.4 and later; per-
 * CPU symbols absolute (the offset from the per-CPU section's beginning) or
 * not.
 */
#ifndef CVM_KERNEL_KALLSYMS_H
#define CVM_KERNEL_KALLSYMS_H

#include <stdint.h>

#include "elf.h"

struct kallsym {
	uint64_t gva;		/* of per-CPU data: from its beginning */
	const char *name;
	char type;		/* as nm has it: 'T', 't', 'D', ... */
};

struct kallsyms {
	struct kallsym *sym;	/* by address; of one address as in the table */
	uint32_t count;
	uint32_t *hash;		/* of names: 1 + an index of sym, or 0 */
	uint32_t hash_mask;
	char *names;
};

enum kallsyms_found {
	KALLSYMS_ABSENT,
	KALLSYMS_ONE,
	KALLSYMS_SEVERAL	/* of one name, at different addresses */
};

/*
 * kallsyms_read - -1 with a problem about thing.  kallsyms_free() in every
 * case.
 */
int kallsyms_read(struct kallsyms *symbols, const struct elf *elf,
		  const char *thing, struct problem *problem);
void kallsyms_free(struct kallsyms *symbols);

/* kallsyms_find - by name; *gva is the first one's of several. */
enum kallsyms_found kallsyms_find(const struct kallsyms *symbols,
				  const char *name, uint64_t *gva);

/*
 * kallsyms_at - the last symbol at or below gva, of several at one address
 * the first that is no local label; NULL below all of them.
 */
const struct kallsym *kallsyms_at(const struct kallsyms *symbols,
				  uint64_t gva);

/* kallsyms_after - the first address above gva that has one; UINT64_MAX. */
uint64_t kallsyms_after(const struct kallsyms *symbols, uint64_t gva);

#endif /* CVM_KERNEL_KALLSYMS_H */
