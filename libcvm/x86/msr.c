// SPDX-License-Identifier: GPL-2.0-only
/*
 * msr.c - which MSRs a switch writes.
 *
 * WRMSR is most of what a switch costs, and most MSRs hold the same value on
 * both sides.  So each side has a short list of those that differ, made from
 * the fields of both; it is made anew when the host's thread may have moved
 * or the guest has written one (cvm_shared.msr_dirty).
 */
#include "passage.h"

#include "cpu.h"

#define MSR_DEBUGCTL		0x1d9u
#define MSR_PERF_GLOBAL_CTRL	0x38fu
#define MSR_PEBS_ENABLE		0x3f1u
#define DEBUGCTL_TR_BTS		(3ull << 6)	/* records go to memory */

void cvm_msr_setup(struct cvm_priv *priv, const struct cvm_x86_caps *caps)
{
	uint32_t row;

	for (row = 0; row < CVM_MSR_ROWS; row++)
		priv->msr_index[row] = cvm_msr_index(row, caps);
	/* Both kernels' entry code writes it without telling anybody. */
	if (priv->msr_index[CVM_MSR_ROW_spec_ctrl])
		priv->flags |= CVM_PRIV_SPEC_CTRL;
	priv->msr_index[CVM_MSR_ROW_spec_ctrl] = 0;
	/* Not under the tables of either side, see far_ip. */
	priv->msr_index[CVM_MSR_ROW_pat] = 0;
}

/* LTR must find the host's own TSS: copy its descriptor, not busy. */
static void host_tss(struct cvm_side *host)
{
	const uint64_t *gdt = (const uint64_t *)(uintptr_t)
		host->state.gdtr.base;
	uint32_t slot = host->state.tr / 8u;

	host->gdt[slot] = gdt[slot];
	host->gdt[slot + 1] = gdt[slot + 1];
	host->tss_gdt = host->state.gdtr.base;
	host->tss_tr = host->state.tr;
}

static struct cvm_msr_load load_entry(uint32_t index, uint64_t value)
{
	return (struct cvm_msr_load){
		.index = index,
		.low = (uint32_t)value,
		.high = (uint32_t)(value >> 32),
	};
}

static int bts_live(uint64_t debugctl)
{
	return (debugctl & DEBUGCTL_TR_BTS) == DEBUGCTL_TR_BTS;
}

/* The branches of a guest are not those that the host records. */
static uint64_t lbr_value(const struct cvm_x86_caps *caps)
{
	uint64_t value = caps->lbr_msr ? cvm_rdmsr(caps->lbr_msr) : 0;

	return value & caps->lbr_on ? value : 0;
}

/*
 * What the switch writes to stop the records and to go on with them.  A
 * counter of PEBS stops too: the record is what reloads it.  Processor trace
 * may stay on, its output goes to physical addresses (SDM vol. 3C, 33.2.7).
 */
static void debug_store_lists(struct cvm_priv *priv,
			      const struct cvm_x86_caps *caps)
{
	const uint64_t debugctl = cvm_host_side(priv)->state.debugctl;
	const uint64_t pebs = caps->pebs ? cvm_rdmsr(MSR_PEBS_ENABLE) : 0;
	const uint64_t lbr = lbr_value(caps);
	uint32_t off = 0, on = 0;
	uint64_t ctrl;

	/* (DEBUGCTL has a row: the MSR list puts it back.) */
	if (caps->bts && bts_live(debugctl))
		priv->debug_store_off[off++] =
			load_entry(MSR_DEBUGCTL, debugctl & ~DEBUGCTL_TR_BTS);
	if (pebs) {
		ctrl = cvm_rdmsr(MSR_PERF_GLOBAL_CTRL);
		priv->debug_store_off[off++] =
			load_entry(MSR_PERF_GLOBAL_CTRL, ctrl &
				   ~(pebs & caps->pebs));
		priv->debug_store_off[off++] = load_entry(MSR_PEBS_ENABLE, 0);
		priv->debug_store_on[on++] = load_entry(MSR_PEBS_ENABLE, pebs);
		priv->debug_store_on[on++] = load_entry(MSR_PERF_GLOBAL_CTRL,
							ctrl);
	}
	if (lbr) {
		priv->debug_store_off[off++] = load_entry(caps->lbr_msr,
							  lbr & ~caps->lbr_on);
		priv->debug_store_on[on++] = load_entry(caps->lbr_msr, lbr);
	}
	priv->debug_store_off[off].index = 0;
	priv->debug_store_on[on].index = 0;
	priv->debug_store_live = off != 0;
}

/*
 * The host turns these on and off in interrupts too, without any switch of
 * threads: look, and while one is on take everything anew.
 */
int cvm_debug_store_look(const struct cvm_priv *priv,
			 const struct cvm_x86_caps *caps)
{
	return priv->debug_store_live ||
	       (caps->pebs && cvm_rdmsr(MSR_PEBS_ENABLE)) || lbr_value(caps) ||
	       (caps->bts && bts_live(cvm_rdmsr(MSR_DEBUGCTL)));
}

void cvm_host_refresh(struct cvm_priv *priv, const struct cvm_x86_caps *caps)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);
	const struct cvm_cpu_state *h = &host->state, *g = &guest->state;

	cvm_state_read(&host->state, caps);
	host_tss(host);
	priv->dr_differ = h->dr0 != g->dr0 || h->dr1 != g->dr1 ||
			  h->dr2 != g->dr2 || h->dr3 != g->dr3 ||
			  h->dr6 != g->dr6 || h->dr7 != g->dr7;
	debug_store_lists(priv, caps);
	cvm_msr_lists(priv);
}

void cvm_msr_lists(struct cvm_priv *priv)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);
	const uint64_t *h = cvm_msr_fields(&host->state);
	const uint64_t *g = cvm_msr_fields(&guest->state);
	const uint8_t *far = host->state.pat == guest->state.pat ?
			     cvm_passage_far : cvm_passage_far_pat;
	uint32_t row, n = 0;

	/* The debug store area is the host's. */
	guest->state.debugctl &= ~DEBUGCTL_TR_BTS;
	/* Another driver may have turned SVM on or off: both sides follow. */
	guest->state.efer = (guest->state.efer & ~CVM_EFER_KEEP) |
			    (host->state.efer & CVM_EFER_KEEP);
	for (row = 0; row < CVM_MSR_ROWS; row++) {
		if (!priv->msr_index[row] || h[row] == g[row])
			continue;
		host->load[n] = load_entry(priv->msr_index[row], h[row]);
		guest->load[n] = load_entry(priv->msr_index[row], g[row]);
		n++;
	}
	host->load[n].index = 0;
	guest->load[n].index = 0;
	host->far_ip = host->far_code + cvm_code_off(far);
	guest->far_ip = guest->far_code + cvm_code_off(far);
	priv->msr_changed = 0;
}
