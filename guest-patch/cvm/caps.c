// SPDX-License-Identifier: GPL-2.0-only
/*
 * caps.c - what the kernel believes of its CPU.
 *
 * CPUID tells of the machine, and that is the host's.  What the guest cannot
 * use is hidden; and what start-up code concludes from a write that msr.c has
 * dropped is corrected by what the register holds.  msr.def has the reason for
 * each register.
 */
#include <linux/bitops.h>
#include <linux/init.h>
#include <linux/printk.h>

#include <asm/cpufeature.h>
#include <asm/elf.h>
#include <asm/hwcap2.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "cvm.h"

#define CPUID_1_ECX_HYPERVISOR		BIT(31)
#define CPUID_LFENCE_LEAF		0x80000021
#define CPUID_LFENCE_SERIALIZES		BIT(2)		/* EAX */

/*
 * What the guest must not believe it has: the host's interrupt controller,
 * monitors and power management, features whose MSRs are not switched, and
 * the virtualization extensions the host may be using.
 */
static const u16 hidden_caps[] __initconst = {
	X86_FEATURE_APIC, X86_FEATURE_X2APIC, X86_FEATURE_TSC_DEADLINE_TIMER,
	X86_FEATURE_EXTAPIC, X86_FEATURE_ARAT,
	X86_FEATURE_MWAIT, X86_FEATURE_MWAITX, X86_FEATURE_WAITPKG,
	X86_FEATURE_RING3MWAIT, X86_FEATURE_CPUID_FAULT,
	X86_FEATURE_TSC_ADJUST, X86_FEATURE_MTRR, X86_FEATURE_MCE,
	X86_FEATURE_MCA, X86_FEATURE_VMX, X86_FEATURE_SVM,
	X86_FEATURE_ARCH_PERFMON, X86_FEATURE_DS, X86_FEATURE_DTES64,
	X86_FEATURE_PEBS, X86_FEATURE_BTS, X86_FEATURE_PDCM,
	X86_FEATURE_PERFCTR_CORE, X86_FEATURE_PERFCTR_NB,
	X86_FEATURE_PERFCTR_LLC, X86_FEATURE_IBS, X86_FEATURE_INTEL_PT,
	X86_FEATURE_ARCH_LBR, X86_FEATURE_ACPI, X86_FEATURE_ACC,
	X86_FEATURE_EST, X86_FEATURE_TM2, X86_FEATURE_EPB, X86_FEATURE_HWP,
	X86_FEATURE_HWP_NOTIFY, X86_FEATURE_HWP_ACT_WINDOW,
	X86_FEATURE_HWP_EPP, X86_FEATURE_HWP_PKG_REQ, X86_FEATURE_DTHERM,
	X86_FEATURE_PTS, X86_FEATURE_PLN, X86_FEATURE_HFI,
	X86_FEATURE_APERFMPERF, X86_FEATURE_CPB, X86_FEATURE_HW_PSTATE,
	X86_FEATURE_CPPC, X86_FEATURE_RDT_A, X86_FEATURE_CQM,
	X86_FEATURE_CAT_L3, X86_FEATURE_CAT_L2, X86_FEATURE_CDP_L3,
	X86_FEATURE_CDP_L2, X86_FEATURE_MBA, X86_FEATURE_SGX,
	X86_FEATURE_SGX_LC, X86_FEATURE_CORE_CAPABILITIES,
	X86_FEATURE_SPLIT_LOCK_DETECT, X86_FEATURE_BUS_LOCK_DETECT,
	X86_FEATURE_IBT, X86_FEATURE_ENQCMD, X86_FEATURE_XFD,
	X86_FEATURE_AMX_TILE, X86_FEATURE_AMX_INT8, X86_FEATURE_AMX_BF16,
	X86_FEATURE_SME, X86_FEATURE_SEV, X86_FEATURE_SEV_ES,
	X86_FEATURE_TME, X86_FEATURE_PCONFIG, X86_FEATURE_INTEL_PPIN,
	X86_FEATURE_AMD_PPIN, X86_FEATURE_MSR_IA32_FEAT_CTL,
	X86_FEATURE_LS_CFG_SSBD, X86_FEATURE_VIRT_SSBD, X86_FEATURE_IRPERF,
	X86_FEATURE_BPEXT,
#ifdef X86_FEATURE_SHSTK
	X86_FEATURE_SHSTK,
#endif
};

/* Hidden for good: one that was forced meanwhile would win. */
static void __init hide_cap(unsigned int cap)
{
	setup_clear_cpu_cap(cap);
	clear_bit(cap, (unsigned long *)cpu_caps_set);
}

static void __init hide_caps(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hidden_caps); i++)
		hide_cap(hidden_caps[i]);
}

/* Before the kernel asks CPUID. */
void __init cvm_guest_caps_setup(void)
{
	hide_caps();
	setup_force_cpu_cap(X86_FEATURE_HYPERVISOR);
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
	setup_force_cpu_cap(X86_FEATURE_CONSTANT_TSC);
	setup_force_cpu_cap(X86_FEATURE_NONSTOP_TSC);
}

static bool __init is_amd(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	       boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
}

/*
 * A write that makes it so is dropped.  APM vol. 2, 3.2.10: from family 0x10
 * on, but not on 0x11, by DE_CFG; and always where CPUID says so.
 */
static bool __init lfence_serializes(void)
{
	u64 val;

	if (!is_amd() || boot_cpu_data.x86 < 0x10 ||
	    boot_cpu_data.x86 == 0x11)
		return true;
	if (boot_cpu_data.extended_cpuid_level >= CPUID_LFENCE_LEAF &&
	    cpuid_eax(CPUID_LFENCE_LEAF) & CPUID_LFENCE_SERIALIZES)
		return true;
	return !rdmsrl_safe(MSR_AMD64_DE_CFG, &val) &&
	       val & MSR_AMD64_DE_CFG_LFENCE_SERIALIZE;
}

/*
 * The kernel does not look for the microcode against SRSO where there is a
 * hypervisor.  We are none: on the metal it asks as the kernel would.
 */
static void __init find_ibpb_brtype(void)
{
	if (!is_amd() || cpuid_ecx(1) & CPUID_1_ECX_HYPERVISOR)
		return;
	if (boot_cpu_data.x86 == 0x17 && boot_cpu_has(X86_FEATURE_AMD_IBPB)) {
		setup_force_cpu_cap(X86_FEATURE_IBPB_BRTYPE);
	} else if (boot_cpu_data.x86 >= 0x19 &&
		   !wrmsrl_safe(MSR_IA32_PRED_CMD, PRED_CMD_SBPB)) {
		setup_force_cpu_cap(X86_FEATURE_IBPB_BRTYPE);
		setup_force_cpu_cap(X86_FEATURE_SBPB);
	}
}

/* After early_cpu_init(), which forces some; before mitigations are chosen. */
void __init cvm_guest_caps_correct(void)
{
	hide_caps();
	/* By SPEC_CTRL, which is the guest's own, or not at all. */
	if (!boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD) &&
	    !boot_cpu_has(X86_FEATURE_AMD_SSBD))
		hide_cap(X86_FEATURE_SSBD);
	if (!lfence_serializes()) {
		hide_cap(X86_FEATURE_LFENCE_RDTSC);
		pr_warn("cvm: the host has left LFENCE not serializing\n");
	}
	find_ibpb_brtype();
}

/* MWAIT in user mode is announced to programs beside the capabilities. */
static int __init hwcap_correct(void)
{
	u64 val;

	if (cvm_is_guest() &&
	    (rdmsrl_safe(MSR_MISC_FEATURES_ENABLES, &val) ||
	     !(val & BIT_ULL(MSR_MISC_FEATURES_ENABLES_RING3MWAIT_BIT))))
		ELF_HWCAP2 &= ~HWCAP2_RING3MWAIT;
	return 0;
}
early_initcall(hwcap_correct);
