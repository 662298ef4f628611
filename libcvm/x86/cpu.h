/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu.h - privileged instructions, one function each.  Ring 0. */
#ifndef CVM_X86_CPU_H
#define CVM_X86_CPU_H

#include <stdint.h>

#define CVM_CR0_EM		(1ull << 2)
#define CVM_CR0_TS		(1ull << 3)

/* All that the core looks at; switch.S has them by way of offsets.c. */
#define CVM_CR4_PAE		(1ull << 5)
#define CVM_CR4_MCE		(1ull << 6)
#define CVM_CR4_PGE		(1ull << 7)
#define CVM_CR4_OSFXSR		(1ull << 9)
#define CVM_CR4_LA57		(1ull << 12)
#define CVM_CR4_VMXE		(1ull << 13)
#define CVM_CR4_SMXE		(1ull << 14)
#define CVM_CR4_FSGSBASE	(1ull << 16)
#define CVM_CR4_PCIDE		(1ull << 17)
#define CVM_CR4_OSXSAVE		(1ull << 18)
#define CVM_CR4_PKS		(1ull << 24)
#define CVM_CR4_UINTR		(1ull << 25)
#define CVM_CR4_FRED		(1ull << 32)
/* What a guest must leave as the host has it. */
#define CVM_CR4_KEEP	(CVM_CR4_MCE | CVM_CR4_LA57 | CVM_CR4_VMXE | \
			 CVM_CR4_SMXE | CVM_CR4_FRED)

#define CVM_EFER_SVME		(1ull << 12)
#define CVM_EFER_KEEP	(CVM_EFER_SVME | 1ull << 8 | 1ull << 10 | 1ull << 11)

#define CVM_MSR_FS_BASE		0xc0000100u
#define CVM_MSR_GS_BASE		0xc0000101u
#define CVM_MSR_KERNEL_GS_BASE	0xc0000102u

static inline uint64_t cvm_rdmsr(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t cvm_rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t cvm_xgetbv0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static inline void cvm_xsetbv0(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value),
			 "d"((uint32_t)(value >> 32)) : "memory");
}

#define CVM_READ_REG(name, insn)					\
static inline uint64_t cvm_read_##name(void)				\
{									\
	uint64_t v;							\
									\
	__asm__ volatile(insn ", %0" : "=r"(v) : : "memory");		\
	return v;							\
}
CVM_READ_REG(cr0, "mov %%cr0")
CVM_READ_REG(cr2, "mov %%cr2")
CVM_READ_REG(cr3, "mov %%cr3")
CVM_READ_REG(cr4, "mov %%cr4")
CVM_READ_REG(cr8, "mov %%cr8")
CVM_READ_REG(dr0, "mov %%db0")
CVM_READ_REG(dr1, "mov %%db1")
CVM_READ_REG(dr2, "mov %%db2")
CVM_READ_REG(dr3, "mov %%db3")
CVM_READ_REG(dr6, "mov %%db6")
CVM_READ_REG(dr7, "mov %%db7")
#undef CVM_READ_REG

static inline void cvm_write_cr0(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static inline void cvm_write_cr4(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static inline void cvm_write_cr8(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}

#define CVM_READ_SEL(name, insn)					\
static inline uint16_t cvm_read_##name(void)				\
{									\
	uint16_t v;							\
									\
	__asm__ volatile(insn " %0" : "=m"(v));				\
	return v;							\
}
CVM_READ_SEL(ds, "mov %%ds,")
CVM_READ_SEL(es, "mov %%es,")
CVM_READ_SEL(fs, "mov %%fs,")
CVM_READ_SEL(gs, "mov %%gs,")
CVM_READ_SEL(ss, "mov %%ss,")
CVM_READ_SEL(ldtr, "sldt")
CVM_READ_SEL(tr, "str")
#undef CVM_READ_SEL

#endif /* CVM_X86_CPU_H */
