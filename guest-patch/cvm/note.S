/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * note.S - the ELF note a loader looks for: ABI, and where the passage goes.
 *
 * Both addresses are link-time ones.  A kernel without this note, or with
 * another ABI number in it, is refused before it runs.
 */
#include <linux/linkage.h>

#include "cvm-offsets.h"

	.pushsection .note.cvm, "a", @note
	.balign	4
	.long	2f - 1f			/* namesz */
	.long	CVM_DESC_SIZE		/* descsz */
	.long	CVM_NTYPE
1:	.asciz	"libcvm"
2:	.balign	4
3:	.long	CVM_ABI
	.long	CVM_DESC_SIZE
	.quad	CVM_GVA_PASSAGE
	.quad	level1_fixmap_pgt + CVM_PTE_OFFSET
	.long	CVM_NR_PAGES
	.long	0			/* flags */
4:	.balign	4
	.popsection

	/* The whole passage must lie in the statically linked tables. */
	.if	CVM_PTE_OFFSET < 0
	.error	"cvm: the passage lies below the fixmap's page tables"
	.endif
	.if	CVM_PTE_OFFSET / 8 + CVM_NR_PAGES > CVM_NR_PTES
	.error	"cvm: the passage lies above the fixmap's page tables"
	.endif
