/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.S - entry, user mode and the tight loop of the mini guest.
 */
#include "ctl.h"

	.section .head, "a"
	.long G_MAGIC
	.long g_image_end - G_IMAGE_GVA
	.quad g_entry
	.quad g_ctl
	.quad g_user_code

	.text
/* At the identity address, on the tables the guest keeps. */
g_entry:
	movabsq $1f, %rax
	jmp *%rax
1:	movq $g_stack_end, %rsp
	xorl %ebp, %ebp
	call g_main
	ud2

/*
 * g_user_run(icr, rsp) - run the user code with EDI = icr until it executes
 * UD2; the trap handler then returns to g_user_back with this stack.
 */
	.globl g_user_run, g_user_back
g_user_run:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, g_user_rsp(%rip)
	pushq $0x2b
	pushq %rsi
	pushq $0x202
	pushq $0x33
	pushq $G_USER_CODE
	movq $G_USER_APIC, %rsi
	iretq
g_user_back:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

/* g_bench(entry, priv, count): nothing but calls; returns TSC ticks. */
	.globl g_bench
g_bench:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	subq $8, %rsp
	movq %rdi, %rbx
	movq %rsi, %rbp
	movq %rdx, %r12
	rdtsc
	shlq $32, %rdx
	leaq (%rax,%rdx), %r13
1:	movq %rbp, %rdi
	call *%rbx
	decq %r12
	jnz 1b
	rdtsc
	shlq $32, %rdx
	addq %rdx, %rax
	subq %r13, %rax
	addq $8, %rsp
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

/* Ring 3: send the interrupt (none if EDI is 0), give it time, be done. */
	.section .user, "ax"
	.balign 4096
g_user_code:
	testl %edi, %edi
	jz 1f
	movl %edi, 0x300(%rsi)
1:	movl $64, %ecx
2:	pause
	decl %ecx
	jnz 2b
	ud2

	.bss
	.balign 16
	.globl g_user_rsp
g_user_rsp: .skip 16
	.skip 16384
g_stack_end:

	.section .note.GNU-stack, "", @progbits
