/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - the ring-0 test image: the real libcvm and world switch between
 * the bare host and the mini guest.  tests.cfg lists how it is started.
 */
#include "bare.h"
#include "tests.h"
#include "vm.h"

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{ "state", test_state },
	{ "early", test_early },
	{ "tlb", test_tlb },
	{ "events", test_events },
	{ "irq", test_irq },
	{ "nmi", test_nmi },
	{ "fault", test_fault },
	{ "storm", test_storm },
	{ "bench", test_bench },
	{ "fail", test_fail },
	{ "refuse", test_refuse },
	{ "conformance", bare_selftest },
};

void bare_main(const char *cmdline)
{
	uint32_t i, ran = 0;

	(void)cmdline;
	g_tlb_host();
	if (bare_arg("pcid", 0) & 1)
		bare_report(bare_pcid_enable(), "this CPU has PCIDs");
	if (bare_arg("ibt", 0) & 1)
		bare_report(bare_ibt_enable(), "this CPU has CET");
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!bare_arg_is("test", tests[i].name))
			continue;
		tests[i].fn();
		ran++;
	}
	bare_report(ran == 1, "a test of that name exists");
	bare_report(!bare_lent_mem && !bare_lent_pages,
		    "all pages came back (guest %llu, libcvm %llu)",
		    (unsigned long long)bare_lent_mem,
		    (unsigned long long)bare_lent_pages);
}
