// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq.c - interrupts handed on to the kernel.
 *
 * An external vector the CPU took in the guest is already acknowledged: its
 * bit in the local APIC's in-service register is set, and the host's handler
 * will write the EOI as if it had been interrupted itself.  `int n` enters the
 * same gate.  The saved RFLAGS have IF=0, which the kernel's return path
 * (irqentry_exit()) takes for "do not preempt here": we come back on this CPU.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/irq_vectors.h>
#include <asm/mce.h>
#include <asm/trapnr.h>

#include "shim.h"
#include "trace.h"

/*
 * The vector is an immediate operand, so there is one instruction for each.
 * As a switch, which the compiler turns into a tree of compares: no indirect
 * branch, hence nothing to annotate for retpolines and no ENDBR64 targets.
 */
#define INT1(n)		case (n): asm volatile("int %0" : : "i"(n) \
					       : "memory"); break;
#define INT4(n)		INT1(n) INT1((n) + 1) INT1((n) + 2) INT1((n) + 3)
#define INT16(n)	INT4(n) INT4((n) + 4) INT4((n) + 8) INT4((n) + 12)
#define INT64(n)	INT16(n) INT16((n) + 16) INT16((n) + 32) INT16((n) + 48)

static void raise_vector(u32 vector)
{
	switch (vector) {
	INT16(0x20) INT16(0x30)
	INT64(0x40) INT64(0x80) INT64(0xc0)
	INT1(X86_TRAP_MC)
	default:
		pr_err_ratelimited("vector 0x%x has no host gate\n", vector);
	}
}

/*
 * A real NMI: `int 2` would enter the handler with NMIs not blocked, and the
 * next one would overwrite its stack.  The self-IPI register of the x2APIC
 * cannot deliver an NMI, so the CPU is addressed like any other.
 */
static void raise_nmi(void)
{
	apic->send_IPI(smp_processor_id(), NMI_VECTOR);
}

void cvm_linux_irq_forward(void *ctx, u32 vector)
{
	cvm_linux_slice_leave_guest();
	trace_cvm_forward(vector);
	if (vector == X86_TRAP_NMI)
		raise_nmi();
	else if (vector != IA32_SYSCALL_VECTOR ||
		 cvm_linux_ops.flags & CVM_HOST_F_IRQ80)
		raise_vector(vector);
	else
		pr_err_ratelimited("vector 0x80 is a system call here\n");
}

/*
 * Vector 0x80 is the system call of 32-bit programs, or a device vector like
 * any other where the kernel was built or, since 6.7, booted without them.
 * The gate says which, when the module is loaded and for good: programs may
 * use the first only.
 */
bool cvm_linux_irq80(void)
{
	struct desc_ptr idt;
	const gate_desc *gate;

	store_idt(&idt);
	gate = (const gate_desc *)idt.address + IA32_SYSCALL_VECTOR;
	return gate->bits.p && !gate->bits.dpl;
}

/*
 * As KVM does it: a user program was interrupted, whatever the guest ran.  So
 * the handler kills this process for what a kernel could not survive, and the
 * work that does it waits for the return to user space: the guest must not
 * meet its bad memory again before that.
 */
#ifdef CONFIG_X86_MCE
static int guest_machine_check(void)
{
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
	return current->mce_count != 0;
}
#else
/* Then CR4.MCE is 0, and a machine check shuts the CPU down. */
static int guest_machine_check(void)
{
	return 0;
}
#endif

int cvm_linux_machine_check(void *ctx, int in_guest)
{
	cvm_linux_slice_leave_guest();
	trace_cvm_forward(X86_TRAP_MC);
	if (in_guest)
		return guest_machine_check();
	raise_vector(X86_TRAP_MC);
	return 0;
}

/* ---- irq_self -------------------------------------------------------- */

static DEFINE_PER_CPU(u64, self_count);

static void self_taken(struct irq_work *work)
{
	this_cpu_inc(self_count);
}

static DEFINE_PER_CPU(struct irq_work, self_work);

/*
 * irq_work raises a self-IPI, which waits in the APIC's request register
 * while IF is 0.  If the work is pending already, so is its interrupt.
 */
void cvm_linux_irq_self(void *ctx)
{
	cvm_linux_slice_leave_guest();
	irq_work_queue(this_cpu_ptr(&self_work));
}

u64 cvm_linux_irq_self_count(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(self_count, cpu);
	return sum;
}

/* The loader does not relocate initial values of a module's per-CPU data. */
void cvm_linux_irq_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		*per_cpu_ptr(&self_work, cpu) = IRQ_WORK_INIT_HARD(self_taken);
}

void cvm_linux_irq_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&self_work, cpu));
}
