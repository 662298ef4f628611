// SPDX-License-Identifier: GPL-2.0-only
/*
 * inter.c - the intermediate page tables.
 *
 * They hold the passage at the host's and at the guest's addresses and
 * nothing else, without a single global entry: the only tables in which both
 * worlds' addresses work, and the ones under which the TLB is flushed.
 * SDM vol. 3A, 4.5 "4-Level Paging and 5-Level Paging".
 */
#include "host_calls.h"

#define PTE_PRESENT	(1ull << 0)
#define PTE_WRITE	(1ull << 1)
#define PTE_ACCESSED	(1ull << 5)
#define PTE_DIRTY	(1ull << 6)
#define PTE_NX		(1ull << 63)
#define PTE_ADDRESS	0x000ffffffffff000ull

#define PTE_TABLE	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PTE_CODE	(PTE_PRESENT | PTE_ACCESSED)
#define PTE_DATA	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | \
			 PTE_NX)

/* Code and data, host's and guest's addresses, each in up to two last-level
 * tables with four levels above: never more. */
#define TABLES_MAX	40u

struct cvm_inter {
	uint32_t levels;
	uint32_t tables;
	uint64_t cr3;
	uint64_t *table[TABLES_MAX];	/* [0] is the root */
	uint64_t hpa[TABLES_MAX];
};

static int new_table(const struct cvm_monitor *mon, struct cvm_inter *inter,
		     uint32_t *index)
{
	uint64_t *table;

	if (inter->tables == TABLES_MAX)
		return -CVM_E2BIG;
	table = cvm_host_page_alloc(mon, 1);
	if (!table)
		return -CVM_ENOMEM;
	*index = inter->tables++;
	inter->table[*index] = table;
	inter->hpa[*index] = cvm_host_hva_to_hpa(mon, table);
	return 0;
}

static uint64_t *table_of(struct cvm_inter *inter, uint64_t entry)
{
	uint32_t i;

	for (i = 0; i < inter->tables; i++)
		if (inter->hpa[i] == (entry & PTE_ADDRESS))
			return inter->table[i];
	return NULL;
}

static int inter_map(const struct cvm_monitor *mon, struct cvm_inter *inter,
		     uint64_t va, uint64_t hpa, uint64_t flags)
{
	uint64_t *table = inter->table[0];
	uint32_t level, slot, index;
	int ret;

	for (level = inter->levels; level > 1; level--) {
		slot = (va >> (12 + 9 * (level - 1))) & 511;
		if (!table[slot]) {
			ret = new_table(mon, inter, &index);
			if (ret)
				return ret;
			table[slot] = inter->hpa[index] | PTE_TABLE;
		}
		table = table_of(inter, table[slot]);
		if (!table)
			return -CVM_EFAULT;
	}
	slot = (va >> 12) & 511;
	/* The two worlds' addresses of the passage must not meet. */
	if (table[slot])
		return -CVM_EBUSY;
	table[slot] = hpa | flags;
	return 0;
}

static int inter_fill(const struct cvm_monitor *mon,
		      struct cvm_inter *inter, struct cvm_priv *priv,
		      uint64_t priv_gva, uint64_t code_gva)
{
	uint64_t code = (uintptr_t)cvm_passage_start;
	uint64_t hpa = cvm_host_hva_to_hpa(mon, cvm_passage_start);
	uint64_t page = (uintptr_t)priv;
	uint32_t i;
	int ret;

	ret = inter_map(mon, inter, code, hpa, PTE_CODE);
	if (!ret)
		ret = inter_map(mon, inter, code_gva, hpa, PTE_CODE);
	for (i = 0; !ret && i < CVM_VCPU_PAGES; i++) {
		hpa = cvm_host_hva_to_hpa(mon, (const uint8_t *)priv +
				      i * CVM_PAGE_SIZE);
		ret = inter_map(mon, inter, page + i * CVM_PAGE_SIZE,
				hpa, PTE_DATA);
		if (!ret)
			ret = inter_map(mon, inter,
					priv_gva + i * CVM_PAGE_SIZE, hpa,
					PTE_DATA);
	}
	return ret;
}

int cvm_inter_create(const struct cvm_monitor *mon, struct cvm_priv *priv,
		     uint64_t priv_gva, uint64_t code_gva, int la57,
		     struct cvm_inter **out)
{
	struct cvm_inter *inter = cvm_host_page_alloc(mon, 1);
	uint32_t root;
	int ret;

	if (!inter)
		return -CVM_ENOMEM;
	inter->levels = la57 ? 5 : 4;
	ret = new_table(mon, inter, &root);
	if (!ret)
		ret = inter_fill(mon, inter, priv, priv_gva, code_gva);
	if (ret) {
		cvm_inter_destroy(mon, inter);
		return ret;
	}
	inter->cr3 = inter->hpa[0];
	*out = inter;
	return 0;
}

void cvm_inter_destroy(const struct cvm_monitor *mon, struct cvm_inter *inter)
{
	while (inter->tables)
		cvm_host_page_free(mon, inter->table[--inter->tables], 1);
	cvm_host_page_free(mon, inter, 1);
}

uint64_t cvm_inter_cr3(const struct cvm_inter *inter)
{
	return inter->cr3;
}
