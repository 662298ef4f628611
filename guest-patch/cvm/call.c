// SPDX-License-Identifier: GPL-2.0-only
/*
 * call.c - the passage call, and the traps that go straight through it.
 *
 * An NMI or a machine check may arrive between the moment an operation is
 * written into the shared page and the moment its result is read.  Their
 * path therefore saves and restores the call's fields.  Inside the switch
 * itself another IDT is live, and they are latched there.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include <asm/processor-flags.h>

#include "cvm.h"

typedef void (*cvm_passage_fn)(u64 priv);

DEFINE_PER_CPU(struct cvm_shared *, cvm_this);
struct cvm_shared *cvm_vm __ro_after_init;

static __always_inline void cvm_switch(struct cvm_shared *s)
{
	/* One instruction, so that an NMI cannot lose a count. */
	asm volatile("incq %0" : "+m" (s->hypercalls) : : "memory");
	((cvm_passage_fn)s->passage_entry)(s->passage_priv);
	barrier();
}

noinstr s64 __cvm_call(u32 op)
{
	struct cvm_shared *s = this_cpu_read(cvm_this);

	s->hypercall = op;
	cvm_switch(s);
	return s->ret;
}

s64 cvm_call(u32 op)
{
	unsigned long flags;
	s64 ret;

	local_irq_save(flags);
	ret = __cvm_call(op);
	local_irq_restore(flags);
	return ret;
}

s64 cvm_call2(u32 op, u64 arg0, u64 arg1)
{
	struct cvm_shared *s;
	unsigned long flags;
	s64 ret;

	local_irq_save(flags);
	s = this_cpu_read(cvm_this);
	s->arg[0] = arg0;
	s->arg[1] = arg1;
	ret = __cvm_call(op);
	local_irq_restore(flags);
	return ret;
}

/*
 * What the host did at once is there when the call returns.  With interrupts
 * on, its events are served before this does: one that the host had to raise
 * would bring them, with a second switch.
 */
void cvm_doorbell(u64 number)
{
	struct cvm_shared *s;
	unsigned long flags;
	bool looks;

	local_irq_save(flags);
	looks = !irqs_disabled_flags(flags);
	s = this_cpu_read(cvm_this);
	s->arg[0] = number;
	s->arg[1] = looks ? CVM_DOORBELL_LOOKS : 0;
	__cvm_call(CVM_HC_DOORBELL);
	if (looks && cvm_work_pending(s))
		cvm_soft_interrupt();
	local_irq_restore(flags);
	/* The soft interrupt came with interrupts off: it did not preempt. */
	preempt_check_resched();
}

/*
 * May come inside another call, by an interrupt, an NMI or a trap: it leaves
 * that one's fields as they were.
 */
noinstr void cvm_call_nested(struct cvm_shared *s, u32 op, u64 arg0, u64 arg1)
{
	u32 saved_op = s->hypercall, saved_vector = s->vector;
	s64 saved_ret = s->ret;
	u64 saved_arg[ARRAY_SIZE(s->arg)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->arg); i++)
		saved_arg[i] = s->arg[i];
	s->arg[0] = arg0;
	s->arg[1] = arg1;
	s->hypercall = op;
	cvm_switch(s);
	for (i = 0; i < ARRAY_SIZE(s->arg); i++)
		s->arg[i] = saved_arg[i];
	s->ret = saved_ret;
	s->vector = saved_vector;
	s->hypercall = saved_op;
}

/* Called by exc_nmi() in place of all it would do. */
noinstr void __cvm_nmi(void)
{
	struct cvm_shared *s = this_cpu_read(cvm_this);

	s->nmi_seen++;
	cvm_call_nested(s, CVM_HC_NMI, 0, 0);
}

/*
 * The same for do_machine_check(): the banks are the host's to read.  Where
 * it hit us goes along, for the reason if this is our end.
 */
noinstr void __cvm_machine_check(struct pt_regs *regs)
{
	cvm_call_nested(this_cpu_read(cvm_this), CVM_HC_MCE, regs->cs,
			regs->ip);
}

void cvm_yield(void)
{
	cvm_call(CVM_HC_YIELD);
}
