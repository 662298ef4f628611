/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.c - physical pages from the loader's memory map, and the direct map.
 */
#include "bare.h"
#include "x86.h"

#define MAX_PAGES	(16ull << 18)		/* 16 GiB */
#define MAX_REGIONS	64

#define PTE_P		0x001ull
#define PTE_W		0x002ull
#define PTE_LARGE	0x080ull
#define PTE_G		0x100ull
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

/* Multiboot 0.6.96, 3.3 "Boot information format". */
struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
};

#define MB_HAS_CMDLINE	(1u << 2)
#define MB_HAS_MODS	(1u << 3)
#define MB_HAS_MMAP	(1u << 6)

struct mb_module {
	uint32_t start, end, name, reserved;
};

struct mb_mmap {
	uint32_t size;		/* of what follows */
	uint64_t base, bytes;
	uint32_t type;		/* 1 = usable */
} __attribute__((packed));

struct region {
	uint64_t base, end;
};

extern uint64_t bare_pml4[512], bare_pml5[512], bare_direct_pdpt[512];
extern char bare_bss_end[];

uint64_t bare_pages_used, bare_pages_total;
struct bare_module bare_module[BARE_MODULES_MAX];
uint32_t bare_modules;

/* One bit a page, set = not available. */
static uint64_t taken[MAX_PAGES / 64];
static uint64_t top_page;

static int is_taken(uint64_t page)
{
	return page >= top_page || (taken[page / 64] >> (page % 64) & 1);
}

static void mark(uint64_t page, uint64_t pages, int take)
{
	for (; pages; pages--, page++) {
		if (take)
			taken[page / 64] |= 1ull << (page % 64);
		else
			taken[page / 64] &= ~(1ull << (page % 64));
	}
}

static uint32_t read_map(const struct mb_info *info, struct region *region)
{
	uint64_t at = info->mmap_addr, end = at + info->mmap_length;
	uint32_t n = 0;

	if (!(info->flags & MB_HAS_MMAP))
		bare_panic("the loader gave no memory map");
	while (at < end && n < MAX_REGIONS) {
		const struct mb_mmap *m = bare_hva(at);

		if (m->type == 1) {
			region[n].base = m->base;
			region[n++].end = m->base + m->bytes;
		}
		at += m->size + 4;
	}
	return n;
}

/* Modules lie behind the image; the end of the last one. */
static uint64_t read_modules(const struct mb_info *info, uint64_t end_hpa)
{
	const struct mb_module *m = bare_hva(info->mods_addr);
	uint32_t i;

	if (!(info->flags & MB_HAS_MODS))
		return end_hpa;
	for (i = 0; i < info->mods_count && i < BARE_MODULES_MAX; i++) {
		bare_module[i].data = bare_hva(m[i].start);
		bare_module[i].bytes = m[i].end - m[i].start;
		if (end_hpa < m[i].end)
			end_hpa = m[i].end;
	}
	bare_modules = i;
	return end_hpa;
}

/* Large pages for what lies above the 4 GiB that boot.S has mapped. */
static void extend_direct_map(uint64_t top_hpa)
{
	uint64_t gib, i;

	for (gib = 4; gib << 30 < top_hpa; gib++) {
		uint64_t pd_hpa = bare_pages_alloc(1, 4096, 0);
		uint64_t *pd = bare_hva(pd_hpa);

		for (i = 0; i < 512; i++)
			pd[i] = (gib << 30 | i << 21) | PTE_P | PTE_W |
				PTE_LARGE | PTE_G;
		bare_direct_pdpt[gib] = pd_hpa | PTE_P | PTE_W;
	}
}

void bare_mem_init(uint32_t info_hpa)
{
	const struct mb_info *info = bare_hva(info_hpa);
	struct region region[MAX_REGIONS];
	uint32_t i, n = read_map(info, region);
	uint64_t image_end = read_modules(info, bare_hpa(bare_bss_end));

	image_end = (image_end + 4095) / 4096;
	if (info->flags & MB_HAS_CMDLINE) {
		const char *s = bare_hva(info->cmdline);

		for (i = 0; i < sizeof(bare_cmdline) - 1 && s[i]; i++)
			bare_cmdline[i] = s[i];
	}
	memset(taken, 0xff, sizeof(taken));
	for (i = 0; i < n; i++) {
		uint64_t first = (region[i].base + 4095) / 4096;
		uint64_t last = region[i].end / 4096;

		if (last > MAX_PAGES)
			last = MAX_PAGES;
		if (first < image_end)
			first = image_end;	/* the image, the BIOS area */
		if (first >= last)
			continue;
		mark(first, last - first, 0);
		bare_pages_total += last - first;
		if (last > top_page)
			top_page = last;
	}
	/* The identity entry served boot.S's jump only. */
	bare_pml4[0] = 0;
	bare_pml5[0] = 0;
	bare_pml4[256] |= PTE_NX;
	x86_set_cr3(x86_cr3());
	extend_direct_map(top_page * 4096);
	bare_pages_used = 0;
}

uint64_t bare_pages_alloc(uint64_t pages, uint64_t align_bytes,
			  uint64_t min_hpa)
{
	uint64_t step = align_bytes > 4096 ? align_bytes / 4096 : 1;
	uint64_t page = (min_hpa + align_bytes - 1) / 4096 / step * step;
	uint64_t n;

	while (page + pages <= top_page) {
		for (n = 0; n < pages && !is_taken(page + n); n++)
			;
		if (n == pages) {
			mark(page, pages, 1);
			bare_pages_used += pages;
			memset(bare_hva(page * 4096), 0, pages * 4096);
			return page * 4096;
		}
		page = (page + n) / step * step + step;
	}
	return 0;
}

void bare_pages_free(uint64_t hpa, uint64_t pages)
{
	uint64_t i;

	for (i = 0; i < pages; i++)
		if (!is_taken(hpa / 4096 + i))
			bare_panic("page %llx freed twice",
				   (unsigned long long)(hpa + i * 4096));
	mark(hpa / 4096, pages, 0);
	bare_pages_used -= pages;
}

static uint64_t *next_table(uint64_t *entry)
{
	if (!(*entry & PTE_P))
		*entry = bare_pages_alloc(1, 4096, 0) | PTE_P | PTE_W;
	return bare_hva(*entry & PTE_ADDR);
}

void bare_map_global(uint64_t va, uint64_t hpa)
{
	uint64_t *t = next_table(&bare_pml4[va >> 39 & 511]);

	t = next_table(&t[va >> 30 & 511]);
	t = next_table(&t[va >> 21 & 511]);
	t[va >> 12 & 511] = hpa | PTE_P | PTE_W | PTE_G;
	x86_invlpg(va);
}
