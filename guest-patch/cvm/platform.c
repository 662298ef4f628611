// SPDX-License-Identifier: GPL-2.0-only
/*
 * platform.c - recognising the guest, and turning the PC off.
 *
 * The machine belongs to the host.  What start-up code would do to a PC is
 * replaced by nothing here; where a member runs anyway it yields, because
 * the whole of early boot runs with interrupts off and the host's CPU with it.
 */
#include <linux/acpi.h>
#include <linux/console.h>
#include <linux/init.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/utsname.h>

#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/e820/api.h>
#include <asm/hypervisor.h>
#include <asm/i8259.h>
#include <asm/io.h>
#include <asm/iommu.h>
#include <asm/mtrr.h>
#include <asm/pci_x86.h>
#include <asm/pgtable.h>
#include <asm/processor-flags.h>
#include <asm/setup.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>
#include <asm/tsc.h>
#include <asm/x86_init.h>

#include "cvm.h"

bool cvm_guest __ro_after_init;
EXPORT_SYMBOL(cvm_guest);

unsigned long cvm_cr4_keep_mask __ro_after_init;
unsigned long cvm_cr4_keep_bits __ro_after_init;

/* TSC of the last moment the host could run, until interrupts are on. */
static u64 cvm_boot_tsc;

static bool __init cvm_slot_present(unsigned int page)
{
	return pte_flags(level1_fixmap_pgt[CVM_PASSAGE_PTE_INDEX + page]) &
		_PAGE_PRESENT;
}

/*
 * Called as soon as .bss is clear and before the first IDT of C code: the
 * loader leaves its mark in the passage's page-table slots, which are empty
 * in any other boot.
 */
void __init cvm_early_detect(void)
{
	struct cvm_shared *s = (struct cvm_shared *)CVM_SHARED_GVA(0);

	BUILD_BUG_ON(X86_SUBARCH_CVM != CVM_HARDWARE_SUBARCH);
	BUILD_BUG_ON(FIX_CVM_PASSAGE_END - FIX_CVM_PASSAGE_BEGIN + 1 !=
		     CVM_PASSAGE_PAGES);

	if (!cvm_slot_present(0) ||
	    !cvm_slot_present(CVM_VCPU_SHARED_OFF(0) / CVM_PAGE_SIZE))
		return;
	if (s->magic != CVM_SHARED_MAGIC || s->abi != CVM_GUEST_ABI)
		return;

	cvm_guest = true;
	cvm_vm = s;
	this_cpu_write(cvm_this, s);
	s->msr_dirty = 1;
	s->deadline_tsc = CVM_DEADLINE_NONE;
	cvm_cr4_keep_mask = s->cr4_keep;
	cvm_cr4_keep_bits = native_read_cr4() & s->cr4_keep;
	cvm_boot_tsc = rdtsc();
}

/* NMI and #MC while the early IDT is live; everything else is a real trap. */
bool __init cvm_early_exception(struct pt_regs *regs, int trapnr)
{
	if (!cvm_is_guest())
		return false;
	if (trapnr == X86_TRAP_MC)
		return cvm_machine_check(regs);
	if (trapnr != X86_TRAP_NMI)
		return false;
	cvm_nmi();
	return true;
}

/* A member that has nothing to do: let the host run, note how long it took. */
static void __init cvm_step(void)
{
	u64 window = rdtsc() - cvm_boot_tsc;

	if (!early_boot_irqs_disabled)
		return;
	if (window > cvm_vm->irqoff_max)
		cvm_vm->irqoff_max = window;
	cvm_yield();
	cvm_boot_tsc = rdtsc();
}

static int __init cvm_none(void)
{
	return 0;
}

/* Runs after the command line was parsed: "acpi=force" is not for us. */
static void __init cvm_dmi_setup(void)
{
	disable_acpi();
	cvm_step();
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
/* Any integrated APIC's will do: it only has to be the same everywhere. */
#define CVM_APIC_VERSION	0x14

static void __init cvm_smp_step(unsigned int early)
{
	cvm_step();
	if (early)
		return;
	boot_cpu_physical_apicid = 0;
	boot_cpu_apic_version = CVM_APIC_VERSION;
	generic_processor_info(0, CVM_APIC_VERSION);
}

static void __init cvm_smp_setup(void)
{
	x86_init.mpparse.find_smp_config = cvm_step;
	x86_init.mpparse.get_smp_config = cvm_smp_step;
	disable_apic = 1;
}
#else
static void __init cvm_smp_setup(void)
{
	x86_init.mpparse.find_mptable = cvm_step;
	x86_init.mpparse.early_parse_smp_cfg = cvm_step;
	x86_init.mpparse.parse_smp_cfg = cvm_step;
	apic_is_disabled = true;
}
#endif

/*
 * What the guest must not believe it has: the host's interrupt controller,
 * monitors and power management, features whose MSRs are not switched, and
 * the virtualization extensions the host may be using.
 */
static const u16 cvm_hidden_caps[] __initconst = {
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
	X86_FEATURE_AMD_PPIN,
#ifdef X86_FEATURE_SHSTK
	X86_FEATURE_SHSTK,
#endif
};

static void __init cvm_setup_caps(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cvm_hidden_caps); i++)
		setup_clear_cpu_cap(cvm_hidden_caps[i]);
	setup_force_cpu_cap(X86_FEATURE_HYPERVISOR);
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
	setup_force_cpu_cap(X86_FEATURE_CONSTANT_TSC);
	setup_force_cpu_cap(X86_FEATURE_NONSTOP_TSC);
}

static void __init cvm_setup_legacy(void)
{
	x86_platform.legacy.i8042 = X86_LEGACY_I8042_PLATFORM_ABSENT;
	x86_platform.legacy.rtc = 0;
	x86_platform.legacy.warm_reset = 0;
	x86_platform.legacy.reserve_bios_regions = 0;
	x86_platform.legacy.devices.pnpbios = 0;
	legacy_pic = &null_legacy_pic;
	no_iommu = 1;
#ifdef CONFIG_HYPERVISOR_GUEST
	nopv = true;
#endif
}

static void __init cvm_setup_pci(void)
{
#ifdef CONFIG_PCI
	pci_probe = 0;
	x86_init.pci.arch_init = cvm_none;
	x86_init.pci.init = cvm_none;
	x86_init.pci.init_irq = x86_init_noop;
	x86_init.pci.fixup_irqs = x86_init_noop;
#endif
}

/*
 * The host put no memory but RAM into the guest, which its MTRRs make
 * write-back.  Since 6.5 a kernel without MTRRs assumes nothing of the kind,
 * and maps nothing huge, unless told.
 */
static void __init cvm_setup_mtrr(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	guest_force_mtrr_state(NULL, 0, MTRR_TYPE_WRBACK);
#endif
}

static void __init cvm_arch_setup(void)
{
	cvm_step();
	cvm_setup_mtrr();
	cvm_console_setup();
	strscpy(cvm_vm->guest_release, init_utsname()->release,
		sizeof(cvm_vm->guest_release));
	pr_info("cvm: guest of libcvm, ABI %u, vCPU %u of %u, TSC %u kHz\n",
		cvm_vm->abi, cvm_vm->vcpu, cvm_vm->vcpus, cvm_vm->tsc_khz);
}

/* From x86_early_init_platform_quirks(), for our hardware_subarch. */
void __init cvm_platform_setup(void)
{
	if (!cvm_is_guest())
		return;

	cvm_exit_setup();
	cvm_setup_caps();
	cvm_setup_legacy();
	cvm_setup_pci();
	cvm_smp_setup();
	disable_acpi();

	x86_init.resources.probe_roms = cvm_step;
	x86_init.resources.reserve_resources = cvm_step;
	x86_init.resources.dmi_setup = cvm_dmi_setup;
	x86_init.irqs.pre_vector_init = cvm_step;
	x86_init.irqs.intr_mode_select = x86_init_noop;
	x86_init.irqs.intr_mode_init = x86_init_noop;
	x86_init.oem.arch_setup = cvm_arch_setup;
	x86_init.oem.banner = cvm_step;
	x86_platform.realmode_reserve = cvm_step;
	x86_platform.realmode_init = x86_init_noop;
	cvm_time_setup();
}
