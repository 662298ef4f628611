/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_nmi.c - an NMI or a machine check at every instruction of the switch, and
 * a random storm.  A round (ledger.h) is one slice, or one whole VM that
 * faults.
 */
#include "internal.h"

#include "bare.h"
#include "ledger.h"
#include "rows.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

static struct g_vm vm;
static struct rows_side host;
static struct rows_pages pages;
static int stale;

/*
 * A selector whose descriptor is not present any more: the CPU keeps what it
 * loaded, but nobody can load it again.
 */
static void stale_segments(void)
{
	bare_ldt[1] |= 1ull << 47;
	ledger_segments(0xf);
	bare_ldt[1] &= ~(1ull << 47);
}

static void vary_host(uint32_t v)
{
	ledger_vary(&vm.mini, v);
	stale = !!(v & G_VAR_STALE_SEG);
	if (stale)
		stale_segments();
	cvm_vcpu_host_stale(vm.vm, 0);
}

static int watched_slice(int (*fn)(void *arg), void *arg)
{
	int ret;

	ledger_before(&host, stale);
	if (rows_call(fn, arg, &ret))
		ring0_ledger.guest_bad++;
	ledger_after(&host);
	return ret;
}

static void statistics(struct cvm_stats *s)
{
	g_stats(&vm, s);
}

static int start(uint32_t mode)
{
	return g_start(&vm, 0, mode);
}

static uint32_t run(void)
{
	return g_run_on(&vm);
}

static void end(void)
{
	g_destroy(&vm);
}

static const struct ledger_host ledger_host = {
	.mini = &vm.mini,
	.run = &vm.run,
	.start = start,
	.enter = run,
	.end = end,
	.vary = vary_host,
	.stats = statistics,
};

static void prepare(void)
{
	ring0_ledger.passage = (uint64_t)cvm_passage_start;
	bare_report(!g_attach(), "attach");
	rows_init(&host, 0, 1, &pages, g_host_root());
	g_hooks.slice = watched_slice;
}

static void finish(void)
{
	g_hooks.slice = NULL;
	ledger_report();
	bare_report(!g_detach(), "detach");
}

void test_nmi(void)
{
	prepare();
	ledger_calls(&ledger_host);
	finish();
}

void test_fault(void)
{
	prepare();
	ledger_faults(&ledger_host);
	finish();
}

/* Random NMIs from outside while everything happens; ends after nmis=N. */
void test_storm(void)
{
	uint64_t nmis = bare_arg("nmis", 200), limit = bare_arg("limit", 120);
	uint64_t until = bare_mono_ns() + limit * 1000000000;
	const struct ring0_ledger *l = &ring0_ledger;
	struct cvm_stats stats;

	prepare();
	if (g_start(&vm, 0, G_MODE_SPIN))
		bare_panic("no VM");
	bare_printf("storm: ready\n");
	while (bare_gate_count[2] < nmis && bare_mono_ns() < until)
		if (g_run_on(&vm) != CVM_RUN_DOORBELL)
			break;
	statistics(&stats);
	ledger_count(&vm.mini, &stats);
	bare_report(vm.run.reason == CVM_RUN_DOORBELL, "the guest lives (%s)",
		    vm.run.text);
	bare_report(l->nmi_gate == nmis, "entered %llu of %llu: host %llu + "
		    "passage %llu + guest %llu",
		    (unsigned long long)l->nmi_gate, (unsigned long long)nmis,
		    (unsigned long long)(l->nmi_gate - l->nmi_raised),
		    (unsigned long long)l->nmi_passage,
		    (unsigned long long)l->nmi_guest);
	bare_report(l->nmi_gate > l->nmi_raised && l->nmi_passage &&
		    l->nmi_guest, "each of them > 0");
	vm.ctl->stop = 1;
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "power off");
	g_destroy(&vm);
	finish();
}
