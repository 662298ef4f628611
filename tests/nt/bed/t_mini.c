/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_mini.c - the mini guest under the driver: every row of the CPU-state table
 * poisoned on both sides, and an NMI or a machine check at every instruction
 * of the switch (tests/ring0/ledger.h).
 */
#include "bed.h"
#include "ke.h"
#include "ledger.h"
#include "poison.h"
#include "tests.h"
#include "x86.h"

#define STALE_SELECTOR	0x63	/* beyond the limit of NT's GDT */
#define STALE_LIMIT	0x6f

static struct bed_image image;
static struct bed_mini mini;
static struct rows_pages pages;

/* Load the driver, do fn in a process, unload, count. */
static void under_driver(void (*fn)(void *arg))
{
	int loaded;

	bare_report(bare_modules == 2, "driver and mini guest are here");
	if (bare_modules != 2)
		return;
	loaded = test_load_driver(&image);
	bare_report(loaded, "the driver loads");
	if (!loaded)
		return;
	bed_vmm_end(bed_vmm_start(fn, NULL));
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "everything came back");
}

static void own_not(struct rows_side *side, uint32_t row)
{
	side->keep[row / 64] |= 1ull << (row % 64);
}

/*
 * An NT kernel has no LDT, its CR8 is the IRQL, CR3 the process, GS_BASE its
 * block of this CPU: compared, but not poisoned.
 */
static void init_rows(struct rows_side *side)
{
	uint64_t flags = bed_lock();

	rows_init(side, 0, bare_arg("seed", 1) + 77, &pages, 0);
	bed_unlock(flags);
	own_not(side, ROW_ldtr);
	own_not(side, ROW_cr8);
	own_not(side, ROW_cr3);
	own_not(side, ROW_gs_base);
}

/* As an NT kernel has it again. */
static void restore(struct rows_side *side)
{
	uint64_t flags = bed_lock();

	rows_calm(side);
	x86_set_dr7(0x400);
	bed_state_restore();
	bed_unlock(flags);
}

static int run_mini(void *unused)
{
	(void)unused;
	return (int)bed_mini_run(&mini);
}

/* ---- poison ---------------------------------------------------------- */

static struct g_poison host;
static struct bed_thread *poisoned;

/*
 * Whenever the thread is in the kernel between two slices, the kernel gives
 * every register another value: as if another thread had run meanwhile, only
 * that all of them change.  What the driver left of the last ones is compared.
 */
static void poison_again(void)
{
	uint64_t flags;

	if (bed_current != poisoned)
		return;
	flags = bed_lock();
	if (host.side.rounds)
		g_poison_check(&host);
	g_poison(&host);
	bed_state_adopt();
	bed_unlock(flags);
}

/* Have the switch forget CR2: `mov %rax, %cr2` becomes nothing. */
static void hurt_switch(void)
{
	static const uint8_t load[] = { 0x0f, 0x22, 0xd0 };
	uint64_t va = bed_section(&image, "PASSAGE");
	uint8_t *code = bare_hva(bed_translate(va)), *end = code + 4096;

	while (code < end && memcmp(code, load, sizeof(load)))
		code++;
	if (code == end)
		bare_panic("the switch has no load of CR2");
	memset(code, 0x90, sizeof(load));
}

static void poison_verdict(void)
{
	const struct g_ctl *ctl = mini.guest.ctl;

	if (!bare_arg_flag("hurt"))
		g_poison_report(&host, ctl);
	else
		bare_report(host.bad && host.first_row == ROW_cr2 &&
			    ctl->bad && ctl->bad_row == ROW_cr2,
			    "a switch that forgets CR2 is noticed, %llu times "
			    "by NT, %llu by the guest",
			    (unsigned long long)host.bad,
			    (unsigned long long)ctl->bad);
}

static void poison_main(void *unused)
{
	uint64_t count = bare_arg("count", 10000);
	struct cvm_stats stats;
	int reason;

	(void)unused;
	init_rows(&host.side);
	if (bare_arg_flag("hurt"))
		hurt_switch();
	bare_report(!bed_mini_start(&mini, bare_arg_flag("compare") ?
				    CVM_VM_F_COMPARE : 0, G_MODE_ROWS),
		    "the mini guest starts");
	mini.guest.ctl->count = count;
	poisoned = bed_current;
	bed_watch_hook = poison_again;
	if (rows_call(run_mini, NULL, &reason))
		host.bad_gpr++;
	bed_watch_hook = NULL;
	restore(&host.side);
	bare_report(reason == CVM_RUN_POWEROFF, "RUN ended: %d %s", reason,
		    mini.run.text);
	bed_mini_stats(&mini, &stats);
	bare_report(stats.switches >= count && host.rounds >= count &&
		    mini.guest.ctl->done == count,
		    "%llu switches, %llu times compared by NT, %llu by the "
		    "guest", (unsigned long long)stats.switches,
		    (unsigned long long)host.rounds,
		    (unsigned long long)mini.guest.ctl->done);
	poison_verdict();
	bed_mini_end(&mini);
}

void test_poison(void)
{
	g_tlb_host();
	under_driver(poison_main);
}

/* ---- something at every instruction ---------------------------------- */

static struct rows_side side;

static int start(uint32_t mode)
{
	return bed_mini_start(&mini, 0, mode);
}

static void end(void)
{
	bed_mini_end(&mini);
}

static void statistics(struct cvm_stats *stats)
{
	bed_mini_stats(&mini, stats);
}

static uint32_t enter(void)
{
	int reason;

	ledger_before(&side, bed_segments_stale);
	if (rows_call(run_mini, NULL, &reason))
		ring0_ledger.guest_bad++;
	ledger_after(&side);
	return (uint32_t)reason;
}

/*
 * NT has no LDT from which a descriptor could vanish.  Selectors that lay
 * inside another GDT's limit do as well.
 */
static void stale_segments(void)
{
	struct x86_dtr own, wide = { STALE_LIMIT, (uint64_t)pages.gdt[0] };
	uint64_t *gdt = (uint64_t *)pages.gdt[0];

	gdt[STALE_SELECTOR / 8] = gdt[0x28 / 8];
	x86_sgdt(&own);
	x86_lgdt(&wide);
	ledger_segments(STALE_SELECTOR);
	x86_lgdt(&own);
}

static void vary(uint32_t variant)
{
	uint64_t flags = bed_lock();

	ledger_vary(&mini.guest, variant);
	bed_segments_stale = !!(variant & G_VAR_STALE_SEG);
	if (bed_segments_stale)
		stale_segments();
	bed_state_adopt();
	bed_unlock(flags);
}

static const struct ledger_host ledger_host = {
	.mini = &mini.guest,
	.run = &mini.run,
	.start = start,
	.enter = enter,
	.end = end,
	.vary = vary,
	.stats = statistics,
};

static void ledger_main(void *rounds)
{
	ring0_ledger.passage = bed_section(&image, "PASSAGE");
	init_rows(&side);
	if (rounds)
		ledger_calls(&ledger_host);
	else
		ledger_faults(&ledger_host);
	restore(&side);
	ledger_report();
}

static void calls_main(void *unused)
{
	(void)unused;
	ledger_main(&side);
}

static void faults_main(void *unused)
{
	(void)unused;
	ledger_main(NULL);
}

void test_nmi(void)
{
	g_tlb_host();
	under_driver(calls_main);
}

void test_fault(void)
{
	g_tlb_host();
	under_driver(faults_main);
}
