/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.S - traps of the first instructions, before the kernel has an IDT.
 *
 * startup_64 loads a bring-up IDT with no gates in it.  On the metal that is
 * right: nothing useful can be done.  Beside a host it is not: an NMI there
 * belongs to the host, and any other trap would be a triple fault, which
 * resets the machine and not the guest.  So all 32 gates are filled when the
 * loader has mapped the passage, and each of them goes through it.
 *
 * The code runs in the identity mapping and at kernel addresses alike: no
 * absolute reference but the passage's, which both tables map.  GS is not
 * used; the boot processor's vCPU is number 0.
 */
#include <linux/init.h>
#include <linux/linkage.h>
#include <asm/nospec-branch.h>
#include <asm/pgtable_types.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "cvm-offsets.h"

#define GATE_SIZE	16
#define STUB_SIZE	16
#define GATE_FLAGS	0x8e00		/* present, DPL 0, interrupt gate */
#define VECTOR_NMI	2
#define VECTOR_BP	3
#define VECTOR_MC	18
#define NR_GATES	32
/* 8, 10-14, 17, 21, 29 and 30 push an error code (SDM vol. 3, table 6-1). */
#define ERROR_CODES	0x60227d00

	__REF

/*
 * void cvm_guest_bringup_idt(void *idt): fill the gates, if this is a guest.
 * A present PTE in the passage's first slot says so.  Called twice: in the
 * identity mapping, and at kernel addresses, where C code can run and has to,
 * once.
 */
SYM_FUNC_START(cvm_guest_bringup_idt)
	testb	$_PAGE_PRESENT, level1_fixmap_pgt + CVM_PTE_OFFSET(%rip)
	jz	2f
	leaq	bringup_stubs(%rip), %rax
	movl	$NR_GATES, %ecx
1:	movw	%ax, 0(%rdi)
	movw	$__KERNEL_CS, 2(%rdi)
	movl	$0, 12(%rdi)
	/* The rest in one: the second time, an NMI may look meanwhile. */
	movq	%rax, %rdx
	movw	$GATE_FLAGS, %dx
	movq	%rdx, 4(%rdi)
	addq	$GATE_SIZE, %rdi
	addq	$STUB_SIZE, %rax
	decl	%ecx
	jnz	1b
	testq	%rax, %rax
	jns	2f
	cmpb	$0, cvm_guest(%rip)
	jne	2f
	subq	$8, %rsp		/* aligned, as C code wants it */
	call	cvm_guest_early_detect
	addq	$8, %rsp
2:	RET
SYM_FUNC_END(cvm_guest_bringup_idt)

	.text
	.balign STUB_SIZE
SYM_CODE_START_LOCAL(bringup_stubs)
	i = 0
	.rept	NR_GATES
	.if ((ERROR_CODES >> i) & 1) == 0
	UNWIND_HINT_IRET_REGS
	ENDBR
	pushq	$0
	.else
	UNWIND_HINT_IRET_REGS offset=8
	ENDBR
	.endif
	pushq	$i
	jmp	bringup_common
	UNWIND_HINT_IRET_REGS
	i = i + 1
	.balign	STUB_SIZE, 0xcc
	.endr
SYM_CODE_END(bringup_stubs)

	.if CVM_S_VECTOR - CVM_S_HYPERCALL - 4
	.error "cvm: hypercall and vector are not one word"
	.endif

/* On the stack: vector, error code, and the frame the CPU pushed. */
SYM_CODE_START_LOCAL(bringup_common)
	UNWIND_HINT_IRET_REGS offset=16
	cld
	pushq	%rsi			/* the rest of struct pt_regs */
	movq	8(%rsp), %rsi		/* vector */
	movq	%rdi, 8(%rsp)
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	UNWIND_HINT_REGS

	movq	$CVM_GVA_SHARED0, %rbx
#ifdef CVM_OBJECT
	cmpl	$VECTOR_BP, %esi
	je	cvm_guest_bringup_site
#endif
SYM_INNER_LABEL(cvm_guest_bringup_call, SYM_L_GLOBAL)
	/*
	 * The call's fields of who was interrupted, in registers that the
	 * passage brings back: it may be about to switch.
	 */
	movq	CVM_S_HYPERCALL(%rbx), %r12	/* and vector */
	movq	CVM_S_ARG0(%rbx), %r13
	movq	CVM_S_ARG1(%rbx), %r14
	movq	CVM_S_RET(%rbx), %r15
	movl	$1, CVM_S_DIRTY(%rbx)
	incq	CVM_S_HYPERCALLS(%rbx)
	cmpl	$VECTOR_NMI, %esi
	jne	1f
	incq	CVM_S_NMI_SEEN(%rbx)
	movl	$CVM_C_NMI, CVM_S_HYPERCALL(%rbx)
	jmp	3f
1:	cmpl	$VECTOR_MC, %esi
	jne	2f
	movl	$CVM_C_MCE, CVM_S_HYPERCALL(%rbx)
	movq	CVM_R_CS(%rsp), %rax
	movq	%rax, CVM_S_ARG0(%rbx)
	movq	CVM_R_RIP(%rsp), %rax
	movq	%rax, CVM_S_ARG1(%rbx)
	jmp	3f
2:	movl	$CVM_C_FATAL, CVM_S_HYPERCALL(%rbx)
	movq	%rsi, CVM_S_ARG0(%rbx)
	movq	CVM_R_ERROR(%rsp), %rax
	movq	%rax, CVM_S_ARG1(%rbx)
	movq	CVM_R_RIP(%rsp), %rax
	movq	%rax, CVM_S_ARG2(%rbx)
	movq	%cr2, %rax
	movq	%rax, CVM_S_ARG3(%rbx)
3:	movq	CVM_S_PRIV(%rbx), %rdi
	ANNOTATE_RETPOLINE_SAFE
	call	*CVM_S_ENTRY(%rbx)
	movq	%r15, CVM_S_RET(%rbx)
	movq	%r14, CVM_S_ARG1(%rbx)
	movq	%r13, CVM_S_ARG0(%rbx)
	movq	%r12, CVM_S_HYPERCALL(%rbx)

SYM_INNER_LABEL(cvm_guest_bringup_return, SYM_L_GLOBAL)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp		/* error code */
	UNWIND_HINT_IRET_REGS
	iretq
SYM_CODE_END(bringup_common)
