// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_audit.c - nothing that a kernel changes by itself overlaps what the
 * adapter has changed, unless that does no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/audit.h"

#include "made_kernel.h"

static struct made_kernel made;
static struct image image;
static struct audit audit;
static struct problem problem;
static uint64_t function;

static int begin(void **state)
{
	(void)state;
	made_begin(&made);
	memset(&problem, 0, sizeof(problem));
	made_function(&made, "first", "\xc3", 1);
	function = made_function(&made, "patched",
				 "\xe8\0\0\0\0\xed\x0f\x30\x90\xe9\0\0\0\0",
				 14);
	return 0;
}

static int end(void **state)
{
	(void)state;
	audit_free(&audit);
	image_close(&image);
	return 0;
}

static void opened(void)
{
	made_end(&made);
	if (image_open(&image, "made", made.file, made.bytes, &problem))
		fail_msg("%s", problem.text);
}

static void audited(const struct image_change *change)
{
	const struct image_change changes[] = {
		{ .gva = MADE_TEXT - 64, .bytes = 5, .what = "before" },
		*change,
		{ .gva = function + 64, .bytes = 5, .what = "behind" },
	};

	assert_int_equal(audit_image(&audit, &image, changes, 3, &problem), 0);
}

static void audited_site(uint64_t gva, uint32_t bytes)
{
	const struct image_change change = {
		.gva = gva, .bytes = bytes, .what = "site",
		.code = (const uint8_t *)"\xcc", .code_bytes = 1 };

	audited(&change);
}

static void audited_hook(uint64_t gva, uint32_t bytes, const char *code,
			 uint64_t mcount)
{
	const struct image_change change = {
		.gva = gva, .bytes = bytes, .what = "hook",
		.code = (const uint8_t *)code, .code_bytes = 5,
		.mcount = mcount };

	audited(&change);
}

#define JUMP	"\xe9\xf0\xf0\xf0\xf0"
#define CALL	"\xe8\xf0\xf0\xf0\xf0"

static void harmless(void)
{
	assert_int_equal(audit.count, 1);
	assert_int_equal(audit.refused, 0);
	assert_int_equal(audit_refusal(&audit, &image, &problem), 0);
}

static void refused(const char *text)
{
	assert_int_equal(audit.refused, 1);
	assert_int_equal(audit_refusal(&audit, &image, &problem), -1);
	assert_string_equal(problem.text, text);
}

static void test_return(void **state)
{
	(void)state;
	made_place(&made, MADE_RETURNS, function + 9);
	opened();
	audited_hook(function + 4, 6, JUMP, 0);
	refused("made: hook in function patched: the kernel's own "
		"return would be written over it, so this kernel cannot be "
		"adapted");
}

static void test_beside(void **state)
{
	(void)state;
	made_place(&made, MADE_RETURNS, function + 9);
	opened();
	audited_hook(function + 4, 5, JUMP, 0);
	assert_int_equal(audit.count, 0);
	assert_int_equal(audit.looked_at[SELFPATCH_RETURN], 1);
}

/* An int3 of one byte is replaced whole, or left. */
static void test_alternative(void **state)
{
	(void)state;
	made_alternative(&made, function + 5, 1, "\x90", 1);
	opened();
	audited_site(function + 5, 1);
	harmless();
}

/* Behind that of a longer one is a rest that no-ops are looked for in. */
static void test_longer_alternative(void **state)
{
	(void)state;
	made_alternative(&made, function + 6, 3, "\x90", 1);
	opened();
	audited_site(function + 6, 2);
	refused("made: site in function patched: the kernel's own alternative "
		"would be written over it, so this kernel cannot be adapted");
}

static uint64_t mcount(uint64_t place)
{
	uint64_t at = made_add(&made, MADE_DATA, &place, sizeof(place));

	made_symbol(&made, "__start_mcount_loc", at);
	made_symbol(&made, "__stop_mcount_loc", at + sizeof(place));
	return at;
}

static void test_ftrace(void **state)
{
	(void)state;
	mcount(function);
	opened();
	audited_hook(function, 5, JUMP, 0);
	refused("made: hook in function patched: the kernel's own call "
		"of __fentry__ would be written over it, so this kernel cannot "
		"be adapted");
}

static void test_ftrace_skipped(void **state)
{
	uint64_t at = mcount(function);

	(void)state;
	opened();
	audited_hook(function, 5, JUMP, at);
	harmless();
}

/*
 * A call that goes elsewhere may be counted as before, and what is none is
 * left: the one of __fentry__, which is in that table too, has become a jump.
 */
static void test_call(void **state)
{
	(void)state;
	made_place(&made, MADE_CALLS, function);
	opened();
	audited_hook(function, 5, CALL, 0);
	harmless();
}

static void test_no_call(void **state)
{
	(void)state;
	made_place(&made, MADE_CALLS, function);
	opened();
	audited_hook(function, 5, JUMP, 0);
	harmless();
}

/* It was moved: what is there then is the end of the jump, and some more. */
static void test_call_moved(void **state)
{
	(void)state;
	made_place(&made, MADE_CALLS, function + 4);
	opened();
	audited_hook(function, 9, "\xe9\xf0\xf0\xf0\x01", 0);
	harmless();
}

/* By chance that is a call; and of the other chance the kernel warns. */
static void test_call_by_chance(void **state)
{
	(void)state;
	made_place(&made, MADE_CALLS, function + 4);
	opened();
	audited_hook(function, 9, "\xe9\xf0\xf0\xf0\xe8", 0);
	assert_int_equal(audit.refused, 1);
}

static void test_call_inside(void **state)
{
	(void)state;
	made_place(&made, MADE_CALLS, function + 4);
	opened();
	audited_hook(function, 5, JUMP, 0);
	assert_int_equal(audit.refused, 1);
}

static void test_lock(void **state)
{
	(void)state;
	made_place(&made, MADE_LOCKS, function);
	opened();
	audited_hook(function, 5, JUMP, 0);
	harmless();
}

/* By chance the jump has such a byte there. */
static void test_lock_in_jump(void **state)
{
	(void)state;
	made_place(&made, MADE_LOCKS, function + 2);
	opened();
	audited_hook(function, 5, JUMP, 0);
	assert_int_equal(audit.refused, 1);
}

static void jump_label(uint64_t place)
{
	uint64_t at = made_here(&made, MADE_DATA);

	made_place(&made, MADE_DATA, place);
	made_place(&made, MADE_DATA, place + 2);
	made_add(&made, MADE_DATA, "\0\0\0\0\0\0\0\0", 8);
	made_symbol(&made, "__start___jump_table", at);
	made_symbol(&made, "__stop___jump_table", at + 16);
}

/* A jump of 2 bytes ends before, one of 5 does not. */
static void test_jump_label(void **state)
{
	(void)state;
	jump_label(function + 9);
	opened();
	audited_site(function + 13, 1);
	assert_int_equal(audit.refused, 1);
}

static void test_short_jump_label(void **state)
{
	(void)state;
	memcpy(made.part[MADE_TEXT_PART].data + (function - MADE_TEXT) + 9,
	       "\xeb\1", 2);
	jump_label(function + 9);
	opened();
	audited_site(function + 11, 1);
	assert_int_equal(audit.count, 0);
	assert_int_equal(audit.looked_at[SELFPATCH_JUMP_LABEL], 1);
}

static void test_damaged(void **state)
{
	const struct image_change change = { .gva = function, .bytes = 1 };

	(void)state;
	made_symbol(&made, "__start___jump_table",
		    made_here(&made, MADE_DATA));
	made_symbol(&made, "__stop___jump_table",
		    made_here(&made, MADE_DATA) + 16);
	opened();
	assert_int_equal(audit_image(&audit, &image, &change, 1, &problem), -1);
	assert_string_equal(problem.text,
			    "made: the table of each jump label is damaged");
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_return),
		TEST(test_beside),
		TEST(test_alternative),
		TEST(test_longer_alternative),
		TEST(test_ftrace),
		TEST(test_ftrace_skipped),
		TEST(test_call),
		TEST(test_no_call),
		TEST(test_call_inside),
		TEST(test_call_moved),
		TEST(test_call_by_chance),
		TEST(test_lock),
		TEST(test_lock_in_jump),
		TEST(test_jump_label),
		TEST(test_short_jump_label),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
