// SPDX-License-Identifier: GPL-2.0-only
/* test_urgent.c - NMIs and machine checks, which come whatever is under way. */
#include "core.h"

static struct core c;
static uint32_t step;	/* of the guest under test */

static void start(void (*guest)(struct cvm_priv *, struct cvm_shared *))
{
	step = 0;
	core_start(&c);
	fake_cpu.guest = guest;
}

static struct cvm_user_run run(void)
{
	struct cvm_user_run args;

	memset(&args, 0, sizeof(args));
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	assert_false(c.host.in_slice);
	return args;
}

static void guest_latches(struct cvm_priv *priv, struct cvm_shared *s)
{
	switch (step++) {
	case 0:			/* two NMIs inside the switch */
		priv->nmi += 2;
		s->hypercall = CVM_HC_NOOP;
		return;
	case 1:
		priv->mce++;
		s->hypercall = CVM_HC_YIELD;
		return;
	case 2:			/* through the guest's own gate */
		s->hypercall = CVM_HC_NMI;
		return;
	case 3:
		s->hypercall = CVM_HC_MCE;
		return;
	default:
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void nmi_and_mce(void **state)
{
	struct cvm_stats sum;

	(void)state;
	start(guest_latches);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	cvm_stats_sum(c.vm, &sum);
	assert_int_equal(sum.nmi_passage, 2);
	assert_int_equal(sum.nmi_guest, 1);
	assert_int_equal(sum.nmi_raised, 3);
	assert_int_equal(sum.mce, 2);
	assert_int_equal(c.host.forwarded[2], 3);
	assert_int_equal(c.host.forwarded[18], 0);
	assert_int_equal(c.host.machine_checks[0], 1);
	assert_int_equal(c.host.machine_checks[1], 1);
	core_end(&c);
}

static void guest_bad_memory(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->arg[0] = step;	/* CS */
	s->arg[1] = 0x401000;
	s->hypercall = CVM_HC_MCE;
}

/* The error hit the guest: its end, and where it was. */
static void mce_ends_guest(void **state)
{
	static const struct {
		uint32_t cs;
		const char *who;
	} at[] = {
		{ 0x33, "a program of the guest at 0x401000" },
		{ 0x10, "the guest's kernel at 0x401000" },
	};
	struct cvm_user_run ended;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		start(guest_bad_memory);
		step = at[i].cs;
		c.host.mce_ends = 1;
		ended = run();
		assert_int_equal(ended.reason, CVM_RUN_FATAL);
		assert_int_equal(ended.arg[0], 18);
		assert_int_equal(ended.arg[2], 0x401000);
		assert_non_null(strstr(ended.text, "machine check"));
		assert_non_null(strstr(ended.text, at[i].who));
		assert_int_equal(c.host.machine_checks[1], 1);
		core_end(&c);
	}
}

static void guest_wild_store(struct cvm_priv *priv, struct cvm_shared *s)
{
	priv->nmi = UINT64_MAX;
	s->hypercall = CVM_HC_NOOP;
}

static void latch_overwritten(void **state)
{
	(void)state;
	start(guest_wild_store);
	assert_int_equal(run().reason, CVM_RUN_FATAL);
	assert_int_equal(c.host.calls[FAKE_IRQ_FORWARD], 0);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nmi_and_mce),
		cmocka_unit_test(mce_ends_guest),
		cmocka_unit_test(latch_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
