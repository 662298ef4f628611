// SPDX-License-Identifier: GPL-2.0-only
/* test_fmt.c - messages without a C library. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fmt.h"

#define expect_fmt(want, ...) do { \
	char buf[128]; \
	assert_int_equal(cvm_fmt(buf, sizeof(buf), __VA_ARGS__), \
			 (int)strlen(want)); \
	assert_string_equal(buf, want); \
} while (0)

static void conversions(void **state)
{
	(void)state;
	expect_fmt("plain", "plain");
	expect_fmt("a string", "%s", "a string");
	expect_fmt("(null)", "%s", (const char *)NULL);
	expect_fmt("x%", "%c%%", 'x');
	expect_fmt("0 -1 2147483647 -2147483648", "%d %d %d %d", 0, -1,
		   INT32_MAX, INT32_MIN);
	expect_fmt("4294967295 ffffffff", "%u %x", UINT32_MAX, UINT32_MAX);
	expect_fmt("18446744073709551615 ffffffffffffffff 0", "%llu %llx %llx",
		   ULLONG_MAX, ULLONG_MAX, 0ull);
}

static void widths(void **state)
{
	(void)state;
	expect_fmt("[  42][0042]", "[%4u][%04u]", 42u, 42u);
	expect_fmt("[  -7][-007]", "[%4d][%04d]", -7, -7);
	expect_fmt("[   ab][abcdef]", "[%5s][%5s]", "ab", "abcdef");
	expect_fmt("[12345][00000000deadbeef]", "[%3u][%016llx]", 12345u,
		   0xdeadbeefull);
}

static void slips_stay_visible(void **state)
{
	static const char *const slips[] = {
		"50%", "%q", "%08", "%l", "%lx", "%ll", "%lld",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
		expect_fmt(slips[i], slips[i]);
}

static void cut(void **state)
{
	char buf[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(cvm_fmt(buf, 4, "%s", "abcdef"), 6);
	assert_memory_equal(buf, "abc\0zzz", 8);
	assert_int_equal(cvm_fmt(buf, 1, "%u", 12u), 2);
	assert_memory_equal(buf, "\0bc\0zzz", 8);
	assert_int_equal(cvm_fmt(NULL, 0, "%u", 12u), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions),
		cmocka_unit_test(widths),
		cmocka_unit_test(slips_stay_visible),
		cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests_name("fmt", tests, NULL, NULL);
}
