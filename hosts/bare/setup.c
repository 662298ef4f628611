/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * setup.c - descriptor tables and CPU features of a 64-bit kernel; linked by
 * the test guest too, which is one.
 */
#include "bare.h"
#include "x86.h"

struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

struct gate64 {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

extern char bare_gates[];

static struct tss64 tss __attribute__((aligned(128)));
static struct gate64 idt[256] __attribute__((aligned(4096)));
static uint8_t ist_stack[3][8192] __attribute__((aligned(16)));

/* Selectors as Linux has them; an LDT as a value worth losing. */
static uint64_t gdt[12] __attribute__((aligned(4096))) = {
	[BARE_CS / 8] = 0x00af9b000000ffff,
	[BARE_SS / 8] = 0x00cf93000000ffff,
	[0x20 / 8] = 0x00cffb000000ffff,	/* user, 32-bit code */
	[0x28 / 8] = 0x00cff3000000ffff,	/* user data */
	[0x30 / 8] = 0x00affb000000ffff,	/* user, 64-bit code */
};

uint64_t bare_ldt[4] __attribute__((aligned(64))) = {
	[1] = 0x00cff3000000ffff,
};

static void system_descriptor(uint32_t selector, uint64_t base,
			      uint32_t limit, uint64_t type)
{
	gdt[selector / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 |
			    type << 40 | (base >> 24 & 0xff) << 56;
	gdt[selector / 8 + 1] = base >> 32;
}

void bare_tables_load(uint64_t rsp0)
{
	struct x86_dtr gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct x86_dtr idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint32_t i;

	for (i = 0; i < 3; i++)
		tss.ist[i] = (uint64_t)(ist_stack[i] + sizeof(ist_stack[i]));
	tss.rsp[0] = rsp0;
	tss.iomap = sizeof(tss);
	system_descriptor(BARE_TR, (uint64_t)&tss, sizeof(tss) - 1, 0x89);
	system_descriptor(BARE_LDT, (uint64_t)bare_ldt,
			  sizeof(bare_ldt) - 1, 0x82);

	for (i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)bare_gates + 16 * i;

		idt[i].offset0 = (uint16_t)at;
		idt[i].offset1 = (uint16_t)(at >> 16);
		idt[i].offset2 = (uint32_t)(at >> 32);
		idt[i].selector = BARE_CS;
		idt[i].type = 0x8e;		/* interrupt gate */
	}
	idt[8].ist = BARE_IST_DF;
	if (!rsp0) {
		idt[2].ist = BARE_IST_NMI;
		idt[18].ist = BARE_IST_MCE;
	}

	x86_lgdt(&gdtr);
	x86_lidt(&idtr);
	__asm__ volatile("lldt %w0" : : "r"(BARE_LDT));
	__asm__ volatile("ltr %w0" : : "r"(BARE_TR));
	x86_set_ss(BARE_SS);
	x86_set_ds(0);
	x86_set_es(0);
}

int bare_pcid_enable(void)
{
	if (!(x86_cpuid(1, 0).c >> 17 & 1))
		return 0;
	x86_set_cr4(x86_cr4() | X86_CR4_PCIDE);
	x86_set_cr3(x86_cr3() | 1);
	return 1;
}

int bare_ibt_enable(void)
{
	if (x86_cpuid(0, 0).a < 7 || !(x86_cpuid(7, 0).d >> 20 & 1))
		return 0;
	x86_wrmsr(MSR_S_CET, 1u << 2);		/* ENDBR_EN */
	x86_set_cr4(x86_cr4() | X86_CR4_CET);
	return 1;
}

void bare_features_enable(void)
{
	struct x86_cpuid c1 = x86_cpuid(1, 0), c7 = { 0, 0, 0, 0 };
	uint64_t cr4 = x86_cr4() | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	if (x86_cpuid(0, 0).a >= 7)
		c7 = x86_cpuid(7, 0);
	if (c1.d & 1u << 2)
		cr4 |= X86_CR4_DE;
	if (c1.d & 1u << 7)
		cr4 |= X86_CR4_MCE;
	if (c1.d & 1u << 13)
		cr4 |= X86_CR4_PGE;
	if (c1.c & 1u << 26)
		cr4 |= X86_CR4_OSXSAVE;
	if (c7.b & 1u << 0)
		cr4 |= X86_CR4_FSGSBASE;
	if (c7.b & 1u << 7)
		cr4 |= X86_CR4_SMEP;
	if (c7.b & 1u << 20)
		cr4 |= X86_CR4_SMAP;
	if (c7.c & 1u << 2)
		cr4 |= X86_CR4_UMIP;
	if (c7.c & 1u << 3)
		cr4 |= X86_CR4_PKE;
	x86_set_cr4(cr4);
	if (cr4 & X86_CR4_SMAP)
		__asm__ volatile("clac" : : : "cc");
	if (cr4 & X86_CR4_OSXSAVE) {
		struct x86_cpuid d = x86_cpuid(0xd, 0);

		x86_xsetbv((uint64_t)d.d << 32 | d.a);
	}
	__asm__ volatile("fninit");
}
