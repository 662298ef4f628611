// SPDX-License-Identifier: GPL-2.0-only
/*
 * selftest.c - the conformance suite, run inside the driver.
 */
#include "shim.h"

#include "conformance.h"

#define DPC_VECTOR	0x2fu	/* NT's DPC interrupt */

struct job {
	struct cvm_nt_selftest *out;
	struct cvm_nt_vm *hvm;
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
	const struct cvm_nt_vm *hvm = ((struct job *)arg)->hvm;
	const struct cvm_nt_chunk *chunk;
	LIST_ENTRY *at;

	for (at = hvm->chunks.Flink; at != &hvm->chunks; at = at->Flink) {
		chunk = CONTAINING_RECORD(at, struct cvm_nt_chunk, link);
		if (hpa - chunk->hpa < chunk->bytes)
			return chunk->hva + (hpa - chunk->hpa);
	}
	if ((hpa ^ cvm_nt_hva_to_hpa(NULL, code)) / CVM_PAGE_SIZE == 0)
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

static int nmi_watch(void *arg, int begin)
{
	static void *handle;

	(void)arg;
	if (!begin) {
		cvm_nt.fn.KeDeregisterNmiCallback(handle);
		return (int)__atomic_load_n(&nmis, __ATOMIC_SEQ_CST);
	}
	if (!cvm_nt.fn.KeRegisterNmiCallback ||
	    !cvm_nt.fn.KeDeregisterNmiCallback)
		return -CVM_ENOSYS;
	nmis = 0;
	handle = cvm_nt.fn.KeRegisterNmiCallback(count_nmi, NULL);
	return handle ? 0 : -CVM_ENOMEM;
}

static uint64_t self_taken(void *arg)
{
	uint64_t sum = 0;
	uint32_t i;

	(void)arg;
	for (i = 0; i < cvm_nt.cpus; i++)
		sum += __atomic_load_n(&cvm_nt_cpus[i].self_taken,
				       __ATOMIC_SEQ_CST);
	return sum;
}

int cvm_nt_selftest(struct cvm_nt_selftest *out)
{
	struct cvm_conformance *c = cvm_nt_pool_alloc(sizeof(*c));
	struct job job = { .out = out };

	job.hvm = cvm_nt_pool_alloc(sizeof(*job.hvm));
	if (c && job.hvm) {
		__builtin_memset(out, 0, sizeof(*out));
		cvm_nt_vm_init(job.hvm);
		job.hvm->conf = c;
		job.hvm->process = IoGetCurrentProcess();
		c->ops = &cvm_nt_ops;
		c->host_vm = job.hvm;
		c->cpus = cvm_nt.cpus;
		c->flags = CVM_CONF_RING0;
		c->view = view;
		c->pages_out = pages_out;
		c->self_taken = self_taken;
		c->self_vector = DPC_VECTOR;
		c->nmis = nmi_watch;
		c->report = report;
		c->arg = &job;
		cvm_conformance(c);
		cvm_nt_vm_stop(job.hvm);
	}
	if (job.hvm)
		cvm_nt_pool_free(job.hvm);
	if (c)
		cvm_nt_pool_free(c);
	return c && job.hvm ? 0 : -CVM_ENOMEM;
}
