// SPDX-License-Identifier: GPL-2.0-only
/*
 * cr4.c - a host changes CR4 under a guest.
 *
 *	mce=0|1	in the host: CR4.MCE of every CPU, as another driver might
 *		change VMXE, which QEMU has not
 *	look=1	in the guest: CR4 as the switch left it, and after the kernel's
 *		own writes of it, on three lines of the log
 */
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/smp.h>

#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

static int mce = -1;
module_param(mce, int, 0);
static bool look;
module_param(look, bool, 0);

static unsigned long read_cr4(void)
{
	unsigned long v;

	asm volatile("mov %%cr4, %0" : "=r" (v) : : "memory");
	return v;
}

static void change(void *on)
{
	cr4_update_irqsoff(on ? X86_CR4_MCE : 0, on ? 0 : X86_CR4_MCE);
}

static void show(void)
{
	unsigned long flags, before, set, clear;

	local_irq_save(flags);
	before = read_cr4();
	cr4_update_irqsoff(X86_CR4_TSD, 0);
	set = read_cr4();
	cr4_update_irqsoff(0, X86_CR4_TSD);
	clear = read_cr4();
	local_irq_restore(flags);
	pr_info("cr4: found MCE %d, with TSD %d, without %d\n",
		!!(before & X86_CR4_MCE), !!(set & X86_CR4_MCE),
		!!(clear & X86_CR4_MCE));
}

static int __init cr4_start(void)
{
	if (mce >= 0)
		on_each_cpu(change, mce ? &mce : NULL, 1);
	if (look)
		show();
	return 0;
}
module_init(cr4_start);

static void __exit cr4_end(void)
{
}
module_exit(cr4_end);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Changes or looks at CR4.MCE");
