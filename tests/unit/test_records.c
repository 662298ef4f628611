// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_records.c - what the host records of its programs stops in the switch
 * and goes on after it: every row of cpu_state.def that is off in the guest.
 */
#include "worlds.h"

#define BTS_ON		0xc0u	/* IA32_DEBUGCTL.TR and BTS */
#define LBREN		1u
#define LBRV2EN		0x40u
#define FIXED_0		(1ull << 32)

/* Every row that is off in the guest, and the one that is so in part. */
enum {
#define CVM_ROW_OFF(name, arg, when, hazard, sdm, apm)	OFF_##name,
#include "x86/rows.h"
	OFF_debugctl, OFF_ROWS
};

static const uint32_t off_index[] = {
#define CVM_ROW_OFF(name, arg, when, hazard, sdm, apm)	arg,
#include "x86/rows.h"
	0x1d9,
};

/* Unicorn has no such MSRs: they are kept here. */
struct records {
	uint64_t row[OFF_ROWS];
};
static struct records ds;
static uint32_t ds_writes, ds_away, ds_poisoned[OFF_ROWS];

static void watch_wrmsr(void)
{
	const uint8_t *at = machine_va(&m, machine_get(&m, UC_X86_REG_RIP),
				       PTE_NX);
	uint64_t value = machine_get(&m, UC_X86_REG_RDX) << 32 |
			 (uint32_t)machine_get(&m, UC_X86_REG_RAX);
	uint32_t index = (uint32_t)machine_get(&m, UC_X86_REG_RCX), i;

	if (!at || at[0] != 0x0f || at[1] != 0x30)
		return;
	for (i = 0; i < OFF_ROWS; i++) {
		if (off_index[i] != index)
			continue;
		ds_poisoned[i] += ds.row[i] != value;
		ds.row[i] = value;
		ds_writes++;
	}
}

static int records_live(void)
{
	return ds.row[OFF_pebs_enable] || ds.row[OFF_lbr_ctl] & LBREN ||
	       ds.row[OFF_dbg_extn_cfg] & LBRV2EN ||
	       (ds.row[OFF_debugctl] & BTS_ON) == BTS_ON;
}

/* No record may be written while other tables than the host's are live. */
static void ds_run_to(uint64_t stop)
{
	const char *why;
	uint32_t i;

	while (machine_get(&m, UC_X86_REG_RIP) != stop) {
		watch_wrmsr();
		why = machine_step(&m);
		assert_null(why);
		if (machine_get(&m, UC_X86_REG_CR3) == host.root)
			continue;
		ds_away++;
		if (!records_live())
			continue;
		for (i = 0; i < OFF_ROWS; i++)
			print_message("MSR 0x%x: 0x%llx\n", off_index[i],
				      (unsigned long long)ds.row[i]);
		fail_msg("records at 0x%llx", (unsigned long long)
			 machine_get(&m, UC_X86_REG_RIP));
	}
}

/* ctrl: PERF_GLOBAL_CTRL in the guest. */
static void ds_trip(struct records want, uint64_t ctrl, int guest_writes_msrs)
{
	uint32_t i;

	want.row[OFF_perf_global_ctrl] = 0x70000000full;
	ds = want;
	ds_writes = ds_away = 0;
	for (i = 0; i < OFF_ROWS; i++)
		fake_cpu_set_msr(off_index[i], ds.row[i]);
	cvm_host_refresh(priv, &c.mon->caps);
	refresh_host();		/* (the other one read the fake CPU) */
	cvm_host_side(priv)->state.debugctl = ds.row[OFF_debugctl];
	cvm_msr_lists(priv);
	call_switch();
	ds_run_to(GUEST_RET);
	assert_true(ds.row[OFF_perf_global_ctrl] == ctrl);
	assert_int_equal(ds.row[OFF_debugctl] & BTS_ON, 0);
	shared->msr_dirty = (uint32_t)guest_writes_msrs;
	call_passage();
	ds_run_to(HOST_RET);
	assert_memory_equal(&ds, &want, sizeof(ds));
	assert_int_equal(cvm_guest_side(priv)->state.debugctl & BTS_ON, 0);
	assert_true(ds_away > 100);
}

#define TRIP(name, value, ctrl, guest_writes) \
	ds_trip((struct records){ .row[OFF_##name] = (value) }, ctrl, \
		guest_writes)

static void host_records(void **state)
{
	struct cvm_x86_caps *caps = &c.mon->caps;
	struct records all = { { 0 } };
	uint32_t i;

	(void)state;
	fake_cpu_init();	/* (cmocka took its signal handler away) */
	caps->pebs = 0xffffffffull;
	caps->bts = 1;
	caps->lbr_msr = 0x14ce;
	caps->lbr_on = LBREN;
	TRIP(debugctl, 0, 0x70000000full, 0);
	assert_int_equal(ds_writes, 0);
	TRIP(pebs_enable, 1, 0x70000000eull, 0);
	/* Load latency and precise stores, which are no counters. */
	TRIP(pebs_enable, FIXED_0 | 1ull << 63 | 1, 0x70000000eull, 0);
	TRIP(debugctl, 0x2c0, 0x70000000full, 0);
	TRIP(debugctl, 0x2c1, 0x70000000full, 1);
	TRIP(lbr_ctl, 0x7f000f, 0x70000000full, 1);
	TRIP(lbr_ctl, 0x7f000e, 0x70000000full, 0);
	assert_int_equal(ds_writes, 0);		/* set up, and not on */
	/* Fixed counters that write records. */
	caps->pebs |= 0xffffull << 32;
	TRIP(pebs_enable, FIXED_0 * 3 | 3, 0x40000000cull, 1);
	all.row[OFF_pebs_enable] = FIXED_0 | 0xf;
	all.row[OFF_debugctl] = 0x3c0;
	all.row[OFF_lbr_ctl] = 0x7f000f;
	ds_trip(all, 0x600000000ull, 0);
	caps->lbr_msr = 0xc000010f;
	caps->lbr_on = LBRV2EN;
	TRIP(dbg_extn_cfg, 0x1040, 0x70000000full, 1);
	TRIP(debugctl, 0, 0x70000000full, 0);
	assert_int_equal(ds_writes, 0);
	for (i = 0; i < OFF_ROWS; i++)
		if (ds_poisoned[i] < 2)
			fail_msg("MSR 0x%x has no test", off_index[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(host_records, worlds_setup,
						worlds_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
