// SPDX-License-Identifier: GPL-2.0-only
/*
 * conformance.c - the contracts of <cvm/host.h>, one test each.
 *
 * vCPU 0 of host_vm is used throughout.  Waits have a limit, so that a broken
 * host fails instead of hanging.
 */
#include <cvm/abi.h>
#include <cvm/error.h>

#include "conformance.h"

#define MS		1000000ull
#define PAGE		((uint64_t)CVM_PAGE_SIZE)
#define MIB		(1024ull * 1024ull)
/* Longest lateness that still counts as "on time" on a busy machine. */
#define LATE_NS		(1500 * MS)

static void verdict(struct cvm_conformance *c, int result, const char *test,
		    const char *why)
{
	if (result == CVM_CONF_FAIL)
		c->failed++;
	c->report(c->arg, result, test, why);
}

/* First failed condition ends a test function with its text. */
#define EXPECT(cond, why) do { \
	if (!(cond)) \
		return why; \
} while (0)

static uint64_t now_ns(struct cvm_conformance *c)
{
	struct cvm_host_time t;

	c->ops->time(c->ctx, &t);
	return t.mono_ns;
}

static int irqs_off(void)
{
#if defined(__x86_64__)
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return !(flags & (1u << 9));
#else
	return 1;
#endif
}

#if defined(__x86_64__)
static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(0));
}
#endif

/*
 * The initial APIC id: differs between CPUs and never changes.  All its 32
 * bits where the CPU tells them, for the older leaf has the low 8 only.
 */
static uint32_t cpu_id(void)
{
	uint32_t r[4] = { 0 };

#if defined(__x86_64__)
	cpuid(0, r);
	if (r[0] >= 0xb) {
		cpuid(0xb, r);
		if (r[1])
			return r[3];
	}
	cpuid(1, r);
#endif
	return r[1] >> 24;
}

static int is_zero(const void *mem, uint64_t bytes)
{
	const uint64_t *word = mem;
	uint64_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		if (word[i])
			return 0;
	return 1;
}

static void scribble(void *mem, uint64_t bytes)
{
	volatile uint64_t *word = mem;
	uint64_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		word[i] = 0xa5a5a5a5a5a5a5a5ull;
}

/* ---- the table ------------------------------------------------------- */

static const char *test_table(struct cvm_conformance *c)
{
	const struct cvm_host_ops *o = c->ops;

	EXPECT(o->api == CVM_HOST_API, "other API version");
	EXPECT(o->size == sizeof(*o), "other table size");
	EXPECT(o->kind <= CVM_HOST_FAKE, "a kind of host that has no number");
	EXPECT(o->mem_alloc && o->mem_free && o->page_alloc && o->page_free,
	       "a memory member is missing");
	EXPECT(o->hva_to_hpa && o->cpu_call && o->irq_forward &&
	       o->machine_check && o->irq_self,
	       "a CPU member is missing");
	EXPECT(o->wait && o->wake && o->timer && o->time && o->poll,
	       "a time member is missing");
	EXPECT(o->log && o->fatal, "log or fatal is missing");
	EXPECT(!o->notifiers ||
	       (o->notifiers->get && o->notifiers->put &&
		o->notifiers->signal && o->notifiers->watch &&
		o->notifiers->unwatch), "a notifier member is missing");
	return 0;
}

/* ---- memory ---------------------------------------------------------- */

static const char *page_round(struct cvm_conformance *c, uint32_t pages)
{
	uint8_t *p = c->ops->page_alloc(c->ctx, pages);
	uint64_t hpa;
	const char *why = 0;
	uint32_t i;

	EXPECT(p, "no memory");
	hpa = c->ops->hva_to_hpa(c->ctx, p);
	if ((uintptr_t)p % PAGE || hpa % PAGE || !hpa)
		why = "not aligned to a page";
	if (!is_zero(p, pages * PAGE))
		why = "not zeroed";
	for (i = 0; i < pages; i++)
		if (c->ops->hva_to_hpa(c->ctx, p + i * PAGE + 8) !=
		    hpa + i * PAGE + 8)
			why = "not contiguous";
	scribble(p, pages * PAGE);
	c->ops->page_free(c->ctx, p, pages);
	return why;
}

static const char *test_pages(struct cvm_conformance *c)
{
	static const uint32_t sizes[] = { 1, 1, 2, 3, 5, 16, 16, 1 };
	const char *why;
	uint32_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		why = page_round(c, sizes[i]);
		EXPECT(!why, why);
	}
	return 0;
}

static const char *test_page_balance(struct cvm_conformance *c)
{
	uint64_t before = c->pages_out(c->arg);
	void *p[16];
	uint32_t i, got = 0;
	const char *why = 0;

	for (i = 0; i < 16; i++) {
		p[i] = c->ops->page_alloc(c->ctx, i + 1);
		if (!p[i])
			why = "no memory";
		else
			got += i + 1;
	}
	if (!why && c->pages_out(c->arg) != before + got)
		why = "pages taken are not counted";
	for (i = 0; i < 16; i++)
		if (p[i])
			c->ops->page_free(c->ctx, p[i], i + 1);
	EXPECT(!why, why);
	EXPECT(c->pages_out(c->arg) == before, "pages were not given back");
	return 0;
}

static const char *chunk_zero(struct cvm_conformance *c, uint64_t hpa,
			      uint64_t bytes)
{
	uint64_t off;

	if (!c->view)
		return 0;
	for (off = 0; off < bytes; off += PAGE) {
		const void *p = c->view(c->arg, hpa + off);

		EXPECT(p, "a page cannot be read");
		EXPECT(is_zero(p, PAGE), "not zeroed");
		/* The next owner must not see this. */
		if (off % (16 * PAGE) == 0)
			scribble((void *)(uintptr_t)p, PAGE);
	}
	return 0;
}

static const char *chunk_round(struct cvm_conformance *c, uint64_t bytes,
			       uint64_t align, int must)
{
	uint64_t before = c->pages_out(c->arg);
	uint64_t hpa = 1;
	void *chunk = 0;
	const char *why;
	int err;

	err = c->ops->mem_alloc(c->ctx, c->host_vm, bytes, align, &hpa,
				&chunk);
	if (err) {
		EXPECT(err == -CVM_ENOMEM, "fails with another error");
		EXPECT(c->pages_out(c->arg) == before, "leaks when it fails");
		EXPECT(!must, "no memory");
		return 0;
	}
	why = chunk_zero(c, hpa, bytes);
	if (hpa & (align - 1))
		why = "not aligned as asked";
	else if (c->pages_out(c->arg) != before + bytes / PAGE)
		why = "pages taken are not counted";
	c->ops->mem_free(c->ctx, c->host_vm, chunk);
	EXPECT(!why, why);
	EXPECT(c->pages_out(c->arg) == before, "pages were not given back");
	return 0;
}

static const char *test_chunks(struct cvm_conformance *c)
{
	const char *why;

	if ((why = chunk_round(c, PAGE, PAGE, 1)) ||
	    (why = chunk_round(c, 3 * PAGE, PAGE, 1)) ||
	    (why = chunk_round(c, 2 * MIB, 2 * MIB, 0)) ||
	    (why = chunk_round(c, 2 * MIB, 2 * MIB, 0)) ||
	    (why = chunk_round(c, 4 * MIB, 2 * MIB, 0)) ||
	    (why = chunk_round(c, 6 * MIB, 2 * MIB, 0)) ||
	    (why = chunk_round(c, 32 * MIB, 2 * MIB, 0)))
		return why;
	return 0;
}

static const char *test_too_much(struct cvm_conformance *c)
{
	uint64_t hpa;
	void *chunk;
	uint64_t before = c->pages_out(c->arg);
	int err = c->ops->mem_alloc(c->ctx, c->host_vm, 1ull << 45, 2 * MIB,
				    &hpa, &chunk);

	EXPECT(err == -CVM_ENOMEM, "32 TiB are not refused with ENOMEM");
	EXPECT(c->pages_out(c->arg) == before, "leaks");
	return 0;
}

static const char *test_code_hpa(struct cvm_conformance *c)
{
	const uint8_t *code = (const uint8_t *)(uintptr_t)&cvm_conformance;
	uint64_t hpa = c->ops->hva_to_hpa(c->ctx, code);
	const uint8_t *p;
	uint32_t i;

	EXPECT(hpa % PAGE == (uintptr_t)code % PAGE, "other page offset");
	EXPECT(hpa, "no address");
	if (!(c->flags & CVM_CONF_RING0) || !c->view)
		return 0;
	p = c->view(c->arg, hpa & ~(PAGE - 1));
	EXPECT(p, "the page cannot be read");
	for (i = hpa % PAGE; i < PAGE && i < hpa % PAGE + 64; i++)
		EXPECT(p[i] == code[i - hpa % PAGE], "other bytes there");
	return 0;
}

/* ---- CPUs ------------------------------------------------------------ */

struct call {
	struct cvm_conformance *c;
	uint32_t id;
	uint32_t ran;
	int irqoff;
	int wakes;
	uint64_t deadline;
};

static int on_cpu(void *arg)
{
	struct call *call = arg;
	int i;

	call->id = cpu_id();
	call->irqoff = irqs_off();
	call->ran++;
	for (i = 0; i < call->wakes; i++)
		call->c->ops->wake(call->c->ctx, call->c->host_vm, 0);
	if (call->deadline)
		call->c->ops->timer(call->c->ctx, call->c->host_vm, 0,
				    call->deadline);
	return -1234;
}

static const char *test_cpu_call(struct cvm_conformance *c)
{
	uint32_t cpu, first = 0, prev = 0;

	for (cpu = 0; cpu < c->cpus; cpu++) {
		struct call a = { .c = c }, b = { .c = c };

		EXPECT(c->ops->cpu_call(c->ctx, 0, -1, (int)cpu, on_cpu, &a)
		       == -1234, "the result is lost");
		EXPECT(a.ran == 1, "did not run exactly once");
		if (!(c->flags & CVM_CONF_RING0))
			continue;
		EXPECT(a.irqoff, "ran with interrupts enabled");
		c->ops->cpu_call(c->ctx, 0, -1, (int)cpu, on_cpu, &b);
		EXPECT(a.id == b.id, "landed on two CPUs under one number");
		if (cpu == 0)
			first = a.id;
		else
			EXPECT(a.id != prev && a.id != first,
			       "two numbers are one CPU");
		prev = a.id;
	}
	return 0;
}

static const char *test_cpu_beyond(struct cvm_conformance *c)
{
	struct call a = { .c = c };

	EXPECT(c->ops->cpu_call(c->ctx, 0, -1, (int)c->cpus + 4096, on_cpu,
				&a) == -CVM_ENOENT,
	       "a CPU that does not exist is not refused with ENOENT");
	EXPECT(!a.ran, "ran for a CPU that does not exist");
	return 0;
}

static const char *test_slice(struct cvm_conformance *c)
{
	struct call a = { .c = c };
	int ring0 = c->flags & CVM_CONF_RING0;

	EXPECT(c->ops->cpu_call(c->ctx, 0, -1, CVM_CPU_CURRENT, on_cpu, &a)
	       == -1234 && a.ran == 1, "without a vCPU");
	EXPECT(!ring0 || a.irqoff, "interrupts enabled without a vCPU");
	EXPECT(c->ops->cpu_call(c->ctx, c->host_vm, 0, CVM_CPU_CURRENT,
				on_cpu, &a) == -1234 && a.ran == 2,
	       "with a vCPU");
	EXPECT(!ring0 || a.irqoff, "interrupts enabled with a vCPU");
	EXPECT(!ring0 || !irqs_off(), "interrupts stay off");
	return 0;
}

/* ---- interrupts ------------------------------------------------------ */

#define SETTLE_TICKS	1000000u	/* for an interrupt not held back */
#define ROUNDS		20

struct irq {
	struct cvm_conformance *c;
	uint32_t forward;	/* vector for irq_forward(), or 0 */
	uint64_t before;	/* self_taken() before, and in the slice */
	uint64_t during;
	int irqoff;
};

static void settle(void)
{
#if defined(__x86_64__)
	uint64_t start = __builtin_ia32_rdtsc();

	while (__builtin_ia32_rdtsc() - start < SETTLE_TICKS)
		__asm__ volatile("pause");
#endif
}

static int irq_in_slice(void *arg)
{
	struct irq *irq = arg;
	struct cvm_conformance *c = irq->c;

	if (irq->forward == 2) {
		c->ops->irq_forward(c->ctx, 2);
	} else {
		irq->before = c->self_taken(c->arg);
		c->ops->irq_self(c->ctx);
		if (irq->forward)
			c->ops->irq_forward(c->ctx, irq->forward);
		else
			c->ops->irq_self(c->ctx);
		settle();
		irq->during = c->self_taken(c->arg);
	}
	irq->irqoff = irqs_off();
	return 0;
}

/* Run it, and give what pends the time to arrive. */
static void irq_round(struct irq *irq)
{
	struct cvm_conformance *c = irq->c;

	c->ops->cpu_call(c->ctx, c->host_vm, 0, CVM_CPU_CURRENT, irq_in_slice,
			 irq);
	settle();
}

static const char *skip(struct cvm_conformance *c, const char *why)
{
	c->skip = 1;
	return why;
}

static const char *test_irq_self(struct cvm_conformance *c)
{
	uint64_t got;
	int i;

	if (!(c->flags & CVM_CONF_RING0) || !c->self_taken)
		return skip(c, "nobody counts its interrupts");
	for (i = 0; i < ROUNDS; i++) {
		struct irq irq = { .c = c };

		irq_round(&irq);
		got = c->self_taken(c->arg) - irq.before;
		EXPECT(irq.irqoff, "interrupts enabled in the slice");
		EXPECT(irq.during == irq.before, "did not wait for IF=1");
		EXPECT(got, "did not come");
		EXPECT(got == 1, "two of them did not merge");
	}
	return 0;
}

static const char *test_irq_forward(struct cvm_conformance *c)
{
	int i;

	if (!(c->flags & CVM_CONF_RING0) || !c->self_taken || !c->self_vector)
		return skip(c, "no vector to try it with");
	for (i = 0; i < ROUNDS; i++) {
		struct irq irq = { .c = c, .forward = c->self_vector };

		irq_round(&irq);
		EXPECT(irq.during != irq.before, "the handler did not run");
		EXPECT(irq.irqoff, "came back with interrupts enabled");
	}
	return 0;
}

static const char *test_irq_nmi(struct cvm_conformance *c)
{
	struct irq irq = { .c = c, .forward = 2 };
	int got;

	if (!(c->flags & CVM_CONF_RING0) || !c->nmis || c->nmis(c->arg, 1) < 0)
		return skip(c, "nobody counts NMIs");
	irq_round(&irq);
	got = c->nmis(c->arg, 0);
	EXPECT(got == 1, "not exactly one NMI came");
	return 0;
}

/* ---- time, wait, wake ------------------------------------------------ */

static int wait_ms(struct cvm_conformance *c, uint64_t ms)
{
	return c->ops->wait(c->ctx, c->host_vm, 0, now_ns(c) + ms * MS);
}

static const char *test_time(struct cvm_conformance *c)
{
	struct cvm_host_time a, b;
	uint64_t ns, ticks, expect;
	int i;

	c->ops->time(c->ctx, &a);
	EXPECT(a.tsc_khz, "no TSC frequency");
	EXPECT(a.wall_ns > 1600000000ull * 1000 * MS, "wall clock before 2020");
	for (i = 0; i < 1000; i++) {
		c->ops->time(c->ctx, &b);
		EXPECT(b.mono_ns >= a.mono_ns, "the clock went back");
		EXPECT(b.tsc >= a.tsc, "the TSC went back");
		EXPECT(b.tsc_khz == a.tsc_khz, "the frequency changed");
		a = b;
	}
	c->ops->time(c->ctx, &a);
	wait_ms(c, 200);
	c->ops->time(c->ctx, &b);
	ns = b.mono_ns - a.mono_ns;
	ticks = b.tsc - a.tsc;
	expect = ns / 1000 * a.tsc_khz / 1000;
	EXPECT(ticks > expect - expect / 20 && ticks < expect + expect / 20,
	       "TSC and clock disagree by more than 5 %");
	return 0;
}

static const char *test_wait_deadline(struct cvm_conformance *c)
{
	uint64_t t0, ns;

	wait_ms(c, 0);	/* an old wake must not count */
	t0 = now_ns(c);
	EXPECT(c->ops->wait(c->ctx, c->host_vm, 0, t0 + 5 * MS) == 0,
	       "a wait that ends by its deadline is no error");
	ns = now_ns(c) - t0;
	EXPECT(ns >= 5 * MS, "returned before the deadline");
	EXPECT(ns < LATE_NS, "returned much too late");
	t0 = now_ns(c);
	c->ops->wait(c->ctx, c->host_vm, 0, t0 - MS);
	c->ops->wait(c->ctx, c->host_vm, 0, 0);
	EXPECT(now_ns(c) - t0 < LATE_NS, "a passed deadline sleeps");
	return 0;
}

static const char *test_wake_first(struct cvm_conformance *c)
{
	uint64_t t0;

	wait_ms(c, 0);
	c->ops->wake(c->ctx, c->host_vm, 0);
	t0 = now_ns(c);
	EXPECT(c->ops->wait(c->ctx, c->host_vm, 0, t0 + 4 * LATE_NS) == 0,
	       "wait failed");
	EXPECT(now_ns(c) - t0 < LATE_NS, "a wake before the wait was lost");
	t0 = now_ns(c);
	wait_ms(c, 5);
	EXPECT(now_ns(c) - t0 >= 5 * MS, "one wake ended two waits");
	return 0;
}

static const char *test_wake_irq(struct cvm_conformance *c)
{
	uint32_t cpu;
	uint64_t t0;

	for (cpu = 0; cpu < c->cpus; cpu++) {
		struct call a = { .c = c, .wakes = 2 };

		wait_ms(c, 0);
		c->ops->cpu_call(c->ctx, 0, -1, (int)cpu, on_cpu, &a);
		t0 = now_ns(c);
		c->ops->wait(c->ctx, c->host_vm, 0, t0 + 4 * LATE_NS);
		EXPECT(now_ns(c) - t0 < LATE_NS,
		       "a wake from an interrupt was lost");
		t0 = now_ns(c);
		wait_ms(c, 5);
		EXPECT(now_ns(c) - t0 >= 5 * MS,
		       "two wakes before a wait count twice");
	}
	return 0;
}

/* ---- timer ----------------------------------------------------------- */

void cvm_conformance_fired(struct cvm_conformance *c, uint32_t vcpu)
{
	if (!irqs_off())
		c->fired_irqon++;
	__atomic_fetch_add(&c->fired, 1, __ATOMIC_SEQ_CST);
	c->ops->wake(c->ctx, c->host_vm, vcpu);
}

static const char *timer_round(struct cvm_conformance *c, int slice,
			       uint64_t delay_ns)
{
	struct call a = { .c = c };
	uint64_t t0, ns;

	wait_ms(c, 0);
	c->fired = 0;
	t0 = now_ns(c);
	if (slice) {
		a.deadline = t0 + delay_ns;
		c->ops->cpu_call(c->ctx, c->host_vm, 0, CVM_CPU_CURRENT,
				 on_cpu, &a);
	} else {
		c->ops->timer(c->ctx, c->host_vm, 0, t0 + delay_ns);
	}
	c->ops->wait(c->ctx, c->host_vm, 0, t0 + delay_ns + 4 * LATE_NS);
	ns = now_ns(c) - t0;
	EXPECT(c->fired, "did not fire, or did not end the wait");
	EXPECT(c->fired == 1, "fired more than once");
	EXPECT(ns >= delay_ns, "fired too early");
	EXPECT(ns < delay_ns + LATE_NS, "fired much too late");
	return 0;
}

static const char *test_timer(struct cvm_conformance *c)
{
	const char *why;
	int slice;

	for (slice = 0; slice < 2; slice++) {
		why = timer_round(c, slice, 20 * MS);
		EXPECT(!why, why);
		why = timer_round(c, slice, MS);
		EXPECT(!why, why);
		why = timer_round(c, slice, 0);
		EXPECT(!why, why);
	}
	EXPECT(!(c->flags & CVM_CONF_RING0) || !c->fired_irqon,
	       "not called by an interrupt");
	return 0;
}

static const char *test_timer_replace(struct cvm_conformance *c)
{
	uint64_t t0 = now_ns(c);

	wait_ms(c, 0);
	c->fired = 0;
	c->ops->timer(c->ctx, c->host_vm, 0, t0 + 8 * LATE_NS);
	c->ops->timer(c->ctx, c->host_vm, 0, t0 + 5 * MS);
	c->ops->wait(c->ctx, c->host_vm, 0, t0 + 4 * LATE_NS);
	EXPECT(c->fired == 1, "an earlier deadline does not replace");
	c->fired = 0;
	c->ops->timer(c->ctx, c->host_vm, 0, now_ns(c) + 30 * MS);
	c->ops->timer(c->ctx, c->host_vm, 0, CVM_DEADLINE_NONE);
	wait_ms(c, 0);
	wait_ms(c, 80);
	EXPECT(!c->fired, "a cancelled timer fired");
	return 0;
}

/* ---- notifiers ------------------------------------------------------- */

void cvm_conformance_notified(struct cvm_conformance *c, uint32_t id)
{
	c->notified++;
	c->notified_id = id;
	c->ops->wake(c->ctx, c->host_vm, 0);
}

static int no_notifier(struct cvm_conformance *c)
{
	c->skip = !c->ops->notifiers || !c->signals || !c->fire;
	return c->skip;
}

static const char *test_notifier_handles(struct cvm_conformance *c)
{
	static const int64_t bad[] = { -1, INT64_MAX, 1ll << 32, -(1ll << 32) };
	void *got = 0;
	uint32_t i;

	if (!c->ops->notifiers) {
		c->skip = 1;
		return "this host has no notifiers";
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT(c->ops->notifiers->get(c->ctx, c->host_vm, bad[i],
					      &got) == -CVM_EINVAL,
		       "get takes what is no handle");
		EXPECT(c->ops->notifiers->watch(c->ctx, c->host_vm, bad[i], 1,
					      &got) == -CVM_EINVAL,
		       "watch takes what is no handle");
	}
	EXPECT(!got, "an error, but something was taken");
	return 0;
}

static const char *test_notifier_signal(struct cvm_conformance *c)
{
	void *first = 0, *second = 0;
	uint64_t before;

	if (no_notifier(c))
		return "no notifier to try it with";
	before = c->signals(c->arg, c->notifier);
	EXPECT(!c->ops->notifiers->get(c->ctx, c->host_vm, c->notifier,
				       &first) && first,
	       "get refuses a notifier");
	EXPECT(!c->ops->notifiers->get(c->ctx, c->host_vm, c->notifier,
				       &second),
	       "a notifier is given out once only");
	c->ops->notifiers->put(c->ctx, first);
	c->ops->notifiers->signal(c->ctx, second);
	c->ops->notifiers->put(c->ctx, second);
	EXPECT(c->signals(c->arg, c->notifier) == before + 1,
	       "one signal did not count once");
	return 0;
}

static const char *test_notifier_watch(struct cvm_conformance *c)
{
	void *watch = 0;

	if (no_notifier(c))
		return "no notifier to try it with";
	c->notified = 0;
	c->fire(c->arg, c->notifier);
	EXPECT(!c->notified, "called without being asked to");
	EXPECT(!c->ops->notifiers->watch(c->ctx, c->host_vm, c->notifier, 7,
					 &watch), "watch refuses a notifier");
	EXPECT(c->notified == 1, "a signal from before was lost");
	c->fire(c->arg, c->notifier);
	EXPECT(c->notified == 2 && c->notified_id == 7,
	       "one signal is not one call with the id");
	c->ops->notifiers->unwatch(c->ctx, watch);
	c->fire(c->arg, c->notifier);
	EXPECT(c->notified == 2, "called after unwatch()");
	wait_ms(c, 0);
	return 0;
}

/* ---- the rest -------------------------------------------------------- */

static const char *test_poll(struct cvm_conformance *c)
{
	int i;

	for (i = 0; i < 100; i++)
		EXPECT(c->ops->poll(c->ctx, c->host_vm, 0) == 0,
		       "wants the thread back without a reason");
	return 0;
}

static const char *test_log(struct cvm_conformance *c)
{
	c->ops->log(c->ctx, CVM_LOG_INFO, "conformance: info line, 100 %s %n");
	c->ops->log(c->ctx, CVM_LOG_DEBUG, "conformance: debug line");
	return 0;
}

static const struct {
	const char *name;
	const char *(*fn)(struct cvm_conformance *c);
} tests[] = {
	{ "table: every member is there", test_table },
	{ "page_alloc: zeroed, aligned, contiguous", test_pages },
	{ "page_alloc: taken equals returned", test_page_balance },
	{ "mem_alloc: zeroed, aligned, given back", test_chunks },
	{ "mem_alloc: refuses too much", test_too_much },
	{ "hva_to_hpa: finds code", test_code_hpa },
		{ "cpu_call: lands on the named CPU, IF=0", test_cpu_call },
		{ "cpu_call: refuses a CPU that is not there",
		test_cpu_beyond }, { "cpu_call: slice on the current CPU, IF=0",
		test_slice }, { "irq_self: pends until IF=1, comes once",
		test_irq_self }, { "irq_forward: enters the host's gate, IF=0",
		test_irq_forward }, { "irq_forward: vector 2 is one NMI",
		test_irq_nmi }, { "time: monotonic, TSC agrees", test_time },
		{ "wait: keeps its deadline", test_wait_deadline },
		{ "wake: before wait is not lost", test_wake_first },
		{ "wake: from interrupts of every CPU", test_wake_irq },
		{ "timer: fires once, by an interrupt", test_timer },
		{ "timer: replaced and cancelled", test_timer_replace },
		{ "notifiers: get and watch refuse other handles",
		test_notifier_handles },
	{ "notifiers: a signal counts once", test_notifier_signal },
	{ "notifiers: one call a watched signal, none afterwards",
	  test_notifier_watch },
	{ "poll: returns", test_poll },
	{ "log: takes a line as it is", test_log },
};

int cvm_conformance(struct cvm_conformance *c)
{
	uint32_t i;

	c->failed = 0;
	c->fired = 0;
	c->fired_irqon = 0;
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const char *why;

		c->skip = 0;
		why = tests[i].fn(c);
		verdict(c, !why ? CVM_CONF_PASS :
			c->skip ? CVM_CONF_SKIP : CVM_CONF_FAIL,
			tests[i].name, why ? why : "");
	}
	return (int)c->failed;
}
