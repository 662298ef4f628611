/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvm.h - what the rest of the kernel may ask of the libcvm platform.
 *
 * Every hook in an existing file is one of these names.  All of them cost a
 * load and a not-taken branch on the metal, where cvm_guest stays false.
 */
#ifndef _ASM_X86_CVM_H
#define _ASM_X86_CVM_H

/*
 * CR4 bits the boot code must carry over: the host may be inside VMX
 * operation, where clearing VMXE raises #GP (SDM vol. 3, 24.8).
 */
#ifdef CONFIG_CVM_GUEST
#define CVM_CR4_KEEP		X86_CR4_VMXE
#else
#define CVM_CR4_KEEP		0
#endif

/* Vectors below 0x20 that are exceptions here and interrupts to NT. */
#define CVM_LOW_VECTOR_FIRST	0x15
#define CVM_LOW_VECTOR_LAST	0x1f
#define CVM_NR_LOW_VECTORS	(CVM_LOW_VECTOR_LAST - CVM_LOW_VECTOR_FIRST + 1)

#ifndef __ASSEMBLY__

#include <linux/compiler.h>
#include <linux/types.h>

struct pt_regs;

/* boot_params.hdr.hardware_subarch; equals CVM_HARDWARE_SUBARCH of abi.h. */
#define X86_SUBARCH_CVM		0x4d564343

#ifdef CONFIG_CVM_GUEST

/* True from cvm_early_detect() on when this kernel runs beside a host. */
extern bool cvm_guest;

static __always_inline bool cvm_is_guest(void)
{
	return unlikely(cvm_guest);
}

/* Boot. */
void cvm_bringup_idt(void *idt);
void cvm_early_dead_end(void);
void cvm_early_detect(void);
void cvm_platform_setup(void);
bool cvm_early_exception(struct pt_regs *regs, int trapnr);
void cvm_dead_end(struct pt_regs *regs, int trapnr);
extern unsigned long cvm_cr4_keep_mask, cvm_cr4_keep_bits;

static __always_inline unsigned long cvm_cr4(unsigned long val)
{
	if (!cvm_is_guest())
		return val;
	return (val & ~cvm_cr4_keep_mask) | cvm_cr4_keep_bits;
}

/* Interrupts. */
extern char cvm_low_entries_start[];
extern char cvm_irq80_entry[];
bool cvm_forwards_irq80(void);
void cvm_interrupt(struct pt_regs *regs, u32 vector);
void cvm_nmi(void);
void __cvm_machine_check(struct pt_regs *regs);

/* True: the host has dealt with it. */
static __always_inline bool cvm_machine_check(struct pt_regs *regs)
{
	if (!cvm_is_guest())
		return false;
	__cvm_machine_check(regs);
	return true;
}

/* Idle, halt, spinning. */
void cvm_idle(void);
void cvm_safe_halt(void);
void cvm_halt(void);
void __cvm_relax(void);

static __always_inline void cvm_relax(void)
{
	if (cvm_is_guest())
		__cvm_relax();
}

/* MSRs. */
int __cvm_write_msr(u32 msr, u32 low, u32 high);
int __cvm_write_msr_safe(u32 msr, u32 low, u32 high);

/* True: the platform has dealt with the write. */
static __always_inline bool cvm_write_msr(u32 msr, u32 low, u32 high)
{
	if (!cvm_is_guest())
		return false;
	/* FS, GS and KERNEL_GS base: always the guest's own. */
	if (__builtin_constant_p(msr) && msr >= 0xc0000100 && msr <= 0xc0000102)
		return false;
	__cvm_write_msr(msr, low, high);
	return true;
}

/* Ports and mappings. */
u32 cvm_refuse_in(u16 port);
void cvm_refuse_out(u16 port);
bool cvm_refuse_ioremap(u64 phys, unsigned long size, void *caller);
bool cvm_refuse_fixmap(unsigned int idx, u64 phys);

/* Doors from user space.  True (and counted) when the door is shut. */
bool cvm_refuse_door(const char *what);

#else /* !CONFIG_CVM_GUEST */

static __always_inline bool cvm_is_guest(void) { return false; }
static inline void cvm_bringup_idt(void *idt) { }
static inline void cvm_early_dead_end(void) { }
static inline void cvm_early_detect(void) { }
static inline bool cvm_early_exception(struct pt_regs *regs, int trapnr)
{
	return false;
}
static inline void cvm_dead_end(struct pt_regs *regs, int trapnr) { }
static __always_inline unsigned long cvm_cr4(unsigned long val)
{
	return val;
}
static inline void cvm_interrupt(struct pt_regs *regs, u32 vector) { }
static __always_inline void cvm_nmi(void) { }
static __always_inline bool cvm_machine_check(struct pt_regs *regs)
{
	return false;
}
static __always_inline void cvm_idle(void) { }
static __always_inline void cvm_safe_halt(void) { }
static __always_inline void cvm_halt(void) { }
static __always_inline void cvm_relax(void) { }
static __always_inline bool cvm_write_msr(u32 msr, u32 low, u32 high)
{
	return false;
}
static inline int __cvm_write_msr_safe(u32 msr, u32 low, u32 high)
{
	return 0;
}
static inline u32 cvm_refuse_in(u16 port) { return ~0u; }
static inline void cvm_refuse_out(u16 port) { }
static inline bool cvm_refuse_ioremap(u64 phys, unsigned long size,
				      void *caller)
{
	return false;
}
static inline bool cvm_refuse_fixmap(unsigned int idx, u64 phys)
{
	return false;
}
static inline bool cvm_refuse_door(const char *what) { return false; }

#endif /* CONFIG_CVM_GUEST */
#endif /* __ASSEMBLY__ */
#endif /* _ASM_X86_CVM_H */
