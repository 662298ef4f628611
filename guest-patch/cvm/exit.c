// SPDX-License-Identifier: GPL-2.0-only
/*
 * exit.c - every way out of the guest.
 *
 * "hlt" with interrupts off would stop the host's CPU, so no dead end of the
 * kernel may end in one: power off, reboot, panic and the traps before
 * panic() works all leave by a call that does not return.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/string.h>

#include <asm/ptrace.h>
#include <asm/reboot.h>

#include "cvm.h"

/* The vector reported for a halt that no trap led to. */
#define CVM_VECTOR_NONE		0xffu

static bool panicked;

static noinstr void __noreturn leave(u32 number)
{
	native_irq_disable();
	for (;;)
		__cvm_guest_hypercall(number);
}

static noinstr void __noreturn leave_fatal(u64 vector, u64 error, u64 rip,
					   u64 cr2)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	native_irq_disable();
	s->arg[0] = vector;
	s->arg[1] = error;
	s->arg[2] = rip;
	s->arg[3] = cr2;
	leave(CVM_HC_FATAL);
}

/* The end of early_fixup_exception(). */
void __cvm_guest_dead_end(struct pt_regs *regs, int trapnr)
{
	leave_fatal(trapnr, regs->orig_ax, regs->ip, native_read_cr2());
}

/* In place of "hlt" anywhere else.  Does not return. */
noinstr void __cvm_guest_halt(void)
{
	leave_fatal(CVM_VECTOR_NONE, 0, _RET_IP_, 0);
}
EXPORT_SYMBOL(__cvm_guest_halt);

static void power_off(void)
{
	leave(CVM_HC_POWEROFF);
}

static void restart(char *command)
{
	leave(panicked ? CVM_HC_PANIC : CVM_HC_REBOOT);
}

static void restart_in_emergency(void)
{
	restart(NULL);
}

static void halt_machine(void)
{
	leave(CVM_HC_HALT);
}

static void shutdown_machine(void)
{
}

/* Last in the chain: what others print on a panic is out by then. */
static int leave_panicked(struct notifier_block *nb, unsigned long event,
			  void *text)
{
	panicked = true;
	strscpy(cvm_guest_vm->guest_text, text,
		sizeof(cvm_guest_vm->guest_text));
	console_flush_on_panic(CONSOLE_FLUSH_PENDING);
	leave(CVM_HC_PANIC);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {
	.notifier_call = leave_panicked,
	.priority = INT_MIN,
};

void cvm_guest_power_request(void)
{
	orderly_poweroff(true);
}

void __init cvm_guest_exit_setup(void)
{
	machine_ops.power_off = power_off;
	machine_ops.restart = restart;
	machine_ops.emergency_restart = restart_in_emergency;
	machine_ops.halt = halt_machine;
	machine_ops.shutdown = shutdown_machine;
	pm_power_off = power_off;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}
