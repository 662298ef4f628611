/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ke.c - threads, IRQL, interrupts, DPCs, timers, waits.
 *
 * IRQL is CR8, and software interrupts are self-IPIs: 0x1F (APC) and 0x2F
 * (DPC, rescheduling).  A thread may be switched away inside vector 0x2F,
 * also when that was entered by an `int` instruction with IF=0.
 */
#include "bed.h"
#include "ke.h"
#include "x86.h"

#define VECTOR_APC	0x1f
#define VECTOR_DISPATCH	0x2f
#define VECTOR_DEVICE	0x80
#define VECTOR_CLOCK	BARE_VEC_TIMER
#define DEFAULT_TICK	156250	/* 100 ns */

struct bed_thread bed_threads[BED_THREADS];
struct bed_thread *bed_current = &bed_threads[0];
struct bed_process bed_system;
uint64_t bed_ticks, bed_apcs, bed_dispatches, bed_device_irqs, bed_nmis,
	bed_switches, bed_preemptions, bed_resolution = DEFAULT_TICK;
void (*bed_tick_hook)(void);

static uint64_t time_now;	/* at the last tick */
static uint64_t time_offset;	/* system time minus interrupt time */
static struct nt_list dpc_queue = { &dpc_queue, &dpc_queue };
static struct nt_list timer_queue = { &timer_queue, &timer_queue };
static int idle_now, want_switch;
static uint8_t user_shared[4096] __attribute__((aligned(4096)));

void bed_switch(uint64_t *from, uint64_t to);
void bed_thread_entry(void);
void bed_thread_main(void);

uint64_t bed_lock(void)
{
	uint64_t flags = x86_rflags();

	x86_cli();
	return flags;
}

void bed_unlock(uint64_t flags)
{
	if (flags & 0x200)
		x86_sti();
}

static void list_remove(struct nt_list *at)
{
	at->prev->next = at->next;
	at->next->prev = at->prev;
}

static void list_append(struct nt_list *head, struct nt_list *at)
{
	at->next = head;
	at->prev = head->prev;
	head->prev->next = at;
	head->prev = at;
}

int bed_enables;

void bed_bugcheck(uint32_t code, uint64_t a, uint64_t b, uint64_t c,
		  uint64_t d)
{
	static int again;

	x86_cli();
	bare_printf("bug check %x (%llx, %llx, %llx, %llx)\n", code,
		    (unsigned long long)a, (unsigned long long)b,
		    (unsigned long long)c, (unsigned long long)d);
	if (!again++)
		bed_bugcheck_callbacks();
	bare_panic("bug check %x", code);
}

/* ---- the clock ------------------------------------------------------- */

uint64_t bed_time(void)
{
	return time_now;
}

uint64_t bed_system_time(void)
{
	return bare_mono_ns() / 100 + time_offset;
}

/* KSYSTEM_TIME: low, high, high again. */
static void publish(uint32_t at, uint64_t time)
{
	volatile uint32_t *p = (volatile uint32_t *)(user_shared + at);

	p[2] = (uint32_t)(time >> 32);
	p[0] = (uint32_t)time;
	p[1] = (uint32_t)(time >> 32);
}

static void clock_set(void)
{
	bare_timer_set(bare_mono_ns() + bed_resolution * 100);
}

static void clock_interrupt(void)
{
	time_now = bare_mono_ns() / 100;
	publish(0x08, time_now);
	publish(0x14, time_now + time_offset);
	bed_ticks++;
	clock_set();
	if (bed_tick_hook)
		bed_tick_hook();
	want_switch = 1;
	bare_self_ipi(VECTOR_DISPATCH);
}

/* ---- DPCs and timers ------------------------------------------------- */

int bed_dpc_queue(struct nt_dpc *dpc, void *arg1, void *arg2)
{
	uint64_t flags = bed_lock();

	if (dpc->queued) {
		bed_unlock(flags);
		return 0;
	}
	dpc->queued = &dpc_queue;
	dpc->arg1 = arg1;
	dpc->arg2 = arg2;
	list_append(&dpc_queue, &dpc->link);
	bed_take(BED_COUNT_dpcs, 1);
	bare_self_ipi(VECTOR_DISPATCH);
	bed_unlock(flags);
	return 1;
}

int bed_dpcs_queued(void)
{
	return dpc_queue.next != &dpc_queue;
}

static struct nt_timer *timer_of(struct nt_list *link)
{
	return (void *)((char *)link - offsetof(struct nt_timer, link));
}

int bed_timer_cancel(struct nt_timer *t)
{
	uint64_t flags = bed_lock();
	int was = t->header.b3;

	if (was) {
		list_remove(&t->link);
		t->header.b3 = 0;
		bed_give(BED_COUNT_timers, 1);
	}
	bed_unlock(flags);
	return was;
}

int bed_timer_set(struct nt_timer *t, int64_t due, uint32_t period_ms,
		  struct nt_dpc *dpc)
{
	uint64_t flags = bed_lock();
	int was = bed_timer_cancel(t);

	t->due = due < 0 ? time_now + (uint64_t)-due :
			   (uint64_t)due - time_offset;
	t->period = period_ms;
	t->dpc = dpc;
	t->header.signal = 0;
	t->header.b3 = 1;
	list_append(&timer_queue, &t->link);
	bed_take(BED_COUNT_timers, 1);
	bed_unlock(flags);
	return was;
}

static void expire_timers(void)
{
	struct nt_list *at = timer_queue.next, *next;

	for (; at != &timer_queue; at = next) {
		struct nt_timer *t = timer_of(at);

		next = at->next;
		if (t->due > time_now)
			continue;
		bed_timer_cancel(t);
		t->header.signal = 1;
		if (t->period)
			bed_timer_set(t, -(int64_t)t->period * 10000,
				      t->period, t->dpc);
		if (t->dpc)
			bed_dpc_queue(t->dpc, NULL, NULL);
	}
}

/* At DISPATCH_LEVEL, interrupts off on entry and on return. */
static void run_dpcs(void)
{
	while (bed_dpcs_queued()) {
		struct nt_list *at = dpc_queue.next;
		struct nt_dpc *dpc = (void *)((char *)at -
					      offsetof(struct nt_dpc, link));
		void *arg1 = dpc->arg1, *arg2 = dpc->arg2;

		list_remove(at);
		dpc->queued = NULL;
		bed_give(BED_COUNT_dpcs, 1);
		x86_sti();
		dpc->routine(dpc, dpc->context, arg1, arg2);
		x86_cli();
		bed_watch("the end of a DPC", DISPATCH_LEVEL);
		if (x86_cr8() != DISPATCH_LEVEL)
			bare_panic("a DPC left IRQL %llu",
				   (unsigned long long)x86_cr8());
	}
}

/* ---- threads --------------------------------------------------------- */

static int signalled(const struct nt_header *h)
{
	if (h->type == NT_MUTANT)
		return h->signal > 0 || ((const struct nt_mutant *)h)->owner ==
			bed_current;
	return h->signal > 0;
}

/*
 * A wait for user mode ends with its thread, and if it is alertable with an
 * APC: so have Windows' waits, where the end of a thread is an APC that counts
 * as pending at once.
 */
static int ends_early(const struct bed_thread *t)
{
	return (t->ends == BED_ALERTS && t->alerted) ||
	       (t->ends != BED_NOTHING && t->terminating);
}

static int runnable(const struct bed_thread *t)
{
	if (t->state == BED_READY)
		return 1;
	if (t->state != BED_WAITING)
		return 0;
	return (t->waits && t->waits->signal > 0) || t->until <= time_now ||
	       ends_early(t);
}

static struct bed_thread *next_thread(void)
{
	uint32_t i, at = (uint32_t)(bed_current - bed_threads);

	for (i = 1; i <= BED_THREADS; i++) {
		struct bed_thread *t = &bed_threads[(at + i) % BED_THREADS];

		if (runnable(t))
			return t;
	}
	return NULL;
}

static void set_current(struct bed_thread *t)
{
	bed_current = t;
	*(uint64_t *)(bed_kpcr() + 0x188) = (uint64_t)t;
	if (x86_cr3() != t->attached->cr3)
		x86_set_cr3(t->attached->cr3);
}

/* Interrupts off, DISPATCH_LEVEL. */
static void switch_to(struct bed_thread *t)
{
	struct bed_thread *from = bed_current;

	if (t == from)
		return;
	bed_switches++;
	set_current(t);
	bed_switch(&from->rsp, t->rsp);
	x86_set_ss(bed_current->ss);
}

static void idle(void)
{
	idle_now = 1;
	x86_set_cr8(PASSIVE_LEVEL);
	x86_sti_hlt();
	x86_cli();
	x86_set_cr8(DISPATCH_LEVEL);
	idle_now = 0;
}

static void block(void)
{
	struct bed_thread *t = next_thread();

	if (t)
		switch_to(t);
	else
		idle();
}

void bed_thread_main(void)
{
	struct bed_thread *t = bed_current;

	x86_set_ss(t->ss);
	x86_set_cr8(PASSIVE_LEVEL);
	x86_sti();
	t->fn(t->arg);
	x86_cli();
	x86_set_cr8(DISPATCH_LEVEL);
	t->state = BED_DONE;
	for (;;)
		block();
}

struct bed_thread *bed_thread_start(struct bed_process *process,
				    void (*fn)(void *arg), void *arg)
{
	static uint32_t ids;
	struct bed_thread *t;
	uint64_t hpa, *top, flags = bed_lock();

	for (t = bed_threads; t->state != BED_FREE; t++)
		if (t == &bed_threads[BED_THREADS - 1])
			bare_panic("no room for a thread");
	memset(t, 0, sizeof(*t));
	hpa = bare_pages_alloc(BED_STACK_BYTES / 4096, 4096, 0);
	t->stack = bare_hva(hpa);
	top = (uint64_t *)(t->stack + BED_STACK_BYTES) - 8;
	top[6] = (uint64_t)bed_thread_entry;
	t->rsp = (uint64_t)top;
	t->process = t->attached = process;
	t->fn = fn;
	t->arg = arg;
	t->id = ++ids * 4;
	t->ss = BED_SS;
	t->state = BED_READY;
	if (process != &bed_system)
		bed_take(BED_COUNT_threads, 1);
	bed_unlock(flags);
	return t;
}

void bed_thread_join(struct bed_thread *t)
{
	uint64_t flags;

	while (*(volatile uint32_t *)&t->state != BED_DONE)
		bed_sleep_ms(1);
	flags = bed_lock();
	bare_pages_free(bare_hpa(t->stack), BED_STACK_BYTES / 4096);
	t->state = BED_FREE;
	if (t->process != &bed_system)
		bed_give(BED_COUNT_threads, 1);
	bed_unlock(flags);
}

void bed_thread_alert(struct bed_thread *t)
{
	t->alerted = 1;
	want_switch = 1;
	bare_self_ipi(VECTOR_DISPATCH);
}

void bed_woken(void)
{
	want_switch = 1;
	bare_self_ipi(VECTOR_DISPATCH);
}

static void consume(struct nt_header *h)
{
	struct nt_mutant *m = (struct nt_mutant *)h;

	if (h->type == NT_EVENT_SYNC || h->type == NT_TIMER_SYNC)
		h->signal = 0;
	if (h->type != NT_MUTANT)
		return;
	h->signal--;
	m->owner = bed_current;
}

/* until: in units of bed_time(), 0 only looks. */
uint32_t bed_wait(struct nt_header *h, uint64_t until, enum bed_ends ends)
{
	struct bed_thread *t = bed_current;
	uint64_t flags = bed_lock(), irql = x86_cr8();
	uint32_t status;

	x86_set_cr8(DISPATCH_LEVEL);
	t->ends = ends;
	for (;;) {
		if (h && signalled(h)) {
			consume(h);
			status = STATUS_SUCCESS;
			break;
		}
		if (ends_early(t)) {
			t->alerted = t->terminating;
			status = STATUS_USER_APC;
			break;
		}
		if (until <= time_now) {
			status = h ? STATUS_TIMEOUT : STATUS_SUCCESS;
			break;
		}
		t->waits = h;
		t->until = until;
		t->state = BED_WAITING;
		block();
		t->state = BED_READY;
	}
	x86_set_cr8(irql);
	bed_unlock(flags);
	return status;
}

void bed_sleep_ms(uint32_t ms)
{
	bed_wait(NULL, time_now + ms * 10000ull, BED_NOTHING);
}

void bed_attach(struct bed_process *p)
{
	uint64_t flags = bed_lock();

	bed_current->attached = p;
	x86_set_cr3(p->cr3);
	bed_unlock(flags);
}

/* ---- interrupts ------------------------------------------------------ */

static void dispatch_interrupt(void)
{
	struct bed_thread *t;

	bed_dispatches++;
	expire_timers();
	run_dpcs();
	if (idle_now || !want_switch)
		return;
	want_switch = 0;
	t = next_thread();
	if (!t || t == bed_current)
		return;
	bed_preemptions++;
	switch_to(t);
}

static int on_trap(struct bare_regs *regs)
{
	uint32_t vector = (uint32_t)regs->vector;
	uint64_t irql = x86_cr8();

	if (vector == 2) {
		bed_nmis++;
		bed_watch("an NMI", NMI_LEVEL);
		bed_watch_nmis();
		return 1;
	}
	if (vector < 31)
		return 0;
	bed_watch("an interrupt", HIGH_LEVEL);
	if (regs->rflags & 0x200 && vector >> 4 <= irql)
		bare_panic("vector %x came at IRQL %llu", vector,
			   (unsigned long long)irql);
	x86_set_cr8(vector >> 4);
	bare_eoi(vector);
	if (vector == VECTOR_CLOCK)
		clock_interrupt();
	else if (vector == VECTOR_DISPATCH)
		dispatch_interrupt();
	else if (vector == VECTOR_APC)
		bed_apcs++;
	else if (vector == VECTOR_DEVICE)
		bed_device_irqs++;
	x86_cli();
	x86_set_cr8(irql);
	/* (Where somebody hooked the gate, for instance.) */
	if (bed_enables)
		regs->rflags |= 0x200;
	return 1;
}

/* The bare host's own way for interrupts: unused. */
void bare_host_irq(uint32_t vector)
{
	bare_panic("stray vector %x", vector);
}

void bed_ke_init(void)
{
	bed_threads[0].state = BED_READY;
	bed_threads[0].ss = BED_SS;
	bed_threads[0].process = bed_threads[0].attached = &bed_system;
	bed_system.cr3 = x86_cr3();
	bed_system.pid = 4;
	bed_system.references = 1;
	bed_system.used = 1;
	set_current(&bed_threads[0]);
	time_offset = 116444736000000000ull +
		      bare_wall_seconds() * 10000000ull;
	bare_map_global(0xfffff78000000000ull, bare_hpa(user_shared));
	bare_trap_hook = on_trap;
	x86_cli();
	clock_interrupt();
	x86_sti();
}
