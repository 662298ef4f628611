// SPDX-License-Identifier: GPL-2.0-only
/* test_warnings.c - how often something is said, by kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/core/warnings.h"

#define HOUR	WARNING_SECONDS

static struct virtio_warnings c;

/* So often it happens, so often it is said. */
static void expect(int kind, time_t now, uint32_t times, uint32_t lines)
{
	uint32_t said = 0;

	while (times--)
		said += virtio_warnings_next(&c, kind, now) !=
			WARNING_SILENT;
	assert_int_equal(said, lines);
}

static int fresh(void **state)
{
	(void)state;
	c = (struct virtio_warnings){ 0 };
	return 0;
}

static void test_kinds(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i < 8; i++)
		assert_int_equal(virtio_warnings_next(&c, 28, 0),
				 WARNING_SAID);
	assert_int_equal(virtio_warnings_next(&c, 28, 0), WARNING_LAST);
	expect(28, 0, 1000, 0);
	/* Another is heard, and once more the first, when it comes again. */
	expect(5, 0, 1, 1);
	expect(28, 0, 1000, 1);
	expect(5, 0, 1000, 7);
	expect(28, 0, 1000, 1);
}

/* Two that come by turns fill no log. */
static void test_turns(void **state)
{
	uint32_t i, said = 0;

	(void)state;
	for (i = 0; i < 10000; i++)
		said += virtio_warnings_next(&c, i % 2 ? 5 : 28, i / 10) !=
			WARNING_SILENT;
	assert_int_equal(said, 8 + 8 + 8);
}

static void test_hours(void **state)
{
	(void)state;
	expect(28, 100, 1000, 8);
	expect(28, 99 + HOUR, 1000, 0);
	expect(28, 100 + HOUR, 1000, 1);
	expect(28, 101 + HOUR, 1000, 0);
	/* Somebody sets the clock. */
	expect(28, 0, 1000, 0);
	expect(28, 100 + 3 * HOUR, 1000, 1);
}

/* The guest's own: eight, whatever the host says between. */
static void test_guest(void **state)
{
	(void)state;
	expect(WARNING_GUEST, 0, 1000, 8);
	expect(28, 0, 1000, 8);
	expect(WARNING_GUEST, 10 * HOUR, 1000, 0);
	expect(28, 0, 1000, 0);
}

static void test_many(void **state)
{
	int kind;

	(void)state;
	for (kind = 1; kind < 8; kind++)
		expect(kind, 0, 1, 1);
	/* What is more shares the last one's lines. */
	for (; kind < 100; kind++)
		expect(kind, 0, 1000, kind == 8 ? 8 : kind < 17 ? 1 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, fresh),
		cmocka_unit_test_setup(test_turns, fresh),
		cmocka_unit_test_setup(test_hours, fresh),
		cmocka_unit_test_setup(test_guest, fresh),
		cmocka_unit_test_setup(test_many, fresh),
	};

	return cmocka_run_group_tests_name("warnings", tests, NULL, NULL);
}
