// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_mem_race.c - memory is asked for, as by a page fault of the VMM or a
 * vCPU, between any two instructions of a grant, and at the same time: what is
 * granted is found at any moment, and what is not is not.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "core.h"
#include "step.h"

#define PIECE	(2 * MIB)
#define LOW	(64 * MIB)	/* what comes second, in front of the first */
#define HIGH	(512 * MIB)
#define PIECES	12u

static struct core c;
static int added;		/* what MEM_ADD said */
static uint32_t looks, early;	/* ... in all, and of pieces half granted */

static void open_vm(void)
{
	core_init(&c);
	c.host.piece_max = PIECE;
	c.host.gap = PIECE;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	c.host.next_hpa = HIGH;
	assert_int_equal(core_mem(&c, PIECES * PIECE, 0), 0);
	c.host.next_hpa = LOW;
}

static uint32_t found(uint64_t from)
{
	const struct fake_block *chunk;
	uint32_t i, n = 0;
	uint64_t gpa;

	for (i = 0; i < PIECES; i++) {
		gpa = from + i * 2 * PIECE;
		chunk = cvm_vm_chunk(c.vm, gpa + 4096);
		if (chunk && chunk->hpa != gpa)
			abort();
		if (!!chunk != cvm_mem_contains(c.vm, gpa, PIECE) ||
		    cvm_vm_chunk(c.vm, gpa + PIECE))
			abort();
		n += !!chunk;
	}
	return n;
}

static void look(void)
{
	static uint32_t last;
	uint32_t now = found(LOW);

	if (found(HIGH) != PIECES)
		abort();
	/* One after the other, and for good. */
	if (!looks++)
		last = 0;
	if (now < last)
		abort();
	early += now && now < PIECES;
	last = now;
}

static void add(void)
{
	added = core_mem(&c, PIECES * PIECE, 0);
}

static void each_instruction(void **state)
{
	uint32_t steps;

	(void)state;
	STEP_OR_SKIP();
	open_vm();
	steps = step_call(add, STEP_EVERY, look);
	assert_int_equal(added, 0);
	assert_int_equal(found(LOW), PIECES);
	print_message("%u instructions, %u while it was being published\n",
		      steps, early);
	assert_true(looks > 1000 && early);
	core_end(&c);
}

/* The host has less: nothing of it is there at any moment. */
static void look_for_none(void)
{
	looks++;
	if (found(HIGH) != PIECES || found(LOW))
		abort();
}

static void each_instruction_refused(void **state)
{
	(void)state;
	STEP_OR_SKIP();
	open_vm();
	c.host.mem_left = (PIECES - 1) * PIECE;
	looks = 0;
	step_call(add, STEP_EVERY, look_for_none);
	assert_int_equal(added, -CVM_ENOMEM);
	assert_true(looks > 1000);
	core_end(&c);
}

/* ---- at the same time ---------------------------------------------------- */

static int stop;
static uint64_t asked;

static void *fault_main(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if (found(HIGH) != PIECES)
			abort();
		__atomic_add_fetch(&asked, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void race(void **state)
{
	pthread_t thread;
	uint64_t before;
	uint32_t i;

	(void)state;
	open_vm();
	assert_int_equal(pthread_create(&thread, NULL, fault_main, NULL), 0);
	c.host.next_hpa = 2 * GIB;
	for (i = 0; i < 16; i++) {	/* e820 has room for so many */
		before = __atomic_load_n(&asked, __ATOMIC_ACQUIRE);
		/* Every other one fails, at its end. */
		c.host.mem_left = i % 2 ? GIB : (PIECES - 1) * PIECE;
		assert_int_equal(core_mem(&c, PIECES * PIECE, 0),
				 i % 2 ? 0 : -CVM_ENOMEM);
		while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == before)
			sched_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_instruction),
		cmocka_unit_test(each_instruction_refused),
		cmocka_unit_test(race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
