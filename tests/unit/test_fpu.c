// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_fpu.c - extended state: what a world had in its registers is there
 * again when it is entered, whatever the CPU, CR0.TS and XCR0 say.
 *
 * XSAVE and FXSAVE are the real instructions on this process's registers;
 * CR0, CR4 and XSETBV are the fake CPU's.
 */
#include "core.h"
#include "fake_os.h"

#define CR0_TS		(1ull << 3)
#define HOST1		0x1111111111111111ull
#define HOST2		0x2222222222222222ull
#define GUEST1		0x3333333333333333ull
#define MXCSR_HOST	0x1fa0u		/* the sticky PE flag as a mark */
#define MXCSR_GUEST	0x1f90u

struct regs {
	uint64_t xmm;
	uint32_t mxcsr;
	uint16_t fcw;
};

static void put(uint64_t xmm, uint32_t mxcsr, uint16_t fcw)
{
	__asm__ volatile("movq %0, %%xmm15; ldmxcsr %1; fldcw %2"
			 : : "r"(xmm), "m"(mxcsr), "m"(fcw) : "xmm15");
}

static struct regs get(void)
{
	struct regs r;

	__asm__ volatile("movq %%xmm15, %0; stmxcsr %1; fnstcw %2"
			 : "=r"(r.xmm), "=m"(r.mxcsr), "=m"(r.fcw));
	return r;
}

static uint64_t real_xcr0(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 27 & 1))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (uint64_t)d << 32 | a;
}

static uint32_t real_area(void)
{
	uint32_t a = 0xd, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b;
}

/* An area of the size that CPU needs, on pages of its own. */
static struct cvm_fpu *make(const struct cvm_x86_caps *caps)
{
	struct cvm_fpu *fpu = fake_os_map(cvm_fpu_bytes(caps));

	cvm_fpu_setup(fpu, caps);
	return fpu;
}

static void drop(struct cvm_fpu *fpu, const struct cvm_x86_caps *caps)
{
	fake_os_unmap(fpu, cvm_fpu_bytes(caps));
}

/* Two visits to the guest; everybody finds what he left. */
static void visit_twice(struct cvm_fpu *fpu)
{
	struct regs first, host1, guest1, host2, saved = get();

	put(HOST1, MXCSR_HOST, 0x037f);
	cvm_fpu_enter(fpu);
	first = get();
	put(GUEST1, MXCSR_GUEST, 0x027f);
	cvm_fpu_leave(fpu);
	host1 = get();
	put(HOST2, MXCSR_HOST, 0x037f);
	cvm_fpu_enter(fpu);
	guest1 = get();
	cvm_fpu_leave(fpu);
	host2 = get();
	put(saved.xmm, saved.mxcsr, saved.fcw);

	/* A new guest starts as after reset, not with the host's values. */
	assert_true(first.xmm == 0);
	assert_int_equal(first.mxcsr, 0x1f80);
	assert_int_equal(first.fcw, 0x37f);
	assert_true(host1.xmm == HOST1);
	assert_int_equal(host1.mxcsr, MXCSR_HOST);
	assert_int_equal(host1.fcw, 0x37f);
	assert_true(guest1.xmm == GUEST1);
	assert_int_equal(guest1.mxcsr, MXCSR_GUEST);
	assert_int_equal(guest1.fcw, 0x27f);
	assert_true(host2.xmm == HOST2);
}

static void run(struct cvm_x86_caps caps, uint64_t cr0_bits)
{
	struct cvm_fpu *fpu;
	uint64_t cr0;

	fake_cpu_init();
	fake_cpu.cr[0] |= cr0_bits;
	cr0 = fake_cpu.cr[0];
	fpu = make(&caps);
	visit_twice(fpu);
	/* The host's lazy state is as it was. */
	assert_true(fake_cpu.cr[0] == cr0);
	drop(fpu, &caps);
}

static void by_fxsave(void **state)
{
	struct cvm_x86_caps caps = { .fxsr = 1 };

	(void)state;
	run(caps, 0);
	run(caps, CR0_TS);
}

static void by_xsave(void **state)
{
	struct cvm_x86_caps caps = {
		.fxsr = 1, .xsave = 1, .xcr0 = real_xcr0(),
		.xsave_bytes = real_area(),
	};

	(void)state;
	if (!caps.xcr0)
		skip();
	run(caps, 0);
	run(caps, CR0_TS);
}

/* A host that has XSAVE and does not use it (CR4.OSXSAVE off). */
static void host_without_osxsave(void **state)
{
	struct cvm_x86_caps caps = {
		.fxsr = 1, .xsave = 1, .xsave_bytes = real_area(),
	};
	uint64_t cr4;

	(void)state;
	if (!real_xcr0())
		skip();
	fake_cpu_init();
	cr4 = fake_cpu.cr[4];
	run(caps, 0);
	assert_true(fake_cpu.cr[4] == cr4);
}

/* The guest enables less than its host: each is entered under its own. */
static void guest_shrinks_xcr0(void **state)
{
	struct cvm_x86_caps caps = {
		.fxsr = 1, .xsave = 1, .xcr0 = real_xcr0(),
		.xsave_bytes = real_area(),
	};
	const uint64_t pku = 1ull << 9, more = caps.xcr0 ^ pku;
	struct cvm_fpu *fpu;

	(void)state;
	if (!caps.xcr0)
		skip();
	fake_cpu_init();
	/* XGETBV tells the real one: call that the guest's. */
	caps.xcr0 = more;
	fpu = make(&caps);
	cvm_fpu_enter(fpu);
	cvm_fpu_leave(fpu);
	assert_true(fpu->guest_xcr0 == (more ^ pku));
	assert_true(fake_cpu.xcr0 == more);	/* the host's again */
	/* XSTATE_BV has no bit that XRSTOR would refuse in the guest. */
	assert_true((*(uint64_t *)(fpu->guest + 512) & ~fpu->guest_xcr0) == 0);
	cvm_fpu_enter(fpu);
	assert_true(fake_cpu.xcr0 == (more ^ pku));
	cvm_fpu_leave(fpu);
	assert_true(fake_cpu.xcr0 == more);
	drop(fpu, &caps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_fxsave),
		cmocka_unit_test(by_xsave),
		cmocka_unit_test(host_without_osxsave),
		cmocka_unit_test(guest_shrinks_xcr0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
