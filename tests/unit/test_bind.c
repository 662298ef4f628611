// SPDX-License-Identifier: GPL-2.0-only
/* test_bind.c - doorbells and events that are bound to notifiers. */
#include "core.h"

#define DEVICE	(1ull << CVM_EVENT_DEVICE_BIT)

static struct core c;
static uint64_t number;		/* of the doorbell the guest rings, */
static uint64_t flags;		/* with these */
static uint32_t rings;		/* so often, and powers off */

static void guest(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = rings ? CVM_HC_DOORBELL : CVM_HC_POWEROFF;
	s->arg[0] = number;
	s->arg[1] = flags;
	rings -= rings > 0;
}

static void start(void)
{
	core_start(&c);
	fake_cpu.guest = guest;
	rings = 0;
	flags = 0;
}

static struct cvm_user_run run(void)
{
	struct cvm_user_run args = { .vcpu = 0 };

	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	return args;
}

static int bell(uint32_t op, uint64_t doorbell, int64_t notifier)
{
	struct cvm_user_doorbell args = {
		.doorbell = doorbell, .notifier = notifier,
	};

	return core_request(&c, op, &args);
}

static int bind(uint64_t doorbell, int64_t notifier)
{
	return bell(CVM_USER_DOORBELL_BIND, doorbell, notifier);
}

static int unbind(uint64_t doorbell)
{
	return bell(CVM_USER_DOORBELL_UNBIND, doorbell, -1);
}

/* ---- doorbells ----------------------------------------------------------- */

static void stays_in_run(void **state)
{
	struct cvm_stats sum;

	(void)state;
	start();
	assert_int_equal(bind(0x102, 5), 0);
	number = 0x102;
	rings = 7;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(c.host.notifier[5].signals, 7);
	cvm_stats_sum(c.vm, &sum);
	assert_int_equal(sum.doorbells, 7);
	assert_int_equal(sum.exits[CVM_HC_DOORBELL], 7);
	/* The host got its turn after each. */
	assert_in_range(c.host.calls[FAKE_POLL], 7, 8);
	core_end(&c);
}

static void others_leave_run(void **state)
{
	static const uint64_t others[] = {
		0, 0x101, 0x103, 0x1ff, UINT64_MAX, 1ull << 63,
	};
	struct cvm_user_run args;
	uint32_t i;

	(void)state;
	start();
	assert_int_equal(bind(0x102, 5), 0);
	assert_int_equal(bind(0x100, 6), 0);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		number = others[i];
		rings = 1;
		args = run();
		assert_int_equal(args.reason, CVM_RUN_DOORBELL);
		assert_true(args.arg[0] == number);
	}
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_SIGNAL], 0);
	core_end(&c);
}

static void refusals(void **state)
{
	(void)state;
	start();
	assert_int_equal(bind(1, -1), -CVM_EINVAL);
	assert_int_equal(bind(1, INT64_MAX), -CVM_EINVAL);
	assert_int_equal(bind(1, FAKE_NOTIFIERS), -CVM_EINVAL);
	assert_int_equal(unbind(1), -CVM_ENOENT);
	assert_int_equal(bind(1, 0), 0);
	assert_int_equal(bind(1, 0), -CVM_EBUSY);
	assert_int_equal(bind(1, 1), -CVM_EBUSY);
	assert_int_equal(c.host.notifier[1].refs, 0);
	assert_int_equal(unbind(0), -CVM_ENOENT);
	assert_int_equal(unbind(UINT64_MAX), -CVM_ENOENT);
	assert_int_equal(unbind(1), 0);
	assert_int_equal(unbind(1), -CVM_ENOENT);
	assert_int_equal(c.host.notifier[0].refs, 0);
	assert_int_equal(bind(1, 1), 0);
	number = 1;
	rings = 1;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(c.host.notifier[1].signals, 1);
	core_end(&c);
}

/* In an order that is none, so that the table is sorted by the binding. */
static uint64_t scattered(uint32_t i)
{
	return (i * 0x9e3779b97f4a7c15ull) ^ i;
}

static void table_full(void **state)
{
	uint32_t i;

	(void)state;
	start();
	for (i = 0; i < CVM_DOORBELLS_MAX; i++)
		assert_int_equal(bind(scattered(i), i % FAKE_NOTIFIERS), 0);
	assert_int_equal(bind(scattered(i), 0), -CVM_E2BIG);
	for (i = 0; i < CVM_DOORBELLS_MAX; i += 3)
		assert_int_equal(unbind(scattered(i)), 0);
	for (i = 0; i < CVM_DOORBELLS_MAX; i++) {
		uint64_t before = c.host.notifier[i % FAKE_NOTIFIERS].signals;

		number = scattered(i);
		rings = 1;
		if (i % 3) {
			/* (The power off behind it would be final.) */
			c.host.poll_ret = -CVM_EINTR;
			assert_int_equal(run().reason, CVM_RUN_INTR);
		} else {
			assert_int_equal(run().reason, CVM_RUN_DOORBELL);
		}
		assert_int_equal(c.host.notifier[i % FAKE_NOTIFIERS].signals,
				 before + !!(i % 3));
	}
	core_end(&c);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_GET],
			 c.host.calls[FAKE_NOTIFIER_PUT]);
}

/* What the VMM does while the vCPU is signalling; on_signal runs there. */
static void unbind_under_way(struct fake_notifier *notifier)
{
	uint32_t i;

	(void)notifier;
	c.host.on_signal = NULL;
	assert_int_equal(unbind(number), 0);
	assert_int_equal(c.host.notifier[5].refs, 1);
	/* Again and again the same: that must not pile up. */
	for (i = 0; i < 1000; i++) {
		assert_int_equal(bind(number, 5), 0);
		assert_int_equal(bind(~number, 5), 0);
		assert_int_equal(unbind(number), 0);
		assert_int_equal(unbind(~number), 0);
	}
	assert_int_equal(c.host.notifier[5].refs, 1);
}

static void unbound_while_ringing(void **state)
{
	(void)state;
	start();
	number = 0x300;
	assert_int_equal(bind(number, 5), 0);
	c.host.on_signal = unbind_under_way;
	rings = 2;
	assert_int_equal(run().reason, CVM_RUN_DOORBELL);
	assert_int_equal(c.host.notifier[5].signals, 1);
	/* The parked one goes with the next that is unbound. */
	assert_int_equal(bind(1, 6), 0);
	assert_int_equal(c.host.notifier[5].refs, 1);
	assert_int_equal(unbind(1), 0);
	assert_int_equal(c.host.notifier[5].refs, 0);
	core_end(&c);
}

static void only_unbind(struct fake_notifier *notifier)
{
	(void)notifier;
	assert_int_equal(unbind(number), 0);
}

/* Or with the VM. */
static void destroyed(void **state)
{
	(void)state;
	start();
	number = 9;
	assert_int_equal(bind(9, 5), 0);
	assert_int_equal(bind(10, 5), 0);
	assert_int_equal(bind(11, 6), 0);
	c.host.on_signal = only_unbind;
	rings = 1;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(c.host.notifier[5].refs, 2);
	core_end(&c);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_GET], 3);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_PUT], 3);
}

/* A table that is being changed is no answer: the VMM gets the doorbell. */
static void table_in_motion(void **state)
{
	(void)state;
	start();
	number = 9;
	assert_int_equal(bind(9, 5), 0);
	c.vm->bells.seq++;
	rings = 1;
	assert_int_equal(run().reason, CVM_RUN_DOORBELL);
	assert_null(c.vm->vcpu[0]->ringing);
	c.vm->bells.seq++;
	rings = 1;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	core_end(&c);
}

/* ---- notifiers ----------------------------------------------------------- */

static void brought_by_run(void **state)
{
	struct cvm_user_run args = { .vcpu = 0 };
	uint64_t looks;

	(void)state;
	for (looks = 0; looks < 2; looks++) {
		start();
		flags = looks ? CVM_DOORBELL_LOOKS : ~CVM_DOORBELL_LOOKS;
		rings = 2;
		assert_int_equal(run().reason, CVM_RUN_DOORBELL);
		c.fvm.woken[0] = 0;
		args.events = 1ull << CVM_EVENT_RESCHED_BIT;
		assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args),
				 -CVM_EINVAL);
		assert_int_equal(c.vm->vcpu[0]->shared->events, 0);
		args.events = DEVICE << 3 | DEVICE;
		assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
		assert_int_equal(args.reason, CVM_RUN_DOORBELL);
		assert_true(args.events == 0);
		assert_true(c.vm->vcpu[0]->shared->events ==
			    (DEVICE << 3 | DEVICE));
		assert_int_equal(c.fvm.woken[0], 0);
		/* A guest that does not look by itself gets an interrupt. */
		assert_int_equal(c.host.self_irqs, !looks);
		core_end(&c);
	}
}

static int notifier(uint32_t op, struct cvm_user_notifier *args)
{
	return core_request(&c, op, args);
}

static void notifiers(void **state)
{
	struct cvm_user_notifier a = { .vcpu = 1, .bits = DEVICE << 4,
					 .notifier = 2 };
	struct cvm_user_notifier b = { .vcpu = 0, .bits = DEVICE,
					 .notifier = 3 };

	(void)state;
	start();
	fake_notifier_fire(&c.host, 2);
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), 0);
	/* Signalled before: not lost. */
	assert_true(c.vm->vcpu[1]->shared->events == DEVICE << 4);
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &b), 0);
	assert_int_not_equal(a.id, b.id);
	c.fvm.woken[0] = 0;
	fake_notifier_fire(&c.host, 3);
	assert_true(c.vm->vcpu[0]->shared->events == DEVICE);
	assert_int_equal(c.fvm.woken[0], 1);
	assert_int_equal(notifier(CVM_USER_NOTIFIER_UNBIND, &b), 0);
	assert_int_equal(c.host.notifier[3].refs, 0);
	c.vm->vcpu[0]->shared->events = 0;
	fake_notifier_fire(&c.host, 3);
	assert_true(c.vm->vcpu[0]->shared->events == 0);
	assert_int_equal(notifier(CVM_USER_NOTIFIER_UNBIND, &b), -CVM_ENOENT);
	core_end(&c);
}

static void notifier_refusals(void **state)
{
	struct cvm_user_notifier a = { .bits = DEVICE, .notifier = -1 };
	uint32_t i;

	(void)state;
	start();
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), -CVM_EINVAL);
	a.notifier = 1;
	a.vcpu = 2;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), -CVM_ENOENT);
	a.vcpu = 0;
	a.bits = 1ull << CVM_EVENT_TIMER_BIT;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), -CVM_EINVAL);
	a.bits = 0;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), -CVM_EINVAL);
	a.bits = DEVICE;
	for (i = 0; i < CVM_NOTIFIERS_MAX; i++) {
		a.notifier = i;
		assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), 0);
		assert_int_equal(a.id, i);
	}
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), -CVM_E2BIG);
	a.id = CVM_NOTIFIERS_MAX;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_UNBIND, &a), -CVM_ENOENT);
	a.id = UINT32_MAX;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_UNBIND, &a), -CVM_ENOENT);
	a.id = 17;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_UNBIND, &a), 0);
	a.notifier = 17;
	assert_int_equal(notifier(CVM_USER_NOTIFIER_BIND, &a), 0);
	assert_int_equal(a.id, 17);
	core_end(&c);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_WATCH],
			 CVM_NOTIFIERS_MAX + 2);
	assert_int_equal(c.host.calls[FAKE_NOTIFIER_UNWATCH],
			 CVM_NOTIFIERS_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_in_run),
		cmocka_unit_test(others_leave_run),
		cmocka_unit_test(refusals),
		cmocka_unit_test(table_full),
		cmocka_unit_test(unbound_while_ringing),
		cmocka_unit_test(destroyed),
		cmocka_unit_test(table_in_motion),
		cmocka_unit_test(brought_by_run),
		cmocka_unit_test(notifiers),
		cmocka_unit_test(notifier_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
