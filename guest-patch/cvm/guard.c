// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard.c - ports, mappings and doors from user space, shut.
 *
 * This is no wall against an attacker in ring 0.  It keeps drivers and
 * programs that were written for a whole machine from harming the host.
 */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/printk.h>

#include <asm/e820/api.h>
#include <asm/fixmap.h>

#include "cvm.h"

void cvm_count_refused(void)
{
	struct cvm_shared *s = this_cpu_read(cvm_this);

	asm volatile("incq %0" : "+m" (s->refused));
}

u32 cvm_refuse_in(u16 port)
{
	cvm_record(CVM_ACCESS_IN, port, _RET_IP_);
	cvm_count_refused();
	return ~0u;
}
EXPORT_SYMBOL(cvm_refuse_in);

void cvm_refuse_out(u16 port)
{
	cvm_record(CVM_ACCESS_OUT, port, _RET_IP_);
	cvm_count_refused();
}
EXPORT_SYMBOL(cvm_refuse_out);

/* No device of the machine is the guest's, so no mapping of one is. */
bool cvm_refuse_ioremap(u64 phys, unsigned long size, void *caller)
{
	if (!cvm_is_guest())
		return false;
	cvm_record(CVM_ACCESS_IOREMAP, phys, (unsigned long)caller);
	cvm_count_refused();
	return true;
}

/* The fixmap may show the guest its own memory only. */
bool cvm_refuse_fixmap(unsigned int idx, u64 phys)
{
	if (!cvm_is_guest() ||
	    e820__mapped_any(phys, phys + PAGE_SIZE, E820_TYPE_RAM))
		return false;
	cvm_record(CVM_ACCESS_FIXMAP, phys, _RET_IP_);
	cvm_count_refused();
	return true;
}

/*
 * /dev/mem, /dev/port, msr, ioperm, iopl, kexec, microcode: known doors,
 * shut on purpose.  Trying one is a mistake of the user, not a stray access.
 */
bool cvm_refuse_door(const char *what)
{
	if (!cvm_is_guest())
		return false;
	cvm_count_refused();
	pr_info_ratelimited("cvm: %s is refused: the machine is the host's\n",
			    what);
	return true;
}
EXPORT_SYMBOL(cvm_refuse_door);
