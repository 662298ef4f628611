/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.S - from a multiboot v1 loader to 64-bit C.
 *
 * On entry (Multiboot 0.6.96, 3.2 "Machine state"): 32-bit protected mode,
 * paging off, interrupts off, EAX = 0x2badb002, EBX = information record.
 * The image is a flat file with the address fields set, because QEMU takes
 * no ELF64; hosts/bare/disk.S brings the same file up from a disk.
 *
 * Builds, in .bss: the direct map of the low 4 GiB, the kernel map (the first
 * GiB at KERNEL_VA) and an identity entry for the jump, which bare_start()
 * removes.  The word "la57" on the command line asks for five levels.
 */
#define KERNEL_VA	0xffffffff80000000
#define PHYS(sym)	((sym) - KERNEL_VA)

#define MB_MAGIC	0x1badb002
#define MB_FLAGS	0x00010003	/* page align, memory map, addresses */

#define PTE_TABLE	0x003		/* present, writable */
#define PTE_LARGE	0x183		/* the same, 2 MiB, global */

	.section .boot, "ax"
	.code32
	.balign 4
	.globl bare_header
bare_header:
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	.long PHYS(bare_header), PHYS(bare_header)
	.long PHYS(bare_data_end), PHYS(bare_bss_end), PHYS(entry32)

entry32:
	cld
	movl %ebx, %ebp
	/* Not every loader clears .bss. */
	movl $PHYS(bare_data_end), %edi
	movl $PHYS(bare_bss_end), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
	movl $PHYS(boot_stack_end), %esp

	/* Four page directories: 2048 large pages from 0. */
	movl $PHYS(boot_pd), %edi
	movl $PTE_LARGE, %eax
	xorl %edx, %edx
	movl $2048, %ecx
1:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $0x200000, %eax
	adcl $0, %edx
	addl $8, %edi
	decl %ecx
	jnz 1b

	/* Directory pointers: direct map 0..3, kernel map at 510. */
	movl $PHYS(boot_pd) + PTE_TABLE, %eax
	movl %eax, PHYS(boot_pdpt_high) + 510 * 8
	movl $PHYS(bare_direct_pdpt), %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	decl %ecx
	jnz 2b

	movl $PHYS(bare_direct_pdpt) + PTE_TABLE, %eax
	movl %eax, PHYS(bare_pml4)		/* identity, for the jump */
	movl %eax, PHYS(bare_pml4) + 256 * 8	/* direct map */
	movl $PHYS(boot_pdpt_high) + PTE_TABLE, PHYS(bare_pml4) + 511 * 8
	/* Five levels: low and high half share the one four-level tree. */
	movl $PHYS(bare_pml4) + PTE_TABLE, %eax
	movl %eax, PHYS(bare_pml5)
	movl %eax, PHYS(bare_pml5) + 511 * 8

	movl $0x20, %esi			/* CR4.PAE */
	movl $PHYS(bare_pml4), %edi
	call want_la57
	testl %eax, %eax
	jz 3f
	orl $0x1000, %esi			/* CR4.LA57 */
	movl $PHYS(bare_pml5), %edi
3:	movl %esi, %cr4
	movl %edi, %cr3
	movl $0xc0000080, %ecx			/* EFER: LME, NXE, SCE */
	rdmsr
	orl $0x901, %eax
	wrmsr
	movl $0x80010033, %eax			/* PG WP NE ET MP PE */
	movl %eax, %cr0
	lgdt PHYS(boot_gdtr)
	ljmp $0x10, $PHYS(entry64)

/* EAX = 1 when the command line says la57 and the CPU has it. */
want_la57:
	pushl %esi
	pushl %edi
	testl $4, (%ebp)			/* is there a command line? */
	jz no_la57
	movl 16(%ebp), %esi
1:	movl (%esi), %eax
	testb %al, %al
	jz no_la57
	incl %esi
	cmpl $0x3735616c, %eax			/* "la57" */
	jne 1b
	movl $7, %eax
	xorl %ecx, %ecx
	cpuid
	btl $16, %ecx
	jnc no_la57
	movl $1, %eax
	jmp 2f
no_la57:
	xorl %eax, %eax
2:	popl %edi
	popl %esi
	ret

	.code64
entry64:
	movabsq $1f, %rax
	jmp *%rax
1:	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_end, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp
	call bare_start
2:	cli
	hlt
	jmp 2b

	.balign 8
boot_gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff		/* 0x10: 64-bit code */
	.quad 0x00cf93000000ffff		/* 0x18: data */
boot_gdtr:
	.word . - boot_gdt - 1
	.quad PHYS(boot_gdt)

	.bss
	.balign 4096
	.globl bare_pml5, bare_pml4, bare_direct_pdpt
bare_pml5:	.skip 4096
bare_pml4:	.skip 4096
bare_direct_pdpt:	.skip 4096
boot_pdpt_high:	.skip 4096
boot_pd:	.skip 4 * 4096
boot_stack:	.skip 32768
boot_stack_end:

	.section .note.GNU-stack, "", @progbits
