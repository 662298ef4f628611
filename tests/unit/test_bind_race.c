// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_bind_race.c - a vCPU rings doorbells while another thread binds and
 * unbinds them: between any two instructions of either, and at the same time.
 * The fake host notices a notifier that is signalled without a reference to it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "core.h"
#include "step.h"

static struct core c;

static void open_vm(void)
{
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
}

static void close_vm(void)
{
	core_end(&c);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_GET],
			 c.host.calls[FAKE_NOTIFIER_PUT]);
}

/* ---- one instruction after the other ------------------------------------- */

static uint32_t rang;

static void ring(void)
{
	rang += (uint32_t)cvm_doorbell_ring(c.vm->vcpu[0], 5);
}

static void bind(uint64_t doorbell, int64_t notifier)
{
	struct cvm_user_doorbell args = {
		.doorbell = doorbell, .notifier = notifier,
	};

	if (cvm_doorbell_bind(c.vm, &args))
		abort();
}

static void unbind(uint64_t doorbell)
{
	struct cvm_user_doorbell args = { .doorbell = doorbell };

	if (cvm_doorbell_unbind(c.vm, &args))
		abort();
}

static void replace(void)
{
	unbind(5);
	bind(5, 2);
}

static void move_up(void)
{
	bind(4, 4);
}

static void move_down(void)
{
	unbind(3);
}

/* Of three doorbells the one in the middle is rung. */
static uint32_t meet(void (*fn)(void), uint32_t which, void (*other)(void))
{
	struct cvm_user_doorbell args;
	uint32_t count;

	memset(c.host.notifier, 0, sizeof(c.host.notifier));
	bind(3, 3);
	bind(5, 1);
	bind(7, 7);
	rang = 0;
	count = step_call(fn, which, other);
	/* Signalled is what was bound, or the VMM serves it. */
	assert_int_equal(c.host.notifier[1].signals +
			 c.host.notifier[2].signals, rang);
	assert_int_equal(c.host.notifier[3].signals +
			 c.host.notifier[4].signals +
			 c.host.notifier[7].signals, 0);
	for (args.doorbell = 3; args.doorbell <= 7; args.doorbell++)
		cvm_doorbell_unbind(c.vm, &args);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_GET],
			 c.host.calls[FAKE_NOTIFIER_PUT]);
	return count;
}

static void each_instruction(void **state)
{
	static void (*const change[])(void) = {
		replace, move_up, move_down,
	};
	uint32_t i, n, rings = 0, stepped = 0;

	(void)state;
	STEP_OR_SKIP();
	open_vm();
	for (i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		for (n = 1; meet(ring, n, change[i]) == n; n++)
			rings++;
		stepped += meet(change[i], STEP_EVERY, ring);
		assert_true(rang);
	}
	print_message("a change after %u instructions of rings, rings after "
		      "%u of changes\n", rings, stepped);
	/* It did step. */
	assert_true(rings > 100 && stepped > 100);
	close_vm();
}

/* ---- both at the same time ----------------------------------------------- */

#define NUMBERS	4u
#define ROUNDS	20000u

static int stop;
static uint32_t changes;
static uint64_t rung[2];	/* not bound, bound */

static void *vcpu_main(void *arg)
{
	uint64_t number = 0;
	int bound;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		bound = cvm_doorbell_ring(c.vm->vcpu[0], number++ % NUMBERS);
		__atomic_add_fetch(&rung[bound], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Signalling takes as long as the other thread needs for some changes. */
static void linger(struct fake_notifier *notifier)
{
	uint32_t until = __atomic_load_n(&changes, __ATOMIC_RELAXED) + 4;

	if (notifier->signals % 64)
		return;
	while (__atomic_load_n(&changes, __ATOMIC_RELAXED) < until &&
	       !__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void change(uint32_t round)
{
	struct cvm_user_doorbell args = {
		.doorbell = round * 2654435761u >> 8 & (NUMBERS - 1),
		.notifier = round & 3,
	};

	if (core_request(&c, CVM_USER_DOORBELL_UNBIND, &args))
		assert_int_equal(core_request(&c, CVM_USER_DOORBELL_BIND,
					      &args), 0);
	assert_in_range(c.vm->bells.parked, 0, 1);
	__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
	if (round % 64 == 0)
		sched_yield();
}

/* The vCPU may have to wait for a CPU. */
static int rang_enough(void)
{
	return __atomic_load_n(&rung[0], __ATOMIC_RELAXED) &&
	       __atomic_load_n(&rung[1], __ATOMIC_RELAXED);
}

static void race(void **state)
{
	pthread_t vcpu;
	uint32_t i;

	(void)state;
	open_vm();
	c.host.on_signal = linger;
	assert_int_equal(pthread_create(&vcpu, NULL, vcpu_main, NULL), 0);
	for (i = 0; i < ROUNDS || !rang_enough(); i++)
		change(i);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(vcpu, NULL);
	print_message("%llu rang, %llu were not bound\n",
		      (unsigned long long)rung[1],
		      (unsigned long long)rung[0]);
	close_vm();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_instruction),
		cmocka_unit_test(race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
