/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mm.c - pool, MDLs, contiguous memory, mappings, address spaces.
 *
 * Every allocation and mapping has addresses of its own that are never used
 * again, with a hole behind it, and nothing is mapped twice by accident: what
 * is used after it was freed, or beyond its end, faults.
 */
#include "bed.h"
#include "ke.h"
#include "mm.h"
#include "x86.h"

#define PAGE_READWRITE	0x04u
#define PAGE_NOCACHE	0x200u
#define PTE_P		1ull
#define PTE_W		2ull
#define PTE_UNCACHED	0x18ull
#define PTE_LARGE	0x80ull
#define PTE_G		0x100ull
#define PTE_ADDR	0x000ffffffffff000ull

#define KERNEL_WINDOW	0xfffffa8000000000ull
#define USER_WINDOW	0x0000010000000000ull
#define USER_LIMIT	0x0000800000000000ull
#define AREAS		4096
#define JUNK		0xa5
#define JUNK_MAX	65536u
#define MDL_BYTES(n)	(sizeof(struct nt_mdl) + (n) * 8)

#define MAP_LOCKED	"MmMapLockedPagesSpecifyCache"
#define CHUNKS		0x20u
#define FULLY		0x04u
#define NO_EXECUTE	0x40000000u
#define ALLOCATION	0x10000ull	/* granularity of user addresses */

/* No other thread comes between until the function returns. */
#define LOCKED \
	uint64_t locked __attribute__((cleanup(unlock), unused)) = bed_lock()

/* Who an area of addresses belongs to. */
enum { NOTHING, POOL, CONTIGUOUS, MAP, USER_MAP, IO_MAP };

struct area {
	uint64_t va, pages, hpa, block, bytes;
	struct nt_mdl *mdl;
	struct bed_process *process;
	uint32_t kind;
};

uint32_t bed_raise;

static struct area areas[AREAS];
static uint64_t next_va = KERNEL_WINDOW;

static void unlock(uint64_t *flags)
{
	bed_unlock(*flags);
}

/* ---- page tables ----------------------------------------------------- */

/* The bitmap is searched from where the last page was found. */
static uint64_t one_page(void)
{
	static uint64_t hint;
	uint64_t hpa = bare_pages_alloc(1, 4096, hint);

	if (!hpa)
		hpa = bare_pages_alloc(1, 4096, 0);
	hint = hpa;
	return hpa;
}

static uint64_t *entry_of(uint64_t cr3, uint64_t va, int make)
{
	uint64_t *table = bare_hva(cr3 & PTE_ADDR), *e;
	int shift;

	for (shift = 39; shift > 12; shift -= 9) {
		e = &table[va >> shift & 511];
		if (!(*e & PTE_P)) {
			if (!make)
				return NULL;
			*e = one_page() | PTE_P | PTE_W;
		}
		if (*e & PTE_LARGE)
			return e;
		table = bare_hva(*e & PTE_ADDR);
	}
	return &table[va >> 12 & 511];
}

void bed_map(struct bed_process *p, uint64_t va, uint64_t hpa, uint64_t bits)
{
	uint64_t *e = entry_of(p->cr3, va, 1);

	if (*e & PTE_P)
		bare_panic("address %llx is mapped already",
			   (unsigned long long)va);
	*e = hpa | bits | PTE_P | (va >> 63 ? PTE_G : 0);
}

void bed_unmap(struct bed_process *p, uint64_t va)
{
	uint64_t *e = entry_of(p->cr3, va, 0);

	if (!e || !(*e & PTE_P))
		bare_panic("address %llx is not mapped",
			   (unsigned long long)va);
	*e = 0;
	x86_invlpg(va);
}

uint64_t bed_translate(uint64_t va)
{
	uint64_t *e = entry_of(x86_cr3(), va, 0);

	if (!e || !(*e & PTE_P))
		return 0;
	if (*e & PTE_LARGE)
		return (*e & PTE_ADDR & ~0x1fffffull) | (va & 0x1fffff);
	return (*e & PTE_ADDR) | (va & 0xfff);
}

uint64_t bed_va_alloc(uint64_t pages)
{
	uint64_t va = next_va;

	next_va += (pages + 1) * 4096;
	return va;
}

void bed_mm_init(void)
{
	/* Every process shares these tables: they have to exist before. */
	entry_of(bed_system.cr3, KERNEL_WINDOW, 1);
}

void bed_process_init(struct bed_process *p)
{
	static uint64_t pids = 400;
	uint64_t *from = bare_hva(bed_system.cr3), *to;
	LOCKED;

	memset(p, 0, sizeof(*p));
	p->cr3 = bare_pages_alloc(1, 4096, 0);
	to = bare_hva(p->cr3);
	memcpy(to + 256, from + 256, 2048);
	p->pid = pids += 4;
	p->references = 1;
	p->next_user_va = USER_WINDOW;
	p->used = 1;
}

static void free_tables(uint64_t table_hpa, int level)
{
	uint64_t *table = bare_hva(table_hpa);
	int i;

	for (i = 0; i < (level == 4 ? 256 : 512); i++) {
		if (!(table[i] & PTE_P))
			continue;
		if (level == 1)
			bed_bugcheck(0x76, (uint64_t)table, table[i], 0, 0);
		free_tables(table[i] & PTE_ADDR, level - 1);
	}
	bare_pages_free(table_hpa, 1);
}

/* Its address space goes; what still is mapped there is a bug check. */
void bed_process_end(struct bed_process *p)
{
	LOCKED;

	if (p->user_maps)
		bed_bugcheck(0x76, (uint64_t)p, (uint64_t)p->user_maps, 0, 0);
	free_tables(p->cr3, 4);
	p->cr3 = 0;
	if (--p->references)
		bare_printf("a process is still referenced: %lld\n",
			    (long long)p->references);
	p->used = 0;
}

/* ---- areas ----------------------------------------------------------- */

static struct area *area_new(uint32_t kind, uint64_t pages)
{
	static uint32_t at;
	uint32_t i;

	for (i = 0; i < AREAS; i++) {
		at = (at + 1) % AREAS;
		if (areas[at].kind == NOTHING)
			break;
	}
	if (i == AREAS)
		bare_panic("no room for an area");
	memset(&areas[at], 0, sizeof(areas[at]));
	areas[at].kind = kind;
	areas[at].pages = pages;
	return &areas[at];
}

static struct area *area_find(uint32_t kind, const void *block)
{
	uint32_t i;

	for (i = 0; i < AREAS; i++)
		if (areas[i].kind == kind && areas[i].block == (uint64_t)block)
			return &areas[i];
	return NULL;
}

static void area_map(struct area *a, const uint64_t *pfn, uint64_t bits)
{
	struct bed_process *p = a->process ? a->process : &bed_system;
	uint64_t i;

	for (i = 0; i < a->pages; i++)
		bed_map(p, a->va + i * 4096,
			pfn ? pfn[i] * 4096 : a->hpa + i * 4096, bits);
}

static void area_unmap(struct area *a)
{
	struct bed_process *p = a->process ? a->process : &bed_system;
	uint64_t i;

	for (i = 0; i < a->pages; i++)
		bed_unmap(p, a->va + i * 4096);
}

static void check_unmapped(uint64_t hpa)
{
	uint32_t i;

	for (i = 0; i < AREAS; i++)
		if ((areas[i].kind == MAP || areas[i].kind == USER_MAP) &&
		    hpa - areas[i].hpa < areas[i].pages * 4096)
			bed_bugcheck(0x4e, hpa, areas[i].va, 0, 0);
}

/* ---- pool ------------------------------------------------------------ */

void *bed_pool_alloc(uint64_t bytes)
{
	uint64_t pages = (bytes + 4095) / 4096;
	struct area *a;
	uint64_t hpa;
	LOCKED;

	hpa = pages == 1 ? one_page() : bare_pages_alloc(pages, 4096, 0);
	if (!pages || !hpa)
		return NULL;
	a = area_new(POOL, pages);
	a->hpa = hpa;
	a->va = bed_va_alloc(pages);
	area_map(a, NULL, BED_W | BED_NX);
	memset((void *)a->va, JUNK, pages * 4096);
	a->bytes = bytes;
	/* Small blocks end where the hole begins, as far as 16 allows. */
	a->block = a->va + (bytes < 4096 ? 4096 - ((bytes + 15) & ~15ull) : 0);
	bed_take(BED_COUNT_pool, 1);
	bed_take(BED_COUNT_pool_bytes, bytes);
	return (void *)a->block;
}

void bed_pool_free(void *block)
{
	struct area *a;
	LOCKED;

	a = area_find(POOL, block);
	if (!a)
		bed_bugcheck(0xc2, 7, 0, 0, (uint64_t)block);
	area_unmap(a);
	bare_pages_free(a->hpa, a->pages);
	bed_give(BED_COUNT_pool, 1);
	bed_give(BED_COUNT_pool_bytes, a->bytes);
	a->kind = NOTHING;
}

void *NTAPI ExAllocatePoolWithTag(uint32_t type, uint64_t bytes, uint32_t tag)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)type;
	(void)tag;
	return bed_fails(__func__) ? NULL : bed_pool_alloc(bytes);
}

void NTAPI ExFreePoolWithTag(void *block, uint32_t tag)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)tag;
	bed_pool_free(block);
}

/* ---- contiguous memory ----------------------------------------------- */

static void *contiguous(const char *name, uint64_t bytes, uint64_t low,
			uint64_t high, uint64_t boundary, int nx)
{
	uint64_t pages = (bytes + 4095) / 4096, hpa;
	struct area *a;
	LOCKED;

	if (bed_fails(name) || !pages)
		return NULL;
	hpa = bare_pages_alloc(pages, boundary > 4096 ? boundary : 4096, low);
	if (!hpa)
		return NULL;
	if (hpa + bytes - 1 > high) {
		bare_pages_free(hpa, pages);
		return NULL;
	}
	a = area_new(CONTIGUOUS, pages);
	a->hpa = hpa;
	a->va = a->block = bed_va_alloc(pages);
	a->bytes = bytes;
	area_map(a, NULL, BED_W | (nx ? BED_NX : 0));
	if (bytes <= JUNK_MAX)
		memset((void *)a->va, JUNK, bytes);
	bed_take(BED_COUNT_contiguous, pages);
	return (void *)a->va;
}

void *NTAPI MmAllocateContiguousMemorySpecifyCache(uint64_t bytes,
	uint64_t low, uint64_t high, uint64_t boundary, uint32_t cache)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)cache;
	return contiguous(__func__, bytes, low, high, boundary,
			  bed_nt_major >= 10);
}

void *NTAPI MmAllocateContiguousNodeMemory(uint64_t bytes, uint64_t low,
	uint64_t high, uint64_t boundary, uint32_t protect, uint32_t node)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	(void)node;
	if (protect != 4)
		bare_panic("node memory with protection %x", protect);
	return contiguous(__func__, bytes, low, high, boundary, 1);
}

void NTAPI MmFreeContiguousMemory(void *block)
{
	struct area *a = area_find(CONTIGUOUS, block);
	LOCKED;

	bed_watch(__func__, APC_LEVEL);
	if (!a)
		bed_bugcheck(0xdd, (uint64_t)block, 0, 0, 0);
	area_unmap(a);
	bare_pages_free(a->hpa, a->pages);
	bed_give(BED_COUNT_contiguous, a->pages);
	a->kind = NOTHING;
}

/* ---- MDLs ------------------------------------------------------------ */

static void mdl_init(struct nt_mdl *mdl, uint64_t va, uint64_t bytes,
		     uint64_t pages)
{
	memset(mdl, 0, sizeof(*mdl));
	mdl->size = (int16_t)MDL_BYTES(pages);
	mdl->start_va = (void *)(va & ~4095ull);
	mdl->offset = (uint32_t)(va & 4095);
	mdl->bytes = (uint32_t)bytes;
}

void *NTAPI IoAllocateMdl(void *va, uint32_t bytes, uint8_t secondary,
			  uint8_t quota, struct nt_irp *irp)
{
	uint64_t pages = (((uint64_t)va & 4095) + bytes + 4095) / 4096;
	struct nt_mdl *mdl;

	bed_watch(__func__, DISPATCH_LEVEL);
	(void)secondary;
	(void)quota;
	(void)irp;
	if (bed_nt_major < 6 && bytes >= 32u << 20)
		return NULL;	/* the size field has 16 bits */
	mdl = bed_fails(__func__) ? NULL : bed_pool_alloc(MDL_BYTES(pages));
	if (!mdl)
		return NULL;
	mdl_init(mdl, (uint64_t)va, bytes, pages);
	bed_take(BED_COUNT_mdl, 1);
	return mdl;
}

void NTAPI IoFreeMdl(struct nt_mdl *mdl)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	bed_give(BED_COUNT_mdl, 1);
	bed_pool_free(mdl);
}

static int fill_chunks(struct nt_mdl *mdl, uint64_t low, uint64_t chunk,
		       uint64_t pages)
{
	uint64_t step = chunk / 4096, n, i, hpa;

	for (n = 0; n + step <= pages; n += step) {
		hpa = bare_pages_alloc(step, chunk, low);
		if (!hpa)
			break;
		for (i = 0; i < step; i++)
			mdl->pfn[n + i] = hpa / 4096 + i;
	}
	mdl->bytes = (uint32_t)(n * 4096);
	return n == pages;
}

void (*bed_grant_hook)(void);

struct nt_mdl *NTAPI MmAllocatePagesForMdlEx(uint64_t low, uint64_t high,
	uint64_t skip, uint64_t bytes, uint32_t cache, uint32_t flags)
{
	uint64_t pages = (bytes + 4095) / 4096, i;
	uint64_t chunk = flags & CHUNKS ? skip : 4096;
	struct nt_mdl *mdl;
	int all;

	bed_watch(__func__, APC_LEVEL);
	if (bed_grant_hook)
		bed_grant_hook();
	LOCKED;

	(void)high;
	(void)cache;
	if (bed_fails(__func__) || bytes >= 1ull << 32 || chunk & (chunk - 1) ||
	    !chunk || bytes % chunk)
		return NULL;
	mdl = bed_pool_alloc(MDL_BYTES(pages));
	if (!mdl)
		return NULL;
	mdl_init(mdl, 0, bytes, pages);
	all = fill_chunks(mdl, low, chunk, pages);
	pages = mdl->bytes / 4096;
	if (!pages || (!all && flags & FULLY)) {
		for (i = 0; i < pages; i++)
			bare_pages_free(mdl->pfn[i] * 4096, 1);
		bed_pool_free(mdl);
		return NULL;
	}
	mdl->flags |= MDL_PAGES_LOCKED;
	bed_take(BED_COUNT_pages, pages);
	return mdl;
}

void NTAPI MmFreePagesFromMdl(struct nt_mdl *mdl)
{
	uint64_t i, pages = mdl->bytes / 4096;
	LOCKED;

	bed_watch(__func__, APC_LEVEL);
	if (mdl->flags & MDL_MAPPED)
		bed_bugcheck(0x4e, (uint64_t)mdl, 0, 0, 1);
	for (i = 0; i < pages; i++) {
		if (!(i % 512) || mdl->pfn[i] != mdl->pfn[i - 1] + 1)
			check_unmapped(mdl->pfn[i] * 4096);
		bare_pages_free(mdl->pfn[i] * 4096, 1);
	}
	bed_give(BED_COUNT_pages, pages);
	mdl->flags &= (int16_t)~MDL_PAGES_LOCKED;
}

/* ---- mappings -------------------------------------------------------- */

static void *map_mdl(struct nt_mdl *mdl, struct bed_process *p, uint64_t va,
		     uint32_t priority)
{
	uint64_t pages = ((uint64_t)mdl->offset + mdl->bytes + 4095) / 4096;
	uint64_t nx = priority & NO_EXECUTE ? BED_NX : 0;
	struct area *a = area_new(p ? USER_MAP : MAP, pages);

	a->process = p;
	a->va = va;
	a->hpa = mdl->pfn[0] * 4096;
	a->mdl = mdl;
	a->block = va + mdl->offset;
	area_map(a, mdl->pfn, BED_W | nx);
	return (void *)a->block;
}

static int user_range_free(struct bed_process *p, uint64_t va, uint64_t bytes)
{
	uint32_t i;

	if (va < ALLOCATION || va + bytes > USER_LIMIT || va & 4095)
		return 0;
	for (i = 0; i < AREAS; i++)
		if (areas[i].kind == USER_MAP && areas[i].process == p &&
		    va < areas[i].va + areas[i].pages * 4096 &&
		    areas[i].va < va + bytes)
			return 0;
	return 1;
}

static void *map_user(struct nt_mdl *mdl, uint64_t wish, uint32_t priority)
{
	struct bed_process *p = bed_current->attached;
	uint64_t bytes = mdl->offset + mdl->bytes;
	void *va;

	if (p == &bed_system)
		bare_panic("a user mapping in the System process");
	if (bed_fails(MAP_LOCKED) || (wish && !user_range_free(p, wish, bytes)))
		return NULL;
	if (!wish) {
		wish = p->next_user_va;
		p->next_user_va += (bytes + 2 * ALLOCATION - 1) &
				   ~(ALLOCATION - 1);
	}
	va = map_mdl(mdl, p, wish, priority);
	p->user_maps++;
	bed_take(BED_COUNT_user_maps, 1);
	return va;
}

/* Behind bed_map_locked in switch.S. */
void *NTAPI bed_map_locked_pages(struct nt_mdl *mdl, int8_t mode,
	uint32_t cache, uint64_t wish, uint32_t bugcheck, uint32_t priority);

void *NTAPI bed_map_locked_pages(struct nt_mdl *mdl, int8_t mode,
	uint32_t cache, uint64_t wish, uint32_t bugcheck, uint32_t priority)
{
	void *va;
	LOCKED;

	bed_watch(MAP_LOCKED,
		  mode ? APC_LEVEL : DISPATCH_LEVEL);
	if (!(mdl->flags & (MDL_PAGES_LOCKED | MDL_NONPAGED_POOL)) ||
	    cache != 1 || bugcheck)
		bare_panic("mapping an MDL with flags %x, cache %u",
			   (uint16_t)mdl->flags, cache);
	if (mode) {
		va = map_user(mdl, wish, priority);
		bed_raise = !va;
		return va;
	}
	if (mdl->flags & MDL_MAPPED)
		bare_panic("an MDL is mapped twice");
	if (bed_fails(MAP_LOCKED))
		return NULL;
	va = map_mdl(mdl, NULL, bed_va_alloc(mdl->bytes / 4096 + 2), priority);
	mdl->mapped_va = va;
	mdl->flags |= MDL_MAPPED;
	bed_take(BED_COUNT_maps, 1);
	return va;
}

void NTAPI MmUnmapLockedPages(void *va, struct nt_mdl *mdl)
{
	int user = (uint64_t)va < USER_LIMIT;
	struct area *a;
	uint32_t i;
	LOCKED;

	bed_watch(__func__, user ? APC_LEVEL : DISPATCH_LEVEL);
	for (i = 0; i < AREAS; i++)
		if (areas[i].block == (uint64_t)va && areas[i].mdl == mdl &&
		    areas[i].kind == (user ? USER_MAP : MAP) &&
		    (!user || areas[i].process == bed_current->attached))
			break;
	if (i == AREAS)
		bed_bugcheck(0xda, 1, (uint64_t)va, (uint64_t)mdl, 0);
	a = &areas[i];
	area_unmap(a);
	if (user) {
		a->process->user_maps--;
		bed_give(BED_COUNT_user_maps, 1);
	} else {
		mdl->flags &= (int16_t)~MDL_MAPPED;
		bed_give(BED_COUNT_maps, 1);
	}
	a->kind = NOTHING;
}

uint64_t NTAPI MmGetPhysicalAddress(const void *va)
{
	bed_watch(__func__, HIGH_LEVEL);
	return bed_translate((uint64_t)va);
}

static void *map_device(const char *name, uint64_t hpa, uint64_t bytes)
{
	uint64_t pages = ((hpa & 4095) + bytes + 4095) / 4096;
	struct area *a;
	LOCKED;

	bed_watch(name, DISPATCH_LEVEL);
	if (hpa < 0xc0000000)
		bed_bugcheck(0x1a, 0x1233, hpa, 0, 0);
	if (bed_fails(name))
		return NULL;
	a = area_new(IO_MAP, pages);
	a->hpa = hpa & ~4095ull;
	a->va = bed_va_alloc(pages);
	a->block = a->va + (hpa & 4095);
	area_map(a, NULL, BED_W | BED_NX | PTE_UNCACHED);
	bed_take(BED_COUNT_io_maps, 1);
	return (void *)a->block;
}

void *NTAPI MmMapIoSpace(uint64_t hpa, uint64_t bytes, uint32_t cache)
{
	if (cache)
		bare_panic("a device mapped with cache type %u", cache);
	return map_device(__func__, hpa, bytes);
}

void *NTAPI MmMapIoSpaceEx(uint64_t hpa, uint64_t bytes, uint32_t protect)
{
	if (protect != (PAGE_READWRITE | PAGE_NOCACHE))
		bare_panic("a device mapped with protection %x", protect);
	return map_device(__func__, hpa, bytes);
}

void NTAPI MmUnmapIoSpace(void *va, uint64_t bytes)
{
	struct area *a = area_find(IO_MAP, va);
	LOCKED;

	bed_watch(__func__, DISPATCH_LEVEL);
	if (!a || a->pages != (((uint64_t)va & 4095) + bytes + 4095) / 4096)
		bed_bugcheck(0xda, 2, (uint64_t)va, bytes, 0);
	area_unmap(a);
	a->kind = NOTHING;
	bed_give(BED_COUNT_io_maps, 1);
}

uint32_t NTAPI ObfReferenceObject(void *object)
{
	struct bed_process *p = object;

	bed_watch(__func__, DISPATCH_LEVEL);
	bed_take(BED_COUNT_objects, 1);
	if (bed_is_process(object))
		p->references++;
	return 1;
}

void *NTAPI IoGetCurrentProcess(void)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	return bed_current->attached;
}

/* The previous address space is remembered in the caller's block. */
void NTAPI KeStackAttachProcess(struct bed_process *p, void **apc)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	if (!bed_is_process(p) || !p->cr3)
		bed_bugcheck(0x5, (uint64_t)p, 0, 0, 0);
	apc[0] = bed_current->attached;
	bed_attach(p);
	bed_take(BED_COUNT_attached, 1);
}

void NTAPI KeUnstackDetachProcess(void **apc)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	bed_attach(apc[0]);
	bed_give(BED_COUNT_attached, 1);
}
