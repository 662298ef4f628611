// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_caps.c - caps.c on the CPU of this machine.
 *
 * Bits are compared with the names the kernel gives them in /proc/cpuinfo.
 * The fake CPU has the MSRs that may be read and no others: reading one more
 * ends the test, as it would end a host.
 */
#include <stdio.h>

#include "core.h"

#define CR4_OSXSAVE	(1ull << 18)

void cvm_x86_caps_read_real(struct cvm_x86_caps *caps);

static char flags[16384];	/* " fpu vme ... " */

static int setup(void **state)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	size_t len;

	(void)state;
	while (f && fgets(flags, sizeof(flags), f))
		if (!strncmp(flags, "flags", 5))
			break;
	if (f)
		fclose(f);
	if (strncmp(flags, "flags", 5))
		flags[0] = 0;
	len = strcspn(flags, "\n");
	strcpy(flags + len, " ");
	return 0;
}

static int kernel_says(const char *name)
{
	char word[40];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(flags, word) != NULL;
}

static void prepare(void)
{
	fake_cpu_init();
	fake_cpu_set_msr(0x1a0, 1 << 11);	/* MISC_ENABLE: no BTS */
	fake_cpu_set_msr(0xcf, 1 << 5);		/* CORE_CAPABILITIES */
	fake_cpu_set_msr(0x10a, 1 << 7);	/* ARCH_CAPABILITIES */
	fake_cpu_set_msr(0xda0, 0x1800);	/* XSS */
	fake_cpu_set_msr(0x6a2, 4);		/* S_CET */
	fake_cpu_set_msr(0xc0010131, 0);	/* SEV status */
	fake_cpu_set_msr(0x4b564d02, 0);	/* KVM async page faults */
}

static void features(void **state)
{
	struct cvm_x86_caps caps;
	uint32_t seen = 0;

	(void)state;
	prepare();
	memset(&caps, 0x5a, sizeof(caps));
	cvm_x86_caps_read_real(&caps);
	/* The kernel may hide what it does not use, never add. */
#define CVM_CAP(name, leaf, sub, reg, bit)				\
	assert_in_range(caps.name, 0, 1);				\
	if (kernel_says(#name)) {					\
		if (!caps.name)						\
			fail_msg("%s: wrong leaf or bit", #name);	\
		seen++;							\
	}
#include "x86/caps.def"
#undef CVM_CAP
	if (kernel_says("pdpe1gb"))
		assert_int_equal(caps.gbpages, 1);
	if (kernel_says("dts"))
		assert_int_equal(caps.ds, 1);
	if (kernel_says("arch_capabilities"))
		assert_int_equal(caps.arch_caps, 1);
	print_message("%u features confirmed by /proc/cpuinfo\n", seen);
	assert_true(!flags[0] || seen > 8);
	assert_true(caps.lm && caps.nx && caps.syscall && caps.fxsr);
	assert_in_range(caps.phys_bits, 36, 52);
}

static void settings(void **state)
{
	struct cvm_x86_caps caps;

	(void)state;
	prepare();
	fake_cpu.cr[4] |= CR4_OSXSAVE;
	cvm_x86_caps_read_real(&caps);
	assert_true(caps.cr0 == fake_cpu.cr[0]);
	assert_true(caps.cr4 == fake_cpu.cr[4]);
	assert_int_equal(caps.la57, 0);
	assert_int_equal(caps.efer, 0xd01);
	assert_int_equal(caps.cs & 3, 3);	/* this is a process */
	assert_int_equal(caps.xss, caps.xsaves ? 0x1800 : 0);
	assert_int_equal(caps.s_cet, caps.cet ? 4 : 0);
	assert_int_equal(caps.tsx_ctrl, caps.arch_caps);
	assert_true(caps.test_ctrl || !caps.core_caps);
	assert_int_equal(caps.c_bit, 0);
	assert_int_equal(caps.bts, 0);
	assert_true(!caps.pebs || caps.ds);
	if (caps.xsave) {
		assert_int_equal(caps.xcr0 & 3, 3);
		assert_int_equal(caps.xcr0 & ~caps.xcr0_max, 0);
		assert_true(caps.xsave_bytes >= 576);
	}

	/* Without CR4.OSXSAVE XGETBV would fault. */
	fake_cpu.cr[4] = 0x12e0;
	cvm_x86_caps_read_real(&caps);
	assert_int_equal(caps.xcr0, 0);
	assert_int_equal(caps.la57, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features),
		cmocka_unit_test(settings),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
