/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_nmi.c - the image's part of injecting an NMI or a machine check at every
 * instruction of the switch, and of a random storm.
 *
 * tests/ring0/run stops the CPU by breakpoints: at ring0_sync() and
 * ring0_done() around each round it reads and writes ring0_ledger, and at the
 * address under test it injects.  A round is one slice (or one whole VM that
 * faults); around it the host's state is read and compared.
 */
#include "internal.h"

#include "bare.h"
#include "rows.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

/* The driver reads this by name; all fields 64-bit. */
struct ring0_ledger {
	uint64_t quit;		/* driver: end the test */
	uint64_t guest_variant;	/* driver: G_VAR_* */
	uint64_t host_variant;	/* driver: the same, for the host */
	uint64_t fault;		/* driver: vector + 1 of a guest that faults */
	uint64_t rounds;
	uint64_t differ;	/* rounds after which the host differed */
	uint64_t row;		/* the first such row */
	uint64_t guest_bad;
	uint64_t nmi_gate;	/* host handler runs */
	uint64_t nmi_raised;	/* of these, re-raised by the monitor */
	uint64_t nmi_passage;	/* latched inside the switch */
	uint64_t nmi_guest;	/* through the guest's gate */
	uint64_t mce_gate;
	uint64_t mce_forward;
	uint64_t ended;		/* CVM_RUN_* if the VM is no more */
	uint64_t latched;	/* latched but not served: must stay 0 */
};

struct ring0_ledger ring0_ledger;
void ring0_sync(void);
void ring0_done(void);

static struct g_vm vm;
static struct rows_side host;
static struct rows before, after;
static struct rows_pages pages;
static int stale;
static uint64_t old_raised, old_passage, old_guest, old_mce;

__attribute__((noinline)) void ring0_sync(void)
{
	__asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) void ring0_done(void)
{
	__asm__ volatile("" : : : "memory");
}

/*
 * A selector whose descriptor is not present any more: the CPU keeps what it
 * loaded, but nobody can load it again.
 */
static void stale_segments(void)
{
	bare_ldt[1] |= 1ull << 47;
	x86_set_ds(0xf);
	x86_set_es(0xf);
	x86_set_fs(0xf);
	x86_set_gs(0xf);
	bare_ldt[1] &= ~(1ull << 47);
}

static void vary_host_segments(uint32_t v)
{
	uint16_t sel = v & G_VAR_SEGS ? BARE_SS : 0;

	x86_set_ds(sel);
	x86_set_es(sel);
	x86_set_fs(sel);
	x86_set_gs(sel);
	stale = !!(v & G_VAR_STALE_SEG);
	if (stale)
		stale_segments();
}

static void vary_host(uint32_t v)
{
	static uint64_t n;
	struct cvm_vcpu *vcpu = vm.vm->vcpu[0];
	struct cvm_side *guest = cvm_guest_side(vcpu->priv);

	vary_host_segments(v);
	if (v & G_VAR_DEBUG) {
		x86_set_dr0(0x2000 + (n++ & 0xff));
		x86_set_dr6(0xffff0ff0 | (n & 1));
	}
	x86_set_dr7(v & G_VAR_DEBUG_ON ? 0x402 : 0x400);
	/* QEMU has no SPEC_CTRL and takes any MSR: walk that way too. */
	if (v & G_VAR_CR0)
		vcpu->priv->flags |= CVM_PRIV_SPEC_CTRL;
	else
		vcpu->priv->flags &= ~CVM_PRIV_SPEC_CTRL;
	if (v & G_VAR_SPEC_OTHER)
		guest->state.spec_ctrl = 1;
	if (v & G_VAR_MSRS)
		vcpu->shared->msr_dirty = 1;
	cvm_vcpu_host_stale(vm.vm, 0);
}

static int watched_slice(int (*fn)(void *arg), void *arg)
{
	uint64_t a, b;
	uint32_t row;
	int ret;

	rows_read(&host, &before);
	if (stale)
		/* What such selectors become. */
		before.s.ds = before.s.es = before.s.fs = before.s.gs = 0;
	if (rows_call(fn, arg, &ret))
		ring0_ledger.guest_bad++;
	rows_read(&host, &after);
	row = rows_diff(&host, &before, &after, &a, &b);
	if (row != ROWS && !ring0_ledger.differ++)
		ring0_ledger.row = row;
	if (g_tlb_check())
		ring0_ledger.guest_bad++;
	return ret;
}

static void update(void)
{
	struct cvm_stats s;
	const struct cvm_vcpu *vcpu = vm.vm->vcpu[0];

	g_stats(&vm, &s);
	ring0_ledger.nmi_raised = old_raised + s.nmi_raised;
	ring0_ledger.nmi_passage = old_passage + s.nmi_passage;
	ring0_ledger.nmi_guest = old_guest + s.nmi_guest;
	ring0_ledger.mce_forward = old_mce + s.mce;
	ring0_ledger.nmi_gate = bare_gate_count[2];
	ring0_ledger.mce_gate = bare_gate_count[18];
	ring0_ledger.latched = (vcpu->priv->nmi - vcpu->last_nmi) +
			       (vcpu->priv->mce - vcpu->last_mce);
	ring0_ledger.rounds++;
}

static void keep_counts(void)
{
	old_raised = ring0_ledger.nmi_raised;
	old_passage = ring0_ledger.nmi_passage;
	old_guest = ring0_ledger.nmi_guest;
	old_mce = ring0_ledger.mce_forward;
}

/* A VM that lives for one fault. */
static void fault_round(uint32_t vector)
{
	uint32_t reason;

	if (g_start(&vm, 0, G_MODE_FAULT))
		bare_panic("no VM");
	vm.ctl->vector = vector;
	vm.ctl->count = 0;
	ring0_sync();
	reason = g_run_on(&vm);
	update();
	ring0_ledger.ended = reason == CVM_RUN_FATAL &&
			     vm.run.arg[0] == vector ? 0 : reason;
	keep_counts();
	ring0_done();
	g_destroy(&vm);
}

static void calls_round(void)
{
	uint32_t reason;

	vm.ctl->variant = (uint32_t)ring0_ledger.guest_variant;
	vary_host((uint32_t)ring0_ledger.host_variant);
	ring0_sync();
	reason = g_run_on(&vm);
	update();
	if (reason != CVM_RUN_DOORBELL) {
		bare_printf("round %llu: RUN gave %u %s\n",
			    (unsigned long long)ring0_ledger.rounds, reason,
			    vm.run.text);
		ring0_ledger.ended = reason;
	}
	ring0_done();
}

static void prepare(void)
{

	bare_report(!g_attach(), "attach");
	rows_init(&host, 0, 1, &pages, g_host_root());
	g_hooks.slice = watched_slice;
}

static void finish(void)
{
	const struct ring0_ledger *l = &ring0_ledger;

	g_hooks.slice = NULL;
	bare_report(!l->differ, "the host's whole state compares equal after "
		    "%llu rounds (first row that did not: %s)",
		    (unsigned long long)l->rounds,
		    l->differ ? rows_name((uint32_t)l->row) : "none");
	bare_report(!l->guest_bad, "registers and translations too");
	bare_report(!l->latched, "nothing is left latched");
	bare_report(!l->ended, "the guest lived to the end");
	bare_report(l->nmi_raised == l->nmi_passage + l->nmi_guest,
		    "NMIs re-raised %llu = passage %llu + guest %llu; host "
		    "handler ran %llu times",
		    (unsigned long long)l->nmi_raised,
		    (unsigned long long)l->nmi_passage,
		    (unsigned long long)l->nmi_guest,
		    (unsigned long long)l->nmi_gate);
	bare_printf("machine checks: host handler %llu, forwarded %llu\n",
		    (unsigned long long)l->mce_gate,
		    (unsigned long long)l->mce_forward);
	bare_report(!g_detach(), "detach");
}

void test_nmi(void)
{
	uint64_t rounds = bare_arg("rounds", 0);

	prepare();
	if (g_start(&vm, 0, G_MODE_CALLS))
		bare_panic("no VM");
	vm.ctl->op = CVM_OP_DOORBELL;
	vary_host(0);
	while (!ring0_ledger.quit && !ring0_ledger.ended &&
	       (!rounds || ring0_ledger.rounds < rounds))
		calls_round();
	g_destroy(&vm);
	finish();
}

/* Every exception before the guest has an IDT ends the VM, by name. */
void test_fault(void)
{
	uint32_t vector, good = 0, all = 0;

	prepare();
	for (vector = 0; !bare_arg("driven", 0) && vector < 32; vector++) {
		if (vector == 2 || vector == 18)
			continue;
		ring0_ledger.ended = 0;
		fault_round(vector);
		all++;
		if (!ring0_ledger.ended)
			good++;
		if (vector < 2 || vector == 14)
			bare_printf("  %s\n", vm.run.text);
	}
	if (all)
		bare_report(good == all, "%u of %u exceptions ended the VM and "
			    "named the vector", good, all);
	while (bare_arg("driven", 0) && !ring0_ledger.quit &&
	       !ring0_ledger.ended)
		fault_round((uint32_t)ring0_ledger.fault);
	finish();
}

/* Random NMIs from outside while everything happens; ends after nmis=N. */
void test_storm(void)
{
	uint64_t nmis = bare_arg("nmis", 200), limit = bare_arg("limit", 120);
	uint64_t end = bare_mono_ns() + limit * 1000000000;
	const struct ring0_ledger *l = &ring0_ledger;

	prepare();
	if (g_start(&vm, 0, G_MODE_SPIN))
		bare_panic("no VM");
	bare_printf("storm: ready\n");
	while (bare_gate_count[2] < nmis && bare_mono_ns() < end)
		if (g_run_on(&vm) != CVM_RUN_DOORBELL)
			break;
	update();
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
