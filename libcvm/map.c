// SPDX-License-Identifier: GPL-2.0-only
/*
 * map.c - which memory was granted, to be asked at any time.
 *
 * A grant takes as long as the host needs for so much memory, and changes
 * mem.c's table all the while.  So what is granted is published here when it
 * is complete, for whoever cannot wait: page faults of the VMM, vCPUs.  A tree
 * of pages as a CPU's page tables: nothing in it moves, and nothing is taken
 * out before the VM ends, so a reader needs no lock.
 *
 * An address in it is that of 2 MiB, CVM_CHUNK_ALIGN.
 */
#include "host_calls.h"

#define NODE_BITS	9u
#define NODE_ENTRIES	(1u << NODE_BITS)
#define LEAF_SHIFT	21u
#define TOP_SHIFT	(LEAF_SHIFT + 3 * NODE_BITS)

_Static_assert(CVM_CHUNK_ALIGN == 1ull << LEAF_SHIFT, "one entry a piece");
_Static_assert(sizeof(void *) * NODE_ENTRIES == CVM_PAGE_SIZE, "a page each");

static void **map_slot(void **node, uint64_t gpa, uint32_t shift)
{
	return &node[gpa >> shift & (NODE_ENTRIES - 1)];
}

void *cvm_map_find(struct cvm_vm *vm, uint64_t gpa)
{
	uint32_t shift = TOP_SHIFT;
	void *at;

	if (gpa >> TOP_SHIFT >= CVM_MAP_ROOT)
		return NULL;
	at = __atomic_load_n(&vm->map[gpa >> TOP_SHIFT], __ATOMIC_ACQUIRE);
	while (at && shift > LEAF_SHIFT) {
		shift -= NODE_BITS;
		at = __atomic_load_n(map_slot(at, gpa, shift),
				     __ATOMIC_ACQUIRE);
	}
	return at;
}

/* The entry of gpa, after the pages on the way to it are there; or NULL. */
static void **map_reach(struct cvm_vm *vm, uint64_t gpa)
{
	uint32_t shift = TOP_SHIFT;
	void **slot, *node;

	slot = &vm->map[gpa >> TOP_SHIFT];
	while (shift > LEAF_SHIFT) {
		node = *slot;
		if (!node)
			node = cvm_host_page_alloc(vm->mon, 1);
		if (!node)
			return NULL;
		__atomic_store_n(slot, node, __ATOMIC_RELEASE);
		shift -= NODE_BITS;
		slot = map_slot(node, gpa, shift);
	}
	return slot;
}

int cvm_map_reserve(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes)
{
	const uint64_t step = 1ull << (LEAF_SHIFT + NODE_BITS);
	const uint64_t end = gpa + bytes;

	if ((end - 1) >> TOP_SHIFT >= CVM_MAP_ROOT)
		return -CVM_EINVAL;
	for (; gpa < end; gpa = (gpa / step + 1) * step)
		if (!map_reach(vm, gpa))
			return -CVM_ENOMEM;
	return 0;
}

void cvm_map_publish(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes,
		     void *handle)
{
	const uint64_t end = gpa + bytes;

	for (; gpa < end; gpa += CVM_CHUNK_ALIGN)
		__atomic_store_n(map_reach(vm, gpa), handle,
				 __ATOMIC_RELEASE);
}

/* Pages of a node's entries, and then of the node itself. */
static void map_free_node(struct cvm_vm *vm, void **node, uint32_t shift)
{
	uint32_t i;

	for (i = 0; shift > LEAF_SHIFT && i < NODE_ENTRIES; i++)
		if (node[i])
			map_free_node(vm, node[i], shift - NODE_BITS);
	cvm_host_page_free(vm->mon, node, 1);
}

void cvm_map_free(struct cvm_vm *vm)
{
	uint32_t i;

	for (i = 0; i < CVM_MAP_ROOT; i++) {
		if (vm->map[i])
			map_free_node(vm, vm->map[i],
				      TOP_SHIFT - NODE_BITS);
		vm->map[i] = NULL;
	}
}
