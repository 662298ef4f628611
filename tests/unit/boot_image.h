/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot_image.h - make small kernel files for the loader's tests and fuzzer.
 *
 * The ELF file looks like a vmlinux: code, data and .bss segments linked at
 * 16 MiB, and a note segment.  A test changes a field of the layout structure
 * before or a byte of the file after it was built.
 */
#ifndef CVM_TEST_BOOT_IMAGE_H
#define CVM_TEST_BOOT_IMAGE_H

#include <stdint.h>
#include <string.h>

#include <cvm/boot.h>

#define TEST_KERNEL_MAP		0xffffffff80000000ull
#define TEST_PADDR		0x1000000ull
#define TEST_TEXT_OFF		0x1000u		/* in the file */
#define TEST_TEXT_BYTES		0x1000u
#define TEST_DATA_OFF		0x2000u
#define TEST_DATA_BYTES		0x2000u
#define TEST_DATA_PADDR		(TEST_PADDR + 0x200000u)
#define TEST_BSS_BYTES		0x3000u
#define TEST_NOTE_OFF		0x4000u
#define TEST_ELF_BYTES		0x4100u
#define TEST_ENTRY_OFF		0x40u
#define TEST_PASSAGE_GVA	0xffffffffff575000ull
/* The fixmap's table is the second page of data. */
#define TEST_PTE_GVA		(TEST_KERNEL_MAP + TEST_DATA_PADDR + 0x1000 + \
				 (TEST_PASSAGE_GVA >> 12 & 511) * 8)
#define TEST_SPAN		(0x200000u + TEST_DATA_BYTES + TEST_BSS_BYTES)

/* Offsets a test pokes at. */
#define TEST_EH_CLASS		4u
#define TEST_EH_TYPE		16u
#define TEST_EH_MACHINE		18u
#define TEST_EH_ENTRY		24u
#define TEST_EH_PHOFF		32u
#define TEST_EH_PHENTSIZE	54u
#define TEST_EH_PHNUM		56u
#define TEST_PH(n)		(64u + (n) * 56u)
#define TEST_PH_TYPE		0u
#define TEST_PH_OFFSET		8u
#define TEST_PH_VADDR		16u
#define TEST_PH_PADDR		24u
#define TEST_PH_FILESZ		32u
#define TEST_PH_MEMSZ		40u
#define TEST_PH_ALIGN		48u
#define TEST_NOTE_NAME		(TEST_NOTE_OFF + 32u + 12u)
#define TEST_NOTE_DESC		(TEST_NOTE_OFF + 32u + 12u + 8u)

static inline void test_put(uint8_t *file, uint64_t off, uint64_t value,
			    unsigned int bytes)
{
	memcpy(file + off, &value, bytes);
}

static inline void test_phdr(uint8_t *file, unsigned int n, uint32_t type,
			     uint64_t off, uint64_t paddr, uint64_t filesz,
			     uint64_t memsz)
{
	uint32_t at = TEST_PH(n);

	test_put(file, at + TEST_PH_TYPE, type, 4);
	test_put(file, at + TEST_PH_OFFSET, off, 8);
	test_put(file, at + TEST_PH_PADDR, paddr, 8);
	test_put(file, at + TEST_PH_VADDR, TEST_KERNEL_MAP + paddr, 8);
	test_put(file, at + TEST_PH_FILESZ, filesz, 8);
	test_put(file, at + TEST_PH_MEMSZ, memsz, 8);
	test_put(file, at + TEST_PH_ALIGN, type == 4 ? 4 : 0x1000, 8);
}

/* A GNU build-id note first, as real kernels have one, then ours. */
static inline void test_notes(uint8_t *file)
{
	uint8_t *note = file + TEST_NOTE_OFF;
	struct cvm_note_desc desc = {
		.abi = CVM_GUEST_ABI,
		.size = sizeof(desc),
		.passage_gva = TEST_PASSAGE_GVA,
		.pte_gva = TEST_PTE_GVA,
		.passage_pages = CVM_PASSAGE_PAGES,
	};

	test_put(note, 0, 4, 4);
	test_put(note, 4, 16, 4);
	test_put(note, 8, 3, 4);
	memcpy(note + 12, "GNU", 4);
	note += 32;
	test_put(note, 0, sizeof(CVM_NOTE_OWNER), 4);
	test_put(note, 4, sizeof(desc), 4);
	test_put(note, 8, CVM_NOTE_TYPE, 4);
	memcpy(note + 12, CVM_NOTE_OWNER, sizeof(CVM_NOTE_OWNER));
	memcpy(note + 20, &desc, sizeof(desc));
}

/* file: TEST_ELF_BYTES bytes. */
static inline void test_elf(uint8_t *file)
{
	static const uint8_t ident[8] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0 };
	unsigned int i;

	memset(file, 0, TEST_ELF_BYTES);
	memcpy(file, ident, sizeof(ident));
	test_put(file, TEST_EH_TYPE, 2, 2);
	test_put(file, TEST_EH_MACHINE, 62, 2);
	test_put(file, TEST_EH_ENTRY, TEST_PADDR + TEST_ENTRY_OFF, 8);
	test_put(file, TEST_EH_PHOFF, 64, 8);
	test_put(file, TEST_EH_PHENTSIZE, 56, 2);
	test_put(file, TEST_EH_PHNUM, 3, 2);
	test_phdr(file, 0, 1, TEST_TEXT_OFF, TEST_PADDR, TEST_TEXT_BYTES,
		  TEST_TEXT_BYTES);
	test_phdr(file, 1, 1, TEST_DATA_OFF, TEST_DATA_PADDR, TEST_DATA_BYTES,
		  TEST_DATA_BYTES + TEST_BSS_BYTES);
	test_phdr(file, 2, 4, TEST_NOTE_OFF, 0, 0x100, 0x100);
	for (i = 0; i < TEST_TEXT_BYTES; i++)
		file[TEST_TEXT_OFF + i] = (uint8_t)(i * 7 + 1);
	/* The second data page is a page table and starts empty. */
	for (i = 0; i < TEST_DATA_BYTES / 2; i++)
		file[TEST_DATA_OFF + i] = (uint8_t)(i * 5 + 3);
	test_notes(file);
}

/* The bzImage: boot sector, one setup sector, payload. */
#define TEST_BZ_PAYLOAD		(2u * 512u + 0x20u)
#define TEST_BZ_SETUP_SECTS	0x1f1u
#define TEST_BZ_BOOT_FLAG	0x1feu
#define TEST_BZ_MAGIC		0x202u
#define TEST_BZ_VERSION		0x206u
#define TEST_BZ_ALIGNMENT	0x230u
#define TEST_BZ_RELOCATABLE	0x234u
#define TEST_BZ_XLOADFLAGS	0x236u
#define TEST_BZ_PAYLOAD_OFF	0x248u
#define TEST_BZ_PAYLOAD_LEN	0x24cu
#define TEST_BZ_INIT_SIZE	0x260u

/* file: TEST_BZ_PAYLOAD + bytes. */
static inline void test_bzimage(uint8_t *file, const void *payload,
				uint32_t bytes)
{
	memset(file, 0, TEST_BZ_PAYLOAD);
	memcpy(file + TEST_BZ_PAYLOAD, payload, bytes);
	test_put(file, TEST_BZ_SETUP_SECTS, 1, 1);
	test_put(file, TEST_BZ_BOOT_FLAG, 0xaa55, 2);
	memcpy(file + TEST_BZ_MAGIC, "HdrS", 4);
	test_put(file, TEST_BZ_VERSION, 0x020f, 2);
	test_put(file, TEST_BZ_ALIGNMENT, 0x200000, 4);
	test_put(file, TEST_BZ_RELOCATABLE, 1, 1);
	test_put(file, TEST_BZ_XLOADFLAGS, 0x21, 2);
	test_put(file, TEST_BZ_PAYLOAD_OFF, 0x20, 4);
	test_put(file, TEST_BZ_PAYLOAD_LEN, bytes, 4);
	test_put(file, TEST_BZ_INIT_SIZE, 0x800000, 4);
}

#endif /* CVM_TEST_BOOT_IMAGE_H */
