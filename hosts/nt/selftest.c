// SPDX-License-Identifier: GPL-2.0-only
/*
 * selftest.c - the conformance suite, and what only this kernel can observe,
 * run inside the driver.
 */
#include "shim.h"

#include "conformance.h"

#define DPC_VECTOR	0x2fu	/* NT's DPC interrupt */
#define SETTLE_TICKS	1000000u

struct job {
	struct cvm_nt_selftest *out;
	struct cvm_host_vm *hvm;
};

/* ---- the report ------------------------------------------------------ */

static void put(struct cvm_nt_selftest *out, const char *text)
{
	while (*text && out->bytes < sizeof(out->text) - 1)
		out->text[out->bytes++] = *text++;
	out->text[out->bytes] = 0;
}

static void report(void *arg, int result, const char *test, const char *why)
{
	struct cvm_nt_selftest *out = ((struct job *)arg)->out;

	put(out, result == CVM_CONF_PASS ? "ok " :
		 result == CVM_CONF_SKIP ? "skip " : "not ok ");
	put(out, test);
	if (result != CVM_CONF_PASS) {
		put(out, ": ");
		put(out, why);
	}
	put(out, "\n");
	out->failed += result == CVM_CONF_FAIL;
}

/* Guest memory by its kernel mapping, our code where it is. */
static const void *view(void *arg, uint64_t hpa)
{
	const uint8_t *code = (const uint8_t *)(uintptr_t)&cvm_conformance;
	const struct cvm_host_vm *hvm = ((struct job *)arg)->hvm;
	const struct cvm_nt_chunk *chunk;
	LIST_ENTRY *at;

	for (at = hvm->chunks.Flink; at != &hvm->chunks; at = at->Flink) {
		chunk = CONTAINING_RECORD(at, struct cvm_nt_chunk, link);
		if (hpa - chunk->hpa < chunk->bytes)
			return chunk->hva + (hpa - chunk->hpa);
	}
	if ((hpa ^ cvm_hva_to_hpa(NULL, code)) / CVM_PAGE_SIZE == 0)
		return code - (uintptr_t)code % CVM_PAGE_SIZE +
		       hpa % CVM_PAGE_SIZE;
	return NULL;
}

static uint64_t pages_out(void *arg)
{
	(void)arg;
	return __atomic_load_n(&cvm_nt.pages_out, __ATOMIC_RELAXED);
}

/* ---- interrupts ------------------------------------------------------ */

static uint32_t nmis;

static BOOLEAN NTAPI count_nmi(void *arg, BOOLEAN handled)
{
	(void)arg;
	(void)handled;
	__atomic_fetch_add(&nmis, 1, __ATOMIC_SEQ_CST);
	return TRUE;
}

static void settle(void)
{
	uint64_t start = cvm_tsc();

	while (cvm_tsc() - start < SETTLE_TICKS)
		__asm__ volatile("pause");
}

static int nmi_in_slice(void *arg)
{
	(void)arg;
	cvm_irq_forward(NULL, 2);
	settle();
	return 0;
}

/* Vector 2 must arrive as one real NMI. */
static const char *test_nmi(struct cvm_host_vm *hvm, int *skip)
{
	void *handle = NULL;

	if (cvm_nt.fn.KeRegisterNmiCallback &&
	    cvm_nt.fn.KeDeregisterNmiCallback)
		handle = cvm_nt.fn.KeRegisterNmiCallback(count_nmi, NULL);
	if (!handle) {
		*skip = 1;
		return "this NT has no NMI callbacks";
	}
	nmis = 0;
	cvm_cpu_call(NULL, hvm, 0, CVM_CPU_CURRENT, nmi_in_slice, NULL);
	settle();
	cvm_nt.fn.KeDeregisterNmiCallback(handle);
	return __atomic_load_n(&nmis, __ATOMIC_SEQ_CST) == 1 ? NULL :
	       "not exactly one NMI came";
}

struct taken {
	int32_t cpu;
	uint64_t before;
	uint64_t after;
};

static uint64_t self_taken(int32_t cpu)
{
	return __atomic_load_n(&cvm_nt_cpus[cpu].self_taken,
			       __ATOMIC_SEQ_CST);
}

static int forward_in_slice(void *arg)
{
	struct taken *t = arg;

	t->cpu = cvm_cpu_current();
	t->before = self_taken(t->cpu);
	cvm_irq_self(NULL);
	cvm_irq_forward(NULL, DPC_VECTOR);
	t->after = self_taken(t->cpu);
	return cvm_irqs_off() ? 0 : -1;
}

/* NT's own gate must run the DPC, and come back with interrupts off. */
static const char *test_forward(struct cvm_host_vm *hvm, int *skip)
{
	struct taken t;
	int i;

	(void)skip;
	for (i = 0; i < 100; i++) {
		if (cvm_cpu_call(NULL, hvm, 0, CVM_CPU_CURRENT,
				 forward_in_slice, &t))
			return "came back with interrupts enabled";
		if (t.after != t.before + 1)
			return "NT's handler did not run";
	}
	return NULL;
}

static int self_in_slice(void *arg)
{
	struct taken *t = arg;

	t->cpu = cvm_cpu_current();
	t->before = self_taken(t->cpu);
	cvm_irq_self(NULL);
	cvm_irq_self(NULL);
	/* Long enough for an interrupt that is not held back. */
	settle();
	return self_taken(t->cpu) == t->before ? 0 : -1;
}

/* irq_self() pends while IF=0 and arrives at once when IF=1. */
static const char *test_self(struct cvm_host_vm *hvm, int *skip)
{
	struct taken t;
	int i;

	(void)skip;
	for (i = 0; i < 20; i++) {
		if (cvm_cpu_call(NULL, hvm, 0, CVM_CPU_CURRENT, self_in_slice,
				 &t))
			return "did not wait for IF=1";
		t.after = self_taken(t.cpu);
		if (t.after != t.before + 1)
			return t.after == t.before ? "did not come" :
			       "came twice";
	}
	return NULL;
}

static const struct {
	const char *name;
	const char *(*fn)(struct cvm_host_vm *hvm, int *skip);
} tests[] = {
	{ "irq_forward: vector 2 is one real NMI", test_nmi },
	{ "irq_forward: enters NT's gate, returns with IF=0", test_forward },
	{ "irq_self: pends until IF=1, comes once", test_self },
};

static void run_own(struct job *job)
{
	uint32_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int skip = 0;
		const char *why = tests[i].fn(job->hvm, &skip);

		report(job, !why ? CVM_CONF_PASS : skip ? CVM_CONF_SKIP :
		       CVM_CONF_FAIL, tests[i].name, why);
	}
}

int cvm_selftest(struct cvm_nt_selftest *out)
{
	struct cvm_conformance *c = cvm_pool_alloc(sizeof(*c));
	struct job job = { .out = out };

	job.hvm = cvm_pool_alloc(sizeof(*job.hvm));
	if (c && job.hvm) {
		__builtin_memset(out, 0, sizeof(*out));
		cvm_host_vm_init(job.hvm);
		job.hvm->conf = c;
		job.hvm->process = IoGetCurrentProcess();
		c->ops = &cvm_nt_ops;
		c->host_vm = job.hvm;
		c->cpus = cvm_nt.cpus;
		c->flags = CVM_CONF_RING0;
		c->view = view;
		c->pages_out = pages_out;
		c->report = report;
		c->arg = &job;
		cvm_conformance(c);
		run_own(&job);
		cvm_host_vm_stop(job.hvm);
	}
	if (job.hvm)
		cvm_pool_free(job.hvm);
	if (c)
		cvm_pool_free(c);
	return c && job.hvm ? 0 : -CVM_ENOMEM;
}
