/* SPDX-License-Identifier: GPL-2.0-only */
/* guest-bin.S - the mini guest's flat image, carried by the test image. */
	.section .rodata
	.balign 4096
	.globl g_guest_bin, g_guest_bin_end
g_guest_bin:
	.incbin "guest.bin"
g_guest_bin_end:

	.section .note.GNU-stack, "", @progbits
