/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.c - the mini guest: a kernel of its own tables, gates and modes that
 * speaks the guest ABI and nothing else.  ctl.h says what it is asked to do.
 */
#include <cvm/abi.h>

#include "bare.h"
#include "ctl.h"
#include "rows.h"
#include "x86.h"

#define ICR_SELF	0x40000u

typedef void (*passage_fn)(uint64_t priv);

void g_main(void);
void g_user_run(uint32_t icr, uint64_t rsp);
uint64_t g_bench(uint64_t entry, uint64_t priv, uint64_t count);

extern char g_user_back[];
extern uint64_t g_user_rsp, bare_fixup, bare_fault;

struct g_ctl g_ctl __attribute__((section(".data"))) = { 0 };

static struct rows_side side;
static volatile uint64_t events, events_tsc;
static uint8_t trap_stack[8192] __attribute__((aligned(16)));
static uint8_t pages[4][4096] __attribute__((aligned(4096)));
static struct rows_pages row_pages;

static struct cvm_shared *shared(void)
{
	return (struct cvm_shared *)g_ctl.shared_gva;
}

static void call(uint32_t hypercall)
{
	struct cvm_shared *s = shared();

	s->hypercall = hypercall;
	s->hypercalls++;
	((passage_fn)s->passage_entry)(s->passage_priv);
}

static void dead(uint64_t vector, uint64_t error, uint64_t rip)
{
	struct cvm_shared *s = shared();

	s->arg[0] = vector;
	s->arg[1] = error;
	s->arg[2] = rip;
	s->arg[3] = x86_cr2();
	for (;;)
		call(CVM_HC_FATAL);
}

/* ---- gates ----------------------------------------------------- */

/* An NMI may come anywhere, so the call record belongs to somebody else. */
static void forward_urgent(uint32_t hypercall, const struct bare_regs *regs)
{
	struct cvm_shared *s = shared();
	uint32_t old_hypercall = s->hypercall, old_vector = s->vector, i;
	int64_t old_ret;
	uint64_t arg[6];

	for (i = 0; i < 6; i++)
		arg[i] = s->arg[i];
	s->arg[0] = regs->cs;
	s->arg[1] = regs->rip;
	old_ret = s->ret;
	call(hypercall);
	s->ret = old_ret;
	for (i = 0; i < 6; i++)
		s->arg[i] = arg[i];
	s->vector = old_vector;
	s->hypercall = old_hypercall;
}

static void take_events(void)
{
	uint64_t bits = __atomic_exchange_n(&shared()->events, 0,
					    __ATOMIC_SEQ_CST);

	if (!bits)
		return;
	shared()->events_run++;
	events |= bits;
	events_tsc = x86_rdtsc();
}

static void forward_vector(uint32_t vector)
{
	struct cvm_shared *s = shared();

	s->vector_count[vector]++;
	s->forwarded++;
	s->vector = vector;
	call(CVM_HC_IRQ);
	take_events();
}

void bare_trap(struct bare_regs *regs)
{
	uint32_t vector = (uint32_t)regs->vector;

	if (vector == 2) {
		g_ctl.nmi++;
		shared()->nmi_seen++;
		forward_urgent(CVM_HC_NMI, regs);
		return;
	}
	if (vector == 18) {
		g_ctl.mce++;
		forward_urgent(CVM_HC_MCE, regs);
		return;
	}
	if (vector >= 31) {
		g_ctl.irqs++;
		if (regs->cs & 3)
			g_ctl.irqs_user++;
		forward_vector(vector);
		return;
	}
	if (vector == 6 && regs->cs & 3) {
		regs->rip = (uint64_t)g_user_back;
		regs->cs = BARE_CS;
		regs->ss = BARE_SS;
		regs->rsp = g_user_rsp;
		regs->rflags = 2;
		return;
	}
	if (bare_fixup) {
		regs->rip = bare_fixup;
		bare_fixup = 0;
		bare_fault = vector;
		return;
	}
	dead(vector, regs->error, regs->rip);
}

/* ---- state rows ------------------------------------------------ */

int rows_rdmsr(uint32_t msr, uint64_t *value)
{
	return bare_rdmsr_safe(msr, value);
}

int rows_wrmsr(uint32_t msr, uint64_t value)
{
	int ret = bare_wrmsr_safe(msr, value);

	shared()->msr_dirty = 1;
	return ret;
}

static int one_call(void *arg)
{
	call((uint32_t)(uint64_t)arg);
	return 0;
}

static uint64_t check_tlb(void)
{
	uint64_t bad = 0, i;

	for (i = 0; i < TLB_PAGES; i++) {
		uint64_t va = TLB_VA + i * 4096;

		if (*(volatile uint64_t *)va != 0x9e5e0000 + i)
			bad++;
		if (((uint64_t (*)(void))(va + 16))() != 0x9e5e)
			bad++;
	}
	return bad;
}

static void note_bad(uint64_t row, uint64_t want, uint64_t got)
{
	if (g_ctl.bad++)
		return;
	g_ctl.bad_at = g_ctl.done;
	g_ctl.bad_row = row;
	g_ctl.bad_want = want;
	g_ctl.bad_got = got;
}

static void mode_rows(void)
{
	static struct rows want, got;
	uint64_t a = 0, b = 0;
	uint32_t row;
	int ret;

	rows_init(&side, 1, g_ctl.seed, &row_pages, g_ctl.cr3);
	while (g_ctl.done < g_ctl.count) {
		rows_poison(&side, &want);
		if (rows_call(one_call, (void *)CVM_HC_YIELD, &ret))
			g_ctl.bad_gpr++;
		rows_read(&side, &got);
		row = rows_diff(&side, &want, &got, &a, &b);
		if (row != ROWS)
			note_bad(row, a, b);
		if (check_tlb())
			g_ctl.bad_tlb++;
		g_ctl.done++;
	}
	rows_calm(&side);
	g_ctl.moved[0] = side.moved[0];
	g_ctl.moved[1] = side.moved[1];
}

/* ---- calls, with variants that take the switch's less common ways  */

static void load_gdt(uint32_t page, uint16_t limit)
{
	struct x86_dtr d;
	uint64_t old_base;

	x86_sgdt(&d);
	old_base = d.base;
	memcpy(pages[page], (void *)old_base, 256);
	d.base = (uint64_t)pages[page];
	d.limit = limit;
	x86_lgdt(&d);
}

static void load_tr(uint16_t sel)
{
	struct x86_dtr d;

	x86_sgdt(&d);
	((uint8_t *)d.base)[sel + 5] = 0x89;
	__asm__ volatile("ltr %w0" : : "r"((uint32_t)sel) : "memory");
}

static void vary_tss(uint32_t v)
{
	static uint32_t turn;
	uint64_t *gdt;

	turn++;
	load_gdt(turn & 1, 0xff);
	gdt = (uint64_t *)pages[turn & 1];
	gdt[12] = gdt[8];		/* the TSS again, at 0x60, 0x80 */
	gdt[13] = gdt[9];
	gdt[16] = gdt[8];
	gdt[17] = gdt[9];
	if (v & G_VAR_TSS_HIGH)
		load_tr(0x80);
	else if (v & (G_VAR_TSS_NONE | G_VAR_TSS_TYPE))
		load_tr(0x60);
	else
		load_tr(turn & 2 ? 0x40 : 0x60);
	if (v & G_VAR_TSS_NONE)
		load_gdt(2 + (turn & 1), 0x5f);
	if (v & G_VAR_TSS_TYPE)
		gdt[12] = 0;
}

static void vary_msrs(uint32_t on)
{
	static const uint32_t msr[] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_SYSENTER_CS,
		MSR_SFMASK };
	static uint64_t n;
	uint32_t i;

	for (i = 0; on && i < sizeof(msr) / sizeof(msr[0]); i++)
		x86_wrmsr(msr[i], 0x1000 + (n++ & 0xff));
	if (!on)
		return;
	/* No host starts with such a PAT. */
	x86_wrmsr(MSR_PAT, 0x0007010600070106ull + ((n & 1) << 42));
	shared()->msr_dirty = 1;
}

static void load_segments(uint16_t sel)
{
	x86_set_ds(sel);
	x86_set_es(sel);
	x86_set_fs(sel);
	x86_set_gs(sel);
}

static void vary_segments(uint32_t v)
{
	load_segments(v & G_VAR_SEGS ? BARE_SS : 0);
	if (v & G_VAR_STALE_SEG) {
		bare_ldt[1] |= 1ull << 47;
		load_segments(0xf);
		bare_ldt[1] &= ~(1ull << 47);
	}
}

static void vary(uint32_t v)
{
	uint64_t cr4 = x86_cr4();
	static uint64_t n;

	if (v & G_VAR_DEBUG) {
		x86_set_dr0(0x1000 + (n++ & 0xff));
		x86_set_dr6(0xffff0ff0 | (n & 1));
	}
	x86_set_dr7(v & G_VAR_DEBUG_ON ? 0x402 : 0x400);
	vary_segments(v);
	vary_msrs(v & G_VAR_MSRS);
	if (v & (G_VAR_TSS | G_VAR_TSS_NONE | G_VAR_TSS_HIGH |
		 G_VAR_TSS_TYPE))
		vary_tss(v);
	if (v & G_VAR_TSS_SAME)
		load_tr(n++ & 1 ? 0x40 : 0x60);
	if (x86_cpuid(7, 0).b & 1)
		x86_set_cr4(v & G_VAR_NO_FSGS ? cr4 & ~X86_CR4_FSGSBASE :
						cr4 | X86_CR4_FSGSBASE);
	if (v & G_VAR_CR0)
		x86_set_cr0(x86_cr0() | X86_CR0_TS);
	else
		__asm__ volatile("clts");
}

static void mode_calls(void)
{
	/* count is not looked at: a driver stops it. */
	while (!g_ctl.stop) {
		vary(g_ctl.variant);
		call(g_ctl.hypercall);
		g_ctl.done++;
	}
}

/* ---- interrupts ------------------------------------------------ */

static void run_user(uint32_t icr)
{
	g_user_run(icr, G_USER_STACK + 0x1000);
}

static void spin_kernel(uint32_t icr)
{
	volatile uint32_t *apic = (volatile uint32_t *)G_APIC_GVA;
	uint32_t i;

	x86_sti();
	if (icr)
		apic[0x300 / 4] = icr;
	for (i = 0; i < 64; i++)
		__asm__ volatile("pause" : : : "memory");
	x86_cli();
}

static void mode_irq(void)
{
	for (;;) {
		call(CVM_HC_DOORBELL);
		if (g_ctl.stop)
			return;
		if (g_ctl.user)
			run_user(ICR_SELF | g_ctl.vector);
		else
			spin_kernel(ICR_SELF | g_ctl.vector);
		g_ctl.done++;
	}
}

static void mode_spin(void)
{
	uint32_t i;

	while (!g_ctl.stop) {
		for (i = 0; i < 8; i++)
			call(CVM_HC_NOOP);
		spin_kernel(0);
		run_user(0);
		call(CVM_HC_DOORBELL);
		g_ctl.done++;
	}
}

/* ---- events and time ---------------------------------------------- */

/* With IF = 1 until an event came or the time is up. */
static void work(uint64_t ticks)
{
	uint64_t end = x86_rdtsc() + ticks;

	x86_sti();
	while (!events && (int64_t)(end - x86_rdtsc()) > 0)
		__asm__ volatile("pause" : : : "memory");
	x86_cli();
}

static void note_event(uint32_t step, uint64_t due)
{
	g_ctl.got[step] = events;
	g_ctl.late[step] = events_tsc - due;
	events = 0;
	shared()->deadline_tsc = CVM_DEADLINE_NONE;
}

static uint64_t set_deadline(uint64_t ticks)
{
	return shared()->deadline_tsc = x86_rdtsc() + ticks;
}

static void mode_events(void)
{
	uint64_t ms = shared()->tsc_khz, due;

	due = set_deadline(2 * ms);
	call(CVM_HC_TIMER);
	work(200 * ms);
	note_event(G_EV_TIMER, due);

	due = set_deadline(2 * ms);
	call(CVM_HC_IDLE);
	take_events();
	note_event(G_EV_IDLE, due);

	due = set_deadline(2 * ms);
	call(CVM_HC_TIMER);
	call(CVM_HC_IDLE);
	take_events();
	note_event(G_EV_ARMED, due);

	call(CVM_HC_DOORBELL);		/* the harness raises an event */
	set_deadline(1000 * ms);
	due = x86_rdtsc();
	call(CVM_HC_IDLE);
	take_events();
	note_event(G_EV_PENDING, due);
	work(ms);			/* the window that was opened for it */
	events = 0;

	call(CVM_HC_DOORBELL);		/* and again */
	due = x86_rdtsc();
	work(200 * ms);
	note_event(G_EV_WINDOW, due);
}

/* ---- the others ------------------------------------------------ */

static void mode_xcr0(void)
{
	x86_xsetbv(g_ctl.xcr0);
	while (g_ctl.done < g_ctl.count) {
		call(CVM_HC_YIELD);
		if (x86_xgetbv(0) != g_ctl.xcr0)
			note_bad(ROW_xcr0, g_ctl.xcr0, x86_xgetbv(0));
		g_ctl.done++;
	}
}

static void mode_tlb(void)
{
	while (g_ctl.done < g_ctl.count) {
		g_ctl.bad_tlb += check_tlb();
		call(CVM_HC_YIELD);
		g_ctl.bad_tlb += check_tlb();
		g_ctl.done++;
	}
}

static void mode_bench(void)
{
	struct cvm_shared *s = shared();

	x86_wrmsr(MSR_LSTAR, 0xffffffff84001000);
	x86_wrmsr(MSR_CSTAR, 0xffffffff84002000);
	x86_wrmsr(MSR_SYSENTER_ESP, 0xffffffff84003000);
	x86_wrmsr(MSR_SYSENTER_EIP, 0xffffffff84004000);
	s->msr_dirty = 1;
	/* The first two: lists made anew, then used. */
	call(CVM_HC_YIELD);
	call(CVM_HC_DOORBELL);
	for (;;) {
		s->hypercall = g_ctl.hypercall;
		g_ctl.tsc = g_bench(s->passage_entry, s->passage_priv,
				    g_ctl.count);
		call(CVM_HC_DOORBELL);
		if (g_ctl.stop)
			return;
	}
}

/* Before any IDT of its own: real faults where they are easy to have. */
static void fault(uint32_t vector)
{
	switch (vector) {
	case 6:
		__asm__ volatile("ud2");
		break;
	case 13:
		*(volatile uint64_t *)0x8000000000000000 = 0;
		break;
	case 14:
		*(volatile uint64_t *)0x123456789000 = 0;
		break;
	default:
		bare_int(vector);
	}
}

static void early_modes(void)
{
	if (g_ctl.mode == G_MODE_FAULT)
		fault(g_ctl.vector);
	while (g_ctl.mode == G_MODE_EARLY && g_ctl.done < g_ctl.count) {
		call(CVM_HC_YIELD);
		g_ctl.done++;
	}
}

/* What this CPU can, but as the host has it where the ABI says so. */
static void enable_features(void)
{
	uint64_t found = x86_cr4(), keep = shared()->cr4_keep;

	bare_features_enable();
	x86_set_cr4((x86_cr4() & ~keep) | (found & keep));
}

void g_main(void)
{
	early_modes();
	bare_tables_load((uint64_t)trap_stack + sizeof(trap_stack));
	enable_features();
	if (g_ctl.pcid)
		bare_pcid_enable();
	if (g_ctl.ibt)
		bare_ibt_enable();
	switch (g_ctl.mode) {
	case G_MODE_ROWS:
		mode_rows();
		break;
	case G_MODE_CALLS:
		mode_calls();
		break;
	case G_MODE_IRQ:
		mode_irq();
		break;
	case G_MODE_SPIN:
		mode_spin();
		break;
	case G_MODE_XCR0:
		mode_xcr0();
		break;
	case G_MODE_EVENTS:
		mode_events();
		break;
	case G_MODE_TLB:
		mode_tlb();
		break;
	case G_MODE_BENCH:
		mode_bench();
		break;
	default:
		break;
	}
	for (;;)
		call(CVM_HC_POWEROFF);
}
