// SPDX-License-Identifier: GPL-2.0-only
/* offsets.c - numbers the assembly files need, taken from the headers. */
#include <linux/kbuild.h>
#include <linux/pgtable.h>

#include <asm/idtentry.h>
#include <asm/ptrace.h>

#include "cvm.h"

void cvm_guest_offsets(void);

void cvm_guest_offsets(void)
{
	DEFINE(CVM_ABI, CVM_GUEST_ABI);
	DEFINE(CVM_ENTRY_SIZE, IDT_ALIGN);
	DEFINE(CVM_NTYPE, CVM_NOTE_TYPE);
	DEFINE(CVM_GVA_PASSAGE, CVM_PASSAGE_GVA);
	DEFINE(CVM_GVA_SHARED0, CVM_SHARED_GVA(0));
	DEFINE(CVM_PTE_OFFSET, CVM_PASSAGE_PTE_INDEX * sizeof(pte_t));
	DEFINE(CVM_NR_PAGES, CVM_PASSAGE_PAGES);
	DEFINE(CVM_NR_PTES, FIXMAP_PMD_NUM * PTRS_PER_PTE);
	DEFINE(CVM_DESC_SIZE, sizeof(struct cvm_note_desc));
	OFFSET(CVM_S_ENTRY, cvm_shared, passage_entry);
	OFFSET(CVM_S_PRIV, cvm_shared, passage_priv);
	OFFSET(CVM_S_HYPERCALL, cvm_shared, hypercall);
	OFFSET(CVM_S_VECTOR, cvm_shared, vector);
	OFFSET(CVM_S_RET, cvm_shared, ret);
	OFFSET(CVM_S_ARG0, cvm_shared, arg[0]);
	OFFSET(CVM_S_ARG1, cvm_shared, arg[1]);
	OFFSET(CVM_S_ARG2, cvm_shared, arg[2]);
	OFFSET(CVM_S_ARG3, cvm_shared, arg[3]);
	OFFSET(CVM_S_HYPERCALLS, cvm_shared, hypercalls);
	OFFSET(CVM_S_DIRTY, cvm_shared, msr_dirty);
	OFFSET(CVM_S_NMI_SEEN, cvm_shared, nmi_seen);
	OFFSET(CVM_S_CR4_KEEP, cvm_shared, cr4_keep);
	OFFSET(CVM_R_AX, pt_regs, ax);
	OFFSET(CVM_R_CX, pt_regs, cx);
	OFFSET(CVM_R_DX, pt_regs, dx);
	OFFSET(CVM_R_BX, pt_regs, bx);
	OFFSET(CVM_R_SP, pt_regs, sp);
	OFFSET(CVM_R_BP, pt_regs, bp);
	OFFSET(CVM_R_SI, pt_regs, si);
	OFFSET(CVM_R_DI, pt_regs, di);
	OFFSET(CVM_R_ERROR, pt_regs, orig_ax);
	OFFSET(CVM_R_RIP, pt_regs, ip);
	OFFSET(CVM_R_CS, pt_regs, cs);
	DEFINE(CVM_C_NMI, CVM_HC_NMI);
	DEFINE(CVM_C_MCE, CVM_HC_MCE);
	DEFINE(CVM_C_FATAL, CVM_HC_FATAL);
}
