/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * switch.S - the world switch.
 *
 * One page of position-independent code.  The host calls cvm_x86_switch(),
 * the guest calls cvm_passage_guest (through the shared page); each returns
 * when the other side calls.  Both are System V functions of one argument,
 * RDI = struct cvm_priv in the caller's addresses, called with IF = 0 on a
 * kernel stack, CS = 0x10 flat, SS = 0x18 or null.  Callee-saved registers
 * and RFLAGS are preserved, the rest is clobbered.
 *
 * From .Lcross on both directions run the same instructions.  RBX is the side
 * being left ("this"), RBP the side being entered ("other"), RDI the private
 * pages, R12 CR4 as it is.
 *
 * What an NMI (2) or machine check (18) finds:
 *   before LIDT mini      this side's own handler, this side complete
 *   LIDT mini .. CR3      .Lnmi at this world's address, on this side's stack
 *   CR3 .. .Lfar          the same gates, on the passage's stack; intermediate
 *                         tables hold the passage at both worlds' addresses
 *   .Lfar .. stack        .Lnmi at the other world's address
 *   other's RSP .. LIDT   the same, on the other side's stack
 *   after LIDT            the other side's own handler, that side complete
 * .Lnmi and .Lmce find their page by SIDT, for it is the passage's IDT that
 * brought them there; RSP says nothing (it may be any of three stacks).  They
 * count and return; run.c re-raises.  Every other exception counts as a fault:
 * the guest is given up and the host loaded (.Lfault).
 *
 * Memory a side owns is never written: LTR sets the busy bit of a private GDT.
 */
#include "asm.h"
#include "cvm-offsets.h"

#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_SPEC_CTRL	0x48
#define MSR_PAT		0x277
#define INVPCID_ALL	2
#define TSS_AVAILABLE	0x89
#define FAST_MSRS	5
#define DR7_ENABLED	0xff		/* any breakpoint, local or global */
#define DR7_OFF		0x400
#define SEGMENT_PRESENT_BIT 15		/* as LAR returns it */

.macro save_u64 reg, field, side=%rbx
	mov	\reg, %rax
	mov	%rax, \field(\side)
.endm

.macro save_msr index, field
	mov	$\index, %ecx
	rdmsr
	mov	%eax, \field(%rbx)
	mov	%edx, \field+4(%rbx)
.endm

.macro load_msr index, field
	mov	$\index, %ecx
	mov	\field(%rbp), %eax
	mov	\field+4(%rbp), %edx
	wrmsr
.endm

/* DR7 last: it enables the others. */
#define EACH_DEBUG_REGISTER(op)						\
	op %dr0, CVM_S_dr0; op %dr1, CVM_S_dr1; op %dr2, CVM_S_dr2;	\
	op %dr3, CVM_S_dr3; op %dr6, CVM_S_dr6; op %dr7, CVM_S_dr7

.macro check_debug reg, field
	mov	\reg, %rax
	cmp	%rax, \field(%rbx)
	jne	.Lguest_debug
.endm

.macro save_debug reg, field
	mov	\reg, %rax
	mov	%rax, \field(%rbx)
	xor	\field(%rbp), %rax
	or	%rax, %rdx
.endm

.macro load_debug reg, field
	mov	\field(%rbp), %rax
	mov	%rax, \reg
.endm

/* SDM vol. 2D, VERR: readable at this privilege, present or not. */
.macro load_segment reg, field
	movzwl	\field(%rbp), %eax
	cmp	$3, %eax		/* null selectors as they are */
	jbe	2f
	verr	%ax
	jnz	1f
	lar	%eax, %ecx
	bt	$SEGMENT_PRESENT_BIT, %ecx
	jc	2f
1:	xor	%eax, %eax
2:	mov	%eax, \reg
.endm

	.section .text.cvm_passage, "ax"
	.balign	4096, 0xcc
FUNCTION(cvm_passage_start)
.Lpage:

/* ---- 1. leave the host -------------------------------------------------- */

LABEL(cvm_x86_switch)
	endbr64
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	push	%\reg
	.endr
	pushfq
	lea	CVM_P_HOST(%rdi), %rbx
	lea	CVM_P_GUEST(%rdi), %rbp
	/* GDTR, IDTR, TR, DS..GS and the FS/GS bases belong to the CPU and
	 * the thread: cvm_host_refresh() has read them. */
	lidt	CVM_S_MINI_IDTR(%rbx)
	/* No NMI of the host can turn it on again now. */
	cmpw	$0, CVM_P_DEBUG_STORE_LIVE(%rdi)
	jne	.Ldebug_store_off
.Lds_is_off:
	mov	%rsp, CVM_S_rsp(%rbx)
	sldt	CVM_S_ldtr(%rbx)
	mov	%ss, CVM_S_ss(%rbx)
	save_u64 %cr0, CVM_S_cr0
	save_u64 %cr2, CVM_S_cr2
	save_u64 %cr3, CVM_S_cr3
	mov	%cr4, %r12
	mov	%r12, CVM_S_cr4(%rbx)
	mov	%dr7, %rax
	cmp	%rax, CVM_S_dr7(%rbx)
	jne	1f
	/* One breakpoint may have taken another's place: same DR7. */
	test	$DR7_ENABLED, %al
	jnz	1f
	mov	%dr6, %rax
	cmp	%rax, CVM_S_dr6(%rbx)
	je	.Lcross
1:	call	.Lsave_debug
	jmp	.Lcross

/* ---- 1. leave the guest -------------------------------------------------- */

LABEL(cvm_passage_guest)
	endbr64
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	push	%\reg
	.endr
	pushfq
	lea	CVM_P_GUEST(%rdi), %rbx
	lea	CVM_P_HOST(%rdi), %rbp
	/* An NMI up to here runs in the guest and may call the passage too:
	 * nothing of this side is stored before the passage's IDT is live. */
	sidt	CVM_S_idtr(%rbx)
	lidt	CVM_S_MINI_IDTR(%rbx)
	mov	%rsp, CVM_S_rsp(%rbx)
	sgdt	CVM_S_gdtr(%rbx)
	sldt	CVM_S_ldtr(%rbx)
	str	CVM_S_tr(%rbx)
	mov	%ds, CVM_S_ds(%rbx)
	mov	%es, CVM_S_es(%rbx)
	mov	%fs, CVM_S_fs(%rbx)
	mov	%gs, CVM_S_gs(%rbx)
	mov	%ss, CVM_S_ss(%rbx)
	save_u64 %cr0, CVM_S_cr0
	save_u64 %cr2, CVM_S_cr2
	save_u64 %cr3, CVM_S_cr3
	mov	%cr4, %r12
	mov	%r12, CVM_S_cr4(%rbx)
	bt	$CVM_CR4_FSGSBASE_BIT, %r12d
	jnc	.Lsave_bases
	rdfsbase %rax
	mov	%rax, CVM_S_fs_base(%rbx)
	rdgsbase %rax
	mov	%rax, CVM_S_gs_base(%rbx)
	swapgs			/* stays: the passage's handlers use no GS */
	rdgsbase %rax
	mov	%rax, CVM_S_kernel_gs_base(%rbx)
.Lbases_saved:
	EACH_DEBUG_REGISTER(check_debug)
	test	$DR7_ENABLED, %al
	jnz	.Lguest_debug
.Ldebug_saved:
	mov	CVM_S_gdtr+2(%rbx), %rax
	cmp	%rax, CVM_S_TSS_GDT(%rbx)
	jne	.Lfind_tss
	movzwl	CVM_S_tr(%rbx), %ecx
	cmp	%rcx, CVM_S_TSS_TR(%rbx)
	jne	.Lfind_tss
.Ltss_found:
	cmpl	$0, CVM_P_MSR_DIRTY(%rdi)
	jne	.Lguest_msrs

/* ---- 2. through the intermediate tables ---------------------------------- */

.Lcross:
	/* The private GDT first: the other tables have no GDT of this side,
	 * and a gate needs one. */
	lgdt	CVM_S_MINI_GDTR_FAR(%rbp)
	mov	CVM_S_MINI_RSP(%rbx), %rsp
	mov	CVM_S_INTER_CR3(%rbx), %rax
	mov	CVM_S_FAR_DELTA(%rbx), %rdx
	mov	CVM_S_FAR_IP(%rbx), %rcx
.Linter:
	mov	%rax, %cr3
	/*
	 * Both kernels use the same kernel addresses, so nothing of this side
	 * may stay in the TLB, globals included: INVPCID type 2, or CR4.PGE
	 * off and on (SDM vol. 3A, 4.10.4.1 "Operations that Invalidate TLBs
	 * and Paging-Structure Caches").  The intermediate tables have no
	 * global entry and PCID 0, so CR4.PCIDE may change here.
	 *
	 * This comes before the jump: until now a global translation of this
	 * side may hide what the intermediate tables have at the other side's
	 * addresses.  At this side's own addresses both agree.
	 */
	mov	CVM_S_cr4(%rbp), %r13
	cmpl	$0, CVM_P_INVPCID(%rdi)
	jne	.Linvpcid
LABEL(cvm_flush_begin)
	and	$~CVM_CR4_PGE, %r12
	mov	%r12, %cr4
LABEL(cvm_flush_end)
	mov	%r13, %cr4
.Lflushed:
	add	%rdx, %rdi
	add	%rdx, %rbx
	add	%rdx, %rbp
	add	%rdx, %rsp
	bare_branch
	jmp	*%rcx

	/*
	 * The PAT changes here, with no translation of either side in the TLB
	 * (SDM vol. 3A, 12.12.4 "Programming the PAT"): the intermediate
	 * tables use entry 0 only, which is write-back in every PAT.
	 */
LABEL(cvm_passage_far_pat)
.Lfar_pat:
	endbr64
	save_msr MSR_PAT, CVM_S_pat
	load_msr MSR_PAT, CVM_S_pat
LABEL(cvm_passage_far)
.Lfar:
	endbr64
	lidt	CVM_S_MINI_IDTR(%rbp)
	lgdt	CVM_S_MINI_GDTR(%rbp)

/* ---- 3. the other side's tables ------------------------------------------ */

	mov	CVM_S_cr0(%rbp), %rax
	cmp	%rax, CVM_S_cr0(%rbx)
	je	1f
	mov	%rax, %cr0
1:	mov	CVM_S_cr3(%rbp), %rax
	mov	%rax, %cr3

/* ---- 4. load the other side ---------------------------------------------- */

	mov	CVM_S_cr2(%rbp), %rax
	mov	%rax, %cr2
	movzwl	CVM_S_tr(%rbp), %eax
	movb	$TSS_AVAILABLE, CVM_S_GDT+5(%rbp,%rax)
	ltr	%ax
	lgdt	CVM_S_gdtr(%rbp)
	lldt	CVM_S_ldtr(%rbp)
	mov	CVM_S_ss(%rbp), %ss
	mov	CVM_S_ds(%rbx), %rax
	or	CVM_S_ds(%rbp), %rax
	jnz	.Lload_segments
.Lsegments_loaded:
	cmpq	$0, CVM_P_FLAGS(%rdi)	/* and DR_DIFFER, DEBUG_STORE_LIVE */
	jne	.Lload_others
.Lothers_loaded:
	bt	$CVM_CR4_FSGSBASE_BIT, %r13d
	jnc	.Lload_bases
	mov	CVM_S_fs_base(%rbp), %rax
	wrfsbase %rax
	mov	CVM_S_kernel_gs_base(%rbp), %rax
	wrgsbase %rax
	swapgs
	mov	CVM_S_gs_base(%rbp), %rax
	wrgsbase %rax
.Lbases_loaded:
	.set	n, 0
	.rept	FAST_MSRS
	mov	CVM_S_LOAD+16*n(%rbp), %ecx
	jrcxz	.Lmsr_done
	mov	CVM_S_LOAD+16*n+4(%rbp), %eax
	mov	CVM_S_LOAD+16*n+8(%rbp), %edx
	wrmsr
	.set	n, n + 1
	.endr
	lea	CVM_S_LOAD+16*FAST_MSRS(%rbp), %rsi
	call	.Lload_list
.Lmsr_done:
	mov	CVM_S_rsp(%rbp), %rsp
	lidt	CVM_S_idtr(%rbp)
	popfq
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	%\reg
	.endr
	bare_branch
	ret

/* ---- less common ways ---------------------------------------------------- */

/* CPUs without FSGSBASE, and a guest that has not enabled it yet. */
.Lsave_bases:
	save_msr MSR_FS_BASE, CVM_S_fs_base
	save_msr MSR_GS_BASE, CVM_S_gs_base
	save_msr MSR_KERNEL_GS_BASE, CVM_S_kernel_gs_base
	jmp	.Lbases_saved

.Lload_bases:
	load_msr MSR_FS_BASE, CVM_S_fs_base
	load_msr MSR_GS_BASE, CVM_S_gs_base
	load_msr MSR_KERNEL_GS_BASE, CVM_S_kernel_gs_base
	jmp	.Lbases_loaded

.Linvpcid:
	mov	$INVPCID_ALL, %eax
	invpcid	CVM_P_INVPCID_ALL(%rdi), %rax
	cmp	%r12, %r13
	je	.Lflushed
	mov	%r13, %cr4
	jmp	.Lflushed

/*
 * Debug registers of this side changed: save all, compare with the other's.
 * Breakpoints go off at once, for in the other side's tables their addresses
 * mean something else, and the passage has nobody to tell.
 */
.Lguest_debug:
	call	.Lsave_debug
	jmp	.Ldebug_saved
.Lsave_debug:
	xor	%edx, %edx
	EACH_DEBUG_REGISTER(save_debug)
	testb	$DR7_ENABLED, CVM_S_dr7(%rbx)
	jz	1f
	mov	$DR7_OFF, %eax
	mov	%rax, %dr7
	mov	%rax, %rdx
1:	xor	%eax, %eax
	test	%rdx, %rdx
	setnz	%al
	mov	%ax, CVM_P_DR_DIFFER(%rdi)
	bare_branch
	ret

.Lload_others:
	testl	$CVM_F_ALL_MSRS, CVM_P_FLAGS(%rdi)
	jnz	.Lmsr_all
.Lmsr_all_done:
	testl	$CVM_F_SPEC_CTRL, CVM_P_FLAGS(%rdi)
	jz	1f
	save_msr MSR_SPEC_CTRL, CVM_S_spec_ctrl
	cmp	CVM_S_spec_ctrl(%rbp), %eax
	je	1f
	mov	CVM_S_spec_ctrl(%rbp), %eax
	wrmsr
1:	cmpl	$0, CVM_P_DR_DIFFER(%rdi)	/* and CVM_P_DEBUG_STORE_LIVE */
	je	.Lothers_loaded
	cmpw	$0, CVM_P_DR_DIFFER(%rdi)
	je	1f
	EACH_DEBUG_REGISTER(load_debug)
1:	test	$CVM_P_FLIP, %ebx
	jz	.Lothers_loaded

/* PEBS and BTS write records through linear addresses of the host. */
.Ldebug_store_on:
	lea	CVM_P_DEBUG_STORE_ON(%rdi), %rsi
	call	.Lload_list
	jmp	.Lothers_loaded

.Ldebug_store_off:
	lea	CVM_P_DEBUG_STORE_OFF(%rdi), %rsi
	call	.Lload_list
	jmp	.Lds_is_off

/* WRMSR each of the list at RSI. */
.Lload_list:
	mov	(%rsi), %ecx
	jrcxz	1f
	mov	4(%rsi), %eax
	mov	8(%rsi), %edx
	wrmsr
	add	$16, %rsi
	jmp	.Lload_list
1:	bare_branch
	ret

/*
 * A selector may name nothing any more: another thread of the process may
 * have changed the LDT meanwhile, and its kernel fixes up the fault that
 * loading it would be.  Here it must not fault.
 */
.Lload_segments:
	load_segment %ds, CVM_S_ds
	load_segment %es, CVM_S_es
	load_segment %fs, CVM_S_fs
	load_segment %gs, CVM_S_gs
	jmp	.Lsegments_loaded

/*
 * The guest wrote MSRs that the lists do not know: read every row, and write
 * the host's value where it differs.
 */
.Lguest_msrs:
	mov	CVM_S_FAR_CODE(%rbx), %rax
	add	$(.Lfar_pat - .Lpage), %rax
	mov	%rax, CVM_S_FAR_IP(%rbx)
	orl	$CVM_F_ALL_MSRS, CVM_P_FLAGS(%rdi)
	movl	$0, CVM_P_MSR_DIRTY(%rdi)
	movl	$1, CVM_P_MSR_CHANGED(%rdi)	/* so FAR_IP is set anew */
	jmp	.Lcross
.Lmsr_all:
	xor	%esi, %esi
1:	mov	CVM_P_MSR_INDEX(%rdi,%rsi,4), %ecx
	jrcxz	2f
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, CVM_S_MSRS(%rbx,%rsi,8)
	mov	CVM_S_MSRS(%rbp,%rsi,8), %rdx
	cmp	%rdx, %rax
	je	2f
	mov	%edx, %eax
	shr	$32, %rdx
	wrmsr
2:	inc	%esi
	cmp	$CVM_N_MSRS, %esi
	jb	1b
	andl	$~CVM_F_ALL_MSRS, CVM_P_FLAGS(%rdi)
	jmp	.Lmsr_all_done

/*
 * TR or GDT of the guest changed: copy the descriptor of its TSS.  A guest
 * that has loaded its own GDT but no TR yet still has the selector it was
 * started with, which names no TSS in that GDT: keep what we have.
 * RAX = GDT base.
 */
.Lfind_tss:
	mov	%rax, CVM_S_TSS_GDT(%rbx)
	movzwl	CVM_S_tr(%rbx), %ecx
	lea	15(%rcx), %edx
	cmp	CVM_S_gdtr(%rbx), %dx
	ja	1f
	cmp	$0x70, %ecx
	ja	1f
	mov	5(%rax,%rcx), %dl
	and	$0x9d, %dl
	cmp	$TSS_AVAILABLE, %dl
	jne	1f
	mov	(%rax,%rcx), %rdx
	mov	%rdx, CVM_S_GDT(%rbx,%rcx)
	mov	8(%rax,%rcx), %rdx
	mov	%rdx, CVM_S_GDT+8(%rbx,%rcx)
	mov	%rcx, CVM_S_TSS_TR(%rbx)
	jmp	.Ltss_found
1:	mov	CVM_S_TSS_TR(%rbx), %rcx
	mov	%cx, CVM_S_tr(%rbx)
	jmp	.Ltss_found

/* ---- a new guest's first instructions ------------------------------------ */

/* Reached by RET from the boot frame: R12 = RIP, R13 = RSP, R14 = RSI. */
LABEL(cvm_passage_boot)
	endbr64
	mov	%r14, %rsi
	mov	%r13, %rsp
	mov	%r12, %rax
	.irp	reg, ebx, ebp, ecx, edx, edi, r14d, r15d
	xor	%\reg, %\reg
	.endr
	bare_branch
	jmp	*%rax

/* ---- exceptions while the passage's IDT is live -------------------------- */

.macro latch field
	sub	$16, %rsp
	sidt	(%rsp)
	mov	2(%rsp), %rax
	and	$-4096, %rax
	incq	\field(%rax)
	add	$16, %rsp
	pop	%rax
	iretq
.endm
.Lnmi:	latch	CVM_P_NMI
.Lmce:	latch	CVM_P_MCE

/*
 * Anything else: the guest cannot go on.  Note what happened and enter the
 * host as if the guest had called.  What the guest had live is unknown, so
 * everything of the host is written.  A second fault on the way has nowhere
 * to go: the machine is reset rather than left running on a broken state.
 */
.Lfault:
	sub	$16, %rsp
	sidt	(%rsp)
	mov	2(%rsp), %rdi
	mov	%edi, %r13d
	and	$-4096, %rdi
	incq	CVM_P_FAULT_COUNT(%rdi)
	cmpq	$1, CVM_P_FAULT_COUNT(%rdi)
	jne	.Ldead
	mov	16(%rsp), %rax
	mov	%rax, CVM_P_FAULT_VECTOR(%rdi)
	mov	24(%rsp), %rax
	mov	%rax, CVM_P_FAULT_ERROR(%rdi)
	mov	32(%rsp), %rax
	mov	%rax, CVM_P_FAULT_RIP(%rdi)
	save_u64 %cr2, CVM_P_FAULT_CR2, %rdi
	mov	%rbp, CVM_P_FAULT_TO(%rdi)
	and	$0x200, %r13d	/* which half of the page: which world */
	mov	%r13, CVM_P_FAULT_WORLD(%rdi)
	lea	CVM_P_GUEST(%rdi), %rbx
	lea	CVM_P_HOST(%rdi), %rbp
	save_u64 %cr0, CVM_S_cr0
	mov	%cr4, %r12
	mov	$DR7_OFF, %eax
	mov	%rax, %dr7
	movw	$1, CVM_S_ds(%rbx)
	movw	$1, CVM_P_DR_DIFFER(%rdi)
	orl	$CVM_F_ALL_MSRS, CVM_P_FLAGS(%rdi)
	test	%r13d, %r13d
	jnz	.Lguest_msrs
	/* At the host's addresses already: cross without moving. */
	lgdt	CVM_S_MINI_GDTR(%rbp)
	mov	CVM_S_MINI_RSP(%rbp), %rsp
	mov	CVM_S_INTER_CR3(%rbp), %rax
	xor	%edx, %edx
	lea	.Lfar_pat(%rip), %rcx
	jmp	.Linter
.Ldead:
	movq	$0, (%rsp)
	movq	$0, 8(%rsp)
	lidt	(%rsp)
	ud2

	.balign	32, 0xcc
LABEL(cvm_passage_gates)
	.set	vector, 0
	.rept	32
	.balign	32, 0xcc
	endbr64
	.if	vector == 2
	push	%rax
	jmp	.Lnmi
	.elseif	vector == 18
	push	%rax
	jmp	.Lmce
	.else
	/* SDM vol. 3A, table 6-1: these push an error code themselves. */
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || \
		  vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push	$0
	.endif
	push	$vector
	jmp	.Lfault
	.endif
	.set	vector, vector + 1
	.endr

LABEL(cvm_passage_end)
	.org	cvm_passage_start + 4096, 0xcc	/* fails if it is longer */
END(cvm_passage_start)

/* ---- cvm_x86_iret: an IRET that goes nowhere ----------------------------- */

	.text
FUNCTION(cvm_x86_iret)
	endbr64
	mov	%rsp, %rdx
	lea	1f(%rip), %rcx
	mov	%ss, %eax
	push	%rax
	push	%rdx
	pushfq
	mov	%cs, %eax
	push	%rax
	push	%rcx
	iretq
1:	HOST_RETURN
END(cvm_x86_iret)

#ifdef __ELF__
	.section .note.GNU-stack, "", @progbits
#endif
