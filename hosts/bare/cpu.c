/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpu.c - traps, and the way to bare_main().
 */
#include "bare.h"
#include "x86.h"

extern uint64_t bare_fixup, bare_fault;

uint64_t bare_gate_count[256];
int (*bare_trap_hook)(struct bare_regs *regs);

static void unexpected(const struct bare_regs *r)
{
	bare_panic("vector %llu error %llx at %llx, rsp %llx cr2 %llx rax %llx",
		   (unsigned long long)r->vector, (unsigned long long)r->error,
		   (unsigned long long)r->rip, (unsigned long long)r->rsp,
		   (unsigned long long)x86_cr2(), (unsigned long long)r->rax);
}

void bare_trap(struct bare_regs *regs)
{
	uint32_t vector = (uint32_t)regs->vector;

	bare_gate_count[vector]++;
	if (bare_trap_hook && bare_trap_hook(regs))
		return;
	if (vector == 2)
		return;
	if (vector == 18) {
		/* MCIP still set would make the next one a shutdown. */
		bare_wrmsr_safe(MSR_MCG_STATUS, 0);
		return;
	}
	if (vector < 31) {
		if (!bare_fixup)
			unexpected(regs);
		regs->rip = bare_fixup;
		bare_fixup = 0;
		bare_fault = vector;
		return;
	}
	bare_host_irq(vector);
	bare_eoi(vector);
}

void bare_start(uint32_t info_hpa)
{
	bare_console_init();
	bare_tables_load(0);
	bare_features_enable();
	/* Report machine checks as a real host would. */
	if (x86_cpuid(1, 0).d & 1u << 14 && x86_rdmsr(MSR_MCG_CAP) & 1u << 8)
		x86_wrmsr(MSR_MCG_CTL, ~0ull);
	bare_mem_init(info_hpa);
	bare_apic_init();
	bare_printf("bare host: %llu MiB, tsc %u kHz, %u-level tables, "
		    "command line \"%s\"\n",
		    (unsigned long long)bare_pages_total / 256, bare_tsc_khz,
		    x86_cr4() & X86_CR4_LA57 ? 5u : 4u, bare_cmdline);
	x86_sti();
	bare_main(bare_cmdline);
	bare_summary();
}
