// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_modules.c - what becomes of a module's instructions in a guest, and
 * which ones nobody has judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "kernel/elf_format.h"
#include "kernel/modules.h"

#include "made_object.h"

#define TEXT	(ELF_SHF_ALLOC | ELF_SHF_EXEC)

static struct made_object made;
static struct modules all;
static struct problem problem;

static int begin(void **state)
{
	(void)state;
	memset(&problem, 0, sizeof(problem));
	made_object_begin(&made);
	made_section(&made, ".modinfo", ELF_SHF_ALLOC, "license=GPL", 12);
	return 0;
}

static int end(void **state)
{
	(void)state;
	modules_free(&all);
	return 0;
}

/* in; out; wrmsr; mov to cr4; vmcall; rdmsr */
static const char code[] = "\xed\xe6\x80\x0f\x30\x0f\x22\xe0"
	"\x0f\x01\xc1\x0f\x32";

static int add(const char *path)
{
	made_defined(&made, "first", made_section(&made, ".text.some", TEXT,
						  code, sizeof(code) - 1), 0);
	made_object_end(&made);
	return module_add_bytes(&all, path, made.file, made.bytes, &problem);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(add("/lib/some.ko"), 0);
	assert_int_equal(all.files, 1);
	assert_int_equal(all.counts[INSN_IN][SITE_INT3], 1);
	assert_int_equal(all.counts[INSN_OUT][SITE_INT3], 1);
	assert_int_equal(all.counts[INSN_WRMSR][SITE_INT3], 1);
	assert_int_equal(all.counts[INSN_CR4][SITE_INT3], 1);
	assert_int_equal(all.counts[INSN_RDMSR][SITE_FREE], 1);
	assert_int_equal(all.counts[INSN_VMCALL][SITE_REFUSED], 1);
}

static void test_unknown(void **state)
{
	(void)state;
	assert_int_equal(add("/lib/some-thing.ko"), 0);
	assert_int_equal(all.refused, 1);
	assert_int_equal(all.count, 1);
	assert_string_equal(all.list[0].module, "some_thing");
	assert_string_equal(all.list[0].function, "first");
	assert_int_equal(all.list[0].offset, 8);
	assert_int_equal(all.list[0].class, INSN_VMCALL);
}

static void test_judged(void **state)
{
	(void)state;
	assert_int_equal(add("ptp_vmw.ko"), 0);
	assert_int_equal(all.refused, 0);
	assert_int_equal(all.list[0].verdict, SITE_UNREACHABLE);
}

static void test_no_module(void **state)
{
	(void)state;
	made.section[made.sections - 1].name[1] = 'x';
	assert_int_equal(add("some.o"), -1);
	assert_string_equal(problem.text, "some.o: it is no kernel module");
	assert_int_equal(all.files, 0);
}

static void test_packed(void **state)
{
	uint8_t packed[65536];
	z_stream z = { .next_out = packed, .avail_out = sizeof(packed) };

	(void)state;
	assert_int_equal(add("some.ko"), 0);
	z.next_in = made.file;
	z.avail_in = (uInt)made.bytes;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8,
				      Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	assert_int_equal(module_add_bytes(&all, "other.ko.gz", packed,
					  z.total_out, &problem), 0);
	assert_int_equal(all.files, 2);
	assert_string_equal(all.list[1].module, "other");
	assert_int_equal(module_add_bytes(&all, "other.ko.gz", packed,
					  z.total_out / 2, &problem), -1);
	assert_string_equal(problem.text, "other.ko.gz: gzip cannot be "
			    "unpacked: corrupt: unpacked size does not match "
			    "the header");
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_kinds),
		TEST(test_unknown),
		TEST(test_judged),
		TEST(test_no_module),
		TEST(test_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
