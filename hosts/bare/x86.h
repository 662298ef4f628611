/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86.h - single instructions as functions, for hosts/bare and its tests.
 */
#ifndef BARE_X86_H
#define BARE_X86_H

#include <stdint.h>

#define X86_CR4_TSD		(1ull << 2)
#define X86_CR4_DE		(1ull << 3)
#define X86_CR4_MCE		(1ull << 6)
#define X86_CR4_PGE		(1ull << 7)
#define X86_CR4_PCE		(1ull << 8)
#define X86_CR4_OSFXSR		(1ull << 9)
#define X86_CR4_OSXMMEXCPT	(1ull << 10)
#define X86_CR4_UMIP		(1ull << 11)
#define X86_CR4_LA57		(1ull << 12)
#define X86_CR4_FSGSBASE	(1ull << 16)
#define X86_CR4_PCIDE		(1ull << 17)
#define X86_CR4_OSXSAVE		(1ull << 18)
#define X86_CR4_SMEP		(1ull << 20)
#define X86_CR4_SMAP		(1ull << 21)
#define X86_CR4_PKE		(1ull << 22)
#define X86_CR4_CET		(1ull << 23)

#define X86_CR0_MP		(1ull << 1)
#define X86_CR0_TS		(1ull << 3)
#define X86_CR0_AM		(1ull << 18)

#define MSR_APIC_BASE		0x1b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MCG_CAP		0x179
#define MSR_MCG_STATUS		0x17a
#define MSR_MCG_CTL		0x17b
#define MSR_DEBUGCTL		0x1d9
#define MSR_PAT			0x277
#define MSR_S_CET		0x6a2
#define MSR_XSS			0xda0
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

struct x86_dtr {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct x86_cpuid {
	uint32_t a, b, c, d;
};

#define X86_CR(n) \
static inline uint64_t x86_cr##n(void) \
{ \
	uint64_t v; \
	__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)); \
	return v; \
} \
static inline void x86_set_cr##n(uint64_t v) \
{ \
	__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); \
}
X86_CR(0)
X86_CR(2)
X86_CR(3)
X86_CR(4)
X86_CR(8)
#undef X86_CR

#define X86_DR(n) \
static inline uint64_t x86_dr##n(void) \
{ \
	uint64_t v; \
	__asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); \
	return v; \
} \
static inline void x86_set_dr##n(uint64_t v) \
{ \
	__asm__ volatile("mov %0, %%dr" #n : : "r"(v) : "memory"); \
}
X86_DR(0)
X86_DR(1)
X86_DR(2)
X86_DR(3)
X86_DR(6)
X86_DR(7)
#undef X86_DR

#define X86_SEG(s) \
static inline uint16_t x86_##s(void) \
{ \
	uint16_t v; \
	__asm__ volatile("mov %%" #s ", %0" : "=r"(v)); \
	return v; \
} \
static inline void x86_set_##s(uint16_t v) \
{ \
	__asm__ volatile("mov %0, %%" #s : : "r"((uint32_t)v) : "memory"); \
}
X86_SEG(ds)
X86_SEG(es)
X86_SEG(fs)
X86_SEG(gs)
X86_SEG(ss)
#undef X86_SEG

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t sub)
{
	struct x86_cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline uint64_t x86_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return ((uint64_t)hi << 32) | lo;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint64_t x86_rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((uint64_t)hi << 32) | lo;
}

static inline uint64_t x86_xgetbv(uint32_t index)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return ((uint64_t)hi << 32) | lo;
}

static inline void x86_xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint64_t x86_rflags(void)
{
	uint64_t v;

	__asm__ volatile("pushfq; popq %0" : "=r"(v));
	return v;
}

static inline void x86_outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void x86_outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t x86_inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void x86_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void x86_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* Sleep until an interrupt, with no gap between the two instructions. */
static inline void x86_sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void x86_invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void x86_lgdt(const struct x86_dtr *d)
{
	__asm__ volatile("lgdt %0" : : "m"(*d));
}

static inline void x86_lidt(const struct x86_dtr *d)
{
	__asm__ volatile("lidt %0" : : "m"(*d));
}

static inline void x86_sgdt(struct x86_dtr *d)
{
	__asm__ volatile("sgdt %0" : "=m"(*d));
}

static inline void x86_sidt(struct x86_dtr *d)
{
	__asm__ volatile("sidt %0" : "=m"(*d));
}

#endif /* BARE_X86_H */
