// SPDX-License-Identifier: GPL-2.0-only
/* test_conformance.c - the fake host keeps the host API's contracts. */
#include "core.h"

static const void *view(void *arg, uint64_t hpa)
{
	return fake_host_view(arg, hpa);
}

static void report(void *arg, int result, const char *test, const char *why)
{
	(void)arg;
	if (result == CVM_CONF_FAIL)
		print_error("%s: %s\n", test, why);
}

static void conformance(void **state)
{
	struct cvm_conformance conf = { 0 };
	struct core c;

	(void)state;
	core_init(&c);
	conf.ops = &c.host.ops;
	conf.ctx = &c.host;
	conf.host_vm = &c.fvm;
	conf.cpus = FAKE_CPUS;
	conf.view = view;
	conf.pages_out = fake_host_pages_out;
	conf.notifier = 3;
	conf.signals = fake_notifier_signals;
	conf.fire = fake_notifier_fire_by;
	conf.report = report;
	conf.arg = &c.host;
	c.fvm.conf = &conf;
	assert_int_equal(cvm_conformance(&conf), 0);
	core_end(&c);
}

/* A suite that nothing fails proves nothing. */
static void breach_is_found(void **state)
{
	struct cvm_conformance conf = { 0 };
	struct core c;

	(void)state;
	core_init(&c);
	c.host.skew = CVM_PAGE_SIZE;
	conf.ops = &c.host.ops;
	conf.ctx = &c.host;
	conf.host_vm = &c.fvm;
	conf.cpus = FAKE_CPUS + 1;
	conf.pages_out = fake_host_pages_out;
	conf.report = report;
	conf.arg = &c.host;
	c.fvm.conf = &conf;
	assert_in_range(cvm_conformance(&conf), 2, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conformance),
		cmocka_unit_test(breach_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
