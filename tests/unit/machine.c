// SPDX-License-Identifier: GPL-2.0-only
/* machine.c - an emulated CPU with page tables and interrupts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define PAGE		4096ull
#define ADDRESS(e)	((e) & 0x000ffffffffff000ull)

#define CR4_PGE		(1ull << 7)
#define MSR_PAT		0x277u

#define GATE_TYPE(g)	((g) >> 40 & 0xff)
#define CODE64_OK(d)	(((d) >> 40 & 0x9b) == 0x9b && ((d) >> 53 & 3) == 1)

static void must(uc_err err, const char *what)
{
	if (err == UC_ERR_OK)
		return;
	fprintf(stderr, "machine: %s: %s\n", what, uc_strerror(err));
	abort();
}

void machine_init(struct machine *m, struct fake_host *host, const void *code)
{
	memset(m, 0, sizeof(*m));
	m->host = host;
	m->code = code;
	m->code_hpa = host->ops.hva_to_hpa(host, code);
	must(uc_open(UC_ARCH_X86, UC_MODE_64, &m->uc), "open");
}

void machine_end(struct machine *m)
{
	uc_close(m->uc);
}

void *machine_view(struct machine *m, uint64_t hpa)
{
	if (hpa >= m->code_hpa && hpa - m->code_hpa < PAGE)
		return (void *)((uintptr_t)m->code + (hpa - m->code_hpa));
	return fake_host_view(m->host, hpa);
}

static uint64_t *table_at(struct machine *m, uint64_t entry)
{
	uint64_t *table = machine_view(m, ADDRESS(entry));

	if (!table)
		abort();	/* tables point at memory that is not there */
	return table;
}

static uint32_t slot(uint64_t va, uint32_t level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

void machine_map(struct machine *m, uint64_t root, uint64_t *next_hpa,
		 uint64_t va, uint64_t hpa, uint64_t flags)
{
	uint64_t *table = table_at(m, root);
	uint32_t level;

	for (level = 4; level > 1; level--) {
		uint64_t *entry = &table[slot(va, level)];

		if (!*entry) {
			*entry = *next_hpa | PTE_P | PTE_W;
			*next_hpa += PAGE;
		}
		table = table_at(m, *entry);
	}
	table[slot(va, 1)] = hpa | flags;
}

static int tlb_find(struct machine *m, uint64_t va)
{
	uint32_t i;

	for (i = 0; i < m->tlb.pages; i++)
		if (m->tlb.va[i] == (va & ~(PAGE - 1)))
			return (int)i;
	return -1;
}

void *machine_va(struct machine *m, uint64_t va, uint64_t flags)
{
	int i = tlb_find(m, va);
	uint8_t *page;

	if (i < 0 || flags & PTE_W & ~m->tlb.pte[i])
		return NULL;
	if (flags & PTE_NX && m->tlb.pte[i] & PTE_NX)
		return NULL;	/* asked for: executable */
	page = machine_view(m, ADDRESS(m->tlb.pte[i]));
	return page ? page + va % PAGE : NULL;
}

static uint64_t canonical(uint64_t va)
{
	return va & 1ull << 47 ? va | 0xffff000000000000ull : va;
}

/* Bits 3, 4 and 7 of the entry choose one of the PAT's eight bytes. */
static uint8_t memory_type(uint64_t pat, uint64_t pte)
{
	return (uint8_t)(pat >> 8 * ((pte >> 3 & 3) | (pte >> 5 & 4)));
}

static void tlb_add(struct machine *m, uint64_t va, uint64_t pte, uint8_t type)
{
	uint32_t prot = UC_PROT_READ | (pte & PTE_W ? UC_PROT_WRITE : 0) |
			(pte & PTE_NX ? 0 : UC_PROT_EXEC);

	if (m->tlb.pages == MACHINE_PAGES)
		abort();
	must(uc_mem_map_ptr(m->uc, va, PAGE, prot, table_at(m, pte)), "map");
	m->tlb.va[m->tlb.pages] = va;
	m->tlb.type[m->tlb.pages] = type;
	m->tlb.pte[m->tlb.pages++] = pte;
}

static void tlb_drop(struct machine *m, int globals_too)
{
	uint32_t i, kept = 0;

	for (i = 0; i < m->tlb.pages; i++) {
		if (!globals_too && m->tlb.pte[i] & PTE_G) {
			m->tlb.va[kept] = m->tlb.va[i];
			m->tlb.type[kept] = m->tlb.type[i];
			m->tlb.pte[kept++] = m->tlb.pte[i];
		} else {
			must(uc_mem_unmap(m->uc, m->tlb.va[i], PAGE), "unmap");
		}
	}
	m->tlb.pages = kept;
}

/* What is there already wins: nothing has dropped it. */
static void tlb_fill(struct machine *m, uint64_t *table, uint32_t level,
		     uint64_t va)
{
	const uint64_t pat = machine_get_msr(m, MSR_PAT);
	uint64_t at;
	uint32_t i;

	for (i = 0; i < 512; i++) {
		at = canonical(va | (uint64_t)i << (12 + 9 * (level - 1)));
		if (!(table[i] & PTE_P))
			continue;
		if (level > 1)
			tlb_fill(m, table_at(m, table[i]), level - 1, at);
		else if (tlb_find(m, at) < 0)
			tlb_add(m, at, table[i], memory_type(pat, table[i]));
	}
}

static const char *tlb_check_types(struct machine *m)
{
	const uint64_t pat = machine_get_msr(m, MSR_PAT);
	uint32_t i;

	for (i = 0; i < m->tlb.pages; i++)
		if (m->tlb.type[i] != memory_type(pat, m->tlb.pte[i]))
			return "the TLB has a page with a memory type that "
			       "the PAT does not say";
	return NULL;
}

void machine_set_pat(struct machine *m, uint64_t value)
{
	machine_set_msr(m, MSR_PAT, value);
	tlb_drop(m, 1);
	tlb_fill(m, table_at(m, m->cr3), 4, 0);
}

void machine_remap(struct machine *m)
{
	uint64_t cr3 = machine_get(m, UC_X86_REG_CR3);
	uint64_t cr4 = machine_get(m, UC_X86_REG_CR4);

	if (cr3 == m->cr3 && cr4 == m->cr4)
		return;
	tlb_drop(m, (cr4 ^ m->cr4) & CR4_PGE);
	m->cr3 = cr3;
	m->cr4 = cr4;
	tlb_fill(m, table_at(m, cr3), 4, 0);
}

void machine_set_tlb(struct machine *m, const struct machine_tlb *tlb)
{
	uint32_t i;

	tlb_drop(m, 1);
	for (i = 0; i < tlb->pages; i++)
		tlb_add(m, tlb->va[i], tlb->pte[i], tlb->type[i]);
	m->cr3 = machine_get(m, UC_X86_REG_CR3);
	m->cr4 = machine_get(m, UC_X86_REG_CR4);
}

/* ---- registers ---------------------------------------------------------- */

uint64_t machine_get(struct machine *m, int reg)
{
	uint64_t value = 0;

	must(uc_reg_read(m->uc, reg, &value), "read register");
	return value;
}

void machine_set(struct machine *m, int reg, uint64_t value)
{
	must(uc_reg_write(m->uc, reg, &value), "write register");
}

uint64_t machine_get_msr(struct machine *m, uint32_t index)
{
	uc_x86_msr msr = { .rid = index };

	must(uc_reg_read(m->uc, UC_X86_REG_MSR, &msr), "read MSR");
	return msr.value;
}

void machine_set_msr(struct machine *m, uint32_t index, uint64_t value)
{
	uc_x86_msr msr = { .rid = index, .value = value };

	must(uc_reg_write(m->uc, UC_X86_REG_MSR, &msr), "write MSR");
}

void machine_set_table(struct machine *m, int reg, uint64_t base,
		       uint32_t limit)
{
	uc_x86_mmr mmr = { .base = base, .limit = limit };

	must(uc_reg_write(m->uc, reg, &mmr), "write table register");
}

void machine_set_selector(struct machine *m, int reg, uint16_t selector,
			  uint64_t base)
{
	uc_x86_mmr mmr = {
		.selector = selector, .base = base,
		.limit = selector ? 103 : 0,
		.flags = reg == UC_X86_REG_TR ? 0x8b00 : 0x8200,
	};

	must(uc_reg_write(m->uc, reg, &mmr), "write TR or LDTR");
}

static uc_x86_mmr table_register(struct machine *m, int reg)
{
	uc_x86_mmr mmr = { 0 };

	must(uc_reg_read(m->uc, reg, &mmr), "read table register");
	return mmr;
}

uint64_t machine_idt(struct machine *m)
{
	return table_register(m, UC_X86_REG_IDTR).base;
}

/* ---- execution ---------------------------------------------------------- */

const char *machine_step(struct machine *m)
{
	uint64_t rip = machine_get(m, UC_X86_REG_RIP);
	uc_err err = uc_emu_start(m->uc, rip, 0, 0, 1);

	m->steps++;
	if (err != UC_ERR_OK)
		return uc_strerror(err);
	machine_remap(m);
	return tlb_check_types(m);
}

static const char *push(struct machine *m, uint64_t value)
{
	uint64_t rsp = machine_get(m, UC_X86_REG_RSP) - 8;
	uint64_t *at = machine_va(m, rsp, PTE_W);

	if (!at)
		return "the stack is not mapped";
	memcpy(at, &value, sizeof(value));
	machine_set(m, UC_X86_REG_RSP, rsp);
	return NULL;
}

/* Where a gate leads, or why it cannot be used. */
static const char *gate(struct machine *m, uint8_t vector, uint64_t *rip,
			uint64_t *cs)
{
	uc_x86_mmr idt = table_register(m, UC_X86_REG_IDTR);
	uc_x86_mmr gdt = table_register(m, UC_X86_REG_GDTR);
	const uint64_t *g, *d;

	if (vector * 16u + 15 > idt.limit)
		return "vector above the IDT's limit";
	g = machine_va(m, idt.base + vector * 16u, 0);
	if (!g)
		return "the IDT is not mapped";
	if (GATE_TYPE(g[0]) != 0x8e || g[0] >> 32 & 7)
		return "no interrupt gate without IST";
	*cs = g[0] >> 16 & 0xffff;
	*rip = (g[0] & 0xffff) | (g[0] >> 48) << 16 | g[1] << 32;
	if ((*cs | 7) > gdt.limit)
		return "the gate's CS lies above the GDT's limit";
	d = machine_va(m, gdt.base + (*cs & ~7ull), 0);
	if (!d)
		return "the GDT is not mapped";
	if (!CODE64_OK(*d))
		return "the gate's CS is no 64-bit code";
	return machine_va(m, *rip, PTE_NX) ? NULL :
		"the handler is not mapped";
}

const char *machine_interrupt(struct machine *m, uint8_t vector)
{
	uint64_t rsp = machine_get(m, UC_X86_REG_RSP);
	uint64_t rip = 0, cs = 0;
	const char *why = gate(m, vector, &rip, &cs);

	if (why)
		return why;
	machine_set(m, UC_X86_REG_RSP, rsp & ~15ull);
	if ((why = push(m, machine_get(m, UC_X86_REG_SS))) ||
	    (why = push(m, rsp)) ||
	    (why = push(m, machine_get(m, UC_X86_REG_EFLAGS))) ||
	    (why = push(m, machine_get(m, UC_X86_REG_CS))) ||
	    (why = push(m, machine_get(m, UC_X86_REG_RIP))))
		return why;
	/* SDM vol. 3A, table 6-1: vectors with an error code. */
	if (vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
		why = push(m, 0);
	machine_set(m, UC_X86_REG_RIP, rip);
	return why;
}

/* ---- comparison --------------------------------------------------------- */

static const struct {
	const char *name;
	int reg;
} registers[] = {
	{ "rip", UC_X86_REG_RIP }, { "rsp", UC_X86_REG_RSP },
	{ "rflags", UC_X86_REG_EFLAGS }, { "rbx", UC_X86_REG_RBX },
	{ "rbp", UC_X86_REG_RBP }, { "r12", UC_X86_REG_R12 },
	{ "r13", UC_X86_REG_R13 }, { "r14", UC_X86_REG_R14 },
	{ "r15", UC_X86_REG_R15 }, { "cs", UC_X86_REG_CS },
	{ "ss", UC_X86_REG_SS }, { "ds", UC_X86_REG_DS },
	{ "es", UC_X86_REG_ES }, { "fs", UC_X86_REG_FS },
	{ "gs", UC_X86_REG_GS }, { "cr0", UC_X86_REG_CR0 },
	{ "cr2", UC_X86_REG_CR2 }, { "cr3", UC_X86_REG_CR3 },
	{ "cr4", UC_X86_REG_CR4 }, { "dr0", UC_X86_REG_DR0 },
	{ "dr1", UC_X86_REG_DR1 }, { "dr2", UC_X86_REG_DR2 },
	{ "dr3", UC_X86_REG_DR3 }, { "dr6", UC_X86_REG_DR6 },
	{ "dr7", UC_X86_REG_DR7 },
};

static const struct {
	const char *name;
	uint32_t index;
} msrs[] = {
	{ "star", 0xc0000081 }, { "lstar", 0xc0000082 },
	{ "cstar", 0xc0000083 }, { "sfmask", 0xc0000084 },
	{ "sysenter_cs", 0x174 }, { "sysenter_esp", 0x175 },
	{ "sysenter_eip", 0x176 }, { "pat", 0x277 },
	{ "tsc_aux", 0xc0000103 }, { "fs_base", 0xc0000100 },
	{ "gs_base", 0xc0000101 }, { "kernel_gs_base", 0xc0000102 },
};

static const struct {
	const char *name;
	int reg;
} tables[] = {
	{ "gdtr", UC_X86_REG_GDTR }, { "idtr", UC_X86_REG_IDTR },
	{ "ldtr", UC_X86_REG_LDTR }, { "tr", UC_X86_REG_TR },
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
_Static_assert(COUNT(registers) + COUNT(msrs) + 3 * COUNT(tables) <=
	       MACHINE_ROWS, "rows");

void machine_read(struct machine *m, struct machine_state *s)
{
	uc_x86_mmr mmr;
	uint32_t i, n = 0;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < COUNT(registers); i++)
		s->row[n++] = machine_get(m, registers[i].reg);
	for (i = 0; i < COUNT(msrs); i++)
		s->row[n++] = machine_get_msr(m, msrs[i].index);
	for (i = 0; i < COUNT(tables); i++) {
		mmr = table_register(m, tables[i].reg);
		/* A null LDTR has no base and no limit worth a look. */
		if (tables[i].reg == UC_X86_REG_LDTR && !mmr.selector)
			mmr.base = mmr.limit = 0;
		s->row[n++] = mmr.base;
		s->row[n++] = mmr.limit;
		s->row[n++] = mmr.selector;
	}
}

static const char *row_name(uint32_t i)
{
	static char text[32];

	if (i < COUNT(registers))
		return registers[i].name;
	i -= COUNT(registers);
	if (i < COUNT(msrs))
		return msrs[i].name;
	i -= COUNT(msrs);
	snprintf(text, sizeof(text), "%s.%s", tables[i / 3].name,
		 i % 3 == 0 ? "base" : i % 3 == 1 ? "limit" : "selector");
	return text;
}

const char *machine_differ(const struct machine_state *a,
			   const struct machine_state *b, uint64_t *va,
			   uint64_t *vb)
{
	uint32_t i;

	for (i = 0; i < MACHINE_ROWS; i++) {
		if (a->row[i] == b->row[i])
			continue;
		*va = a->row[i];
		*vb = b->row[i];
		return row_name(i);
	}
	return NULL;
}
