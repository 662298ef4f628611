// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypercall.c - calls to the monitor, and traps that go straight to it.
 *
 * An NMI or a machine check may arrive between the moment a hypercall is
 * written into the shared page and the moment its result is read.  Their
 * path therefore saves and restores the call's fields.  Inside the switch
 * itself another IDT is live, and they are latched there.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/percpu.h>

#include <asm/cpufeature.h>
#include <asm/processor-flags.h>

#include "cvm.h"

typedef void (*passage_fn)(u64 priv);

DEFINE_PER_CPU(struct cvm_shared *, cvm_guest_this);
struct cvm_shared *cvm_guest_vm __ro_after_init;

#if defined(CONFIG_MITIGATION_IBRS_ENTRY) || defined(CONFIG_CPU_IBRS_ENTRY)
/*
 * SPEC_CTRL is written by assembly on each way into the kernel and out of it:
 * what the passage knows of it is always old.
 */
static __always_inline void tell_of_ibrs(struct cvm_shared *s)
{
	if (boot_cpu_has(X86_FEATURE_KERNEL_IBRS))
		s->msr_dirty = 1;
}
#else
static __always_inline void tell_of_ibrs(struct cvm_shared *s) { }
#endif

static __always_inline void switch_worlds(struct cvm_shared *s)
{
	tell_of_ibrs(s);
	/* One instruction, so that an NMI cannot lose a count. */
	asm volatile("incq %0" : "+m" (s->hypercalls) : : "memory");
	((passage_fn)s->passage_entry)(s->passage_priv);
	barrier();
}

noinstr s64 __cvm_guest_hypercall(u32 number)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	s->hypercall = number;
	switch_worlds(s);
	return s->ret;
}

s64 cvm_guest_hypercall(u32 number)
{
	unsigned long flags;
	s64 ret;

	local_irq_save(flags);
	ret = __cvm_guest_hypercall(number);
	local_irq_restore(flags);
	return ret;
}

s64 cvm_guest_hypercall2(u32 number, u64 arg0, u64 arg1)
{
	struct cvm_shared *s;
	unsigned long flags;
	s64 ret;

	local_irq_save(flags);
	s = this_cpu_read(cvm_guest_this);
	s->arg[0] = arg0;
	s->arg[1] = arg1;
	ret = __cvm_guest_hypercall(number);
	local_irq_restore(flags);
	return ret;
}

/*
 * May come inside another call, by an interrupt, an NMI or a trap: it leaves
 * that one's fields as they were.
 */
noinstr void cvm_guest_hypercall_nested(struct cvm_shared *s, u32 number,
					u64 arg0, u64 arg1)
{
	u32 saved_number = s->hypercall, saved_vector = s->vector;
	s64 saved_ret = s->ret;
	u64 saved_arg[ARRAY_SIZE(s->arg)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->arg); i++)
		saved_arg[i] = s->arg[i];
	s->arg[0] = arg0;
	s->arg[1] = arg1;
	s->hypercall = number;
	switch_worlds(s);
	for (i = 0; i < ARRAY_SIZE(s->arg); i++)
		s->arg[i] = saved_arg[i];
	s->ret = saved_ret;
	s->vector = saved_vector;
	s->hypercall = saved_number;
}

/* Called by exc_nmi() in place of all it would do. */
noinstr void __cvm_guest_nmi(void)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	s->nmi_seen++;
	cvm_guest_hypercall_nested(s, CVM_HC_NMI, 0, 0);
}

/*
 * The same for do_machine_check(): the banks are the host's to read.  Where
 * it hit us goes along, for the reason if this is our end.
 */
noinstr void __cvm_guest_machine_check(struct pt_regs *regs)
{
	cvm_guest_hypercall_nested(this_cpu_read(cvm_guest_this), CVM_HC_MCE,
				   regs->cs, regs->ip);
}

void cvm_guest_yield(void)
{
	cvm_guest_hypercall(CVM_HC_YIELD);
}
