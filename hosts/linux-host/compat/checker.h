/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checker.h - included in front of libcvm's assembly: what objtool must know.
 *
 * The switch changes stacks and page tables, so no unwind data can be made
 * for it, and the page it lives in cannot call the kernel's thunks: while it
 * runs the kernel is not mapped.  Its indirect jumps and returns are bare on
 * purpose.
 */
#ifndef CVM_COMPAT_CHECKER_H
#define CVM_COMPAT_CHECKER_H

#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#define CVM_ASM_CHECKER
#define HOST_RETURN	RET

.macro not_checked name
	STACK_FRAME_NON_STANDARD \name
.endm

.macro bare_branch
	ANNOTATE_RETPOLINE_SAFE
.endm

#endif /* CVM_COMPAT_CHECKER_H */
