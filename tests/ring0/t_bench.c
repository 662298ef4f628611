/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_bench.c - what a round trip costs.  Under QEMU's icount with shift 0 the
 * TSC counts instructions, so the numbers are exact.
 *
 * world_switch      cvm_x86_switch() there and back, with the calls and the
 *                   loops of both sides (12 instructions)
 * world_switch_fpu  the same with extended state swapped
 * hypercall_noop    the guest's view of CVM_HC_NOOP: switch, extended state,
 *                   run loop, and back
 * hypercall_yield   the same through cpu_call() and poll()
 *
 * LSTAR, CSTAR, SYSENTER_ESP and SYSENTER_EIP differ, as between two Linux
 * kernels; the data segments are null, as in both.
 */
#include "internal.h"

#include "bare.h"
#include "tests.h"
#include "vm.h"
#include "x86.h"

#define ROUNDS	1000ull

/* Long NOPs with a number, for a plugin that counts between them. */
#define MARK(n)	__asm__ volatile(".byte 0x0f,0x1f,0x84,0x00\n\t" \
				 ".long 0x4d420000 + %c0" \
				 : : "i"(n) : "memory")
#define MARK_SWITCH	16
#define MARK_FPU	17
#define MARK_NOOP	18
#define MARK_YIELD	19
#define MARK_END	0x80

static struct g_vm vm;

static void result(const char *row, uint64_t ticks)
{
	bare_printf("BENCH %s %llu.%03llu\n", row,
		    (unsigned long long)(ticks / ROUNDS),
		    (unsigned long long)(ticks % ROUNDS * 1000 / ROUNDS));
}

/* The guest stands in its loop of calls; each switch is one round of it. */
static uint64_t switches(struct cvm_priv *priv)
{
	uint64_t n = ROUNDS, tsc;

	cvm_x86_switch(priv);
	MARK(MARK_SWITCH);
	tsc = x86_rdtsc();
	__asm__ volatile(
		"1: mov %[priv], %%rdi\n\t"
		"call cvm_x86_switch\n\t"
		"dec %[n]\n\t"
		"jnz 1b"
		: [n] "+b"(n) : [priv] "r"(priv)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		  "cc", "memory");
	tsc = x86_rdtsc() - tsc;
	MARK(MARK_END);
	return tsc;
}

static uint64_t switches_fpu(struct cvm_priv *priv, struct cvm_fpu *fpu)
{
	uint64_t n, tsc;

	MARK(MARK_FPU);
	tsc = x86_rdtsc();
	for (n = ROUNDS; n; n--) {
		cvm_fpu_enter(fpu);
		cvm_x86_switch(priv);
		cvm_fpu_leave(fpu);
	}
	tsc = x86_rdtsc() - tsc;
	MARK(MARK_END);
	return tsc;
}

static uint64_t calls(uint32_t hypercall)
{
	vm.ctl->hypercall = hypercall;
	vm.ctl->count = ROUNDS;
	if (g_run_on(&vm) != CVM_RUN_DOORBELL)
		bare_panic("bench: %s", vm.run.text);
	return vm.ctl->tsc;
}

static void show_lists(const struct cvm_priv *p)
{
	struct cvm_priv *priv = (struct cvm_priv *)p;
	const struct cvm_msr_load *l = cvm_host_side(priv)->load;
	uint32_t n;

	for (n = 0; n < CVM_MSR_ROWS && l[n].index; n++)
		bare_printf("  MSR written: 0x%x\n", l[n].index);
	bare_printf("  debug registers differ: %u, flags %x\n",
		    priv->dr_differ, priv->flags);
}

void test_bench(void)
{
	struct cvm_vcpu *vcpu;
	uint64_t plain, fpu, noop, yield;

	bare_report(!g_attach(), "attach");
	bare_report(!g_start(&vm, 0, G_MODE_BENCH), "start");
	x86_wrmsr(MSR_LSTAR, 0xffffffff80001000);
	x86_wrmsr(MSR_CSTAR, 0xffffffff80002000);
	x86_wrmsr(MSR_SYSENTER_ESP, 0xffffffff80003000);
	x86_wrmsr(MSR_SYSENTER_EIP, 0xffffffff80004000);
	bare_report(g_run_on(&vm) == CVM_RUN_DOORBELL, "guest ready (%s)",
		    vm.run.text);
	vcpu = vm.vm->vcpu[0];
	vm.ctl->hypercall = CVM_HC_NOOP;
	vm.ctl->count = 2 * ROUNDS + 10;
	x86_cli();
	plain = switches(vcpu->priv);
	fpu = switches_fpu(vcpu->priv, vcpu->fpu);
	x86_sti();
	show_lists(vcpu->priv);
	bare_report(g_run_on(&vm) == CVM_RUN_DOORBELL, "the loop ended");
	MARK(MARK_NOOP);
	noop = calls(CVM_HC_NOOP);
	MARK(MARK_END);
	MARK(MARK_YIELD);
	yield = calls(CVM_HC_YIELD);
	MARK(MARK_END);
	bare_printf("BENCH rounds %llu\n", (unsigned long long)ROUNDS);
	result("world_switch", plain);
	result("world_switch_fpu", fpu);
	result("hypercall_noop", noop);
	result("hypercall_yield", yield);
	vm.ctl->stop = 1;
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "power off");
	if (bare_arg("exact", 0))
		bare_report(fpu <= 300 * ROUNDS,
			    "world_switch_fpu takes at most 300 instructions");
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}
