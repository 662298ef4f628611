// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - the module, its device and the table of the host API.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/panic.h>

#include <asm/cpufeature.h>

#include "shim.h"

struct cvm_monitor *cvm_linux_monitor;
DEFINE_MUTEX(cvm_linux_monitor_lock);

static void host_log(void *ctx, int level, const char *line)
{
	cvm_linux_slice_leave_guest();
	if (level == CVM_LOG_ERROR)
		pr_err("%s\n", line);
	else if (level == CVM_LOG_INFO)
		pr_info("%s\n", line);
	else
		pr_debug("%s\n", line);
}

static void __noreturn host_fatal(void *ctx, const char *line)
{
	panic("cvm: %s", line);
}

struct cvm_host_ops cvm_linux_ops __ro_after_init = {
	.api = CVM_HOST_API,
	.size = sizeof(struct cvm_host_ops),
	.kind = CVM_HOST_LINUX,
	.flags = CVM_HOST_F_SCHED_NOTIFY,
	.mem_alloc = cvm_linux_mem_alloc,
	.mem_free = cvm_linux_mem_free,
	.page_alloc = cvm_linux_page_alloc,
	.page_free = cvm_linux_page_free,
	.hva_to_hpa = cvm_linux_hva_to_hpa,
	.cpu_call = cvm_linux_cpu_call,
	.irq_forward = cvm_linux_irq_forward,
	.machine_check = cvm_linux_machine_check,
	.irq_self = cvm_linux_irq_self,
	.wait = cvm_linux_wait,
	.wake = cvm_linux_wake,
	.timer = cvm_linux_timer,
	.time = cvm_linux_time,
	.poll = cvm_linux_poll,
	.log = host_log,
	.fatal = host_fatal,
	.notifiers = &cvm_linux_notifiers,
};

static struct miscdevice misc_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cvm",
	.fops = &cvm_linux_fops,
	.mode = 0600,
};

/*
 * What CHECK shall say beyond what libcvm finds out by itself.  A refusal that
 * does not fit in must not be forgotten: without room the module stays out.
 */
static int __init check_kernel(void)
{
	bool apic = boot_cpu_has(X86_FEATURE_APIC);
	int err;

	err = cvm_check_row(cvm_linux_monitor, "local-apic",
			    apic ? CVM_CHECK_OK : CVM_CHECK_REFUSED,
			    apic ? "the kernel uses the local APIC" :
			    "the kernel does not use the local APIC, no "
			    "interrupt could be raised again");
	/* (cvm_linux_clock_row() writes it.) */
	if (!err)
		err = cvm_check_row(cvm_linux_monitor, CVM_LINUX_CLOCK_ROW,
				    CVM_CHECK_OK, "");
	return err;
}

static int __init start_module(void)
{
	int err;

	err = cvm_linux_memory_init();
	if (err)
		return err;
	err = cvm_linux_sched_init();
	if (err)
		goto err_memory;
	cvm_linux_irq_init();
	if (cvm_linux_irq80())
		cvm_linux_ops.flags |= CVM_HOST_F_IRQ80;
	err = cvm_attach(&cvm_linux_ops, NULL, cvm_linux_sched_cpus(),
			 &cvm_linux_monitor);
	if (err)
		goto err_sched;
	err = check_kernel();
	if (err)
		goto err_detach;
	cvm_linux_memory_count();
	err = cvm_linux_sched_watch_cpus();
	if (err)
		goto err_detach;
	err = cvm_linux_power_init();
	if (err)
		goto err_cpus;
	err = misc_register(&misc_device);
	if (err)
		goto err_power;
	cvm_linux_debugfs_init();
	pr_info("version %s, %u CPUs, TSC %u kHz\n", CVM_VERSION,
		cvm_linux_sched_cpus(), cvm_linux_sched_khz());
	return 0;

err_power:
	cvm_linux_power_exit();
err_cpus:
	cvm_linux_sched_unwatch_cpus();
err_detach:
	cvm_detach(cvm_linux_monitor);
err_sched:
	cvm_linux_irq_exit();
	cvm_linux_sched_exit();
err_memory:
	cvm_linux_memory_exit();
	return err;
}

/* Open handles hold a reference to the module, so no VM is left here. */
static void __exit stop_module(void)
{
	cvm_linux_debugfs_exit();
	misc_deregister(&misc_device);
	cvm_linux_power_exit();
	cvm_linux_sched_unwatch_cpus();
	if (cvm_detach(cvm_linux_monitor))
		panic("cvm: module unloaded under a VM");
	cvm_linux_irq_exit();
	cvm_linux_sched_exit();
	cvm_linux_memory_exit();
}

module_init(start_module);
module_exit(stop_module);

MODULE_DESCRIPTION("A second Linux kernel as coroutine of this one");
MODULE_LICENSE("GPL");
MODULE_VERSION(CVM_VERSION);
