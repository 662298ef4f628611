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

void cvm_msr_setup(struct cvm_priv *priv, const struct cvm_x86_caps *caps)
{
	uint32_t row;

	for (row = 0; row < CVM_MSR_ROWS; row++)
		priv->msr_index[row] = cvm_msr_index(row, caps);
	/* Both kernels' entry code writes it without telling anybody. */
	if (priv->msr_index[CVM_MSR_ROW_spec_ctrl])
		priv->flags |= CVM_PRIV_SPEC_CTRL;
	priv->msr_index[CVM_MSR_ROW_spec_ctrl] = 0;
}

/* LTR must find the host's own TSS: copy its descriptor, not busy. */
static void cvm_host_tss(struct cvm_side *host)
{
	const uint64_t *gdt = (const uint64_t *)(uintptr_t)
		host->state.gdtr.base;
	uint32_t slot = host->state.tr / 8u;

	host->gdt[slot] = gdt[slot];
	host->gdt[slot + 1] = gdt[slot + 1];
	host->tss_gdt = host->state.gdtr.base;
	host->tss_tr = host->state.tr;
}

void cvm_host_refresh(struct cvm_priv *priv, const struct cvm_x86_caps *caps)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);
	const struct cvm_cpu_state *h = &host->state, *g = &guest->state;

	cvm_state_read(&host->state, caps);
	cvm_host_tss(host);
	priv->dr_differ = h->dr0 != g->dr0 || h->dr1 != g->dr1 ||
			  h->dr2 != g->dr2 || h->dr3 != g->dr3 ||
			  h->dr6 != g->dr6 || h->dr7 != g->dr7;
	cvm_msr_lists(priv);
}

static struct cvm_msr_load cvm_load(uint32_t index, uint64_t value)
{
	return (struct cvm_msr_load){
		.index = index,
		.low = (uint32_t)value,
		.high = (uint32_t)(value >> 32),
	};
}

void cvm_msr_lists(struct cvm_priv *priv)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);
	const uint64_t *h = cvm_msr_fields(&host->state);
	const uint64_t *g = cvm_msr_fields(&guest->state);
	uint32_t row, n = 0;

	/* Another driver may have turned SVM on or off: both sides follow. */
	guest->state.efer = (guest->state.efer & ~CVM_EFER_KEEP) |
			    (host->state.efer & CVM_EFER_KEEP);
	for (row = 0; row < CVM_MSR_ROWS; row++) {
		if (!priv->msr_index[row] || h[row] == g[row])
			continue;
		host->load[n] = cvm_load(priv->msr_index[row], h[row]);
		guest->load[n] = cvm_load(priv->msr_index[row], g[row]);
		n++;
	}
	host->load[n].index = 0;
	guest->load[n].index = 0;
	priv->msr_changed = 0;
}
