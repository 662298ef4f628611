/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mini.c - put the mini guest into a VM's memory: page tables, image, control
 * block.  Guest memory is the machine's, reached by the direct map.
 */
#include "mini.h"

#include "x86.h"

#define PTE_P		0x001ull
#define PTE_W		0x002ull
#define PTE_U		0x004ull
#define PTE_CACHE_OFF	0x010ull
#define PTE_A		0x020ull
#define PTE_D		0x040ull
#define PTE_LARGE	0x080ull
#define PTE_G		0x100ull
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

#define APIC_HPA	0xfee00000ull
#define HOST_WORLD	0x4057u
#define GUEST_WORLD	0x9e5eu

/* ---- guest page tables ----------------------------------------- */

static uint64_t guest_page(struct g_mini *m)
{
	uint64_t gpa = m->next_gpa;

	if (gpa + 4096 > m->end_gpa)
		bare_panic("the mini guest is out of pages");
	m->next_gpa += 4096;
	return gpa;
}

/* Map one page (4 KiB, or 2 MiB with PTE_LARGE). */
static void map(struct g_mini *m, uint64_t va, uint64_t hpa, uint64_t flags)
{
	uint64_t *table = bare_hva(m->cr3), *entry;
	int last = flags & PTE_LARGE ? 2 : 1, level;

	for (level = m->la57 ? 5 : 4; level > last; level--) {
		entry = &table[va >> (12 + 9 * (level - 1)) & 511];
		if (!*entry)
			*entry = guest_page(m) | PTE_P | PTE_W | PTE_A |
				 PTE_U;
		table = bare_hva(*entry & PTE_ADDR);
	}
	table[va >> (12 + 9 * (last - 1)) & 511] = hpa | flags;
}

static void map_passage(struct g_mini *m)
{
	uint64_t data = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	uint64_t gva = G_PASSAGE_GVA;

	map(m, gva, m->passage_code_hpa, PTE_P | PTE_A);
	map(m, gva + CVM_VCPU_PRIV_OFF(0), m->vcpu.priv_hpa[0], data);
	map(m, gva + CVM_VCPU_PRIV_OFF(0) + 4096, m->vcpu.priv_hpa[1], data);
	map(m, gva + CVM_VCPU_SHARED_OFF(0), m->vcpu.shared_hpa, data);
}

/* What each world has written to its page at the same address. */
static void tlb_fill(uint64_t hpa, uint64_t page, uint32_t world)
{
	uint64_t *p = bare_hva(hpa);
	/* endbr64; mov $world, %eax; ret */
	uint8_t code[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xb8, 0, 0, 0, 0, 0xc3 };

	p[0] = ((uint64_t)world << 16) + page;
	memcpy(code + 5, &world, 4);
	memcpy(p + 2, code, sizeof(code));
}

static void map_guest(struct g_mini *m, const struct g_header *head)
{
	uint64_t kernel = PTE_P | PTE_W | PTE_A | PTE_D | PTE_G, i, hpa;

	for (i = 0; i < head->bytes; i += 4096)
		map(m, G_IMAGE_GVA + i, m->image_gpa + i, kernel);
	map(m, m->image_gpa, m->image_gpa,
	    PTE_P | PTE_W | PTE_A | PTE_D | PTE_LARGE);
	map(m, G_APIC_GVA, APIC_HPA, kernel | PTE_NX | PTE_CACHE_OFF);
	map(m, G_USER_APIC, APIC_HPA,
	    PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX | PTE_CACHE_OFF);
	map(m, G_USER_CODE, m->image_gpa + (head->user_gva - G_IMAGE_GVA),
	    PTE_P | PTE_U | PTE_A);
	map(m, G_USER_STACK, guest_page(m),
	    PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX);
	for (i = 0; i < TLB_PAGES; i++) {
		hpa = guest_page(m);
		tlb_fill(hpa, i, GUEST_WORLD);
		map(m, TLB_VA + i * 4096, hpa, kernel);
	}
}

/* ---- loading --------------------------------------------------- */

static void set_up_ctl(struct g_mini *m, const struct g_header *head,
		       uint32_t mode)
{
	m->ctl = bare_hva(m->image_gpa + (head->ctl_gva - G_IMAGE_GVA));
	m->ctl->mode = mode;
	m->ctl->count = 1;
	m->ctl->pcid = bare_arg("pcid", 0) >> 1;
	m->ctl->ibt = bare_arg("ibt", 0) >> 1;
	m->ctl->cr3 = guest_page(m);
	memcpy(bare_hva(m->ctl->cr3), bare_hva(m->cr3), 4096);
	m->ctl->seed = bare_arg("seed", 1);
	m->ctl->shared_gva = G_PASSAGE_GVA + CVM_VCPU_SHARED_OFF(0);
}

void g_mini_load(struct g_mini *m, const struct cvm_user_range *range,
		 uint32_t mode, struct cvm_user_boot *boot)
{
	const struct g_header *head = m->image;

	if (m->image_bytes < sizeof(*head) || head->magic != G_MAGIC)
		bare_panic("no mini guest in the image");
	m->image_gpa = range->gpa;
	m->end_gpa = range->gpa + range->bytes;
	m->next_gpa = m->image_gpa + head->bytes;
	memcpy(bare_hva(m->image_gpa), m->image, m->image_bytes);
	m->cr3 = guest_page(m);
	map_passage(m);
	map_guest(m, head);
	set_up_ctl(m, head, mode);
	memset(boot, 0, sizeof(*boot));
	boot->rip = m->image_gpa + (head->entry_gva - G_IMAGE_GVA);
	/* An NMI may come before the guest's first instruction. */
	boot->rsp = guest_page(m) + 4096;
	boot->cr3 = m->cr3;
}

/* ---- the same addresses in both worlds ------------------------- */

void g_tlb_host(void)
{
	uint64_t i, hpa;

	for (i = 0; i < TLB_PAGES; i++) {
		hpa = bare_pages_alloc(1, 4096, 0);
		tlb_fill(hpa, i, HOST_WORLD);
		bare_map_global(TLB_VA + i * 4096, hpa);
	}
}

uint64_t g_tlb_check(void)
{
	uint64_t bad = 0, i;

	for (i = 0; i < TLB_PAGES; i++) {
		uint64_t va = TLB_VA + i * 4096;

		if (*(volatile uint64_t *)va !=
		    ((uint64_t)HOST_WORLD << 16) + i)
			bad++;
		if (((uint64_t (*)(void))(va + 16))() != HOST_WORLD)
			bad++;
	}
	return bad;
}
