// SPDX-License-Identifier: GPL-2.0-only
/*
 * power.c - suspend and resume, and changes of the wall clock.
 *
 * Before the machine sleeps, the freezer makes every user thread leave the
 * kernel, as a signal would: RUN returns with CVM_RUN_INTR and the thread
 * stops at the border.  What is left to do here is to interrupt guests so
 * that this happens at once, and to tell them the time afterwards.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/irq_work.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/suspend.h>

#include "shim.h"

static void interrupt(struct cvm_linux_handle *h)
{
	cvm_vm_interrupt(h->vm);
}

static void tell_time(struct cvm_linux_handle *h)
{
	cvm_clock_was_set(h->vm);
}

static int pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		cvm_linux_for_each_vm(interrupt);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		cvm_linux_for_each_vm(tell_time);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_notifier = { .notifier_call = pm_event };

/*
 * The chain is called with the timekeeper locked, at every tick: no clock may
 * be read there.  So the news is passed on from an interrupt of its own.
 */
static void clock_set(struct irq_work *work)
{
	cvm_linux_for_each_vm(tell_time);
}

static struct irq_work clock_work = IRQ_WORK_INIT_HARD(clock_set);

static int clock_event(struct notifier_block *nb, unsigned long was_set,
		       void *timekeeper)
{
	if (was_set)
		irq_work_queue(&clock_work);
	return NOTIFY_DONE;
}

static struct notifier_block clock_notifier = { .notifier_call = clock_event };

int cvm_linux_power_init(void)
{
	int err = register_pm_notifier(&pm_notifier);

	if (err)
		return err;
	err = pvclock_gtod_register_notifier(&clock_notifier);
	if (err)
		unregister_pm_notifier(&pm_notifier);
	return err;
}

void cvm_linux_power_exit(void)
{
	pvclock_gtod_unregister_notifier(&clock_notifier);
	irq_work_sync(&clock_work);
	unregister_pm_notifier(&pm_notifier);
}
