/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.S - the one call of NT that reports failure by raising an exception.
 *
 * GCC has no __try.  What a compiler that has it would emit is little: a
 * scope table (one scope, filter EXCEPTION_EXECUTE_HANDLER) for the kernel's
 * own __C_specific_handler.
 *
 * void *cvm_nt_map_user(PMDL mdl, void *wish, uint32_t priority);
 * Microsoft x64 convention; NULL when MmMapLockedPagesSpecifyCache() raised.
 */
#define USER_MODE	1
#define MM_CACHED	1
#define EXECUTE_HANDLER	1

	.text
	.globl	cvm_nt_map_user
	.def	cvm_nt_map_user; .scl 2; .type 32; .endef
	.seh_proc cvm_nt_map_user
cvm_nt_map_user:
	sub	$0x38, %rsp
	.seh_stackalloc 0x38
	.seh_endprologue
	mov	%rdx, %r9
	mov	$USER_MODE, %edx
	mov	%r8d, 0x28(%rsp)
	movl	$0, 0x20(%rsp)
	mov	$MM_CACHED, %r8d
.Lbegin:
	call	*__imp_MmMapLockedPagesSpecifyCache(%rip)
	nop			/* the return address lies in the scope */
.Lend:
	add	$0x38, %rsp
	ret
.Lraised:
	xor	%eax, %eax
	add	$0x38, %rsp
	ret
	.seh_handler __C_specific_handler, @except
	.seh_handlerdata
	.long	1
	.rva	.Lbegin, .Lend
	.long	EXECUTE_HANDLER
	.rva	.Lraised
	.text
	.seh_endproc
