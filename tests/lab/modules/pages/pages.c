// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c - what the kernel's page tables allow at addresses, one line of the
 * log each; and what becomes of a bit of CR4 that nobody may take away.
 */
#include <linux/irqflags.h>
#include <linux/module.h>

#include <asm/pgtable.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

#define ADDRESSES	8

static unsigned long at[ADDRESSES];
static unsigned int addresses;
module_param_array(at, ulong, &addresses, 0);
static bool unpin;
module_param(unpin, bool, 0);

static void show(unsigned long address)
{
	unsigned int level;
	pte_t *pte = lookup_address(address, &level);

	if (!pte || !pte_present(*pte))
		pr_info("pages: %lx none\n", address);
	else
		pr_info("pages: %lx %s %s\n", address,
			pte_write(*pte) ? "rw" : "ro",
			pte_exec(*pte) ? "x" : "nx");
}

static void take_smep_away(void)
{
	unsigned long flags, value;

	local_irq_save(flags);
	cr4_update_irqsoff(0, X86_CR4_SMEP);
	asm volatile("mov %%cr4, %0" : "=r" (value) : : "memory");
	cr4_update_irqsoff(X86_CR4_SMEP, 0);
	local_irq_restore(flags);
	pr_info("pages: SMEP %d\n", !!(value & X86_CR4_SMEP));
}

static int __init pages_start(void)
{
	unsigned int i;

	for (i = 0; i < addresses; i++)
		show(at[i]);
	if (unpin)
		take_smep_away();
	return 0;
}
module_init(pages_start);

static void __exit pages_end(void)
{
}
module_exit(pages_end);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Looks at page tables");
