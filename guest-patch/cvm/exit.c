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

static bool cvm_panicked;

static noinstr void __noreturn cvm_exit(u32 op)
{
	native_irq_disable();
	for (;;)
		__cvm_call(op);
}

static noinstr void __noreturn cvm_exit_fatal(u64 vector, u64 error, u64 rip,
					      u64 cr2)
{
	struct cvm_shared *s = this_cpu_read(cvm_this);

	native_irq_disable();
	s->arg[0] = vector;
	s->arg[1] = error;
	s->arg[2] = rip;
	s->arg[3] = cr2;
	cvm_exit(CVM_HC_FATAL);
}

/* The end of early_fixup_exception(). */
void __cvm_dead_end(struct pt_regs *regs, int trapnr)
{
	cvm_exit_fatal(trapnr, regs->orig_ax, regs->ip, native_read_cr2());
}

/* In place of "hlt" anywhere else.  Does not return. */
noinstr void __cvm_halt(void)
{
	cvm_exit_fatal(CVM_VECTOR_NONE, 0, _RET_IP_, 0);
}
EXPORT_SYMBOL(__cvm_halt);

static void cvm_power_off(void)
{
	cvm_exit(CVM_HC_POWEROFF);
}

static void cvm_restart(char *command)
{
	cvm_exit(cvm_panicked ? CVM_HC_PANIC : CVM_HC_REBOOT);
}

static void cvm_emergency_restart(void)
{
	cvm_restart(NULL);
}

static void cvm_machine_halt(void)
{
	cvm_exit(CVM_HC_HALT);
}

static void cvm_machine_shutdown(void)
{
}

/* Last in the chain: what others print on a panic is out by then. */
static int cvm_panic(struct notifier_block *nb, unsigned long event, void *text)
{
	cvm_panicked = true;
	strscpy(cvm_vm->guest_text, text, sizeof(cvm_vm->guest_text));
	console_flush_on_panic(CONSOLE_FLUSH_PENDING);
	cvm_exit(CVM_HC_PANIC);
	return NOTIFY_DONE;
}

static struct notifier_block cvm_panic_block = {
	.notifier_call = cvm_panic,
	.priority = INT_MIN,
};

void cvm_power_request(void)
{
	orderly_poweroff(true);
}

void __init cvm_exit_setup(void)
{
	machine_ops.power_off = cvm_power_off;
	machine_ops.restart = cvm_restart;
	machine_ops.emergency_restart = cvm_emergency_restart;
	machine_ops.halt = cvm_machine_halt;
	machine_ops.shutdown = cvm_machine_shutdown;
	pm_power_off = cvm_power_off;
	atomic_notifier_chain_register(&panic_notifier_list, &cvm_panic_block);
}
