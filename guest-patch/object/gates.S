/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gates.S - what startup_64 calls, and gates that a kernel has not.
 */
#include <linux/linkage.h>
#include <linux/version.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/smap.h>
#include <asm/unwind_hints.h>

#include "cvm-offsets.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define FIRST_IDT	startup_64_setup_gdt_idt
#else
#define FIRST_IDT	startup_64_setup_env
#endif

	.text

/*
 * In the identity mapping.  The gates are there before the kernel's "lidt" is:
 * an NMI may come right behind it.  RDI is the kernel's argument.
 */
SYM_FUNC_START(cvm_guest_first_idt)
	pushq	%rdi
	leaq	bringup_idt_table(%rip), %rdi
	call	cvm_guest_bringup_idt
	popq	%rdi
	jmp	FIRST_IDT
SYM_FUNC_END(cvm_guest_first_idt)

/* At kernel addresses, with GS base set; .bss is not clear yet. */
SYM_FUNC_START(cvm_guest_second_idt)
	leaq	bringup_idt_table(%rip), %rdi
	call	cvm_guest_bringup_idt
	call	early_setup_idt
	jmp	cvm_guest_object_start
SYM_FUNC_END(cvm_guest_second_idt)

/*
 * From bringup_common: struct pt_regs on the stack, the shared page in RBX.
 * The only sites that run so early are "mov reg, %cr4", which begin with 0x0f:
 * 0x22 and the register are left behind the int3.  What the host keeps in CR4
 * stays as it is.
 */
SYM_CODE_START(cvm_guest_bringup_site)
	UNWIND_HINT_REGS
	movq	CVM_R_RIP(%rsp), %rax
	cmpb	$0x22, (%rax)
	jne	cvm_guest_bringup_call
	movzbl	1(%rax), %ecx
	subl	$0xe0, %ecx		/* mod 3, register 4 */
	cmpl	$7, %ecx
	ja	cvm_guest_bringup_call
	addq	$2, CVM_R_RIP(%rsp)
	leaq	register_offsets(%rip), %rdx
	movzbl	(%rdx, %rcx), %edx
	movq	(%rsp, %rdx), %rcx
	movq	CVM_S_CR4_KEEP(%rbx), %rdx
	movq	%cr4, %rax
	andq	%rdx, %rax
	notq	%rdx
	andq	%rdx, %rcx
	orq	%rax, %rcx
	movq	%rcx, %cr4
	jmp	cvm_guest_bringup_return
SYM_CODE_END(cvm_guest_bringup_site)

	.section .rodata, "a"
/* In struct pt_regs, by a register's number. */
register_offsets:
	.byte	CVM_R_AX, CVM_R_CX, CVM_R_DX, CVM_R_BX
	.byte	CVM_R_SP, CVM_R_BP, CVM_R_SI, CVM_R_DI

#ifndef CONFIG_X86_MCE
	.section .cvm.entry, "ax"
/*
 * A machine check, where the kernel has no gate for one.  From user mode too
 * it stays on the stack of its own: nothing that waits is looked at.
 */
SYM_CODE_START(cvm_guest_mc_entry)
	UNWIND_HINT_IRET_REGS
	ENDBR
	ASM_CLAC
	cld
	pushq	$-1
	call	paranoid_entry
	UNWIND_HINT_REGS
	movq	%rsp, %rdi
	call	cvm_guest_exc_machine_check
	jmp	paranoid_exit
SYM_CODE_END(cvm_guest_mc_entry)
#endif
