/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * call.S - rows_call(fn, arg, ret): patterns in RBX, RBP, R12..R15 and in
 * the status flags, AC and ID; mask of those that fn did not preserve.
 */
#define PATTERN(n)	(0x5a5a000000000000 + 0x0101010101 * (n))
/* ID, AC, OF, SF, ZF, AF, PF, CF */
#define FLAGS		0x2408d5
#define FLAGS_PATTERN	0x240055

.macro expect n, reg
	movabsq $PATTERN(\n), %rcx
	cmpq %rcx, \reg
	je 1f
	orq $1 << \n, %rdx
1:
.endm

	.text
	.globl rows_call
rows_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdx
	pushfq
	subq $8, %rsp
	movq %rdi, %rax
	movq %rsi, %rdi
	movabsq $PATTERN(0), %rbx
	movabsq $PATTERN(1), %rbp
	movabsq $PATTERN(2), %r12
	movabsq $PATTERN(3), %r13
	movabsq $PATTERN(4), %r14
	movabsq $PATTERN(5), %r15
	movq 8(%rsp), %rcx
	andq $~FLAGS, %rcx
	orq $FLAGS_PATTERN, %rcx
	pushq %rcx
	popfq
	call *%rax
	pushfq
	popq %r8
	movl %eax, %r9d
	xorl %edx, %edx
	expect 0, %rbx
	expect 1, %rbp
	expect 2, %r12
	expect 3, %r13
	expect 4, %r14
	expect 5, %r15
	/* A C function may change the status flags, AC and ID it may not. */
	andl $0x240000, %r8d
	cmpl $0x240000 & FLAGS_PATTERN, %r8d
	je 2f
	orq $1 << 6, %rdx
2:	addq $8, %rsp
	popfq
	popq %rcx
	movl %r9d, (%rcx)
	movq %rdx, %rax
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .note.GNU-stack, "", @progbits
