// SPDX-License-Identifier: GPL-2.0-only
/*
 * idle.c - sleeping in the host, and not keeping its CPU while spinning.
 */
#include <linux/cpu.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>

#include "cvm.h"

/* Spins with interrupts off between two yields. */
#define CVM_RELAX_SPINS		1024

static DEFINE_PER_CPU(unsigned int, spins);

/*
 * Interrupts are off.  An event that is already there is served and not
 * slept upon; one that came with the wake-up is served at once, through an
 * interrupt of our own, rather than by having the host arm a real one.
 */
static __always_inline void sleep_in_host(void)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	if (!cvm_guest_work_pending(s))
		__cvm_guest_hypercall(CVM_HC_IDLE);
	if (cvm_guest_work_pending(s))
		cvm_guest_soft_interrupt();
}

/* In place of "sti; hlt", to which all idling comes: MWAIT is hidden. */
void __cpuidle __cvm_guest_safe_halt(void)
{
	sleep_in_host();
	raw_local_irq_enable();
}
EXPORT_SYMBOL(__cvm_guest_safe_halt);

/*
 * cpu_relax() with interrupts off: the host has no other way to its CPU.
 * With interrupts on it needs no help.
 */
noinstr void __cvm_guest_relax(void)
{
	if (native_save_fl() & X86_EFLAGS_IF)
		return;
	if (this_cpu_inc_return(spins) % CVM_RELAX_SPINS)
		return;
	__cvm_guest_hypercall(CVM_HC_YIELD);
}
EXPORT_SYMBOL(__cvm_guest_relax);
