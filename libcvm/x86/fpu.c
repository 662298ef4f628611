// SPDX-License-Identifier: GPL-2.0-only
/*
 * fpu.c - x87, SSE, AVX and whatever else XCR0 enables.
 *
 * Swapped around the switch, in the host's world, in the same section with
 * interrupts disabled: the host's live registers are saved under the host's
 * XCR0 and come back exactly, so no host needs an FPU member.
 *
 * A guest may enable less (or more) than its host.  XSAVE leaves the bits of
 * XSTATE_BV outside XCR0 alone, and XRSTOR faults on bits that XCR0 does not
 * enable (SDM vol. 1, 13.7 "Operation of XSAVE" and 13.8.1 "Standard Form of
 * XRSTOR"): the header is masked after each save under a changed XCR0.
 */
#include "passage.h"

#include "cpu.h"

#define XSTATE_LEGACY	512u
#define XSTATE_HEADER	64u
#define FCW_INIT	0x037fu
#define MXCSR_INIT	0x1f80u

struct xstate_head {
	uint16_t fcw;
	uint16_t fsw;
	uint32_t pad0;
	uint64_t ip, dp;
	uint32_t mxcsr;
	uint32_t mxcsr_mask;
	uint8_t regs[XSTATE_LEGACY - 32];
	uint64_t xstate_bv;
	uint64_t xcomp_bv;
};

_Static_assert(offsetof(struct xstate_head, xstate_bv) == XSTATE_LEGACY,
	       "SDM vol. 1, 13.4.2 XSAVE Header");

static uint32_t cvm_area_bytes(const struct cvm_x86_caps *caps)
{
	uint32_t bytes = caps->xcr0 ? caps->xsave_bytes : XSTATE_LEGACY;

	if (bytes < XSTATE_LEGACY + XSTATE_HEADER)
		bytes = XSTATE_LEGACY + XSTATE_HEADER;
	return (bytes + 63u) & ~63u;
}

uint32_t cvm_fpu_bytes(const struct cvm_x86_caps *caps)
{
	return ((uint32_t)sizeof(struct cvm_fpu) + 63u) / 64u * 64u +
	       2 * cvm_area_bytes(caps);
}

void cvm_fpu_setup(struct cvm_fpu *fpu, const struct cvm_x86_caps *caps)
{
	struct xstate_head *head;

	fpu->use_xsave = caps->xcr0 != 0;
	fpu->host_xcr0 = caps->xcr0;
	/* The guest sets its own with XSETBV when it gets there. */
	fpu->guest_xcr0 = caps->xcr0;
	fpu->host = (uint8_t *)fpu + (sizeof(*fpu) + 63u) / 64u * 64u;
	fpu->guest = fpu->host + cvm_area_bytes(caps);
	head = (struct xstate_head *)fpu->guest;
	head->fcw = FCW_INIT;
	head->mxcsr = MXCSR_INIT;
}

static inline void cvm_xsave(uint8_t *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1)
			 : "memory");
}

static inline void cvm_xrstor(const uint8_t *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1)
			 : "memory");
}

static void cvm_mask_header(uint8_t *area, uint64_t xcr0)
{
	((struct xstate_head *)area)->xstate_bv &= xcr0;
}

void cvm_fpu_enter(struct cvm_fpu *fpu)
{
	if (!fpu->use_xsave) {
		__asm__ volatile("fxsave64 (%0)\n\tfxrstor64 (%1)"
				 : : "r"(fpu->host), "r"(fpu->guest)
				 : "memory");
		return;
	}
	cvm_xsave(fpu->host);
	if (fpu->guest_xcr0 != fpu->host_xcr0)
		cvm_xsetbv0(fpu->guest_xcr0);
	cvm_xrstor(fpu->guest);
}

/* The guest's XCR0 is not the one its area was last used with, or not ours. */
static __attribute__((__noinline__)) void cvm_fpu_leave_changed(
	struct cvm_fpu *fpu, uint64_t xcr0)
{
	fpu->guest_xcr0 = xcr0;
	cvm_xsave(fpu->guest);
	cvm_mask_header(fpu->guest, xcr0);
	if (xcr0 != fpu->host_xcr0)
		cvm_xsetbv0(fpu->host_xcr0);
	cvm_xrstor(fpu->host);
}

void cvm_fpu_leave(struct cvm_fpu *fpu)
{
	uint64_t xcr0;

	if (!fpu->use_xsave) {
		__asm__ volatile("fxsave64 (%0)\n\tfxrstor64 (%1)"
				 : : "r"(fpu->guest), "r"(fpu->host)
				 : "memory");
		return;
	}
	xcr0 = cvm_xgetbv0();
	if (xcr0 != fpu->guest_xcr0 || xcr0 != fpu->host_xcr0) {
		cvm_fpu_leave_changed(fpu, xcr0);
		return;
	}
	cvm_xsave(fpu->guest);
	cvm_xrstor(fpu->host);
}
