// SPDX-License-Identifier: GPL-2.0-only
/* test_boot.c - reading kernel files: every way to refuse one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cvm/boot.h>

#include "boot_image.h"

static uint8_t elf[TEST_ELF_BYTES];
static uint8_t bz[TEST_BZ_PAYLOAD + TEST_ELF_BYTES];

static int setup(void **state)
{
	(void)state;
	test_elf(elf);
	test_bzimage(bz, elf, sizeof(elf));
	return 0;
}

static void expect(int ret, const struct cvm_err *err, int code, uint32_t why,
		   const char *text)
{
	if (err->why != why || !strstr(err->text, text))
		print_error("why %u (wanted %u): \"%s\"\n", err->why, why,
			    err->text);
	assert_int_equal(ret, -code);
	assert_int_equal(err->why, why);
	assert_non_null(strstr(err->text, text));
}

/* The file sits in a heap block of its exact size, for the sanitizer. */
static void refuse_elf(uint64_t bytes, int code, uint32_t why,
		       const char *text)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	struct cvm_err err = { 0 };
	struct cvm_image img;
	int ret;

	assert_non_null(copy);
	memcpy(copy, elf, bytes < sizeof(elf) ? bytes : sizeof(elf));
	ret = cvm_image_parse(&img, copy, bytes, NULL, &err);
	expect(ret, &err, code, why, text);
	assert_int_equal(cvm_image_parse(&img, copy, bytes, NULL, NULL), ret);
	free(copy);
	test_elf(elf);
}

static void refuse_bz(uint64_t bytes, uint32_t why, const char *text)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	struct cvm_err err = { 0 };
	struct cvm_bzimage out;
	int ret;

	assert_non_null(copy);
	memcpy(copy, bz, bytes < sizeof(bz) ? bytes : sizeof(bz));
	ret = cvm_bzimage_parse(&out, copy, bytes, &err);
	expect(ret, &err, CVM_EINVAL, why, text);
	free(copy);
	test_bzimage(bz, elf, sizeof(elf));
}

static void good_elf(void **state)
{
	struct cvm_image img;

	(void)state;
	assert_int_equal(cvm_image_format(elf, sizeof(elf)), CVM_IMAGE_ELF);
	assert_int_equal(cvm_image_parse(&img, elf, sizeof(elf), NULL, NULL),
			 0);
	assert_int_equal(img.segs, 2);
	assert_int_equal(img.span, TEST_SPAN);
	assert_int_equal(img.align, CVM_LARGE_PAGE);
	assert_int_equal(img.entry, TEST_ENTRY_OFF);
	assert_int_equal(img.pte, TEST_PTE_GVA - TEST_KERNEL_MAP - TEST_PADDR);
	assert_int_equal(img.note.passage_gva, TEST_PASSAGE_GVA);
	assert_int_equal(img.four_level, 0);
}

static void entry_by_virtual_address(void **state)
{
	struct cvm_image img;

	(void)state;
	test_put(elf, TEST_EH_ENTRY, TEST_KERNEL_MAP + TEST_DATA_PADDR + 8, 8);
	assert_int_equal(cvm_image_parse(&img, elf, sizeof(elf), NULL, NULL),
			 0);
	assert_int_equal(img.entry, TEST_DATA_PADDR + 8 - TEST_PADDR);
}

static void note_alignment_8(void **state)
{
	uint8_t *note = elf + TEST_NOTE_OFF;
	struct cvm_image img;
	uint8_t desc[32];

	/* With 8: header 12 + name 7 = 19, the descriptor begins at 24. */
	(void)state;
	memcpy(desc, elf + TEST_NOTE_DESC, 32);
	memmove(note, note + 32, 20);
	memset(note + 20, 0, 4);
	memcpy(note + 24, desc, 32);
	test_put(elf, TEST_PH(2) + TEST_PH_ALIGN, 8, 8);
	assert_int_equal(cvm_image_parse(&img, elf, sizeof(elf), NULL, NULL),
			 0);
	assert_int_equal(img.note.pte_gva, TEST_PTE_GVA);
}

static void not_a_kernel(void **state)
{
	(void)state;
	refuse_elf(0, CVM_EINVAL, CVM_WHY_FORMAT, "not a kernel image");
	refuse_elf(3, CVM_EINVAL, CVM_WHY_FORMAT, "not a kernel image");
	elf[0] = '#';
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_FORMAT, "neither ELF");
	assert_int_equal(cvm_image_format("#!/bin/sh\n", 10),
			 CVM_IMAGE_UNKNOWN);
	assert_int_equal(cvm_image_format(NULL, 0), CVM_IMAGE_UNKNOWN);
}

static void other_machines(void **state)
{
	(void)state;
	elf[TEST_EH_CLASS] = 1;
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_MACHINE, "64-bit");
	elf[TEST_EH_CLASS + 1] = 2;
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_MACHINE, "little endian");
	test_put(elf, TEST_EH_MACHINE, 183, 2);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_MACHINE, "machine 183");
	test_put(elf, TEST_EH_TYPE, 1, 2);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "type 1");
}

static void truncated_anywhere(void **state)
{
	uint64_t bytes;

	(void)state;
	for (bytes = 4; bytes < TEST_NOTE_OFF + 0x100; bytes += 13)
		refuse_elf(bytes, CVM_EINVAL, CVM_WHY_TRUNCATED, "truncated");
	test_put(elf, TEST_EH_PHOFF, UINT64_MAX - 100, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_TRUNCATED, "program head");
	test_put(elf, TEST_PH(0) + TEST_PH_OFFSET, UINT64_MAX - 1, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_TRUNCATED, "a segment");
	test_put(elf, TEST_PH(2) + TEST_PH_FILESZ, UINT64_MAX, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_TRUNCATED, "its notes");
}

static void bad_layouts(void **state)
{
	unsigned int i;

	(void)state;
	test_put(elf, TEST_EH_PHNUM, 0, 2);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "0 program");
	test_put(elf, TEST_EH_PHNUM, 65, 2);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "65 program");
	test_put(elf, TEST_EH_PHENTSIZE, 32, 2);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "of 32 bytes");
	test_put(elf, TEST_PH(0) + TEST_PH_TYPE, 6, 4);
	test_put(elf, TEST_PH(1) + TEST_PH_TYPE, 6, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "no loadable");
	test_put(elf, TEST_PH(0) + TEST_PH_FILESZ, 0x2000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "impossible");
	test_put(elf, TEST_PH(0) + TEST_PH_MEMSZ, UINT64_MAX, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "impossible");
	test_put(elf, TEST_PH(0) + TEST_PH_PADDR, UINT64_MAX - 0x800, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "impossible");
	test_put(elf, TEST_PH(0) + TEST_PH_VADDR, UINT64_MAX - 0x800, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "impossible");
	test_put(elf, TEST_PH(1) + TEST_PH_PADDR, TEST_PADDR + 0xfff, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "overlap");
	test_put(elf, TEST_PH(0) + TEST_PH_PADDR, TEST_PADDR + 0x1000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "not a kernel's");
	test_put(elf, TEST_PH(1) + TEST_PH_PADDR, TEST_PADDR + 0x40000000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "not a kernel's");
	test_put(elf, TEST_EH_ENTRY, TEST_PADDR + TEST_TEXT_BYTES, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "entry point");

	test_put(elf, TEST_EH_PHNUM, 3 + CVM_IMAGE_SEGS_MAX, 2);
	for (i = 3; i < 3 + CVM_IMAGE_SEGS_MAX; i++)
		test_phdr(elf, i, 1, TEST_TEXT_OFF,
			  TEST_DATA_PADDR + i * 0x10000, 16, 16);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "more than 16");
}

static void no_note(void **state)
{
	(void)state;
	test_put(elf, TEST_PH(2) + TEST_PH_TYPE, 0, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
	elf[TEST_NOTE_NAME] = 'L';
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
	test_put(elf, TEST_NOTE_OFF + 32 + 8, CVM_NOTE_TYPE + 1, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
	/* Notes that run out of their segment end the search. */
	test_put(elf, TEST_NOTE_OFF, 0xffffffff, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
	test_put(elf, TEST_NOTE_OFF + 4, 0xffffffff, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
	test_put(elf, TEST_PH(2) + TEST_PH_FILESZ, 32 + 20 + 31, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_NO_NOTE,
		   "not built for libcvm");
}

static void note_contents(void **state)
{
	const uint32_t desc = TEST_NOTE_DESC;

	(void)state;
	assert_memory_equal(elf + TEST_NOTE_NAME, CVM_NOTE_OWNER, 7);
	test_put(elf, desc, 99, 4);
	refuse_elf(sizeof(elf), CVM_EPROTO, CVM_WHY_ABI, "guest ABI 99");
	test_put(elf, desc, 99, 4);
	test_put(elf, TEST_NOTE_OFF + 36, 8, 4);
	refuse_elf(sizeof(elf), CVM_EPROTO, CVM_WHY_ABI, "guest ABI 99");
	test_put(elf, TEST_NOTE_OFF + 36, 2, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "only 2 bytes");
	test_put(elf, TEST_NOTE_OFF + 36, 31, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "only 31 bytes");
	test_put(elf, desc + 4, 40, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "size 40");
	test_put(elf, desc + 28, 1, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_LAYOUT, "flags 0x1");
}

static void note_addresses(void **state)
{
	const uint32_t desc = TEST_NOTE_DESC;

	(void)state;
	test_put(elf, desc + 8, TEST_PASSAGE_GVA + 8, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PASSAGE_GVA,
		   "0xffffffffff575008 in the libcvm note is not page aligned");
	test_put(elf, desc + 8, 0x7ff000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PASSAGE_GVA,
		   "not a kernel address");
	test_put(elf, desc + 8, UINT64_MAX - 0xfff, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PASSAGE_GVA,
		   "not a kernel address");
	test_put(elf, desc + 16, TEST_PTE_GVA + 8, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PTE_GVA, "does not map");
	test_put(elf, desc + 16, TEST_PTE_GVA + 0x1000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PTE_GVA,
		   "outside the image");
	test_put(elf, desc + 16, TEST_PTE_GVA - 0x200000, 8);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PTE_GVA,
		   "outside the image");
	test_put(elf, desc + 24, CVM_PASSAGE_PAGES - 1, 4);
	refuse_elf(sizeof(elf), CVM_EINVAL, CVM_WHY_PASSAGE_PAGES,
		   "96 pages");
}

static void good_bzimage(void **state)
{
	struct cvm_bzimage out;
	struct cvm_image img;

	(void)state;
	assert_int_equal(cvm_image_format(bz, sizeof(bz)), CVM_IMAGE_BZIMAGE);
	assert_int_equal(cvm_bzimage_parse(&out, bz, sizeof(bz), NULL), 0);
	assert_int_equal(out.kind, CVM_PACK_NONE);
	assert_ptr_equal(out.payload, bz + TEST_BZ_PAYLOAD);
	assert_int_equal(out.payload_bytes, TEST_ELF_BYTES);
	assert_int_equal(out.unpacked_bytes, TEST_ELF_BYTES);
	assert_int_equal(out.la57, 1);
	out.alignment = 0x1000000;
	out.la57 = 0;
	assert_int_equal(cvm_image_parse(&img, out.payload, out.payload_bytes,
					 &out, NULL), 0);
	assert_int_equal(img.align, 0x1000000);
	assert_int_equal(img.four_level, 1);
}

static void bzimage_setup_sectors(void **state)
{
	static uint8_t big[5 * 512 + 0x20 + TEST_ELF_BYTES];
	struct cvm_bzimage out;

	(void)state;
	memcpy(big, bz, TEST_BZ_PAYLOAD);
	memcpy(big + 5 * 512 + 0x20, elf, sizeof(elf));
	big[TEST_BZ_SETUP_SECTS] = 0;	/* means 4 */
	assert_int_equal(cvm_bzimage_parse(&out, big, sizeof(big), NULL), 0);
	assert_ptr_equal(out.payload, big + 5 * 512 + 0x20);
}

static void bzimage_kinds(void **state)
{
	static const struct {
		uint32_t kind;
		const char *name;
		uint8_t magic[6];
	} kinds[] = {
		{ CVM_PACK_GZIP, "gzip", { 0x1f, 0x8b, 8 } },
		{ CVM_PACK_BZIP2, "bzip2", { 'B', 'Z', 'h', '9' } },
		{ CVM_PACK_LZMA, "lzma", { 0x5d, 0, 0, 0x80 } },
		{ CVM_PACK_XZ, "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 } },
		{ CVM_PACK_LZO, "lzo", { 0x89, 'L', 'Z', 'O' } },
		{ CVM_PACK_LZ4, "lz4", { 0x02, 0x21, 0x4c, 0x18 } },
		{ CVM_PACK_ZSTD, "zstd", { 0x28, 0xb5, 0x2f, 0xfd } },
	};
	struct cvm_bzimage out;
	unsigned int i;

	(void)state;
	test_put(bz, sizeof(bz) - 4, 0x123456, 4);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		memcpy(bz + TEST_BZ_PAYLOAD, kinds[i].magic, 6);
		assert_int_equal(cvm_bzimage_parse(&out, bz, sizeof(bz), NULL),
				 0);
		assert_int_equal(out.kind, kinds[i].kind);
		assert_int_equal(out.unpacked_bytes, 0x123456);
		assert_string_equal(cvm_pack_name(out.kind), kinds[i].name);
	}
	assert_string_equal(cvm_pack_name(99), "an unknown method");
}

static void bad_bzimages(void **state)
{
	(void)state;
	refuse_bz(0x200, CVM_WHY_FORMAT, "not a kernel image");
	bz[TEST_BZ_MAGIC] = 'h';
	refuse_bz(sizeof(bz), CVM_WHY_FORMAT, "not a kernel image");
	test_put(bz, TEST_BZ_BOOT_FLAG, 0, 2);
	refuse_bz(sizeof(bz), CVM_WHY_FORMAT, "not a kernel image");
	test_put(bz, TEST_BZ_VERSION, 0x0204, 2);
	refuse_bz(sizeof(bz), CVM_WHY_MACHINE, "protocol 2.4 is too old");
	test_put(bz, TEST_BZ_XLOADFLAGS, 0, 2);
	refuse_bz(sizeof(bz), CVM_WHY_MACHINE, "32-bit");
	test_put(bz, TEST_BZ_RELOCATABLE, 0, 1);
	refuse_bz(sizeof(bz), CVM_WHY_MACHINE, "relocatable");
	test_put(bz, TEST_BZ_ALIGNMENT, 0x300000, 4);
	refuse_bz(sizeof(bz), CVM_WHY_LAYOUT, "kernel_alignment 0x300000");
	test_put(bz, TEST_BZ_INIT_SIZE, 0x80000000, 4);
	refuse_bz(sizeof(bz), CVM_WHY_LAYOUT, "init_size");
	test_put(bz, TEST_BZ_PAYLOAD_OFF, 0, 4);
	refuse_bz(sizeof(bz), CVM_WHY_PAYLOAD, "no payload");
	test_put(bz, TEST_BZ_PAYLOAD_LEN, 3, 4);
	refuse_bz(sizeof(bz), CVM_WHY_PAYLOAD, "no payload");
	test_put(bz, TEST_BZ_PAYLOAD_LEN, TEST_ELF_BYTES + 1, 4);
	refuse_bz(sizeof(bz), CVM_WHY_TRUNCATED, "truncated");
	test_put(bz, TEST_BZ_PAYLOAD_OFF, 0xffffffff, 4);
	refuse_bz(sizeof(bz), CVM_WHY_TRUNCATED, "truncated");
	refuse_bz(sizeof(bz) - 1, CVM_WHY_TRUNCATED, "truncated");
	memcpy(bz + TEST_BZ_PAYLOAD, "what", 4);
	refuse_bz(sizeof(bz), CVM_WHY_PAYLOAD, "no known magic");
	test_put(bz, TEST_BZ_PAYLOAD, 0x8b1f, 2);
	test_put(bz, sizeof(bz) - 4, 0x7fffffff, 4);
	refuse_bz(sizeof(bz), CVM_WHY_PAYLOAD, "unpack to 2048 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_elf, setup),
		cmocka_unit_test_setup(entry_by_virtual_address, setup),
		cmocka_unit_test_setup(note_alignment_8, setup),
		cmocka_unit_test_setup(not_a_kernel, setup),
		cmocka_unit_test_setup(other_machines, setup),
		cmocka_unit_test_setup(truncated_anywhere, setup),
		cmocka_unit_test_setup(bad_layouts, setup),
		cmocka_unit_test_setup(no_note, setup),
		cmocka_unit_test_setup(note_contents, setup),
		cmocka_unit_test_setup(note_addresses, setup),
		cmocka_unit_test_setup(good_bzimage, setup),
		cmocka_unit_test_setup(bzimage_setup_sectors, setup),
		cmocka_unit_test_setup(bzimage_kinds, setup),
		cmocka_unit_test_setup(bad_bzimages, setup),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
