// SPDX-License-Identifier: GPL-2.0-only
/*
 * offsets.c - the numbers switch.S needs, compiled to assembly text and cut
 * out of it by tools/gen-offsets.  Never linked.
 */
#include "cpu.h"
#include "passage.h"

#define CVM_DEFINE(name, value) \
	__asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))
#define CVM_SIDE(name, field) \
	CVM_DEFINE(CVM_S_##name, offsetof(struct cvm_side, field))
#define CVM_PRIV(name, field) \
	CVM_DEFINE(CVM_P_##name, offsetof(struct cvm_priv, field))

void cvm_offsets(void);

void cvm_offsets(void)
{
	/* Every row of the table by its own name. */
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm) \
	CVM_DEFINE(CVM_S_##name, offsetof(struct cvm_side, state.name));
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm) \
	CVM_DEFINE(CVM_S_##name, offsetof(struct cvm_side, state.name.limit));
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm) \
	CVM_DEFINE(CVM_S_##name, offsetof(struct cvm_side, state.name));
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	CVM_DEFINE(CVM_S_##name, offsetof(struct cvm_side, state.name));
#include "rows.h"
	CVM_SIDE(MSRS, state.CVM_MSR_FIRST);
	CVM_DEFINE(CVM_N_MSRS, CVM_MSR_ROWS);

	CVM_SIDE(INTER_CR3, inter_cr3);
	CVM_SIDE(FAR_DELTA, far_delta);
	CVM_SIDE(FAR_CODE, far_code);
	CVM_SIDE(FAR_IP, far_ip);
	CVM_SIDE(MINI_RSP, mini_rsp);
	CVM_SIDE(MINI_IDTR, mini_idtr.limit);
	CVM_SIDE(MINI_GDTR, mini_gdtr.limit);
	CVM_SIDE(MINI_GDTR_FAR, mini_gdtr_far.limit);
	CVM_SIDE(TSS_GDT, tss_gdt);
	CVM_SIDE(TSS_TR, tss_tr);
	CVM_SIDE(GDT, gdt);
	CVM_SIDE(LOAD, load);

	CVM_PRIV(NMI, nmi);
	CVM_PRIV(MCE, mce);
	CVM_PRIV(FAULT_COUNT, fault.count);
	CVM_PRIV(FAULT_VECTOR, fault.vector);
	CVM_PRIV(FAULT_ERROR, fault.error);
	CVM_PRIV(FAULT_RIP, fault.rip);
	CVM_PRIV(FAULT_CR2, fault.cr2);
	CVM_PRIV(FAULT_TO, fault.to);
	CVM_PRIV(FAULT_WORLD, fault.guest_world);
	CVM_PRIV(FLAGS, flags);
	CVM_PRIV(DR_DIFFER, dr_differ);
	CVM_PRIV(DEBUG_STORE_LIVE, debug_store_live);
	CVM_PRIV(DEBUG_STORE_OFF, debug_store_off);
	CVM_PRIV(DEBUG_STORE_ON, debug_store_on);
	CVM_PRIV(MSR_CHANGED, msr_changed);
	CVM_PRIV(MSR_INDEX, msr_index);
	CVM_PRIV(INVPCID, invpcid);
	CVM_PRIV(INVPCID_ALL, invpcid_all);
	CVM_DEFINE(CVM_CR4_PGE, CVM_CR4_PGE);
	CVM_DEFINE(CVM_CR4_FSGSBASE_BIT, __builtin_ctzll(CVM_CR4_FSGSBASE));
	CVM_DEFINE(CVM_P_HOST, CVM_PRIV_HOST);
	CVM_DEFINE(CVM_P_GUEST, CVM_PRIV_GUEST);
	CVM_DEFINE(CVM_P_FLIP, CVM_SIDE_FLIP);
	CVM_DEFINE(CVM_F_SPEC_CTRL, CVM_PRIV_SPEC_CTRL);
	CVM_DEFINE(CVM_F_ALL_MSRS, CVM_PRIV_ALL_MSRS);
	CVM_DEFINE(CVM_P_MSR_DIRTY, sizeof(struct cvm_priv) +
		   offsetof(struct cvm_shared, msr_dirty));
}
