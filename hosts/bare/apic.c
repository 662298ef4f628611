/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * apic.c - the local APIC in xAPIC mode, its timer, and the clocks.
 * SDM vol. 3A, chapter "Advanced Programmable Interrupt Controller".
 */
#include "bare.h"
#include "x86.h"

#define APIC_HPA	0xfee00000ull
#define APIC_TPR	0x080
#define APIC_EOI	0x0b0
#define APIC_SVR	0x0f0
#define APIC_ISR	0x100
#define APIC_ICR	0x300
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_NOW	0x390
#define APIC_TIMER_DIV	0x3e0

#define SPURIOUS_VECTOR	0x1e
#define LVT_MASKED	0x10000u
#define ICR_SELF	0x40000u
#define ICR_NMI		0x400u
#define ICR_PENDING	0x1000u

#define PIT_HZ		1193182u
#define PIT_MS		10u

uint32_t bare_tsc_khz;

static uint32_t apic_khz;
static uint64_t tsc_zero;

static uint32_t apic_read(uint32_t reg)
{
	return *(volatile uint32_t *)bare_hva(APIC_HPA + reg);
}

static void apic_write(uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)bare_hva(APIC_HPA + reg) = v;
}

/* Count TSC and APIC timer over a one-shot of the PIT's channel 2. */
static void calibrate(void)
{
	uint32_t count = PIT_HZ * PIT_MS / 1000;
	uint32_t apic;
	uint64_t tsc;

	x86_outb(0x61, (uint8_t)((x86_inb(0x61) & ~2u) | 1u));
	x86_outb(0x43, 0xb0);			/* mode 0, both bytes */
	x86_outb(0x42, (uint8_t)count);
	x86_outb(0x42, (uint8_t)(count >> 8));
	apic_write(APIC_TIMER_INIT, ~0u);
	tsc = x86_rdtsc();
	while (!(x86_inb(0x61) & 0x20))
		;
	tsc = x86_rdtsc() - tsc;
	apic = ~0u - apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
	bare_tsc_khz = (uint32_t)(tsc / PIT_MS);
	apic_khz = apic / PIT_MS;
	if (!bare_tsc_khz || !apic_khz)
		bare_panic("no clock: tsc %u kHz, apic %u kHz", bare_tsc_khz,
			   apic_khz);
}

void bare_apic_init(void)
{
	x86_outb(0x21, 0xff);			/* both 8259 masked */
	x86_outb(0xa1, 0xff);
	x86_wrmsr(MSR_APIC_BASE, x86_rdmsr(MSR_APIC_BASE) | 1u << 11);
	apic_write(APIC_TPR, 0);
	/*
	 * On.  The spurious vector is one that nobody sends: Bochs never ends
	 * the service of a real interrupt at that number.
	 */
	apic_write(APIC_SVR, 0x100 | SPURIOUS_VECTOR);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, ICR_NMI);	/* the machine's NMI button */
	apic_write(APIC_LVT_TIMER, LVT_MASKED | BARE_VEC_TIMER);
	apic_write(APIC_TIMER_DIV, 0xb);	/* by 1 */
	calibrate();
	apic_write(APIC_LVT_TIMER, BARE_VEC_TIMER);
	tsc_zero = x86_rdtsc();
}

void bare_eoi(uint32_t vector)
{
	/* `int n` of a vector that is not in service must not end another. */
	if (apic_read(APIC_ISR + vector / 32 * 16) >> (vector % 32) & 1)
		apic_write(APIC_EOI, 0);
}

void bare_self_ipi(uint32_t vector)
{
	apic_write(APIC_ICR, ICR_SELF | vector);
}

void bare_self_nmi(void)
{
	/*
	 * The self shorthand allows fixed delivery only (SDM vol. 3A,
	 * "Valid Combinations for the Pentium 4 ... ICR"): name the APIC.
	 */
	apic_write(APIC_ICR + 0x10, apic_read(0x020));
	apic_write(APIC_ICR, ICR_NMI);
	while (apic_read(APIC_ICR) & ICR_PENDING)
		;
}

uint64_t bare_mono_ns(void)
{
	return bare_tsc_to_mono(x86_rdtsc());
}

uint64_t bare_tsc_to_mono(uint64_t tsc)
{
	uint64_t t = tsc - tsc_zero;

	return t / bare_tsc_khz * 1000000 +
	       t % bare_tsc_khz * 1000000 / bare_tsc_khz;
}

void bare_timer_set(uint64_t ns)
{
	uint64_t now = bare_mono_ns(), ticks = 1;

	if (ns == UINT64_MAX) {
		apic_write(APIC_TIMER_INIT, 0);
		return;
	}
	if (ns > now) {
		uint64_t us = (ns - now) / 1000;

		if (us > 1000000)
			us = 1000000;		/* the host looks again then */
		ticks = us * apic_khz / 1000 + apic_khz / 1000 + 1;
	}
	apic_write(APIC_TIMER_INIT,
		   ticks > 0xffffffff ? 0xffffffff : (uint32_t)ticks);
}

static uint32_t cmos(uint8_t reg)
{
	uint32_t v;

	x86_outb(0x70, reg);
	v = x86_inb(0x71);
	return (v >> 4) * 10 + (v & 15);
}

uint64_t bare_wall_seconds(void)
{
	static const uint16_t before[12] = { 0, 31, 59, 90, 120, 151, 181,
					     212, 243, 273, 304, 334 };
	uint64_t year, month, days;

	do {
		x86_outb(0x70, 0x0a);
	} while (x86_inb(0x71) & 0x80);		/* update in progress */
	year = 2000 + cmos(9);
	month = cmos(8);
	days = (year - 1970) * 365 + (year - 1969) / 4 +
	       before[(month + 11) % 12] + cmos(7) - 1;
	if (month > 2 && year % 4 == 0)
		days++;
	return ((days * 24 + cmos(4)) * 60 + cmos(2)) * 60 + cmos(0);
}
