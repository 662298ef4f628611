// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_msrs.c - registers of which each side has its own, on CPUs that have
 * them and on CPUs that have not.
 */
#include "core.h"

#define TEST_CTRL	0x33u
#define TSX_CTRL	0x122u
#define MCU_OPT_CTRL	0x123u
#define SPLIT_LOCK	(1u << 29)
#define RTM_DISABLE	1u

static struct core c;
static uint32_t step;

/* A host with these features; the fake CPU has no MSR that was not set. */
static void start(uint32_t have, uint64_t test_ctrl,
		  void (*guest)(struct cvm_priv *, struct cvm_shared *))
{
	struct cvm_user_boot boot = { .rip = 0x1000, .rsp = 0x2000 };
	struct cvm_user_ranges r;

	core_init(&c);
	fake_cpu.caps.test_ctrl = have;
	fake_cpu.caps.tsx_ctrl = have;
	fake_cpu.caps.srbds_ctrl = have;
	if (have) {
		fake_cpu_set_msr(TEST_CTRL, test_ctrl);
		fake_cpu_set_msr(TSX_CTRL, 0);
		fake_cpu_set_msr(MCU_OPT_CTRL, 0);
	}
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_mem(&c, 64 * MIB, 0), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	assert_int_equal(core_request(&c, CVM_USER_MEM_RANGES, &r), 0);
	boot.cr3 = r.range[0].gpa;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_BOOT, &boot), 0);
	step = 0;
	fake_cpu.guest = guest;
}

static void run_to_the_end(uint32_t steps)
{
	struct cvm_user_run args = { .vcpu = 0 };

	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	assert_int_equal(args.reason, CVM_RUN_POWEROFF);
	assert_int_equal(step, steps);
	core_end(&c);
}

/* What the switch writes when it enters this side, if it does. */
static const struct cvm_msr_load *loaded(const struct cvm_side *side,
					 uint32_t index)
{
	const struct cvm_msr_load *l;

	for (l = side->load; l->index; l++)
		if (l->index == index)
			return l;
	return NULL;
}

/*
 * A guest's program makes a split lock where the host detects them: the
 * guest's kernel disarms the detector, tries again, and arms it later.
 */
static void guest_splits_a_lock(struct cvm_priv *priv, struct cvm_shared *s)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);

	s->hypercall = CVM_HC_YIELD;
	switch (step++) {
	case 0:
		assert_int_equal(guest->state.test_ctrl, SPLIT_LOCK);
		assert_null(loaded(guest, TEST_CTRL));
		guest->state.test_ctrl = 0;
		break;
	case 1:
		assert_non_null(loaded(guest, TEST_CTRL));
		assert_int_equal(loaded(guest, TEST_CTRL)->low, 0);
		assert_non_null(loaded(host, TEST_CTRL));
		assert_int_equal(loaded(host, TEST_CTRL)->low, SPLIT_LOCK);
		guest->state.test_ctrl = SPLIT_LOCK;
		break;
	default:
		assert_null(loaded(guest, TEST_CTRL));
		assert_null(loaded(host, TEST_CTRL));
		s->hypercall = CVM_HC_POWEROFF;
	}
	priv->msr_changed = 1;	/* as the switch notes a write */
}

static void split_locks_end(void **state)
{
	(void)state;
	start(1, SPLIT_LOCK, guest_splits_a_lock);
	run_to_the_end(3);
}

/* tsx=off in the guest is true there, and the host keeps its own. */
static void guest_turns_tsx_off(struct cvm_priv *priv, struct cvm_shared *s)
{
	struct cvm_side *host = cvm_host_side(priv);
	struct cvm_side *guest = cvm_guest_side(priv);

	s->hypercall = CVM_HC_YIELD;
	if (step++ == 0) {
		guest->state.tsx_ctrl = RTM_DISABLE;
		priv->msr_changed = 1;
		return;
	}
	assert_non_null(loaded(guest, TSX_CTRL));
	assert_int_equal(loaded(guest, TSX_CTRL)->low, RTM_DISABLE);
	assert_int_equal(loaded(host, TSX_CTRL)->low, 0);
	assert_null(loaded(host, MCU_OPT_CTRL));
	s->hypercall = CVM_HC_POWEROFF;
}

static void tsx_is_each_sides_own(void **state)
{
	(void)state;
	start(1, 0, guest_turns_tsx_off);
	run_to_the_end(2);
}

/* Reading one of them on a CPU without it would end this test. */
static void guest_has_none(struct cvm_priv *priv, struct cvm_shared *s)
{
	uint32_t row;

	for (row = 0; row < CVM_MSR_ROWS; row++)
		assert_true(priv->msr_index[row] != TEST_CTRL &&
			    priv->msr_index[row] != TSX_CTRL &&
			    priv->msr_index[row] != MCU_OPT_CTRL);
	step++;
	s->hypercall = CVM_HC_POWEROFF;
}

static void absent_ones_are_left_alone(void **state)
{
	(void)state;
	start(0, 0, guest_has_none);
	run_to_the_end(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_locks_end),
		cmocka_unit_test(tsx_is_each_sides_own),
		cmocka_unit_test(absent_ones_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
