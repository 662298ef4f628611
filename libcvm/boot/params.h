/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * params.h - Linux's x86 boot protocol, as far as a loader writes it.
 *
 * Documentation/arch/x86/boot.rst "Details of Header Fields" and
 * Documentation/arch/x86/zero-page.rst (Documentation/x86/ in 6.1).
 * Everything is little endian, as the only machine this runs on.
 */
#ifndef CVM_BOOT_PARAMS_H
#define CVM_BOOT_PARAMS_H

#include <stdint.h>

#define CVM_BOOT_FLAG		0xaa55u
#define CVM_BOOT_HDRS		0x53726448u	/* "HdrS" */
#define CVM_BOOT_PROTOCOL	0x020fu		/* 2.15, the one we speak */
#define CVM_BOOT_PROTOCOL_MIN	0x020cu		/* 2.12: xloadflags */
#define CVM_LOADER_UNDEFINED	0xffu		/* type_of_loader, no id */
#define CVM_LOADED_HIGH		0x01u		/* loadflags */
#define CVM_XLF_KERNEL_64	0x0001u		/* xloadflags */
#define CVM_XLF_5LEVEL		0x0020u

#define CVM_SETUP_HEADER_OFF	0x1f1u		/* in bzImage and zero page */

struct cvm_setup_header {
	uint8_t setup_sects;		/* 0x1f1 */
	uint16_t root_flags;
	uint32_t syssize;
	uint16_t ram_size;
	uint16_t vid_mode;
	uint16_t root_dev;
	uint16_t boot_flag;		/* 0x1fe */
	uint16_t jump;
	uint32_t header;		/* 0x202 */
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg;
	uint16_t kernel_version;
	uint8_t type_of_loader;		/* 0x210 */
	uint8_t loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start;
	uint32_t ramdisk_image;		/* 0x218 */
	uint32_t ramdisk_size;
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver;
	uint8_t ext_loader_type;
	uint32_t cmd_line_ptr;		/* 0x228 */
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment;	/* 0x230 */
	uint8_t relocatable_kernel;
	uint8_t min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size;
	uint32_t hardware_subarch;	/* 0x23c */
	uint64_t hardware_subarch_data;
	uint32_t payload_offset;	/* 0x248 */
	uint32_t payload_length;
	uint64_t setup_data;
	uint64_t pref_address;
	uint32_t init_size;		/* 0x260 */
	uint32_t handover_offset;
	uint32_t kernel_info_offset;
} __attribute__((packed));

#define CVM_E820_RAM		1u
#define CVM_E820_RESERVED	2u

struct cvm_e820_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

#define CVM_E820_ENTRIES	128u	/* E820_MAX_ENTRIES_ZEROPAGE */

/* The zero page.  Gaps are left zero: screen_info says "no screen" so. */
struct cvm_boot_params {
	uint8_t screen_info[0x40];
	uint8_t gap0[0xc0 - 0x40];
	uint32_t ext_ramdisk_image;	/* 0x0c0 */
	uint32_t ext_ramdisk_size;
	uint32_t ext_cmd_line_ptr;
	uint8_t gap1[0x1e8 - 0xcc];
	uint8_t e820_entries;		/* 0x1e8 */
	uint8_t gap2[0x1ef - 0x1e9];
	uint8_t sentinel;		/* 0x1ef: 0, "a careful loader" */
	uint8_t gap3;
	struct cvm_setup_header hdr;	/* 0x1f1 */
	uint8_t gap4[0x2d0 - 0x1f1 - sizeof(struct cvm_setup_header)];
	struct cvm_e820_entry e820[CVM_E820_ENTRIES];	/* 0x2d0 */
	uint8_t gap5[0x1000 - 0xcd0];
} __attribute__((packed));

#define CVM_PARAMS_AT(field, off) \
	_Static_assert(__builtin_offsetof(struct cvm_boot_params, field) == \
		       (off), "boot protocol: " #field " moved")
CVM_PARAMS_AT(ext_ramdisk_image, 0x0c0);
CVM_PARAMS_AT(ext_cmd_line_ptr, 0x0c8);
CVM_PARAMS_AT(e820_entries, 0x1e8);
CVM_PARAMS_AT(sentinel, 0x1ef);
CVM_PARAMS_AT(hdr, CVM_SETUP_HEADER_OFF);
CVM_PARAMS_AT(hdr.boot_flag, 0x1fe);
CVM_PARAMS_AT(hdr.header, 0x202);
CVM_PARAMS_AT(hdr.version, 0x206);
CVM_PARAMS_AT(hdr.type_of_loader, 0x210);
CVM_PARAMS_AT(hdr.loadflags, 0x211);
CVM_PARAMS_AT(hdr.ramdisk_image, 0x218);
CVM_PARAMS_AT(hdr.cmd_line_ptr, 0x228);
CVM_PARAMS_AT(hdr.kernel_alignment, 0x230);
CVM_PARAMS_AT(hdr.relocatable_kernel, 0x234);
CVM_PARAMS_AT(hdr.xloadflags, 0x236);
CVM_PARAMS_AT(hdr.cmdline_size, 0x238);
CVM_PARAMS_AT(hdr.hardware_subarch, 0x23c);
CVM_PARAMS_AT(hdr.hardware_subarch_data, 0x240);
CVM_PARAMS_AT(hdr.payload_offset, 0x248);
CVM_PARAMS_AT(hdr.payload_length, 0x24c);
CVM_PARAMS_AT(hdr.init_size, 0x260);
CVM_PARAMS_AT(hdr.kernel_info_offset, 0x268);
CVM_PARAMS_AT(e820, 0x2d0);
_Static_assert(sizeof(struct cvm_boot_params) == 0x1000, "zero page size");
_Static_assert(sizeof(struct cvm_e820_entry) == 20, "e820 entry size");

#endif /* CVM_BOOT_PARAMS_H */
