/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - the tests.  Modules: the driver, a guest kernel, its initrd; or the
 * driver and the mini guest.  What follows "--" on the command line is the
 * guest's.
 */
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"
#include "tests.h"
#include "x86.h"

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{ "probe", test_probe },
	{ "spoil", test_spoil },
	{ "refuse", test_refuse },
	{ "load", test_load },
	{ "boot", test_boot },
	{ "rounds", test_rounds },
	{ "fail", test_fail },
	{ "wait", test_wait },
	{ "leak", test_leak },
	{ "poison", test_poison },
	{ "nmi", test_nmi },
	{ "fault", test_fault },
};

/* "nt=502" and so on: which NT this is. */
static void choose_version(void)
{
	uint64_t nt = bare_arg("nt", 1000);

	bed_nt_major = (uint32_t)(nt / 100);
	bed_nt_minor = (uint32_t)(nt % 100);
	bed_nt_build = nt < 600 ? 3790 : nt < 1000 ? 7601 : 19045;
	bed_code_integrity = (uint32_t)bare_arg("ci", 0);
	bed_enables = bare_arg_flag("enables");
}

static void test_main(void *unused)
{
	uint32_t i, ran = 0;

	(void)unused;
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!bare_arg_is("test", tests[i].name))
			continue;
		tests[i].fn();
		ran++;
	}
	bare_report(ran == 1, "a test of that name exists");
}

void bare_main(const char *cmdline)
{
	struct bed_thread *t;

	(void)cmdline;
	if (x86_cr4() & X86_CR4_LA57)
		bare_panic("the bed has four levels of page tables");
	bed_state_init();
	bed_ke_init();
	bed_mm_init();
	choose_version();
	t = bed_thread_start(&bed_system, test_main, NULL);
	bed_thread_join(t);
	bare_printf("bed: %llu ticks, %llu dispatches, %llu switches, %llu "
		    "preemptions, %llu NMIs, state watched %llu times\n",
		    (unsigned long long)bed_ticks,
		    (unsigned long long)bed_dispatches,
		    (unsigned long long)bed_switches,
		    (unsigned long long)bed_preemptions,
		    (unsigned long long)bed_nmis,
		    (unsigned long long)bed_watched);
}
