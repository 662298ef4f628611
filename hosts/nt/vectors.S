/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vectors.S - `int n` for a number known at run time only.
 *
 * void cvm_nt_int(uint32_t vector);
 * Microsoft x64 convention.  A leaf: the host's handler finds an interrupted
 * function of this driver with the return address on top of its stack, and
 * preserves every register.
 */
	.text
	.globl	cvm_nt_int
	.def	cvm_nt_int; .scl 2; .type 32; .endef
	.balign	16
cvm_nt_int:
	movzbl	%cl, %ecx
	lea	.Lstubs(%rip), %rax
	lea	(%rax, %rcx, 8), %rax
	jmp	*%rax

	.balign	8
.Lstubs:
	.set	vector, 0
	.rept	256
	endbr64
	.byte	0xcd, vector	/* int vector */
	ret
	.balign	8, 0xcc
	.set	vector, vector + 1
	.endr
