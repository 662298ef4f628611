/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * caps.h - what one CPU can do and how the host has set it up.
 *
 * Filled by cvm_x86_caps_read() on each CPU at attach; the monitor keeps the
 * record of CPU 0 after check.c found all CPUs alike.
 */
#ifndef CVM_X86_CAPS_H
#define CVM_X86_CAPS_H

#include <stdint.h>

/* cvm_x86_caps.vendor */
#define CVM_X86_OTHER	0u
#define CVM_X86_INTEL	1u
#define CVM_X86_AMD	2u	/* Hygon too */

/* cvm_x86_caps.outer: the hypervisor below the host, by CPUID 0x40000000 */
#define CVM_OUTER_NONE		0u
#define CVM_OUTER_KVM		1u
#define CVM_OUTER_HYPERV	2u
#define CVM_OUTER_XEN		3u
#define CVM_OUTER_OTHER		4u

struct cvm_x86_caps {
	/* CPUID bits, 0 or 1 each */
#define CVM_CAP(name, leaf, sub, reg, bit) uint32_t name;
#include "caps.def"
#undef CVM_CAP

	/* derived from several */
	uint32_t vendor;	/* CVM_X86_* */
	uint32_t signature;	/* CPUID 1 EAX: family, model, stepping */
	uint32_t cet;		/* shadow stacks or IBT: the CET MSRs exist */
	uint32_t spec_ctrl;	/* MSR 0x48 exists */
	uint32_t tsx_ctrl;	/* MSR 0x122 exists */
	uint32_t test_ctrl;	/* MSR 0x33 can detect split locks */
	uint32_t tsc_aux;	/* MSR TSC_AUX exists (RDTSCP or RDPID) */
	uint32_t bts;		/* Intel: branch trace store, by DEBUGCTL */
	uint64_t pebs;		/* Intel: counters that MSR PEBS_ENABLE can
				 * name, as PERF_GLOBAL_CTRL does; 0: there is
				 * no such MSR */
	uint32_t lbr_msr;	/* whose bits lbr_on turn last branch records */
	uint64_t lbr_on;	/* on; 0: none, or by DEBUGCTL */
	uint32_t tdx_guest;	/* CPUID 0x21 says IntelTDX */
	uint32_t outer;		/* CVM_OUTER_* */
	uint32_t phys_bits;	/* physical address width */
	uint32_t xsave_bytes;	/* XSAVE area, standard form, all of xcr0_max */
	uint32_t xsaves_bytes;	/* XSAVES area, xcr0 and xss as they are */
	uint64_t xcr0_max;	/* bits XCR0 may have */
	uint64_t xss_max;	/* bits IA32_XSS may have */

	/* as the host runs this CPU now */
	uint32_t la57;		/* CR4.LA57: five-level tables in use */
	uint32_t cs, ss, tr;	/* selectors; ring 3 means a Xen PV kernel */
	uint64_t cr0;
	uint64_t cr4;
	uint64_t efer;
	uint64_t xcr0;		/* 0 without CR4.OSXSAVE */
	uint64_t xss;		/* 0 without XSAVES */
	uint64_t s_cet;		/* 0 without CET */
	uint64_t sev_status;	/* MSR 0xc0010131; 0 without SEV */
	uint64_t async_pf;	/* KVM: MSR 0x4b564d02; 0 without */
	uint32_t hv_root;	/* Hyper-V: this is the root partition */
	uint32_t hv_isolation;	/* Hyper-V: isolation type, 0 = none */
	uint32_t c_bit;		/* AMD: the tables in CR3 are encrypted */
};

/* RFLAGS of the caller. */
uint64_t cvm_x86_rflags(void);
#define CVM_RFLAGS_IF	(1ull << 9)

/* Read the calling CPU.  Ring 0, any context. */
void cvm_x86_caps_read(struct cvm_x86_caps *caps);

#endif /* CVM_X86_CAPS_H */
