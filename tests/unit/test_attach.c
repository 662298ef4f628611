// SPDX-License-Identifier: GPL-2.0-only
/* test_attach.c - which host tables are taken. */
#include "core.h"

#define FIRST_MEMBER	offsetof(struct cvm_host_ops, mem_alloc)
#define OPTIONAL_MEMBER	offsetof(struct cvm_host_ops, notifiers)

static void attach_and_detach(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(c.mon->cpus, FAKE_CPUS);
	assert_int_equal(c.mon->check.refused, 0);
	core_end(&c);
}

/* A host without notifiers has no table of theirs. */
static void no_notifiers(void **state)
{
	struct cvm_user_doorbell bell = { .doorbell = 1, .notifier = 1 };
	struct cvm_user_notifier notifier = {
		.bits = 1ull << CVM_EVENT_POWER_BIT, .notifier = 1,
	};
	struct core c;

	(void)state;
	core_init(&c);
	c.host.ops.notifiers = NULL;
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	assert_int_equal(core_request(&c, CVM_USER_DOORBELL_BIND, &bell),
			 -CVM_ENOSYS);
	assert_int_equal(core_request(&c, CVM_USER_DOORBELL_UNBIND, &bell),
			 -CVM_ENOENT);
	assert_int_equal(core_request(&c, CVM_USER_NOTIFIER_BIND, &notifier),
			 -CVM_ENOSYS);
	assert_int_equal(core_request(&c, CVM_USER_NOTIFIER_UNBIND, &notifier),
			 -CVM_ENOENT);
	core_end(&c);
}

/* Whatever member a shim forgets, attach says so and touches nothing. */
static void null_members(void **state)
{
	size_t at;

	(void)state;
	for (at = FIRST_MEMBER; at < OPTIONAL_MEMBER; at += sizeof(void *)) {
		struct core c;

		core_init(&c);
		memset((char *)&c.host.ops + at, 0, sizeof(void *));
		assert_int_equal(core_attach(&c), -CVM_EINVAL);
		assert_null(c.mon);
		core_end(&c);
	}
	for (at = 0; at < sizeof(struct cvm_host_notifier_ops);
	     at += sizeof(void *)) {
		struct cvm_host_notifier_ops notifiers;
		struct core c;

		core_init(&c);
		notifiers = *c.host.ops.notifiers;
		memset((char *)&notifiers + at, 0, sizeof(void *));
		c.host.ops.notifiers = &notifiers;
		assert_int_equal(core_attach(&c), -CVM_EINVAL);
		assert_null(c.mon);
		core_end(&c);
	}
}

static void other_versions(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	c.host.ops.api = CVM_HOST_API + 1;
	assert_int_equal(core_attach(&c), -CVM_EPROTO);
	core_init(&c);
	c.host.ops.size -= sizeof(void *);
	assert_int_equal(core_attach(&c), -CVM_EPROTO);
	core_init(&c);
	c.host.ops.flags |= 1u << 31;
	assert_int_equal(core_attach(&c), -CVM_EINVAL);
	assert_int_equal(cvm_attach(NULL, NULL, 1, &c.mon), -CVM_EINVAL);
	core_init(&c);
	assert_int_equal(cvm_attach(&c.host.ops, &c.host, 0, &c.mon),
			 -CVM_EINVAL);
	core_end(&c);
}

/* Growing the table is a decision: docs/host-api.md lists every member. */
static void table_size(void **state)
{
	(void)state;
	assert_int_equal(FIRST_MEMBER, 16);
	assert_int_equal((OPTIONAL_MEMBER - FIRST_MEMBER) / sizeof(void *),
			 16);
	assert_int_equal(sizeof(struct cvm_host_ops), OPTIONAL_MEMBER +
			 sizeof(void *));
	assert_int_equal(sizeof(struct cvm_host_notifier_ops) /
			 sizeof(void *), 5);
}

static void detach_waits_for_vms(void **state)
{
	struct core c;

	(void)state;
	core_init(&c);
	assert_int_equal(core_attach(&c), 0);
	assert_int_equal(core_create(&c, 1), 0);
	assert_int_equal(cvm_detach(c.mon), -CVM_EBUSY);
	core_end(&c);
}

static void failing_calls(void **state)
{
	uint64_t n;

	(void)state;
	for (n = 1; ; n++) {
		struct core c;
		int ret;

		core_init(&c);
		c.host.fail_at = n;
		ret = core_attach(&c);
		if (!c.host.failed) {
			assert_int_equal(ret, 0);
			core_end(&c);
			break;
		}
		assert_true(ret < 0);
		assert_int_equal(fake_host_leaks(&c.host), 0);
	}
	/* The monitor's pages and one call on each CPU. */
	assert_int_equal(n - 1, 1 + FAKE_CPUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_and_detach),
		cmocka_unit_test(no_notifiers),
		cmocka_unit_test(null_members),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(table_size),
		cmocka_unit_test(detach_waits_for_vms),
		cmocka_unit_test(failing_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
