// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_clock_race.c - the host's clock is set, and the guest reads it, between
 * any two instructions of the one who writes the guest's wall clock.
 */
#define _GNU_SOURCE
#include "core.h"
#include "step.h"

static struct core c;
static uint64_t before, after;	/* the clocks that are right, by the host */
static uint32_t reads;

static void write_clock(void)
{
	cvm_clock_was_set(c.vm);
}

static void set_clock(void)
{
	c.host.wall_step_ns += 3600000000000;
	cvm_clock_was_set(c.vm);
}

/*
 * Whoever interrupts the writer, or runs while that is not scheduled, finds a
 * time that was true: the one before or the one after.
 */
static void read_clock(void)
{
	uint64_t wall = core_guest_wall(&c);

	reads++;
	if (wall != before && wall != after)
		abort();
}

static void no_newer_clock_is_lost(void **state)
{
	uint32_t n = 1;

	(void)state;
	STEP_OR_SKIP();
	core_start(&c);
	while (step_call(write_clock, n, set_clock) == n) {
		assert_int_equal(core_guest_wall(&c), core_host_wall(&c));
		n++;
	}
	print_message("the clock was set after each of %u instructions\n", n);
	assert_true(n > 20);
	core_end(&c);
}

static void no_reader_waits(void **state)
{
	(void)state;
	STEP_OR_SKIP();
	core_start(&c);
	before = core_host_wall(&c);
	c.host.wall_step_ns = -3600000000000;
	after = core_host_wall(&c);
	step_call(write_clock, STEP_EVERY, read_clock);
	assert_int_equal(core_guest_wall(&c), after);
	assert_true(reads > 20);
	core_end(&c);
}

/* A guest that writes there without end keeps no one. */
static void guest_writes(void)
{
	c.vm->vcpu[0]->shared->wall_base_ns++;
}

static void bounded(void **state)
{
	(void)state;
	STEP_OR_SKIP();
	core_start(&c);
	step_call(write_clock, STEP_EVERY, guest_writes);
	assert_in_range(c.host.calls[FAKE_TIME], 3, 100);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_newer_clock_is_lost),
		cmocka_unit_test(no_reader_waits),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
