/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * caps.c - read a CPU's features and the host's settings.
 *
 * An MSR is read only when CPUID says it exists: a #GP in a host kernel is an
 * oops.
 */
#include "caps.h"
#include "cpu.h"

#define MSR_EFER		0xc0000080u
#define MSR_CORE_CAPABILITIES	0xcfu
#define MSR_ARCH_CAPABILITIES	0x10au
#define MSR_MISC_ENABLE		0x1a0u
#define MSR_PERF_CAPABILITIES	0x345u
#define MSR_LBR_CTL		0x14ceu
#define MSR_DBG_EXTN_CFG	0xc000010fu
#define MSR_S_CET		0x6a2u
#define MSR_XSS			0xda0u
#define MSR_AMD64_SEV		0xc0010131u
#define MSR_KVM_ASYNC_PF_EN	0x4b564d02u

#define CORE_CAPS_SPLIT_LOCK	(1ull << 5)
#define ARCH_CAPS_TSX_CTRL	(1ull << 7)

#define MISC_BTS_UNAVAILABLE	(1ull << 11)
#define MISC_PEBS_UNAVAILABLE	(1ull << 12)
#define PERF_PEBS_BASELINE	(1ull << 14)
#define LBR_CTL_LBREN		(1ull << 0)
#define DBG_EXTN_LBRV2EN	(1ull << 6)

/* CPUID 1 EAX without stepping and reserved bits. */
#define SIGNATURE_MODEL		0x0fff3ff0u
#define GOLDMONT_PLUS		0x000706a0u

#define COUNTERS_GENERAL	0xffffffffull
#define COUNTERS_FIXED		(0xffffull << 32)

#define KVM_FEATURE_ASYNC_PF	(1u << 4)
#define HV_CPU_MANAGEMENT	(1u << 12)	/* 0x40000003 EBX */
#define HV_ISOLATION		(1u << 22)	/* 0x40000003 EBX */

struct regs {
	uint32_t eax, ebx, ecx, edx;
};

static struct regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(sub));
	return r;
}

/* The same, zeros for a leaf above the highest of its range. */
static struct regs cpuid_safe(uint32_t leaf, uint32_t sub)
{
	if (cpuid(leaf & 0x80000000u, 0).eax < leaf)
		return (struct regs){ 0, 0, 0, 0 };
	return cpuid(leaf, sub);
}

static uint64_t rdmsr(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

uint64_t cvm_x86_rflags(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags;
}

static uint64_t xgetbv0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* CPUID gives text in registers, four little-endian letters each. */
static int text_is(uint32_t a, uint32_t b, uint32_t c, const char *text)
{
	const uint32_t word[3] = { a, b, c };
	uint32_t i;

	for (i = 0; i < 12; i++)
		if ((char)(word[i / 4] >> (i % 4 * 8)) != text[i])
			return 0;
	return 1;
}

static void read_features(struct cvm_x86_caps *caps)
{
	struct regs r;

#define CVM_CAP(name, leaf, sub, reg, bit) \
	r = cpuid_safe(leaf, sub); \
	caps->name = r.reg >> (bit) & 1;
#include "caps.def"
#undef CVM_CAP
}

static void read_derived(struct cvm_x86_caps *caps)
{
	struct regs r = cpuid(0, 0);

	if (text_is(r.ebx, r.edx, r.ecx, "GenuineIntel"))
		caps->vendor = CVM_X86_INTEL;
	else if (text_is(r.ebx, r.edx, r.ecx, "AuthenticAMD") ||
		 text_is(r.ebx, r.edx, r.ecx, "HygonGenuine"))
		caps->vendor = CVM_X86_AMD;
	caps->signature = cpuid(1, 0).eax;
	caps->cet = caps->shstk | caps->ibt;
	caps->spec_ctrl = caps->ibrs_intel | caps->stibp_intel |
			  caps->ssbd_intel | caps->ibrs_amd |
			  caps->stibp_amd | caps->ssbd_amd;
	caps->tsc_aux = caps->rdtscp | caps->rdpid;
	r = cpuid_safe(0x80000008, 0);
	caps->phys_bits = r.eax ? r.eax & 0xff : 36;
	r = cpuid_safe(0x21, 0);
	caps->tdx_guest = text_is(r.ebx, r.edx, r.ecx, "IntelTDX    ");
}

/*
 * Bits 47:32 of PEBS_ENABLE are the fixed counters where PEBS is extended to
 * them (SDM vol. 3B, "Extended PEBS"): announced with the baseline records, and
 * Goldmont Plus alone has it without these.  On other CPUs bits 35:32 are LL_EN
 * of the general ones ("Load Latency Performance Monitoring Facility"), and bit
 * 63 is a kind of record: no counters.
 */
static uint64_t pebs_counters(const struct cvm_x86_caps *caps)
{
	int extended = (caps->signature & SIGNATURE_MODEL) == GOLDMONT_PLUS ||
		       (caps->pdcm &&
			rdmsr(MSR_PERF_CAPABILITIES) & PERF_PEBS_BASELINE);

	return COUNTERS_GENERAL | (extended ? COUNTERS_FIXED : 0);
}

/*
 * What can write records through linear addresses: SDM vol. 4, table 2-2,
 * IA32_MISC_ENABLE; vol. 3B, 20.2.2 for the version with IA32_PERF_GLOBAL_CTRL.
 */
static void read_debug_store(struct cvm_x86_caps *caps)
{
	uint64_t misc;

	if (!caps->ds || caps->vendor != CVM_X86_INTEL)
		return;
	misc = rdmsr(MSR_MISC_ENABLE);
	caps->bts = !(misc & MISC_BTS_UNAVAILABLE);
	if (!(misc & MISC_PEBS_UNAVAILABLE) &&
	    (cpuid_safe(0xa, 0).eax & 0xff) >= 2)
		caps->pebs = pebs_counters(caps);
}

/*
 * Last branch records that a bit of an MSR of their own turns on: SDM vol. 3B,
 * chapter "Last Branch Records", APM vol. 2, 13.1.1 "Debug Registers".  (Leaf
 * 0x1c says which depths there are: none where the records are not there.)
 */
static void read_branch_records(struct cvm_x86_caps *caps)
{
	if (caps->vendor == CVM_X86_INTEL && caps->arch_lbr &&
	    cpuid_safe(0x1c, 0).eax & 0xff) {
		caps->lbr_msr = MSR_LBR_CTL;
		caps->lbr_on = LBR_CTL_LBREN;
	} else if (caps->vendor == CVM_X86_AMD && caps->lbr_v2) {
		caps->lbr_msr = MSR_DBG_EXTN_CFG;
		caps->lbr_on = DBG_EXTN_LBRV2EN;
	}
}

/*
 * Ice Lake detects split locks and does not enumerate it.  A hypervisor that
 * offers such a model without the register is common.
 */
static int is_ice_lake(const struct cvm_x86_caps *caps)
{
	if (caps->vendor != CVM_X86_INTEL || cpuid(1, 0).ecx >> 31)
		return 0;
	switch (caps->signature & SIGNATURE_MODEL) {
	case 0x606a0:	/* server */
	case 0x606c0:
	case 0x706e0:	/* mobile */
		return 1;
	default:
		return 0;
	}
}

/* SDM vol. 4, table 2-2: which of the registers below there are. */
static void read_enumerated(struct cvm_x86_caps *caps)
{
	if (caps->arch_caps)
		caps->tsx_ctrl = !!(rdmsr(MSR_ARCH_CAPABILITIES) &
				    ARCH_CAPS_TSX_CTRL);
	caps->test_ctrl = is_ice_lake(caps);
	if (caps->core_caps)
		caps->test_ctrl |= !!(rdmsr(MSR_CORE_CAPABILITIES) &
				      CORE_CAPS_SPLIT_LOCK);
}

static void read_control(struct cvm_x86_caps *caps)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cs, %0" : "=r"(caps->cs));
	__asm__ volatile("mov %%ss, %0" : "=r"(caps->ss));
	__asm__ volatile("str %0" : "=r"(caps->tr));
	__asm__ volatile("mov %%cr0, %0" : "=r"(caps->cr0));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("mov %%cr4, %0" : "=r"(caps->cr4));
	caps->la57 = !!(caps->cr4 & CVM_CR4_LA57);
	caps->efer = rdmsr(MSR_EFER);
	if (caps->cet)
		caps->s_cet = rdmsr(MSR_S_CET);
	if (caps->sme | caps->sev) {
		caps->sev_status = rdmsr(MSR_AMD64_SEV);
		caps->c_bit = cr3 >> (cpuid(0x8000001f, 0).ebx & 63) & 1;
	}
}

static void read_xsave(struct cvm_x86_caps *caps)
{
	struct regs r;

	if (!caps->xsave)
		return;
	r = cpuid_safe(0xd, 0);
	caps->xsave_bytes = r.ecx;
	caps->xcr0_max = (uint64_t)r.edx << 32 | r.eax;
	r = cpuid_safe(0xd, 1);
	caps->xsaves_bytes = r.ebx;
	caps->xss_max = (uint64_t)r.edx << 32 | r.ecx;
	if (caps->cr4 & CVM_CR4_OSXSAVE)
		caps->xcr0 = xgetbv0();
	if (caps->xsaves)
		caps->xss = rdmsr(MSR_XSS);
}

static void read_kvm(struct cvm_x86_caps *caps, uint32_t base)
{
	if (cpuid(base + 1, 0).eax & KVM_FEATURE_ASYNC_PF)
		caps->async_pf = rdmsr(MSR_KVM_ASYNC_PF_EN);
}

static void read_hyperv(struct cvm_x86_caps *caps, uint32_t base)
{
	uint32_t ebx = cpuid(base + 3, 0).ebx;

	caps->hv_root = !!(ebx & HV_CPU_MANAGEMENT);
	if (ebx & HV_ISOLATION)
		caps->hv_isolation = cpuid(base + 0xc, 0).ebx & 0xf;
}

/*
 * A hypervisor announces itself at 0x40000000; one that offers a second
 * interface (KVM with Hyper-V's) puts it some multiples of 0x100 higher.
 */
static void read_outer(struct cvm_x86_caps *caps)
{
	uint32_t base, kind;
	struct regs r;

	if (!(cpuid(1, 0).ecx >> 31))
		return;
	for (base = 0x40000000; base < 0x40001000; base += 0x100) {
		r = cpuid(base, 0);
		kind = CVM_OUTER_NONE;
		if (text_is(r.ebx, r.ecx, r.edx, "KVMKVMKVM\0\0\0")) {
			kind = CVM_OUTER_KVM;
			read_kvm(caps, base);
		} else if (text_is(r.ebx, r.ecx, r.edx, "Microsoft Hv")) {
			kind = CVM_OUTER_HYPERV;
			read_hyperv(caps, base);
		} else if (text_is(r.ebx, r.ecx, r.edx, "XenVMMXenVMM")) {
			kind = CVM_OUTER_XEN;
		}
		/* KVM below Hyper-V's interface is KVM. */
		if (kind && caps->outer != CVM_OUTER_KVM)
			caps->outer = kind;
	}
	if (!caps->outer)
		caps->outer = CVM_OUTER_OTHER;
}

void cvm_x86_caps_read(struct cvm_x86_caps *caps)
{
	*caps = (struct cvm_x86_caps){ 0 };
	read_features(caps);
	read_derived(caps);
	read_debug_store(caps);
	read_branch_records(caps);
	read_enumerated(caps);
	read_control(caps);
	read_xsave(caps);
	read_outer(caps);
}
