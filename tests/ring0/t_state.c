/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_state.c - both sides poison every row of the CPU-state table, switch, and
 * find their own values again, many thousand times.
 */
#include "rows.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

static struct rows_side host;
static struct rows before, after;
static struct rows_pages pages;
static struct g_vm vm;
static uint64_t slices, bad, bad_gpr, bad_tlb, first_at, first_a, first_b;
static uint32_t first_row;

int rows_rdmsr(uint32_t msr, uint64_t *value)
{
	return bare_rdmsr_safe(msr, value);
}

int rows_wrmsr(uint32_t msr, uint64_t value)
{
	return bare_wrmsr_safe(msr, value);
}

static int poisoned_slice(int (*fn)(void *arg), void *arg)
{
	uint64_t a = 0, b = 0;
	uint32_t row;
	int ret;

	rows_poison(&host, &before);
	cvm_vcpu_host_stale(vm.vm, 0);
	if (rows_call(fn, arg, &ret))
		bad_gpr++;
	rows_read(&host, &after);
	rows_calm(&host);
	x86_set_cr8(0);
	x86_set_dr7(0x400);
	row = rows_diff(&host, &before, &after, &a, &b);
	if (row != ROWS && !bad++) {
		first_row = row;
		first_at = slices;
		first_a = a;
		first_b = b;
	}
	if (g_tlb_check())
		bad_tlb++;
	slices++;
	return ret;
}

static void report_rows(void)
{
	uint32_t row, both = 0;

	for (row = 0; row < ROWS; row++) {
		int in_host = host.moved[row / 64] >> (row % 64) & 1;
		int in_guest = vm.ctl->moved[row / 64] >> (row % 64) & 1;

		if (rows_class(row)[0] != 's') {
			bare_printf("ROW %s: %s\n", rows_name(row),
				    rows_class(row));
			continue;
		}
		bare_printf("ROW %s: poisoned in %s\n", rows_name(row),
			    in_host && in_guest ? "host and guest" :
			    in_host ? "host" : in_guest ? "guest" :
			    "neither");
		both += in_host && in_guest;
		if (!in_host && !in_guest && row != ROW_rsp &&
		    row != ROW_sel_pad)
			bare_skip("row %s: this CPU keeps no other value "
				  "there", rows_name(row));
	}
	bare_report(both >= 20, "%u rows poisoned on both sides", both);
}

static void report_guest(void)
{
	const struct g_ctl *c = vm.ctl;

	bare_report(!c->bad, "guest: every row survived (%llu mismatches)",
		    (unsigned long long)c->bad);
	if (c->bad)
		bare_printf("  first: switch %llu, row %s, was %llx, is %llx\n",
			    (unsigned long long)c->bad_at,
			    rows_name((uint32_t)c->bad_row),
			    (unsigned long long)c->bad_want,
			    (unsigned long long)c->bad_got);
	bare_report(!c->bad_gpr, "guest: callee-saved registers and flags");
	bare_report(!c->bad_tlb, "guest: no stale translation (%llu)",
		    (unsigned long long)c->bad_tlb);
}

static void report_host(void)
{
	bare_report(!bad, "host: every row survived (%llu mismatches)",
		    (unsigned long long)bad);
	if (bad)
		bare_printf("  first: slice %llu, row %s, was %llx, is %llx\n",
			    (unsigned long long)first_at,
			    rows_name(first_row),
			    (unsigned long long)first_a,
			    (unsigned long long)first_b);
	bare_report(!bad_gpr, "host: callee-saved registers and flags");
	bare_report(!bad_tlb, "host: no stale translation (%llu)",
		    (unsigned long long)bad_tlb);
}

void test_state(void)
{
	static uint64_t equal[2][ROWS];
	uint64_t count = bare_arg("count", 100000);
	struct cvm_stats stats;
	uint32_t reason;

	bare_report(!g_attach(), "attach");
	rows_init(&host, 0, bare_arg("seed", 1) + 77, &pages, g_host_root());
	bare_report(!g_start(&vm, CVM_VM_F_COMPARE, G_MODE_ROWS), "start");
	vm.ctl->count = count;
	rows_read_equal(equal[0]);
	g_hooks.slice = poisoned_slice;
	reason = g_run_on(&vm);
	g_hooks.slice = NULL;
	rows_read_equal(equal[1]);
	bare_report(reason == CVM_RUN_POWEROFF, "RUN ended: %u %s",
		    reason, vm.run.text);
	g_stats(&vm, &stats);
	bare_report(stats.switches >= count, "%llu switches, %llu compared by "
		    "the host, %llu by the guest",
		    (unsigned long long)stats.switches,
		    (unsigned long long)slices,
		    (unsigned long long)vm.ctl->done);
	bare_report(stats.guest_calls == stats.switches,
		    "guest and monitor count the same calls");
	report_guest();
	report_host();
	report_rows();
	bare_report(!memcmp(equal[0], equal[1], sizeof(equal[0])),
		    "rows that nobody may write are as before");
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}

/* The state a guest starts in, before tables of its own. */
void test_early(void)
{
	bare_report(!g_attach(), "attach");
	bare_report(!g_start(&vm, CVM_VM_F_COMPARE, G_MODE_EARLY), "start");
	vm.ctl->count = bare_arg("count", 1000);
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "RUN ended by power off "
		    "(%s)", vm.run.text);
	bare_report(vm.ctl->done == vm.ctl->count,
		    "%llu calls on the passage's own descriptor tables",
		    (unsigned long long)vm.ctl->done);
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}

static int looking_slice(int (*fn)(void *arg), void *arg)
{
	int ret;

	bad_tlb += g_tlb_check();
	ret = fn(arg);
	bad_tlb += g_tlb_check();
	slices++;
	return ret;
}

/*
 * Host and guest have different global pages at the same addresses and look
 * at them right before and after each switch; nothing else happens that could
 * empty a TLB.
 */
void test_tlb(void)
{
	uint64_t count = bare_arg("count", 1000);

	bare_report(!g_attach(), "attach");
	bare_report(!g_start(&vm, 0, G_MODE_TLB), "start");
	vm.ctl->count = count;
	g_hooks.slice = looking_slice;
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "RUN ended: %s",
		    vm.run.text);
	g_hooks.slice = NULL;
	bare_report(slices > count && !bad_tlb && !vm.ctl->bad_tlb,
		    "%llu switches, stale translations: host %llu, guest %llu",
		    (unsigned long long)slices, (unsigned long long)bad_tlb,
		    (unsigned long long)vm.ctl->bad_tlb);
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}
