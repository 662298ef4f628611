/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvm.h - what the rest of the kernel may ask of the libcvm platform.
 *
 * Every hook in an existing file is one of these names.  All of them cost a
 * load and a not-taken branch on the metal, where cvm_guest stays false.  A
 * hook that says true has done all there was to do.
 *
 * <asm/irqflags.h> includes it, and so does all C code of the kernel proper.
 * The vDSO and the boot code share headers with it and get the empty hooks.
 */
#ifndef _ASM_X86_CVM_H
#define _ASM_X86_CVM_H

#include <linux/compiler.h>
#include <linux/types.h>

struct pt_regs;

#if defined(CONFIG_CVM_GUEST) && !defined(BUILD_VDSO) && \
	!defined(BUILD_VDSO32) && !defined(_SETUP) && \
	!defined(__DISABLE_EXPORTS)

/* True from cvm_guest_early_detect() on when this kernel runs beside a host. */
extern bool cvm_guest;

static __always_inline bool cvm_is_guest(void)
{
	return unlikely(cvm_guest);
}

/* A hook that is a test and a call. */
#define CVM_HOOK(name, params, args)					\
void __##name params;							\
static __always_inline bool name params					\
{									\
	if (!cvm_is_guest())						\
		return false;						\
	__##name args;							\
	return true;							\
}

/* Boot. */
void cvm_guest_bringup_idt(void *idt);
bool cvm_guest_early_exception(struct pt_regs *regs, int trapnr);
CVM_HOOK(cvm_guest_dead_end, (struct pt_regs *regs, int trapnr), (regs, trapnr))

/* The CR4 that was written: some bits are as the host has them. */
unsigned long __cvm_guest_write_cr4(unsigned long val);

static __always_inline unsigned long cvm_guest_write_cr4(unsigned long val)
{
	if (cvm_is_guest())
		return __cvm_guest_write_cr4(val);
	asm volatile("mov %0,%%cr4" : "+r" (val) : : "memory");
	return val;
}

/*
 * The passage, in enum fixed_addresses: CVM_PASSAGE_PAGES of
 * arch/x86/cvm/abi.h, which the platform compares.
 */
#define CVM_FIXMAP_SLOTS						\
	FIX_CVM_PASSAGE_BEGIN,						\
	FIX_CVM_PASSAGE_END = FIX_CVM_PASSAGE_BEGIN + 97 - 1,

/* Interrupts. */
struct gate_struct;
CVM_HOOK(cvm_guest_set_gates, (struct gate_struct *idt), (idt))
CVM_HOOK(cvm_guest_irq, (u32 vector), (vector))
CVM_HOOK(cvm_guest_nmi, (void), ())
CVM_HOOK(cvm_guest_machine_check, (struct pt_regs *regs), (regs))

/* Idle, halt, spinning. */
CVM_HOOK(cvm_guest_safe_halt, (void), ())
CVM_HOOK(cvm_guest_halt, (void), ())
CVM_HOOK(cvm_guest_relax, (void), ())

/* MSRs. */
int __cvm_guest_write_msr(u32 msr, u32 low, u32 high);
int __cvm_guest_write_msr_safe(u32 msr, u32 low, u32 high);

static __always_inline bool cvm_guest_write_msr(u32 msr, u32 low, u32 high)
{
	if (!cvm_is_guest())
		return false;
	/* FS, GS and KERNEL_GS base: always the guest's own. */
	if (__builtin_constant_p(msr) && msr >= 0xc0000100 && msr <= 0xc0000102)
		return false;
	__cvm_guest_write_msr(msr, low, high);
	return true;
}

/* Ports and mappings. */
u32 cvm_guest_refuse_in(u16 port);
void cvm_guest_refuse_out(u16 port);
bool cvm_guest_refuse_ioremap(u64 phys, void *caller);
bool cvm_guest_refuse_fixmap(unsigned int idx, u64 phys);

/* Doors from user space.  True (and counted) when the door is shut. */
bool cvm_guest_shut(const char *what);

#else /* not a guest's kernel proper */

#define CVM_FIXMAP_SLOTS

static __always_inline bool cvm_is_guest(void) { return false; }
static inline void cvm_guest_bringup_idt(void *idt) { }
static inline bool cvm_guest_early_exception(struct pt_regs *regs, int trapnr)
{
	return false;
}
static inline bool cvm_guest_dead_end(struct pt_regs *regs, int trapnr)
{
	return false;
}
static __always_inline unsigned long cvm_guest_write_cr4(unsigned long val)
{
	asm volatile("mov %0,%%cr4" : "+r" (val) : : "memory");
	return val;
}
static inline bool cvm_guest_set_gates(void *idt) { return false; }
static inline bool cvm_guest_irq(u32 vector) { return false; }
static __always_inline bool cvm_guest_nmi(void) { return false; }
static __always_inline bool cvm_guest_machine_check(struct pt_regs *regs)
{
	return false;
}
static __always_inline bool cvm_guest_safe_halt(void) { return false; }
static __always_inline bool cvm_guest_halt(void) { return false; }
static __always_inline bool cvm_guest_relax(void) { return false; }
static __always_inline bool cvm_guest_write_msr(u32 msr, u32 low, u32 high)
{
	return false;
}
static inline int __cvm_guest_write_msr_safe(u32 msr, u32 low, u32 high)
{
	return 0;
}
static inline u32 cvm_guest_refuse_in(u16 port) { return ~0u; }
static inline void cvm_guest_refuse_out(u16 port) { }
static inline bool cvm_guest_refuse_ioremap(u64 phys, void *caller)
{
	return false;
}
static inline bool cvm_guest_refuse_fixmap(unsigned int idx, u64 phys)
{
	return false;
}
static inline bool cvm_guest_shut(const char *what) { return false; }

#endif
#endif /* _ASM_X86_CVM_H */
