/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_cpu.h - ring 0 in an ordinary process.
 *
 * The core is compiled as it is.  Instructions that fault outside ring 0
 * (moves to and from control and debug registers, RDMSR, WRMSR, XSETBV) are
 * carried out on struct fake_cpu where they fault (fake_os.h); the switch
 * itself is replaced by a function that plays the guest.
 */
#ifndef CVM_TEST_FAKE_CPU_H
#define CVM_TEST_FAKE_CPU_H

#include <stdint.h>

#include "x86/passage.h"

#define FAKE_MSRS	64

struct fake_cpu {
	uint64_t cr[16];
	uint64_t dr[8];
	uint64_t xcr0;
	uint64_t rflags;	/* a host call may set IF */
	struct {
		uint32_t index;
		uint64_t value;
	} msr[FAKE_MSRS];	/* any other index is a #GP: the test fails */
	uint32_t msrs;
	uint64_t emulated;	/* instructions carried out */

	/* What cvm_x86_caps_read() finds, and on which CPU something else. */
	struct cvm_x86_caps caps;
	int caps_odd_at;	/* call number, -1 = never */
	struct cvm_x86_caps caps_odd;
	int caps_calls;

	/* The guest: called for each switch, on the shared page. */
	void (*guest)(struct cvm_priv *priv, struct cvm_shared *shared);
	uint64_t switches;
};

extern struct fake_cpu fake_cpu;

/* A CPU of 2015 on a Linux host; installs the handler. */
void fake_cpu_init(void);
void fake_cpu_set_msr(uint32_t index, uint64_t value);

#endif /* CVM_TEST_FAKE_CPU_H */
