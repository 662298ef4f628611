// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory.c - guest memory, its mappings, libcvm's own pages.
 *
 * A chunk is one physically contiguous piece with one kernel mapping for all
 * its life, and windows of it in the VMM's process.  MmAllocatePagesForMdlEx()
 * can deliver contiguous pieces since NT 6.1; where it cannot or refuses, the
 * contiguous allocator does.
 */
#include "shim.h"

#define PAGE_NUMBERS(mdl)	((PFN_NUMBER *)((mdl) + 1))
#define ANY_ADDRESS		((int64_t)1 << 52)
#define NODE_ANY		0x80000000u	/* MM_ANY_NODE_OK */
#define PROTECT_RW		4u		/* PAGE_READWRITE */
#define ALLOCATE_FULLY		0x04u	/* MM_ALLOCATE_FULLY_REQUIRED */
#define ALLOCATE_CHUNKS		0x20u	/* ..._REQUIRE_CONTIGUOUS_CHUNKS */
#define MAP_NO_EXECUTE		0x40000000u	/* MdlMappingNoExecute */
#define MDL_BYTES_MAX		(1ull << 31)
/* The contiguous allocator searches page by page, and moves pages about. */
#define CONTIGUOUS_MAX		(64ull << 20)

static void count_pages(uint64_t bytes, int taken)
{
	uint64_t pages = bytes / CVM_PAGE_SIZE;

	__atomic_fetch_add(&cvm_nt.pages_out, taken ? pages : 0 - pages,
			   __ATOMIC_RELAXED);
}

static uint32_t map_priority(void)
{
	return NormalPagePriority | (cvm_nt.nx ? MAP_NO_EXECUTE : 0);
}

/* ---- contiguous memory ----------------------------------------------- */

static void *contiguous_alloc(uint64_t bytes, uint64_t boundary)
{
	const PHYSICAL_ADDRESS low = { .QuadPart = 0 };
	const PHYSICAL_ADDRESS high = { .QuadPart = ANY_ADDRESS - 1 };
	const PHYSICAL_ADDRESS bound = { .QuadPart = (int64_t)boundary };

	if (cvm_nt.fn.MmAllocateContiguousNodeMemory)
		return cvm_nt.fn.MmAllocateContiguousNodeMemory(bytes, 0,
			ANY_ADDRESS - 1, (int64_t)boundary, PROTECT_RW,
			NODE_ANY);
	return MmAllocateContiguousMemorySpecifyCache(bytes, low, high, bound,
						      MmCached);
}

uint64_t cvm_nt_hva_to_hpa(void *ctx, const void *hva)
{
	(void)ctx;
	if (!cvm_nt.ring0)
		return (uintptr_t)hva;
	return (uint64_t)MmGetPhysicalAddress((void *)(uintptr_t)hva).QuadPart;
}

static int is_power_of_two(uint64_t n)
{
	return !(n & (n - 1));
}

/*
 * NT aligns to a page.  A block as long as a boundary it must not cross is
 * aligned to its length; others get room to find an aligned place in.
 */
static int chunk_contiguous(struct cvm_nt_chunk *chunk, uint64_t align)
{
	uint64_t bytes = chunk->bytes, hpa;
	int exact = align <= CVM_PAGE_SIZE ||
		    (is_power_of_two(bytes) && bytes >= align);

	if (bytes > CONTIGUOUS_MAX)
		return -CVM_ENOMEM;
	chunk->block_bytes = exact ? bytes : bytes + align - CVM_PAGE_SIZE;
	chunk->block = contiguous_alloc(chunk->block_bytes,
					exact && align > CVM_PAGE_SIZE ?
					bytes : 0);
	if (!chunk->block)
		return -CVM_ENOMEM;
	hpa = cvm_nt_hva_to_hpa(NULL, chunk->block);
	chunk->hpa = (hpa + align - 1) & ~(align - 1);
	chunk->hva = (uint8_t *)chunk->block + (chunk->hpa - hpa);
	if (chunk->hpa + bytes > hpa + chunk->block_bytes) {
		MmFreeContiguousMemory(chunk->block);
		return -CVM_ENOMEM;
	}
	__builtin_memset(chunk->hva, 0, bytes);
	return 0;
}

/* ---- memory by MDL --------------------------------------------------- */

static void mdl_free(PMDL mdl)
{
	MmFreePagesFromMdl(mdl);
	ExFreePoolWithTag(mdl, 0);
}

/* One run of pages, complete and aligned?  NT may deliver less. */
static int mdl_is_chunk(PMDL mdl, uint64_t bytes, uint64_t align)
{
	const PFN_NUMBER *pfn = PAGE_NUMBERS(mdl);
	uint64_t i, pages = bytes / CVM_PAGE_SIZE;

	if (mdl->ByteCount != bytes || pfn[0] % (align / CVM_PAGE_SIZE))
		return 0;
	for (i = 1; i < pages; i++)
		if (pfn[i] != pfn[0] + i)
			return 0;
	return 1;
}

static int chunk_by_mdl(struct cvm_nt_chunk *chunk, uint64_t align)
{
	uint64_t bytes = chunk->bytes;
	PMDL mdl;

	/* (An older NT has the function, and would collect single pages.) */
	if (cvm_nt.version < 0x601 || !cvm_nt.fn.MmAllocatePagesForMdlEx ||
	    !is_power_of_two(bytes) || bytes < align || bytes >= MDL_BYTES_MAX)
		return -CVM_ENOMEM;
	/* Pieces of exactly so many bytes, aligned to that: one of them. */
	mdl = cvm_nt.fn.MmAllocatePagesForMdlEx(0, ANY_ADDRESS - 1,
		(int64_t)bytes, bytes, MmCached,
		ALLOCATE_FULLY | ALLOCATE_CHUNKS);
	if (!mdl)
		return -CVM_ENOMEM;
	if (mdl_is_chunk(mdl, bytes, align))
		chunk->hva = MmMapLockedPagesSpecifyCache(mdl, KernelMode,
			MmCached, NULL, FALSE, map_priority());
	if (!chunk->hva) {
		mdl_free(mdl);
		return -CVM_ENOMEM;
	}
	chunk->mdl = mdl;
	chunk->hpa = PAGE_NUMBERS(mdl)[0] * CVM_PAGE_SIZE;
	return 0;
}

/* ---- windows in the VMM's process ------------------------------------ */

/* An MDL of our own for pages we own: NT's builders want pool addresses. */
static PMDL window_mdl(uint64_t hpa, uint64_t bytes)
{
	PMDL mdl = IoAllocateMdl(NULL, (ULONG)bytes, FALSE, FALSE, NULL);
	uint64_t i;

	if (!mdl)
		return NULL;
	for (i = 0; i < bytes / CVM_PAGE_SIZE; i++)
		PAGE_NUMBERS(mdl)[i] = hpa / CVM_PAGE_SIZE + i;
	mdl->MdlFlags |= MDL_PAGES_LOCKED;
	return mdl;
}

/* We set the flag, not MmProbeAndLockPages(): nobody is to miss an unlock. */
static void window_mdl_free(PMDL mdl)
{
	mdl->MdlFlags &= ~MDL_PAGES_LOCKED;
	IoFreeMdl(mdl);
}

int cvm_nt_chunk_map(struct cvm_nt_chunk *chunk, struct cvm_nt_map *args)
{
	uint64_t off = (args->gpa - chunk->hpa) / CVM_NT_WINDOW * CVM_NT_WINDOW;
	struct cvm_nt_window *w = &chunk->window[off / CVM_NT_WINDOW];
	uint64_t bytes = chunk->bytes - off;
	PMDL mdl;

	if (bytes > CVM_NT_WINDOW)
		bytes = CVM_NT_WINDOW;
	if (!w->address) {
		mdl = window_mdl(chunk->hpa + off, bytes);
		if (!mdl)
			return -CVM_ENOMEM;
		w->address = cvm_nt_map_user(mdl, (void *)args->wish,
					     map_priority());
		if (!w->address) {
			window_mdl_free(mdl);
			return -CVM_ENOMEM;
		}
		w->mdl = mdl;
	}
	args->gpa = chunk->hpa + off;
	args->address = (uintptr_t)w->address;
	args->bytes = bytes;
	return 0;
}

static void window_unmap(struct cvm_nt_window *w)
{
	if (!w->address)
		return;
	MmUnmapLockedPages(w->address, w->mdl);
	window_mdl_free(w->mdl);
	w->address = NULL;
}

/* A window is removed in the process it was made in, or not at all. */
static void chunk_unmap(struct cvm_nt_vm *hvm, struct cvm_nt_chunk *chunk)
{
	int away = IoGetCurrentProcess() != hvm->process;
	struct cvm_nt_apc_state apc;
	uint32_t i, mapped = 0;

	for (i = 0; i < chunk->windows; i++)
		mapped += chunk->window[i].address != NULL;
	if (!mapped)
		return;
	if (away)
		KeStackAttachProcess(hvm->process, &apc);
	for (i = 0; i < chunk->windows; i++)
		window_unmap(&chunk->window[i]);
	if (away)
		KeUnstackDetachProcess(&apc);
}

static struct cvm_nt_chunk *chunk_of(LIST_ENTRY *link)
{
	return CONTAINING_RECORD(link, struct cvm_nt_chunk, link);
}

void cvm_nt_unmap_all(struct cvm_nt_vm *hvm)
{
	LIST_ENTRY *at;

	for (at = hvm->chunks.Flink; at != &hvm->chunks; at = at->Flink)
		chunk_unmap(hvm, chunk_of(at));
}

/* ---- the host API ---------------------------------------------------- */

int cvm_nt_mem_alloc(void *ctx, void *host_vm, uint64_t bytes, uint64_t align,
		     uint64_t *hpa, void **out)
{
	uint64_t windows = (bytes + CVM_NT_WINDOW - 1) / CVM_NT_WINDOW;
	struct cvm_nt_vm *hvm = host_vm;
	struct cvm_nt_chunk *chunk;
	int err;

	(void)ctx;
	/* Or a process that ends would go on to collect small pieces. */
	if (PsIsThreadTerminating(cvm_current_thread()))
		return -CVM_EINTR;
	if (bytes >= MDL_BYTES_MAX)
		return -CVM_ENOMEM;
	chunk = cvm_nt_pool_alloc(sizeof(*chunk) +
				  windows * sizeof(chunk->window[0]));
	if (!chunk)
		return -CVM_ENOMEM;
	chunk->bytes = bytes;
	chunk->windows = (uint32_t)windows;
	err = chunk_by_mdl(chunk, align);
	if (err)
		err = chunk_contiguous(chunk, align);
	if (err) {
		cvm_nt_pool_free(chunk);
		return err;
	}
	InsertTailList(&hvm->chunks, &chunk->link);
	count_pages(bytes, 1);
	*hpa = chunk->hpa;
	*out = chunk;
	return 0;
}

void cvm_nt_mem_free(void *ctx, void *host_vm, void *handle)
{
	struct cvm_nt_chunk *chunk = handle;

	(void)ctx;
	chunk_unmap(host_vm, chunk);
	RemoveEntryList(&chunk->link);
	count_pages(chunk->bytes, 0);
	if (chunk->mdl) {
		MmUnmapLockedPages(chunk->hva, chunk->mdl);
		mdl_free(chunk->mdl);
	} else {
		MmFreeContiguousMemory(chunk->block);
	}
	cvm_nt_pool_free(chunk);
}

/* Outside ring 0 no switch is ever made, and any memory will do. */
void *cvm_nt_page_alloc(void *ctx, uint32_t pages)
{
	uint64_t bytes = (uint64_t)pages * CVM_PAGE_SIZE;
	void *hva;

	(void)ctx;
	if (!cvm_nt.ring0)
		return cvm_nt_pool_alloc(bytes);
	hva = contiguous_alloc(bytes, 0);
	if (!hva)
		return NULL;
	__builtin_memset(hva, 0, bytes);
	count_pages(bytes, 1);
	return hva;
}

void cvm_nt_page_free(void *ctx, void *hva, uint32_t pages)
{
	uint64_t bytes = (uint64_t)pages * CVM_PAGE_SIZE;

	(void)ctx;
	if (!cvm_nt.ring0) {
		cvm_nt_pool_free(hva);
		return;
	}
	count_pages(bytes, 0);
	MmFreeContiguousMemory(hva);
}
