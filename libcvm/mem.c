/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.c - guest memory: physically contiguous chunks of host memory.
 *
 * The guest's physical addresses are the machine's, so the list of chunks is
 * the guest's memory map.  Large chunks are asked for first: every section
 * (128 MiB) a chunk touches costs the guest 2 MiB of page descriptors.
 *
 * The table here is MEM_ADD's and MEM_RANGES'; others ask map.c.
 */
#include "host_calls.h"

#define PIECE_MAX	(1ull << 30)	/* largest request to the host */
#define HELD_MAX	(1ull << 30)	/* most put aside for min_hpa */
#define MEM_MAX	(1ull << 46)	/* of one VM; keeps sums in range */

_Static_assert(sizeof(struct cvm_chunk) * CVM_CHUNKS_PER_PAGE <=
	       CVM_PAGE_SIZE, "chunks of a page");

/* State of one MEM_ADD. */
struct mem_job {
	struct cvm_vm *vm;
	uint64_t left;		/* bytes still wanted */
	uint64_t first;		/* least length of the next piece, or 0 */
	uint64_t limit;		/* the host has no longer pieces than this */
	uint64_t min_hpa;
	uint64_t held_bytes;
	uint32_t held;		/* pieces put aside, behind the chunks */
};

static void chunk_release(struct cvm_vm *vm, struct cvm_chunk *chunk)
{
	cvm_host_mem_free(vm, chunk->handle);
}

static void chunk_swap(struct cvm_vm *vm, uint32_t a, uint32_t b)
{
	struct cvm_chunk tmp = *cvm_chunk_at(vm, a);

	*cvm_chunk_at(vm, a) = *cvm_chunk_at(vm, b);
	*cvm_chunk_at(vm, b) = tmp;
}

/* Make room for one more chunk than n. */
static int chunk_room(struct cvm_vm *vm, uint32_t n)
{
	void *page;

	if (n >= CVM_CHUNKS_MAX)
		return -CVM_E2BIG;
	if (n < vm->chunk_pages * CVM_CHUNKS_PER_PAGE)
		return 0;
	page = cvm_host_page_alloc(vm->mon, 1);
	if (!page)
		return -CVM_ENOMEM;
	vm->chunk_page[vm->chunk_pages++] = page;
	return 0;
}

/* Shell sort by address: no recursion, no second table. */
static void chunk_sort(struct cvm_vm *vm)
{
	uint32_t gap, i, j;

	for (gap = vm->chunks / 2; gap; gap /= 2)
		for (i = gap; i < vm->chunks; i++)
			for (j = i; j >= gap &&
			     cvm_chunk_at(vm, j - gap)->hpa >
			     cvm_chunk_at(vm, j)->hpa; j -= gap)
				chunk_swap(vm, j - gap, j);
}

/* Length to ask for next: a power of two, or exactly the first piece. */
static uint64_t piece_bytes(const struct mem_job *job)
{
	uint64_t bytes = 1ull << (63 - __builtin_clzll(job->left));

	if (bytes > job->limit)
		bytes = job->limit;
	return bytes < job->first ? job->first : bytes;
}

/*
 * Ask the host for one piece and put it at the end of the table.  Pieces that
 * lie too low are put aside until the job is done, or the host would offer
 * them again; they stay behind the ones to keep.
 */
static int mem_piece(struct mem_job *job, uint64_t bytes)
{
	struct cvm_vm *vm = job->vm;
	uint32_t n = vm->chunks + job->held;
	struct cvm_chunk *chunk;
	int ret;

	ret = chunk_room(vm, n);
	if (ret)
		return ret;
	chunk = cvm_chunk_at(vm, n);
	*chunk = (struct cvm_chunk){ .bytes = bytes, .fresh = 1 };
	ret = cvm_host_mem_alloc(vm, bytes, CVM_CHUNK_ALIGN, &chunk->hpa,
				 &chunk->handle);
	if (ret)
		return ret;
	if (chunk->hpa % CVM_CHUNK_ALIGN) {
		chunk_release(vm, chunk);
		return -CVM_EINVAL;
	}
	if (chunk->hpa < job->min_hpa) {
		job->held++;
		job->held_bytes += bytes;
		return 0;
	}
	if (!vm->chunks)
		vm->first_hpa = chunk->hpa;
	chunk_swap(vm, vm->chunks++, n);
	job->left -= bytes;
	job->first = 0;
	return 0;
}

/* Collect pieces, large ones first, until nothing is left to ask for. */
static int mem_collect(struct mem_job *job)
{
	uint64_t bytes;
	int ret;

	while (job->left) {
		if (job->held_bytes > HELD_MAX)
			return -CVM_ENOMEM;
		bytes = piece_bytes(job);
		ret = mem_piece(job, bytes);
		if (ret == -CVM_ENOMEM && bytes > CVM_CHUNK_ALIGN &&
		    bytes != job->first)
			job->limit = bytes / 2;
		else if (ret)
			return ret;
	}
	return 0;
}

/* Give back what was put aside. */
static void mem_drop_held(struct mem_job *job)
{
	struct cvm_vm *vm = job->vm;

	for (; job->held; job->held--)
		chunk_release(vm, cvm_chunk_at(vm, vm->chunks +
					       job->held - 1));
}

/* Give back what the job added; the others keep their order. */
static void mem_drop_fresh(struct cvm_vm *vm)
{
	uint32_t i, kept = 0;
	struct cvm_chunk *c;

	for (i = 0; i < vm->chunks; i++) {
		c = cvm_chunk_at(vm, i);
		if (c->fresh)
			chunk_release(vm, c);
		else
			*cvm_chunk_at(vm, kept++) = *c;
	}
	vm->chunks = kept;
}

/* Bring range i to the front; the others keep their order. */
static void range_first(struct cvm_user_ranges *out, uint32_t i)
{
	struct cvm_user_range first = out->range[i];

	for (; i; i--)
		out->range[i] = out->range[i - 1];
	out->range[0] = first;
}

/*
 * Join neighbouring chunks to ranges, the one with the first chunk to the
 * front.  Returns how many there are and, unless out is NULL, fills it as far
 * as it goes.
 */
static uint32_t mem_join(struct cvm_vm *vm, struct cvm_user_ranges *out)
{
	uint32_t count = 0, first = 0, i;
	uint64_t next = 0;
	struct cvm_chunk *c;

	for (i = 0; i < vm->chunks; i++) {
		c = cvm_chunk_at(vm, i);
		if (!i || c->hpa != next)
			count++;
		next = c->hpa + c->bytes;
		if (!out || count > CVM_RANGES_MAX)
			continue;
		if (!out->range[count - 1].bytes)
			out->range[count - 1].gpa = c->hpa;
		out->range[count - 1].bytes += c->bytes;
		if (c->hpa == vm->first_hpa)
			first = count - 1;
	}
	if (out && count)
		range_first(out, first);
	return count;
}

static int mem_check(const struct cvm_vm *vm,
		     const struct cvm_user_mem *args)
{
	if (vm->state != CVM_VM_NEW || vm->final)
		return -CVM_EBUSY;
	if (!args->bytes || args->bytes % CVM_CHUNK_ALIGN ||
	    args->first_bytes % CVM_CHUNK_ALIGN ||
	    args->first_bytes > args->bytes)
		return -CVM_EINVAL;
	if (args->bytes > MEM_MAX ||
	    vm->mem_bytes > MEM_MAX - args->bytes)
		return -CVM_E2BIG;
	return 0;
}

/* All of it or nothing: from here on it is the guest's. */
static int mem_grant(struct cvm_vm *vm, uint64_t bytes)
{
	struct cvm_chunk *c;
	uint32_t i;
	int ret;

	chunk_sort(vm);
	if (mem_join(vm, NULL) > CVM_RANGES_MAX)
		return -CVM_E2BIG;
	for (i = 0; i < vm->chunks; i++) {
		c = cvm_chunk_at(vm, i);
		ret = c->fresh ? cvm_map_reserve(vm, c->hpa, c->bytes) : 0;
		if (ret)
			return ret;
	}
	for (i = 0; i < vm->chunks; i++) {
		c = cvm_chunk_at(vm, i);
		if (c->fresh)
			cvm_map_publish(vm, c->hpa, c->bytes, c->handle);
		c->fresh = 0;
	}
	__atomic_store_n(&vm->mem_bytes, vm->mem_bytes + bytes,
			 __ATOMIC_RELAXED);
	return 0;
}

int cvm_mem_add(struct cvm_vm *vm, struct cvm_user_mem *args)
{
	struct mem_job job = {
		.vm = vm,
		.left = args->bytes,
		.first = args->first_bytes,
		.limit = PIECE_MAX,
		/* The first piece of a machine is never ordinary memory. */
		.min_hpa = args->min_hpa > CVM_CHUNK_ALIGN ?
			   args->min_hpa : CVM_CHUNK_ALIGN,
	};
	int ret;

	args->added = 0;
	ret = mem_check(vm, args);
	if (ret)
		return ret;

	ret = mem_collect(&job);
	mem_drop_held(&job);
	if (!ret)
		ret = mem_grant(vm, args->bytes);
	if (ret)
		mem_drop_fresh(vm);
	else
		args->added = args->bytes;
	return ret;
}

int cvm_mem_ranges(struct cvm_vm *vm, struct cvm_user_ranges *out)
{
	*out = (struct cvm_user_ranges){ 0 };
	out->count = mem_join(vm, out);
	return 0;
}

void cvm_mem_free_all(struct cvm_vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->chunks; i++)
		chunk_release(vm, cvm_chunk_at(vm, i));
	vm->chunks = 0;
	__atomic_store_n(&vm->mem_bytes, 0, __ATOMIC_RELAXED);
	cvm_map_free(vm);
	while (vm->chunk_pages)
		cvm_host_page_free(vm->mon, vm->chunk_page[--vm->chunk_pages],
				   1);
}

int cvm_mem_contains(struct cvm_vm *vm, uint64_t gpa, uint64_t bytes)
{
	uint64_t at = gpa / CVM_CHUNK_ALIGN * CVM_CHUNK_ALIGN;

	if (gpa + bytes < gpa)
		return 0;
	do {
		if (!cvm_map_find(vm, at))
			return 0;
		at += CVM_CHUNK_ALIGN;
	} while (at < gpa + bytes);
	return 1;
}

void *cvm_vm_chunk(struct cvm_vm *vm, uint64_t gpa)
{
	return cvm_map_find(vm, gpa);
}
