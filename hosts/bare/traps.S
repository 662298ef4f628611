/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * traps.S - the gates of all 256 vectors, `int n` for every n, and
 * instructions that may fault.
 */
	.text

/*
 * Gate n: push a zero where the CPU pushes no error code, push n, go on.
 * Sixteen bytes each, so that cpu.c computes the addresses.
 */
	.balign 16
	.globl bare_gates
bare_gates:
	vector = 0
	.rept 256
	.balign 16
	endbr64
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || \
	      vector == 17 || vector == 21)
	pushq $0
	.endif
	pushq $vector
	jmp gate
	vector = vector + 1
	.endr

/* Ring 0 only, so there is no SWAPGS.  Layout: struct bare_regs. */
	.balign 16
gate:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	call bare_trap
	movq %rbp, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

/* bare_int(vector): the instruction has no register form. */
	.globl bare_int
bare_int:
	movl %edi, %edi
	leaq int_table(%rip), %rax
	leaq (%rax,%rdi,8), %rax
	jmp *%rax

	.balign 8
int_table:
	vector = 0
	.rept 256
	endbr64
	.byte 0xcd, vector			/* int $vector */
	ret
	.balign 8
	vector = vector + 1
	.endr

/*
 * The three below leave in bare_fixup where bare_trap() shall go on after an
 * exception, which puts the vector into bare_fault.
 */
	.globl bare_rdmsr_safe
bare_rdmsr_safe:
	leaq fault(%rip), %rax
	movq %rax, bare_fixup(%rip)
	movl %edi, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, (%rsi)
	jmp no_fault

	.globl bare_wrmsr_safe
bare_wrmsr_safe:
	leaq fault(%rip), %rax
	movq %rax, bare_fixup(%rip)
	movl %edi, %ecx
	movq %rsi, %rdx
	movl %esi, %eax
	shrq $32, %rdx
	wrmsr
	jmp no_fault

	.globl bare_xsetbv_safe
bare_xsetbv_safe:
	leaq fault(%rip), %rax
	movq %rax, bare_fixup(%rip)
	xorl %ecx, %ecx
	movq %rdi, %rdx
	movl %edi, %eax
	shrq $32, %rdx
	xsetbv

no_fault:
	movq $0, bare_fixup(%rip)
	xorl %eax, %eax
	ret
fault:
	movl bare_fault(%rip), %eax
	ret

	.bss
	.balign 8
	.globl bare_fixup, bare_fault
bare_fixup:	.skip 8
bare_fault:	.skip 8

	.section .note.GNU-stack, "", @progbits
