/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_image_scripts_linux.S - the scripts of image_create(), as strings. */
	.section .rodata
	.globl image_create_sh, image_initrd_sh, image_setup_sh
image_create_sh:
	.incbin "image_create.sh"
	.byte 0
image_initrd_sh:
	.incbin "image_initrd.sh"
	.byte 0
image_setup_sh:
	.incbin "image_setup.sh"
	.byte 0
	.section .note.GNU-stack, "", @progbits
