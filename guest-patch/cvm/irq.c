// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq.c - forwarding the host's interrupts, and running our own events.
 *
 * Every external vector that arrives while the guest runs is the host's: the
 * CPU has acknowledged it, so it is handed over and the host's handler will
 * send the EOI.  On the way back the pending-event bits are looked at; there
 * is no other way for an event to reach the guest.
 */
#include <linux/hardirq.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/nmi.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

#include <asm/desc.h>
#include <asm/hardirq.h>
#include <asm/idtentry.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <asm/trace/irq_vectors.h>

#include "cvm.h"
#include "vectors.h"

/* Longer away than this is a pause, and no busy host. */
#define CVM_PAUSE_MS		2000

/* entry.S: one for each vector that has no gate of this kind without us. */
extern const char cvm_guest_low_entries[], cvm_guest_irq80_entry[],
	cvm_guest_system_entries[];

static void __init set_host_gate(gate_desc *idt, unsigned int vector,
				 const char *entry)
{
	gate_desc gate;

	pack_gate(&gate, GATE_INTERRUPT, (unsigned long)entry, 0, 0,
		  __KERNEL_CS);
	native_write_idt_entry(idt, vector, &gate);
}

/*
 * Vectors that are exceptions here and interrupts to NT, a system call that
 * may be a device's there, and what the kernel's own APIC would send: all the
 * host's.  The others have gates that end in common_interrupt() already.
 */
void __init __cvm_guest_set_gates(gate_desc *idt)
{
	unsigned int i;

	for (i = 0; i < CVM_NR_LOW_VECTORS; i++)
		set_host_gate(idt, CVM_LOW_VECTOR_FIRST + i,
			      cvm_guest_low_entries + i * IDT_ALIGN);
	for (i = 0; i < CVM_NR_SYSTEM_VECTORS; i++)
		set_host_gate(idt, FIRST_SYSTEM_VECTOR + i,
			      cvm_guest_system_entries + i * IDT_ALIGN);
	if (cvm_guest_vm->features & CVM_SHARED_F_IRQ80)
		set_host_gate(idt, IA32_SYSCALL_VECTOR, cvm_guest_irq80_entry);
}

/*
 * The guest was stopped for long (its process, or the machine): tell those
 * who watch for a CPU that makes no progress that it could not.
 */
static void was_paused(void)
{
	touch_softlockup_watchdog_sync();
	rcu_cpu_stall_reset();
}

static void forward_vector(struct cvm_shared *s, u32 vector)
{
	u64 began = rdtsc();

	s->vector = vector;
	s->vector_count[vector & 0xff]++;
	s->forwarded++;
	inc_irq_stat(x86_platform_ipis);
	__cvm_guest_hypercall(CVM_HC_IRQ);
	if (rdtsc() - began > (u64)cvm_guest_vm->tsc_khz * CVM_PAUSE_MS)
		was_paused();
}

/* What concerns devices: their own bits, and the one that announces them. */
#define CVM_EVENTS_VIRTIO	(BIT_ULL(CVM_EVENT_HOTPLUG_BIT) | \
				 ~0ULL << CVM_EVENT_DEVICE_BIT)

static void run_irq_work(void)
{
	trace_irq_work_entry(IRQ_WORK_VECTOR);
	inc_irq_stat(apic_irq_work_irqs);
	irq_work_run();
	trace_irq_work_exit(IRQ_WORK_VECTOR);
}

/*
 * IPIs (RESCHED, CALL, CALL1, STOP) are never raised in a guest with one
 * vCPU.  They are counted and dropped.
 */
static void serve_events(struct cvm_shared *s)
{
	u64 events = xchg(&s->events, 0);

	s->events_run += hweight64(events);
	if ((events & BIT_ULL(CVM_EVENT_TIMER_BIT)) ||
	    cvm_guest_deadline_passed(s))
		cvm_guest_timer_event(s);
	if (events & CVM_EVENTS_VIRTIO)
		cvm_guest_virtio_events(events);
	if (events & BIT_ULL(CVM_EVENT_CONSOLE_BIT))
		cvm_guest_console_event();
	if (events & BIT_ULL(CVM_EVENT_CLOCK_BIT))
		cvm_guest_clock_changed();
	if (events & BIT_ULL(CVM_EVENT_POWER_BIT))
		cvm_guest_power_request();
	if (events & BIT_ULL(CVM_EVENT_SELF_BIT))
		run_irq_work();
}

static void run_events(struct cvm_shared *s)
{
	while (cvm_guest_work_pending(s)) {
		this_cpu_write(cvm_guest_serving, true);
		serve_events(s);
		/* Before the last look: who raises one now sees to it. */
		this_cpu_write(cvm_guest_serving, false);
	}
}

/*
 * From common_interrupt(): on the interrupt stack, interrupts off, irq_enter()
 * and set_irq_regs() done.
 */
void __cvm_guest_irq(u32 vector)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	if (!cvm_guest_soft_taken())
		forward_vector(s, vector);
	run_events(s);
}
