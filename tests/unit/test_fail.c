// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_fail.c - a VM's whole life, with the n-th host call failing, for every
 * n: each step says so or carries on, and nothing is left behind.
 */
#include "core.h"

static uint32_t step;

static void guest(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	switch (step++) {
	case 0:
		s->hypercall = CVM_HC_IRQ;
		s->vector = 0xec;
		return;
	case 1:
		s->deadline_tsc = 3000000000u;
		s->hypercall = CVM_HC_TIMER;
		return;
	case 2:
		s->hypercall = CVM_HC_IDLE;
		return;
	case 3:
		s->hypercall = CVM_HC_DOORBELL;
		s->arg[0] = 7;
		return;
	default:
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static int boot(struct core *c)
{
	struct cvm_user_boot args = { .rip = 0x1000 };
	struct cvm_user_ranges r;
	int ret;

	ret = core_request(c, CVM_USER_MEM_RANGES, &r);
	if (ret)
		return ret;
	args.cr3 = r.range[0].gpa;
	return core_request(c, CVM_USER_VCPU_BOOT, &args);
}

/* An interrupted RUN is called again, as every VMM does. */
static int run(struct core *c)
{
	struct cvm_user_run args = { .vcpu = 0 };
	int ret, tries;

	for (tries = 0; tries < 4; tries++) {
		ret = core_request(c, CVM_USER_VCPU_RUN, &args);
		if (ret || args.reason != CVM_RUN_INTR)
			break;
	}
	if (!ret && args.reason != CVM_RUN_POWEROFF)
		ret = -CVM_EINTR;
	return ret;
}

static int bind(struct core *c)
{
	struct cvm_user_doorbell bell = { .doorbell = 7, .notifier = 1 };
	struct cvm_user_notifier notifier = {
		.bits = 1ull << CVM_EVENT_DEVICE_BIT, .notifier = 2,
	};
	int ret = core_request(c, CVM_USER_DOORBELL_BIND, &bell);

	return ret ? ret : core_request(c, CVM_USER_NOTIFIER_BIND, &notifier);
}

static int life(struct core *c)
{
	int ret = core_attach(c);

	if (!ret)
		ret = core_create(c, 2);
	if (!ret)
		ret = core_mem(c, 304 * MIB, 38 * MIB);
	if (!ret)
		ret = core_mem(c, 2 * MIB, 0);
	if (!ret)
		ret = core_vcpu(c, 0);
	if (!ret)
		ret = core_vcpu(c, 1);
	if (!ret)
		ret = bind(c);
	if (!ret)
		ret = boot(c);
	if (!ret)
		ret = run(c);
	return ret;
}

static void every_call(void **state)
{
	uint32_t refused = 0, survived = 0;
	uint64_t n;

	(void)state;
	for (n = 1; ; n++) {
		struct core c;
		int ret;

		core_init(&c);
		step = 0;
		fake_cpu.guest = guest;
		/* Some memory requests fail by nature. */
		c.host.piece_max = 40 * MIB;
		c.host.gap = 2 * MIB;
		c.host.fail_at = n;
		ret = life(&c);
		assert_true(c.vm || ret);
		core_end(&c);
		if (!c.host.failed) {
			assert_int_equal(ret, 0);
			break;
		}
		assert_int_not_equal(ret, -CVM_EINTR);
		if (ret)
			refused++;
		else
			survived++;
	}
	print_message("%u host calls failed one by one: %u refused, "
		      "%u survived\n", refused + survived, refused, survived);
	assert_true(refused >= 20);
	assert_true(survived >= 5);
}

/* The same, with every call from the n-th on failing. */
static void from_then_on(void **state)
{
	uint64_t n;

	(void)state;
	for (n = 1; ; n++) {
		struct core c;
		int ret;

		core_init(&c);
		step = 0;
		fake_cpu.guest = guest;
		c.host.piece_max = 40 * MIB;
		c.host.fail_at = n;
		c.host.fail_on = 1;
		ret = life(&c);
		core_end(&c);
		if (!c.host.failed) {
			assert_int_equal(ret, 0);
			break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call),
		cmocka_unit_test(from_then_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
