// SPDX-License-Identifier: GPL-2.0-only
/*
 * start.c - from the kernel's first instructions at its own addresses to the
 * moment when it knows the platform.
 *
 * All that is done here is data: pointers and switches that any kernel has.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include <asm/fixmap.h>
#include <asm/mtrr.h>
#include <asm/paravirt.h>
#include <asm/ptrace.h>
#include <asm/trapnr.h>
#include <asm/x86_init.h>

#include "cvm.h"

/* In the kernel, but in no header of it that is shipped. */
extern void (*delay_fn)(u64 cycles);
extern int mtrr_state_set;
extern struct mtrr_state_type mtrr_state;
void do_early_exception(struct pt_regs *regs, int trapnr);

static void (*platform_setup)(void);

/*
 * udelay() and its like.  Interrupts may be off for as long as a driver
 * wants, and the host's CPU with them.
 */
static void delay(u64 cycles)
{
	u64 began = rdtsc();

	while (rdtsc() - began < cycles) {
		cpu_relax();
		__cvm_guest_relax();
	}
}

/* The early exception that do_early_exception() is busy with. */
static struct pt_regs *early_regs;
static int early_trapnr;

/* In place of "hlt"; at the end of an early exception, that one's end. */
void cvm_guest_stop(void)
{
	if (early_regs)
		__cvm_guest_dead_end(early_regs, early_trapnr);
	__cvm_guest_halt();
}

/* In place of do_early_exception(). */
void cvm_guest_take_early_exception(struct pt_regs *regs, int trapnr)
{
	if (trapnr == X86_TRAP_BP && cvm_guest_site(regs))
		return;
	if (cvm_guest_early_exception(regs, trapnr))
		return;
	early_regs = regs;
	early_trapnr = trapnr;
	do_early_exception(regs, trapnr);
	early_regs = NULL;
}

static void take_operations(void)
{
#ifdef CVM_PV_HALTS
	pv_ops.irq.safe_halt = __cvm_guest_safe_halt;
	pv_ops.irq.halt = cvm_guest_stop;
#endif
#ifdef CONFIG_PARAVIRT_XXL
	/* Without a function between, the recorder's caller is the caller. */
	BUILD_BUG_ON(!__same_type(pv_ops.cpu.write_msr,
				  void (*)(u32 msr, u32 low, u32 high)));
	pv_ops.cpu.write_msr = (void *)__cvm_guest_write_msr;
	pv_ops.cpu.write_msr_safe = __cvm_guest_write_msr_safe;
#endif
}

static void __init setup_legacy_features(void)
{
	if (IS_ENABLED(CONFIG_KASAN))
		cvm_guest_object_register();
	platform_setup();
	cvm_guest_sites_setup();
	cvm_guest_take_initcalls();
}

/*
 * Behind early_setup_idt(): cvm_guest_early_detect() has run.  .bss is not
 * clear yet.
 */
void __init cvm_guest_object_start(void)
{
	BUILD_BUG_ON((int)FIX_CVM_PASSAGE_BEGIN <
		     (int)__end_of_permanent_fixed_addresses);
	BUILD_BUG_ON((int)FIX_CVM_PASSAGE_END >= (int)FIX_BTMAP_END);

	if (!cvm_is_guest())
		return;
	/* Where the kernel's code is instrumented, it has no shadow yet. */
	if (!IS_ENABLED(CONFIG_KASAN))
		cvm_guest_object_register();
	take_operations();
	delay_fn = delay;
	platform_setup = x86_platform.set_legacy_features;
	x86_platform.set_legacy_features = setup_legacy_features;
}

#ifdef CONFIG_MTRR
/* In place of guest_force_mtrr_state(), which platform.c calls. */
void cvm_guest_mtrr_state(struct mtrr_var_range *var, unsigned int num_var,
			   mtrr_type def_type)
{
	mtrr_state.def_type = def_type;
	mtrr_state.enabled |= MTRR_STATE_MTRR_ENABLED;
	mtrr_state_set = 1;
}
#endif
