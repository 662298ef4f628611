/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger.c - see ledger.h.
 */
#include "ledger.h"

#include "bare.h"
#include "x86.h"

struct ring0_ledger ring0_ledger;

static struct rows before, after;
static uint64_t old_raised, old_passage, old_guest, old_mce;

__attribute__((noinline)) void ring0_sync(void)
{
	__asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) void ring0_done(void)
{
	__asm__ volatile("" : : : "memory");
}

/* ---- the host's side of a variant ------------------------------ */

void ledger_segments(uint16_t selector)
{
	uint64_t gs_base = x86_rdmsr(MSR_GS_BASE);

	x86_set_ds(selector);
	x86_set_es(selector);
	x86_set_fs(selector);
	x86_set_gs(selector);
	x86_wrmsr(MSR_GS_BASE, gs_base);
}

void ledger_vary(const struct g_mini *m, uint32_t v)
{
	struct cvm_priv *priv = bare_hva(m->vcpu.priv_hpa[0]);
	struct cvm_shared *shared = bare_hva(m->vcpu.shared_hpa);
	static uint64_t n;

	ledger_segments(v & G_VAR_SEGS ? BARE_SS : 0);
	if (v & G_VAR_DEBUG) {
		x86_set_dr0(0x2000 + (n++ & 0xff));
		x86_set_dr6(0xffff0ff0 | (n & 1));
	}
	x86_set_dr7(v & G_VAR_DEBUG_ON ? 0x402 : 0x400);
	/* QEMU has no SPEC_CTRL and takes any MSR: walk that way too. */
	if (v & G_VAR_CR0)
		priv->flags |= CVM_PRIV_SPEC_CTRL;
	else
		priv->flags &= ~CVM_PRIV_SPEC_CTRL;
	if (v & G_VAR_SPEC_OTHER)
		cvm_guest_side(priv)->state.spec_ctrl = 1;
	if (v & G_VAR_MSRS)
		shared->msr_dirty = 1;
}

/* ---- the host's state ------------------------------------------ */

void ledger_before(struct rows_side *host, int stale)
{
	rows_read(host, &before);
	if (stale)
		before.s.ds = before.s.es = before.s.fs = before.s.gs = 0;
}

void ledger_after(struct rows_side *host)
{
	uint64_t a, b;
	uint32_t row;

	rows_read(host, &after);
	row = rows_diff(host, &before, &after, &a, &b);
	if (row != ROWS && !ring0_ledger.differ++)
		ring0_ledger.row = row;
	if (g_tlb_check())
		ring0_ledger.guest_bad++;
}

/* ---- counts ---------------------------------------------------- */

void ledger_count(const struct g_mini *m, const struct cvm_stats *s)
{
	const struct cvm_priv *priv = bare_hva(m->vcpu.priv_hpa[0]);

	ring0_ledger.nmi_raised = old_raised + s->nmi_raised;
	ring0_ledger.nmi_passage = old_passage + s->nmi_passage;
	ring0_ledger.nmi_guest = old_guest + s->nmi_guest;
	ring0_ledger.mce_forward = old_mce + s->mce;
	ring0_ledger.nmi_gate = bare_gate_count[2];
	ring0_ledger.mce_gate = bare_gate_count[18];
	/* Served machine checks are the latched and the guest's own. */
	ring0_ledger.latched = (priv->nmi - s->nmi_passage) +
			       (priv->mce + m->ctl->mce - s->mce);
	ring0_ledger.rounds++;
}

/* The VM goes, and its counts with it: the next one begins at 0. */
static void keep_counts(void)
{
	old_raised = ring0_ledger.nmi_raised;
	old_passage = ring0_ledger.nmi_passage;
	old_guest = ring0_ledger.nmi_guest;
	old_mce = ring0_ledger.mce_forward;
}

/* ---- rounds ---------------------------------------------------- */

static void count(const struct ledger_host *h)
{
	static struct cvm_stats stats;

	h->stats(&stats);
	ledger_count(h->mini, &stats);
}

static void fault_round(const struct ledger_host *h, uint32_t vector)
{
	uint32_t reason;

	if (h->start(G_MODE_FAULT))
		bare_panic("no VM");
	h->mini->ctl->vector = vector;
	h->mini->ctl->count = 0;
	ring0_sync();
	reason = h->enter();
	count(h);
	ring0_ledger.ended = reason == CVM_RUN_FATAL &&
			     h->run->arg[0] == vector ? 0 : reason;
	keep_counts();
	ring0_done();
	h->end();
}

void ledger_faults(const struct ledger_host *h)
{
	uint32_t vector, good = 0, all = 0;

	while (bare_arg("driven", 0) && !ring0_ledger.quit &&
	       !ring0_ledger.ended)
		fault_round(h, (uint32_t)ring0_ledger.fault);
	for (vector = 0; !bare_arg("driven", 0) && vector < 32; vector++) {
		if (vector == 2 || vector == 18)
			continue;
		ring0_ledger.ended = 0;
		fault_round(h, vector);
		all++;
		good += !ring0_ledger.ended;
		if (vector < 2 || vector == 14)
			bare_printf("  %s\n", h->run->text);
	}
	if (all)
		bare_report(good == all, "%u of %u exceptions ended the VM and "
			    "named the vector", good, all);
}

static void calls_round(const struct ledger_host *h)
{
	uint32_t reason;

	h->mini->ctl->variant = (uint32_t)ring0_ledger.guest_variant;
	h->vary((uint32_t)ring0_ledger.host_variant);
	ring0_sync();
	reason = h->enter();
	count(h);
	if (reason != CVM_RUN_DOORBELL) {
		bare_printf("round %llu: RUN gave %u %s\n",
			    (unsigned long long)ring0_ledger.rounds, reason,
			    h->run->text);
		ring0_ledger.ended = reason;
	}
	ring0_done();
}

void ledger_calls(const struct ledger_host *h)
{
	uint64_t rounds = bare_arg("rounds", 0);

	if (h->start(G_MODE_CALLS))
		bare_panic("no VM");
	h->mini->ctl->hypercall = CVM_HC_DOORBELL;
	while (!ring0_ledger.quit && !ring0_ledger.ended &&
	       (!rounds || ring0_ledger.rounds < rounds))
		calls_round(h);
	h->end();
}

void ledger_report(void)
{
	const struct ring0_ledger *l = &ring0_ledger;

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
}
