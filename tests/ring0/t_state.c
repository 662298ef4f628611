/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_state.c - both sides poison every row of the CPU-state table, switch, and
 * find their own values again, many thousand times.
 */
#include "poison.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

static struct g_poison host;
static struct rows_pages pages;
static struct g_vm vm;
static uint64_t slices, bad_tlb;

static int poisoned_slice(int (*fn)(void *arg), void *arg)
{
	int ret;

	g_poison(&host);
	cvm_vcpu_host_stale(vm.vm, 0);
	if (rows_call(fn, arg, &ret))
		host.bad_gpr++;
	g_poison_check(&host);
	x86_set_cr8(0);
	x86_set_dr7(0x400);
	return ret;
}

void test_state(void)
{
	static uint64_t equal[2][ROWS];
	uint64_t count = bare_arg("count", 100000);
	struct cvm_stats stats;
	uint32_t reason;

	bare_report(!g_attach(), "attach");
	rows_init(&host.side, 0, bare_arg("seed", 1) + 77, &pages,
		  g_host_root());
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
		    (unsigned long long)host.rounds,
		    (unsigned long long)vm.ctl->done);
	bare_report(stats.guest_calls == stats.switches,
		    "guest and monitor count the same calls");
	g_poison_report(&host, vm.ctl);
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
