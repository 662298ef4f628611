// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard.c - ports, mappings and doors from user space, shut; drivers that
 * would try them, not started.
 *
 * This is no wall against an attacker in ring 0.  It keeps drivers and
 * programs that were written for a whole machine from harming the host.
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>

#include <asm/e820/api.h>
#include <asm/fixmap.h>

#include "cvm.h"

void cvm_guest_count_refused(void)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	asm volatile("incq %0" : "+m" (s->refused));
}

u32 cvm_guest_refuse_in(u16 port)
{
	cvm_guest_record(CVM_ACCESS_IN, port, _RET_IP_);
	cvm_guest_count_refused();
	return ~0u;
}
EXPORT_SYMBOL(cvm_guest_refuse_in);

void cvm_guest_refuse_out(u16 port)
{
	cvm_guest_record(CVM_ACCESS_OUT, port, _RET_IP_);
	cvm_guest_count_refused();
}
EXPORT_SYMBOL(cvm_guest_refuse_out);

/* No device of the machine is the guest's, so no mapping of one is. */
bool cvm_guest_refuse_ioremap(u64 phys, void *caller)
{
	if (!cvm_is_guest())
		return false;
	cvm_guest_record(CVM_ACCESS_IOREMAP, phys, (unsigned long)caller);
	cvm_guest_count_refused();
	return true;
}

/* The fixmap may show the guest its own memory only. */
bool cvm_guest_refuse_fixmap(unsigned int idx, u64 phys)
{
	if (!cvm_is_guest() ||
	    e820__mapped_any(phys, phys + PAGE_SIZE, E820_TYPE_RAM))
		return false;
	cvm_guest_record(CVM_ACCESS_FIXMAP, phys, _RET_IP_);
	cvm_guest_count_refused();
	return true;
}

/*
 * /dev/mem, /dev/port, msr, ioperm, iopl, kexec, microcode: known doors,
 * shut on purpose.  Trying one is a mistake of the user, not a stray access.
 */
bool cvm_guest_shut(const char *what)
{
	if (!cvm_is_guest())
		return false;
	cvm_guest_count_refused();
	pr_info_ratelimited("cvm: %s is refused: the machine is the host's\n",
			    what);
	return true;
}
EXPORT_SYMBOL(cvm_guest_shut);

/* ---- the kernel's own switches ------------------------------------------ */

extern const struct obs_kernel_param __setup_start[], __setup_end[];

/*
 * Initialisation that a guest must not have, as initcall_blacklist= takes it,
 * built in or in a module.  On the metal the same image has all of it.
 *	serial8250_init		probes COM1 to COM4
 *	init_hw_perf_events	the counters are the host's
 *	i8237A_init_ops		the DMA controller
 *	mcheck_init_device	the banks' device: that it cannot be made would
 *				be an error in the log
 *	dma_atomic_pool_init	for devices of the machine; a guest wholly above
 *				4 GiB has no memory for DMA32
 */
static char no_initcalls[] __initdata =
	"serial8250_init,init_hw_perf_events,i8237A_init_ops,"
	"mcheck_init_device,dma_atomic_pool_init";

/* The serial console starts before initcalls and looks at this. */
static char parameters[] __initdata = "8250.nr_uarts=0";

static int __init unknown_parameter(char *param, char *val, const char *unused,
				    void *arg)
{
	return 0;
}

/* The end of setup_arch(): memory can be had, no driver has started. */
void __init cvm_guest_switches_setup(void)
{
	const struct obs_kernel_param *p;

	for (p = __setup_start; p < __setup_end; p++)
		if (!strcmp(p->str, "initcall_blacklist="))
			p->setup_func(no_initcalls);
	parse_args("cvm", parameters, __start___param,
		   __stop___param - __start___param, -1, -1, NULL,
		   unknown_parameter);
#if defined(CONFIG_KEXEC_CORE) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	kexec_load_disabled = 1;
#endif
}
