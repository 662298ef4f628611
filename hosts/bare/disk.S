/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.S - a boot sector for the flat image, where no -kernel option exists
 * (Bochs).
 *
 * Disk: sector 0 this boot sector, 1..3 its second half, 4.. the image.
 * tests/ring0/run fills in image_sectors and the command line.  It loads the
 * image to 1 MiB, makes a multiboot record (memory map, command line) and
 * enters at the address in the image's header, as any multiboot loader.
 */
#define STAGE2		0x7e00
#define STAGE2_SECTORS	3
#define IMAGE_LBA	4
#define IMAGE_HPA	0x100000
#define BUFFER_SEG	0x1000
#define BUFFER_SECTORS	64
#define MMAP		0x9000

	.code16
	.section .text
	.globl start
start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	movb %dl, drive
	movw $packet, %si
	movb $0x42, %ah				/* extended read */
	int $0x13
	jc fail
	jmp stage2

fail:	movw $message, %si
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, $0xe9
	movb $0x0e, %ah
	int $0x10
	jmp 1b
2:	hlt
	jmp 2b

drive:	.byte 0
message: .asciz "disk: cannot load the image\r\n"
	.balign 4
packet:	.byte 16, 0
count:	.word STAGE2_SECTORS
	.word STAGE2, 0
lba:	.long 1, 0

	.org 0x1f0
	.globl image_sectors
image_sectors: .long 0
	.org 0x1fe
	.byte 0x55, 0xaa

stage2:
	inb $0x92, %al				/* A20 */
	orb $2, %al
	andb $0xfe, %al
	outb %al, $0x92

	/* BIOS memory map, each entry after a word for its size. */
	xorl %ebx, %ebx
	movw $MMAP, %di
1:	movl $20, (%di)
	addw $4, %di
	movl $0xe820, %eax
	movl $20, %ecx
	movl $0x534d4150, %edx			/* "SMAP" */
	int $0x15
	jc 2f
	addw $20, %di
	testl %ebx, %ebx
	jnz 1b
	jmp 3f
2:	subw $4, %di
3:	movzwl %di, %eax
	subl $MMAP, %eax
	movl %eax, info_mmap_length

	/* The image, piece by piece through a low buffer. */
	movl $IMAGE_LBA, lba
	movw $0, packet + 4
	movw $BUFFER_SEG, packet + 6
	movl $IMAGE_HPA, %edi
next:	movl image_sectors, %ebp
	testl %ebp, %ebp
	jz loaded
	cmpl $BUFFER_SECTORS, %ebp
	jbe 4f
	movl $BUFFER_SECTORS, %ebp
4:	movw %bp, count
	pushl %edi
	pushl %ebp
	movw $packet, %si
	movb drive, %dl
	movb $0x42, %ah
	int $0x13
	popl %ebp
	popl %edi
	jc fail
	/* Flat segments for one copy; the BIOS may have undone the last. */
	cli
	lgdt gdtr
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	movw $0x18, %bx
	movw %bx, %ds
	movw %bx, %es
	andb $0xfe, %al
	movl %eax, %cr0
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	cld
	movl $BUFFER_SEG * 16, %esi
	movl %ebp, %ecx
	shll $7, %ecx
	addr32 rep movsl
	addl %ebp, lba
	subl %ebp, image_sectors
	jmp next

loaded:
	cli
	lgdt gdtr
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $0x10, $enter

	.code32
enter:	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x2badb002, %eax
	movl $info, %ebx
	jmp *IMAGE_HPA + 28			/* entry in the header */

	.balign 8
gdt:	.quad 0, 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdtr:	.word . - gdt - 1
	.long gdt

	.balign 4
info:	.long 0x45				/* memory, command line, map */
	.long 640, 0, 0
	.long cmdline
	.long 0, 0, 0, 0, 0, 0
info_mmap_length: .long 0
	.long MMAP

	.org 0x600
	.globl cmdline
cmdline:
	.org 0x200 * (1 + STAGE2_SECTORS)
