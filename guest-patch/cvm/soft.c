// SPDX-License-Identifier: GPL-2.0-only
/*
 * soft.c - interrupts the guest makes itself, and none of the host's.
 *
 * An "int" instruction, so that events are served with a real register frame.
 * A per-CPU flag tells its vector from the same one of the host.
 */
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>

#include <asm/irq_vectors.h>

#include "cvm.h"

#define CVM_SOFT_VECTOR		LOCAL_TIMER_VECTOR

static DEFINE_PER_CPU(bool, soft_sent);

DEFINE_PER_CPU(bool, cvm_guest_serving);

/* Interrupts are off, so the flag cannot meet a vector of the host. */
noinstr void cvm_guest_soft_interrupt(void)
{
	this_cpu_write(soft_sent, true);
	asm volatile("int %0" : : "i" (CVM_SOFT_VECTOR) : "memory");
}

/* Whether the vector that has come is ours; asked once for each. */
bool cvm_guest_soft_taken(void)
{
	if (!this_cpu_read(soft_sent))
		return false;
	this_cpu_write(soft_sent, false);
	return true;
}

/*
 * The interrupt that a CPU sends itself: irq_work's, which is taken as soon as
 * interrupts are on.  If they are, it is a soft one, here and now.  If not, a
 * call that does nothing: a monitor that returns and finds an event pending
 * has a real interrupt pend.  From any context, a debug exception inside a
 * call of another's included.
 */
void cvm_guest_send_self(int vector)
{
	struct cvm_shared *s;
	unsigned long flags;

	if (WARN_ON_ONCE(vector != IRQ_WORK_VECTOR))
		return;
	local_irq_save(flags);
	s = this_cpu_read(cvm_guest_this);
	set_bit(CVM_EVENT_SELF_BIT, (unsigned long *)&s->events);
	if (!irqs_disabled_flags(flags))
		cvm_guest_soft_interrupt();
	else if (!this_cpu_read(cvm_guest_serving))
		cvm_guest_hypercall_nested(s, CVM_HC_NOOP, 0, 0);
	local_irq_restore(flags);
}
