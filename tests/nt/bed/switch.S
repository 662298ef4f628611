/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * switch.S - the bed's thread switch, and the export that raises.
 */
	.text

/* bed_switch(&from->rsp, to->rsp) */
	.globl bed_switch
bed_switch:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.globl bed_thread_entry
bed_thread_entry:
	andq $-16, %rsp
	call bed_thread_main
	ud2

/*
 * MmMapLockedPagesSpecifyCache() raises an exception where it cannot map for
 * user mode.  The callee is C; what it asks for with bed_raise is done here,
 * in the caller's frame: go on where the caller's scope table says.
 */
	.globl bed_map_locked
bed_map_locked:
	subq $0x38, %rsp
	movq 0x60(%rsp), %rax
	movq %rax, 0x20(%rsp)
	movq 0x68(%rsp), %rax
	movq %rax, 0x28(%rsp)
	call bed_map_locked_pages
	addq $0x38, %rsp
	cmpl $0, bed_raise(%rip)
	jne 1f
	ret
1:	movl $0, bed_raise(%rip)
	popq %rcx
	subq $0x20, %rsp
	call bed_landing
	addq $0x20, %rsp
	jmp *%rax

	.section .note.GNU-stack, "", @progbits
