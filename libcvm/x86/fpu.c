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
 *
 * A host may also have CR0.TS set, or leave CR4.OSXSAVE off on a CPU that can
 * do more: then both are lifted for the time of the swap.
 */
#include "passage.h"

#include "cpu.h"

#define XSTATE_LEGACY	512u
#define XSTATE_HEADER	64u
#define FCW_INIT	0x037fu
#define MXCSR_INIT	0x1f80u
#define XCR0_INIT	3u	/* x87 and SSE, which every kernel has */

/* cvm_fpu.slow */
#define CVM_FPU_FXSAVE	(1u << 0)	/* a CPU without XSAVE */
#define CVM_FPU_ENABLE	(1u << 1)	/* CR4.OSXSAVE is off in the host */
#define CVM_FPU_XCR0	(1u << 2)	/* XCR0 of the sides differ */
#define CVM_FPU_TS	(1u << 3)	/* CR0.TS was set at this entry */

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

static uint32_t area_bytes(const struct cvm_x86_caps *caps)
{
	uint32_t bytes = caps->xsave ? caps->xsave_bytes : XSTATE_LEGACY;

	if (bytes < XSTATE_LEGACY + XSTATE_HEADER)
		bytes = XSTATE_LEGACY + XSTATE_HEADER;
	return (bytes + 63u) & ~63u;
}

uint32_t cvm_fpu_bytes(const struct cvm_x86_caps *caps)
{
	return ((uint32_t)sizeof(struct cvm_fpu) + 63u) / 64u * 64u +
	       2 * area_bytes(caps);
}

void cvm_fpu_setup(struct cvm_fpu *fpu, const struct cvm_x86_caps *caps)
{
	struct xstate_head *head;

	if (!caps->xsave)
		fpu->slow = CVM_FPU_FXSAVE;
	else if (!caps->xcr0)
		fpu->slow = CVM_FPU_ENABLE;
	fpu->host_xcr0 = caps->xcr0;
	/* The guest sets its own with XSETBV when it gets there. */
	fpu->guest_xcr0 = caps->xcr0 ? caps->xcr0 : XCR0_INIT;
	fpu->host = (uint8_t *)fpu + (sizeof(*fpu) + 63u) / 64u * 64u;
	fpu->guest = fpu->host + area_bytes(caps);
	head = (struct xstate_head *)fpu->guest;
	head->fcw = FCW_INIT;
	head->mxcsr = MXCSR_INIT;
}

static inline void xsave(uint8_t *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1)
			 : "memory");
}

static inline void xrstor(const uint8_t *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1)
			 : "memory");
}

static inline void fxsave(uint8_t *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline void fxrstor(const uint8_t *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* CR0.TS and EM would make every instruction here raise #NM. */
static uint64_t ts_lift(void)
{
	const uint64_t cr0 = cvm_read_cr0();

	if (cr0 & (CVM_CR0_TS | CVM_CR0_EM))
		cvm_write_cr0(cr0 & ~(CVM_CR0_TS | CVM_CR0_EM));
	return cr0;
}

static void ts_put(uint64_t cr0)
{
	if (cr0 & (CVM_CR0_TS | CVM_CR0_EM))
		cvm_write_cr0(cr0);
}

static void swap_in(struct cvm_fpu *fpu)
{
	const uint64_t cr4 = cvm_read_cr4();

	if (fpu->slow & CVM_FPU_FXSAVE) {
		fxsave(fpu->host);
		fxrstor(fpu->guest);
	} else if (fpu->slow & CVM_FPU_ENABLE) {
		fxsave(fpu->host);
		cvm_write_cr4(cr4 | CVM_CR4_OSXSAVE);
		fpu->host_xcr0 = cvm_xgetbv0();
		cvm_xsetbv0(fpu->guest_xcr0);
		xrstor(fpu->guest);
		cvm_write_cr4(cr4);
	} else {
		xsave(fpu->host);
		if (fpu->guest_xcr0 != fpu->host_xcr0)
			cvm_xsetbv0(fpu->guest_xcr0);
		xrstor(fpu->guest);
	}
}

/* Save the guest under its own XCR0 and go back to the host's. */
static void guest_out(struct cvm_fpu *fpu)
{
	fpu->guest_xcr0 = cvm_xgetbv0();
	xsave(fpu->guest);
	((struct xstate_head *)fpu->guest)->xstate_bv &= fpu->guest_xcr0;
	if (fpu->guest_xcr0 != fpu->host_xcr0)
		cvm_xsetbv0(fpu->host_xcr0);
}

static void swap_out(struct cvm_fpu *fpu)
{
	const uint64_t cr4 = cvm_read_cr4();

	if (fpu->slow & CVM_FPU_FXSAVE) {
		fxsave(fpu->guest);
		fxrstor(fpu->host);
	} else if (fpu->slow & CVM_FPU_ENABLE) {
		cvm_write_cr4(cr4 | CVM_CR4_OSXSAVE);
		guest_out(fpu);
		cvm_write_cr4(cr4);
		fxrstor(fpu->host);
	} else {
		guest_out(fpu);
		xrstor(fpu->host);
		fpu->slow = fpu->guest_xcr0 != fpu->host_xcr0 ?
			    CVM_FPU_XCR0 : 0;
	}
}

static __attribute__((__noinline__)) void enter_slow(struct cvm_fpu *fpu)
{
	const uint64_t cr0 = ts_lift();

	if (cr0 & (CVM_CR0_TS | CVM_CR0_EM))
		fpu->slow |= CVM_FPU_TS;
	swap_in(fpu);
	ts_put(cr0);
}

static __attribute__((__noinline__)) void leave_slow(struct cvm_fpu *fpu)
{
	const uint64_t cr0 = ts_lift();

	fpu->slow &= ~(uint64_t)CVM_FPU_TS;
	swap_out(fpu);
	ts_put(cr0);
}

void cvm_fpu_enter(struct cvm_fpu *fpu)
{
	if ((cvm_read_cr0() & (CVM_CR0_TS | CVM_CR0_EM)) | fpu->slow) {
		enter_slow(fpu);
		return;
	}
	xsave(fpu->host);
	xrstor(fpu->guest);
}

void cvm_fpu_leave(struct cvm_fpu *fpu)
{
	if (fpu->slow || cvm_xgetbv0() != fpu->host_xcr0) {
		leave_slow(fpu);
		return;
	}
	xsave(fpu->guest);
	xrstor(fpu->host);
}
