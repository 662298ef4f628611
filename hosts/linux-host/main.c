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

struct cvm_monitor *cvm_monitor;
DEFINE_MUTEX(cvm_linux_monitor_lock);

static void cvm_log(void *ctx, int level, const char *line)
{
	cvm_slice_leave_guest();
	if (level == CVM_LOG_ERROR)
		pr_err("%s\n", line);
	else if (level == CVM_LOG_INFO)
		pr_info("%s\n", line);
	else
		pr_debug("%s\n", line);
}

static void __noreturn cvm_fatal(void *ctx, const char *line)
{
	panic("cvm: %s", line);
}

struct cvm_host_ops cvm_linux_ops __ro_after_init = {
	.api = CVM_HOST_API,
	.size = sizeof(struct cvm_host_ops),
	.kind = CVM_HOST_LINUX,
	.flags = CVM_HOST_F_SCHED_NOTIFY,
	.mem_alloc = cvm_mem_alloc,
	.mem_free = cvm_mem_free,
	.page_alloc = cvm_page_alloc,
	.page_free = cvm_page_free,
	.hva_to_hpa = cvm_hva_to_hpa,
	.cpu_call = cvm_cpu_call,
	.irq_forward = cvm_irq_forward,
	.machine_check = cvm_machine_check,
	.irq_self = cvm_irq_self,
	.wait = cvm_wait,
	.wake = cvm_wake,
	.timer = cvm_timer,
	.time = cvm_time,
	.poll = cvm_poll,
	.log = cvm_log,
	.fatal = cvm_fatal,
	.notifiers = &cvm_linux_notifiers,
};

static struct miscdevice cvm_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cvm",
	.fops = &cvm_fops,
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

	err = cvm_check_row(cvm_monitor, "local-apic",
			    apic ? CVM_CHECK_OK : CVM_CHECK_REFUSED,
			    apic ? "the kernel uses the local APIC" :
			    "the kernel does not use the local APIC, no "
			    "interrupt could be raised again");
	/* (cvm_clock_row() writes it.) */
	if (!err)
		err = cvm_check_row(cvm_monitor, CVM_CLOCK_ROW, CVM_CHECK_OK,
				    "");
	return err;
}

static int __init cvm_module_init(void)
{
	int err;

	err = cvm_memory_init();
	if (err)
		return err;
	err = cvm_sched_init();
	if (err)
		goto err_memory;
	cvm_irq_init();
	if (cvm_irq80())
		cvm_linux_ops.flags |= CVM_HOST_F_IRQ80;
	err = cvm_attach(&cvm_linux_ops, NULL, cvm_sched_cpus(), &cvm_monitor);
	if (err)
		goto err_sched;
	err = check_kernel();
	if (err)
		goto err_detach;
	cvm_memory_count();
	err = cvm_sched_watch_cpus();
	if (err)
		goto err_detach;
	err = cvm_power_init();
	if (err)
		goto err_cpus;
	err = misc_register(&cvm_device);
	if (err)
		goto err_power;
	cvm_debugfs_init();
	pr_info("version %s, %u CPUs, TSC %u kHz\n", CVM_VERSION,
		cvm_sched_cpus(), cvm_sched_khz());
	return 0;

err_power:
	cvm_power_exit();
err_cpus:
	cvm_sched_unwatch_cpus();
err_detach:
	cvm_detach(cvm_monitor);
err_sched:
	cvm_irq_exit();
	cvm_sched_exit();
err_memory:
	cvm_memory_exit();
	return err;
}

/* Open handles hold a reference to the module, so no VM is left here. */
static void __exit cvm_module_exit(void)
{
	cvm_debugfs_exit();
	misc_deregister(&cvm_device);
	cvm_power_exit();
	cvm_sched_unwatch_cpus();
	if (cvm_detach(cvm_monitor))
		panic("cvm: module unloaded under a VM");
	cvm_irq_exit();
	cvm_sched_exit();
	cvm_memory_exit();
}

module_init(cvm_module_init);
module_exit(cvm_module_exit);

MODULE_DESCRIPTION("A second Linux kernel as coroutine of this one");
MODULE_LICENSE("GPL");
MODULE_VERSION(CVM_VERSION);
