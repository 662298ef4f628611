// SPDX-License-Identifier: GPL-2.0-only
/*
 * selftest.c - the conformance suite, and what only this kernel can observe,
 * run inside the module.  One line per test:
 *
 *	ok <test>
 *	not ok <test>: <why>
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/highmem.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <asm/irq_vectors.h>
#include <asm/nmi.h>

#include "conformance.h"
#include "shim.h"

static const void *view(void *arg, u64 hpa)
{
	return phys_to_virt(hpa);
}

static u64 pages_out(void *arg)
{
	return cvm_linux_pages_out();
}

static void report(void *arg, int result, const char *test, const char *why)
{
	struct seq_file *m = arg;

	if (result == CVM_CONF_PASS)
		seq_printf(m, "ok %s\n", test);
	else if (result == CVM_CONF_SKIP)
		seq_printf(m, "skip %s: %s\n", test, why);
	else
		seq_printf(m, "not ok %s: %s\n", test, why);
}

/* ---- interrupts ------------------------------------------------------ */

static u64 self_taken(void *arg)
{
	return cvm_linux_irq_self_count();
}

static atomic_t nmis;

static int count_nmi(unsigned int type, struct pt_regs *regs)
{
	atomic_inc(&nmis);
	return NMI_HANDLED;
}

static int nmi_watch(void *arg, int begin)
{
	if (begin) {
		atomic_set(&nmis, 0);
		return register_nmi_handler(NMI_LOCAL, count_nmi, 0,
					    "cvm-selftest");
	}
	unregister_nmi_handler(NMI_LOCAL, "cvm-selftest");
	return atomic_read(&nmis);
}

/* ---- time accounting ------------------------------------------------- */

static int spin_in_slice(void *arg)
{
	u64 start = rdtsc();

	/* As a guest that takes the tick and forwards it: IF for a moment. */
	cvm_linux_slice_leave_guest();
	while (rdtsc() - start < (u64)tsc_khz * 20) {
		local_irq_enable();
		cpu_relax();
		local_irq_disable();
	}
	return 0;
}

/* Ticks that hit a slice must count as guest time of this task. */
static const char *test_guest_time(struct cvm_linux_vm *hvm)
{
	u64 before = current->gtime;
	int i;

	for (i = 0; i < 10; i++)
		cvm_linux_cpu_call(NULL, hvm, 0, CVM_CPU_CURRENT, spin_in_slice,
				   NULL);
	return current->gtime > before ? NULL : "no guest time was counted";
}

static const struct {
	const char *name;
	const char *(*fn)(struct cvm_linux_vm *hvm);
} tests[] = {
	{ "cpu_call: a slice is guest time", test_guest_time },
};

int cvm_linux_selftest(struct seq_file *m)
{
	struct cvm_conformance *c = kzalloc(sizeof(*c), GFP_KERNEL);
	struct cvm_linux_vm *hvm = kzalloc(sizeof(*hvm), GFP_KERNEL);
	u32 i, failed;

	if (!c || !hvm) {
		kfree(c);
		kfree(hvm);
		return -ENOMEM;
	}
	cvm_linux_vm_init(hvm);
	hvm->conf = c;
	c->ops = &cvm_linux_ops;
	c->host_vm = hvm;
	c->cpus = cvm_linux_sched_cpus();
	c->flags = CVM_CONF_RING0;
	c->view = view;
	c->pages_out = pages_out;
	c->self_taken = self_taken;
	c->self_vector = IRQ_WORK_VECTOR;
	c->nmis = nmi_watch;
	c->report = report;
	c->arg = m;
	failed = cvm_conformance(c);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		const char *why = tests[i].fn(hvm);

		report(m, why ? CVM_CONF_FAIL : CVM_CONF_PASS, tests[i].name,
		       why);
		failed += why != NULL;
	}
	cvm_linux_vm_stop(hvm);
	if (hvm->cache)
		iput(hvm->cache);
	kfree(hvm);
	kfree(c);
	seq_printf(m, "%u failed\n", failed);
	return 0;
}
