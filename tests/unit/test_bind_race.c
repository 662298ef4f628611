// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_bind_race.c - a vCPU rings doorbells while another thread binds and
 * unbinds them.  The fake host notices an event that is signalled without a
 * reference to it.
 */
#include <pthread.h>
#include <sched.h>

#include "core.h"

#define NUMBERS	4u
#define ROUNDS	200000u

static struct core c;
static int stop;
static uint32_t changes;
static uint64_t rung[2];	/* not bound, bound */

static void *vcpu_main(void *arg)
{
	uint64_t number = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		rung[cvm_doorbell_ring(c.vm->vcpu[0], number++ % NUMBERS)]++;
	return NULL;
}

/* Signalling takes as long as the other thread needs for some changes. */
static void linger(struct fake_event *event)
{
	uint32_t until = __atomic_load_n(&changes, __ATOMIC_RELAXED) + 4;

	if (event->signals % 64)
		return;
	while (__atomic_load_n(&changes, __ATOMIC_RELAXED) < until &&
	       !__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void change(uint32_t round)
{
	struct cvm_user_doorbell args = {
		.doorbell = round * 2654435761u >> 8 & (NUMBERS - 1),
		.event = round & 3,
	};

	if (core_op(&c, CVM_USER_DOORBELL_UNBIND, &args))
		assert_int_equal(core_op(&c, CVM_USER_DOORBELL_BIND, &args),
				 0);
	assert_in_range(c.vm->bells.parked, 0, 1);
	__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
	if (round % 16 == 0)
		sched_yield();
}

static void race(void **state)
{
	pthread_t vcpu;
	uint32_t i;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	c.host.on_signal = linger;
	assert_int_equal(pthread_create(&vcpu, NULL, vcpu_main, NULL), 0);
	for (i = 0; i < ROUNDS; i++)
		change(i);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(vcpu, NULL);
	print_message("%llu rang, %llu were not bound\n",
		      (unsigned long long)rung[1],
		      (unsigned long long)rung[0]);
	assert_true(rung[0] && rung[1]);
	core_end(&c);
	assert_int_equal(c.host.calls[FAKE_EVENT_GET],
			 c.host.calls[FAKE_EVENT_PUT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
