/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_fail.c - the n-th host call fails, for every n, on the way from attach to
 * detach; a guest that misbehaves ends alone.
 */
#include "rows.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

#define CALLS_MAX	500u

static struct g_vm vm;

/* One whole life; 1 when nothing failed on the way. */
static int life(void)
{
	int whole = 0, tries;

	if (g_attach())
		return 0;
	if (!g_start(&vm, 0, G_MODE_ROWS)) {
		vm.ctl->count = 4;
		/* A RUN that was cut short is called again. */
		for (tries = 0; tries < 8; tries++)
			if (!g_run(&vm) && vm.run.reason == CVM_RUN_POWEROFF)
				break;
		whole = vm.run.reason == CVM_RUN_POWEROFF && !vm.ctl->bad;
		g_destroy(&vm);
	}
	if (g_detach())
		bare_panic("detach refused");
	return whole;
}

void test_fail(void)
{
	uint32_t n, leaks = 0, survived = 0;
	uint64_t total, used = bare_pages_used;

	g_hooks.quiet = 1;
	bare_report(life(), "a life without failures");
	total = g_hooks.calls;
	for (n = 1; n <= total && n < CALLS_MAX; n++) {
		g_hooks.calls = 0;
		g_hooks.fail_at = n;
		survived += (uint32_t)life();
		if (bare_lent_mem || bare_lent_pages ||
		    bare_pages_used != used) {
			leaks++;
			bare_printf("  call %u: %llu pages not given back\n",
				    n, (unsigned long long)(bare_lent_mem +
				    bare_lent_pages));
		}
	}
	g_hooks.fail_at = 0;
	bare_report(total > 10 && total < CALLS_MAX && !leaks,
		    "each of %llu host calls failed once, no page lost",
		    (unsigned long long)total);
	bare_report(life(), "and a life without failures afterwards "
		    "(%u of the lives before went on)", survived);
}

/* ---- guests that misbehave ------------------------------------- */

static void shrink(uint64_t xcr0)
{
	static struct rows_side host;
	static struct rows before, after;
	static struct rows_pages pages;
	uint64_t a, b;
	uint32_t row;

	rows_init(&host, 0, 3, &pages, g_host_root());
	bare_report(!g_start(&vm, CVM_VM_F_COMPARE, G_MODE_XCR0), "start");
	vm.ctl->xcr0 = xcr0;
	vm.ctl->count = 1000;
	rows_read(&host, &before);
	g_run_on(&vm);
	rows_read(&host, &after);
	row = rows_diff(&host, &before, &after, &a, &b);
	bare_report(vm.run.reason == CVM_RUN_POWEROFF &&
		    vm.ctl->done == 1000 && !vm.ctl->bad && row == ROWS,
		    "a guest runs with XCR0 0x%llx beside a host with 0x%llx "
		    "(%s)", (unsigned long long)xcr0,
		    (unsigned long long)before.s.xcr0, vm.run.text);
	g_destroy(&vm);
}

static void bad_forward(void)
{
	bare_report(!g_start(&vm, 0, G_MODE_CALLS), "start");
	vm.ctl->hypercall = 999;
	bare_report(g_run_on(&vm) == CVM_RUN_FATAL,
		    "an unknown hypercall ends the VM: %s", vm.run.text);
	g_destroy(&vm);
	bare_report(!g_start(&vm, 0, G_MODE_CALLS), "start");
	vm.ctl->hypercall = CVM_HC_IRQ;
	bare_report(g_run_on(&vm) == CVM_RUN_FATAL,
		    "forwarding vector 0 ends the VM: %s", vm.run.text);
	g_destroy(&vm);
}

void test_refuse(void)
{
	uint64_t full;

	bare_report(!g_attach(), "attach");
	bad_forward();
	if (!(x86_cr4() & X86_CR4_OSXSAVE)) {
		bare_skip("XCR0: this CPU has no XSAVE");
	} else {
		full = x86_xgetbv(0);
		if (full & 1u << 9)
			shrink(full & ~(1ull << 9));	/* PKRU: 0x21f, 0x1f */
		shrink(full & 7);
		shrink(3);
		shrink(1);
		shrink(full);
	}
	bare_report(!g_detach(), "detach");
}
