/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entry.S - the gates of vectors that only a guest takes as interrupts.
 *
 * Each does what the kernel's own irq_entries_start does.  .entry.text is
 * what page-table isolation leaves mapped in user mode.
 */
#include <linux/linkage.h>
#include <asm/irq_vectors.h>
#include <asm/unwind_hints.h>

#include "cvm-offsets.h"
#include "vectors.h"

#ifdef CVM_OBJECT
	.section .cvm.entry, "ax"
#else
	.section .entry.text, "ax"
#endif

.macro vector_entries name, first, number
	.balign CVM_ENTRY_SIZE
SYM_CODE_START(\name)
	vector = \first
	.rept	\number
	UNWIND_HINT_IRET_REGS
0:	ENDBR
	.byte	0x6a, vector		/* push, sign-extended: as elsewhere */
	jmp	asm_common_interrupt
	.fill	0b + CVM_ENTRY_SIZE - ., 1, 0xcc
	vector = vector + 1
	.endr
SYM_CODE_END(\name)
.endm

vector_entries cvm_guest_low_entries, CVM_LOW_VECTOR_FIRST, CVM_NR_LOW_VECTORS
vector_entries cvm_guest_irq80_entry, IA32_SYSCALL_VECTOR, 1
vector_entries cvm_guest_system_entries, FIRST_SYSTEM_VECTOR, \
	CVM_NR_SYSTEM_VECTORS
