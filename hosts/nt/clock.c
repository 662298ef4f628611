// SPDX-License-Identifier: GPL-2.0-only
/*
 * clock.c - clocks.
 *
 * The monotonic clock is the TSC, scaled: the guest's clock is the TSC too,
 * and the two must not drift apart.  NT's own interrupt time advances in
 * steps of a clock tick.
 */
#include "shim.h"

#define NS_PER_SEC	1000000000ull
#define NS_PER_MS	1000000ull
#define ROUNDS		5	/* of the measurement, the best one counts */
#define ROUND_MS	40
#define TRIES		16	/* reads of both clocks, the closest counts */
#define UNITS_PER_MS	10000	/* NT's unit is 100 ns */
#define SYSTEM_TIME	0xfffff78000000014ull	/* KUSER_SHARED_DATA */
#define UNIX_EPOCH	116444736000000000ull	/* 1970 in NT's time */

/* A seqlock, for the one time it changes: when the machine wakes up. */
static struct {
	uint32_t seq;
	uint32_t khz;
	uint64_t tsc;		/* at which ns was true */
	uint64_t ns;
	uint64_t scale;		/* ns a tick, 32.32 fixed point */
	uint64_t slept_ns;
} base;

struct reading {
	uint64_t tsc;
	uint64_t qpc;
	uint64_t width;		/* TSC ticks between which qpc was read */
};

/* Read both clocks as one: whatever comes between makes the reading wider. */
static struct reading read_both(uint64_t *frequency)
{
	struct reading best = { .width = UINT64_MAX };
	LARGE_INTEGER hz, qpc;
	uint64_t before, after;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (cvm_nt.ring0)
			cvm_cli();
		before = cvm_tsc();
		qpc = KeQueryPerformanceCounter(&hz);
		after = cvm_tsc();
		if (cvm_nt.ring0)
			cvm_sti();
		if (after - before >= best.width)
			continue;
		best.width = after - before;
		best.tsc = before + best.width / 2;
		best.qpc = (uint64_t)qpc.QuadPart;
		*frequency = (uint64_t)hz.QuadPart;
	}
	return best;
}

static void sleep_ms(uint32_t ms)
{
	LARGE_INTEGER time = { .QuadPart = -(int64_t)ms * UNITS_PER_MS };

	KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static uint64_t frequency_khz(uint64_t ticks, uint64_t qpc, uint64_t hz)
{
	/* hz may itself be the TSC's: keep the product in 64 bits. */
	while (ticks >> 31) {
		ticks >>= 1;
		qpc >>= 1;
	}
	return qpc ? ticks * hz / qpc / 1000 : 0;
}

/*
 * On one CPU, over some tens of ms; an interrupted reading is wider, and the
 * round with the least doubt at its ends is taken.
 */
static uint32_t measure_khz(void)
{
	uint64_t hz = 0, doubt = UINT64_MAX, khz = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct reading a = read_both(&hz), b;

		sleep_ms(ROUND_MS);
		b = read_both(&hz);
		if (b.qpc <= a.qpc || a.width + b.width >= doubt)
			continue;
		doubt = a.width + b.width;
		khz = frequency_khz(b.tsc - a.tsc, b.qpc - a.qpc, hz);
	}
	return (uint32_t)khz;
}

void cvm_nt_clock_init(void)
{
	if (cvm_nt.ring0)
		KeSetSystemAffinityThread(1);
	base.khz = measure_khz();
	if (!base.khz)		/* refused, but divided by */
		base.khz = CVM_NT_CLOCK_BROKEN;
	base.scale = (NS_PER_MS << 32) / base.khz;
	base.tsc = cvm_tsc();
	base.ns = NS_PER_SEC;	/* so that a little before is not below 0 */
	if (cvm_nt.ring0)
		KeRevertToUserAffinityThread();
}

uint32_t cvm_nt_clock_khz(void)
{
	return base.khz;
}

static uint64_t mono_at(uint64_t tsc)
{
	uint64_t ticks = tsc - base.tsc;

	/* Another CPU's TSC may be a little behind. */
	if ((int64_t)ticks < 0)
		ticks = 0;
	return base.ns + (uint64_t)(((unsigned __int128)ticks * base.scale)
				    >> 32);
}

static uint64_t read_mono(uint64_t *tsc)
{
	uint32_t seq;
	uint64_t ns;

	do {
		seq = __atomic_load_n(&base.seq, __ATOMIC_ACQUIRE);
		*tsc = cvm_tsc();
		ns = mono_at(*tsc);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || seq != __atomic_load_n(&base.seq,
						   __ATOMIC_RELAXED));
	return ns;
}

uint64_t cvm_nt_mono_ns(void)
{
	uint64_t tsc;

	return read_mono(&tsc);
}

static uint64_t wall_ns(void)
{
	uint64_t time;

	if (cvm_nt.fn.KeQuerySystemTimePrecise)
		cvm_nt.fn.KeQuerySystemTimePrecise(&time);
	else
		__asm__ volatile("mov (%1), %0" : "=r"(time)
				 : "r"(SYSTEM_TIME) : "memory");
	return (time - UNIX_EPOCH) * 100;
}

void cvm_nt_time(void *ctx, struct cvm_host_time *now)
{
	(void)ctx;
	now->wall_ns = wall_ns();
	now->mono_ns = read_mono(&now->tsc);
	now->tsc_khz = base.khz;
	now->pad = 0;
}

void cvm_nt_clock_suspend(void)
{
	base.slept_ns = cvm_nt_mono_ns();
}

/* The TSC may have begun at 0 again: go on from where the clock stood. */
void cvm_nt_clock_resume(void)
{
	uint64_t flags = cvm_rflags();

	cvm_cli();
	__atomic_store_n(&base.seq, base.seq + 1, __ATOMIC_SEQ_CST);
	base.tsc = cvm_tsc();
	base.ns = base.slept_ns;
	__atomic_store_n(&base.seq, base.seq + 1, __ATOMIC_SEQ_CST);
	if (flags & RFLAGS_IF)
		cvm_sti();
}
