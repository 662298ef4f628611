// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables.c - the page tables a guest starts on.
 *
 * Exactly the ranges, at their own addresses, in 2 MiB pages, and the passage
 * at passage_gva; nothing of the host's.  The kernel leaves these tables in
 * startup_64 for its own, in which the same passage PTEs stand already
 * (load.c).  SDM vol. 3A, 4.5 "4-Level Paging and 5-Level Paging", Tables
 * 4-15 to 4-20.
 */
#include <cvm/boot.h>

#include "boot/impl.h"

#define PTE_P		(1ull << 0)
#define PTE_RW		(1ull << 1)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

#define PTE_TABLE	(PTE_P | PTE_RW | PTE_A)
#define PTE_LARGE	(PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PS)
#define PTE_CODE	(PTE_P | PTE_A)
#define PTE_DATA	(PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

#define LEVEL_SHIFT(level)	(12u + 9u * ((level) - 1u))

struct tables {
	const struct cvm_guest_mem *mem;
	uint64_t root;
	uint64_t next;		/* first page not used yet */
	uint64_t end;
	uint32_t levels;
};

uint64_t cvm_passage_pte(const struct cvm_boot_args *args, uint32_t n)
{
	const struct cvm_user_vcpu *vcpu;
	uint32_t page;

	if (n < CVM_PASSAGE_CODE_PAGES)
		return (args->passage_code_hpa + n * CVM_PAGE_SIZE) | PTE_CODE;
	n -= CVM_PASSAGE_CODE_PAGES;
	if (n / CVM_VCPU_PAGES >= args->vcpus)
		return 0;
	vcpu = &args->vcpu[n / CVM_VCPU_PAGES];
	page = n % CVM_VCPU_PAGES;
	if (page < CVM_VCPU_PRIV_PAGES)
		return vcpu->priv_hpa[page] | PTE_DATA;
	return vcpu->shared_hpa | PTE_DATA;
}

static uint64_t *table_at(const struct tables *t, uint64_t gpa)
{
	return cvm_guest_at(t->mem, gpa, CVM_PAGE_SIZE);
}

static uint64_t *new_table(struct tables *t, uint64_t *gpa)
{
	uint64_t *table;

	if (t->next == t->end)
		return NULL;
	table = table_at(t, t->next);
	if (!table)
		return NULL;
	__builtin_memset(table, 0, CVM_PAGE_SIZE);
	*gpa = t->next;
	t->next += CVM_PAGE_SIZE;
	return table;
}

/* The entry for addr in its table of the given level; tables are made. */
static uint64_t *entry_at(struct tables *t, uint64_t addr, uint32_t level)
{
	uint64_t *table = table_at(t, t->root);
	uint32_t at = t->levels;
	uint64_t *entry, gpa;

	while (table) {
		entry = &table[addr >> LEVEL_SHIFT(at) & 511];
		if (at == level)
			return entry;
		if (*entry) {
			table = table_at(t, *entry & PTE_ADDR);
		} else {
			table = new_table(t, &gpa);
			if (table)
				*entry = gpa | PTE_TABLE;
		}
		at--;
	}
	return NULL;
}

static int map(struct tables *t, uint64_t addr, uint32_t level, uint64_t pte)
{
	uint64_t *entry = entry_at(t, addr, level);

	if (!entry)
		return -CVM_EFAULT;
	*entry = pte;
	return 0;
}

static int map_all(struct tables *t, const struct cvm_boot_args *args,
		   const struct cvm_boot_plan *plan)
{
	uint64_t gva = args->image->note.passage_gva;
	const struct cvm_user_range *range;
	uint64_t gpa, pte;
	uint32_t i;
	int ret;

	for (i = 0; i < plan->ranges; i++) {
		range = &plan->range[i];
		for (gpa = range->gpa; gpa < range->gpa + range->bytes;
		     gpa += CVM_LARGE_PAGE) {
			ret = map(t, gpa, 2, gpa | PTE_LARGE);
			if (ret)
				return ret;
		}
	}
	for (i = 0; i < CVM_PASSAGE_PAGES; i++) {
		pte = cvm_passage_pte(args, i);
		ret = pte ? map(t, gva + (uint64_t)i * CVM_PAGE_SIZE, 1, pte) :
		      0;
		if (ret)
			return ret;
	}
	return 0;
}

int cvm_tables_write(const struct cvm_boot_args *args,
		     const struct cvm_boot_plan *plan,
		     const struct cvm_guest_mem *mem, struct cvm_err *err)
{
	struct tables t = {
		.mem = mem,
		.next = plan->tables_gpa,
		.end = plan->tables_gpa +
		       (uint64_t)plan->table_pages * CVM_PAGE_SIZE,
		.levels = args->la57 ? 5 : 4,
	};

	if (!new_table(&t, &t.root) || map_all(&t, args, plan))
		return cvm_refuse(err, CVM_EFAULT, CVM_WHY_ACCESS,
				  "the page tables at 0x%llx cannot be written",
				  (unsigned long long)plan->tables_gpa);
	return 0;
}

/* How many tables of one level it takes, ranges being in ascending order. */
static uint64_t count_level(const struct cvm_boot_plan *plan, uint32_t level)
{
	uint32_t shift = LEVEL_SHIFT(level + 1);
	uint64_t first, last, count = 0, seen = UINT64_MAX;
	uint32_t i;

	for (i = 0; i < plan->ranges; i++) {
		first = plan->range[i].gpa >> shift;
		last = (plan->range[i].gpa + plan->range[i].bytes - 1) >> shift;
		count += last - first + (first != seen);
		seen = last;
	}
	return count;
}

uint32_t cvm_tables_count(const struct cvm_boot_args *args,
			  const struct cvm_boot_plan *plan)
{
	uint64_t first = args->image->note.passage_gva;
	uint64_t last = first + (uint64_t)(CVM_PASSAGE_CODE_PAGES +
					   args->vcpus * CVM_VCPU_PAGES - 1) *
			CVM_PAGE_SIZE;
	uint32_t levels = args->la57 ? 5 : 4;
	uint64_t count = 1;
	uint32_t level;

	/* The passage lies in the upper half: it shares only the root. */
	for (level = 1; level < levels; level++) {
		count += (last >> LEVEL_SHIFT(level + 1)) -
			 (first >> LEVEL_SHIFT(level + 1)) + 1;
		if (level >= 2)
			count += count_level(plan, level);
	}
	return (uint32_t)count;
}
