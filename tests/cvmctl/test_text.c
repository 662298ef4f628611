// SPDX-License-Identifier: GPL-2.0-only
/* test_text.c - JSON as it is written, and output without sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cvmctl/cli/json.h"
#include "os/strip_ansi.h"
#include "os/visible.h"

static void test_json_shapes(void **state)
{
	struct json json;
	int lines;

	(void)state;
	for (lines = 0; lines < 2; lines++) {
		json_begin(&json, lines);
		json_open(&json, NULL, '{');
		json_u64(&json, "big", UINT64_MAX);
		json_int(&json, "small", -7);
		json_open(&json, "list", '[');
		json_bool(&json, NULL, 1);
		json_null(&json, NULL);
		json_close(&json);
		json_open(&json, "none", '{');
		json_close(&json);
		json_close(&json);
		assert_string_equal(json.text, lines ?
			"{\n  \"big\": 18446744073709551615,\n"
			"  \"small\": -7,\n  \"list\": [\n    true,\n"
			"    null\n  ],\n  \"none\": {}\n}" :
			"{ \"big\": 18446744073709551615, \"small\": -7, "
			"\"list\": [ true, null ], \"none\": {} }");
		json_end(&json);
	}
}

static void quoted(const char *text, size_t max, const char *expected)
{
	struct json json;

	json_begin(&json, 0);
	json_text(&json, NULL, text, max);
	assert_string_equal(json.text, expected);
	json_end(&json);
}

static void test_json_text(void **state)
{
	(void)state;
	quoted("a\"b\\c\n\x1b", 99, "\"a\\\"b\\\\c\\u000a\\u001b\"");
	quoted("long", 2, "\"lo\"");
	quoted("gr\xc3\xbcn \xf0\x9f\x90\xa7", 99,
	       "\"gr\xc3\xbcn \xf0\x9f\x90\xa7\"");
	quoted("\x7f\xc2\x9b\xe2\x80\xae", 99, "\"\\u007f\\u009b\\u202e\"");
	/* Cut short, overlong, surrogate, too high, alone. */
	quoted("\xc3\xbc", 1, "\"?\"");
	quoted("\xc0\xaf", 9, "\"??\"");
	quoted("\xe0\x80\xaf", 9, "\"???\"");
	quoted("\xed\xa0\x80", 9, "\"???\"");
	quoted("\xf4\x90\x80\x80", 9, "\"????\"");
	quoted("\x80x", 9, "\"?x\"");
}

/* Whole, and a byte at a time. */
static void plain(const char *text, const char *expected)
{
	struct strip_ansi one = { 0 }, many = { 0 };
	char out[200], *at = out;
	size_t i, len = strlen(text);

	out[strip_ansi(&one, text, len, out)] = '\0';
	assert_string_equal(out, expected);
	for (i = 0; i < len; i++)
		at += strip_ansi(&many, text + i, 1, at);
	*at = '\0';
	assert_string_equal(out, expected);
}

static void test_plain(void **state)
{
	(void)state;
	plain("text\r\n\ttab\b", "text\r\n\ttab\b");
	plain("a\033[31mred\033[0m b\033[2;5Hc", "ared bc");
	plain("\033]0;title\a$ ", "$ ");
	plain("\033]8;;http://x\033\\link", "link");
	plain("\033P1$r\033\\x\033_y\033\\z", "xz");
	plain("\033(B\033=\0337x\0338", "x");
	plain("\033[1\033[2Kx", "x");
	plain("gr\xc3\xbcn\033[m", "gr\xc3\xbcn");
}

static void seen(const char *text, const char *expected)
{
	char out[100];

	assert_int_equal(visible(out, sizeof(out), text, SIZE_MAX),
			 strlen(expected));
	assert_string_equal(out, expected);
}

static void test_visible(void **state)
{
	char out[8];

	(void)state;
	seen("gr\xc3\xbcn \xf0\x9f\x90\xa7", "gr\xc3\xbcn \xf0\x9f\x90\xa7");
	seen("a\033[2J\r\n\t\x7f", "a\\x1b[2J\\x0d\\x0a\\x09\\x7f");
	/* C1: alone, and as UTF-8 has them; 0xa0 is a blank */
	seen("\x9b" "1m\xc2\x9b" "1m\xc2\x80\xc2\xa0",
	     "\\x9b1m\\xc2\\x9b1m\\xc2\\x80\xc2\xa0");
	/* Turned round: U+202E, U+2066, U+200F, U+061C; a new line: U+2028 */
	seen("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c\xe2\x80\xa8",
	     "\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xd8\\x9c"
	     "\\xe2\\x80\\xa8");
	seen("\xc0\xaf\xff\xe2\x80", "\\xc0\\xaf\\xff\\xe2\\x80");
	/* What does not fit is left out, and never half. */
	assert_int_equal(visible(out, sizeof(out), "ab\033\033", 99), 6);
	assert_string_equal(out, "ab\\x1b");
	assert_int_equal(visible(out, 3, "a\xc3\xbc", 99), 1);
	assert_int_equal(visible(out, sizeof(out), "abc", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_shapes),
		cmocka_unit_test(test_json_text),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
