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

/* TSC of the last moment the host could run, until interrupts are on. */
static u64 boot_tsc __initdata;

static void __init platform_setup(void);

static bool __init slot_present(unsigned int page)
{
	return pte_flags(level1_fixmap_pgt[CVM_PASSAGE_PTE_INDEX + page]) &
		_PAGE_PRESENT;
}

/*
 * From cvm_guest_bringup_idt(), as soon as the kernel runs at its own
 * addresses: the loader leaves its mark in the passage's page-table slots,
 * which are empty in any other boot.  .bss is not clear yet: nothing of it is
 * written.
 */
void __init cvm_guest_early_detect(void)
{
	struct cvm_shared *s = (struct cvm_shared *)CVM_SHARED_GVA(0);

	BUILD_BUG_ON(FIX_CVM_PASSAGE_END - FIX_CVM_PASSAGE_BEGIN + 1 !=
		     CVM_PASSAGE_PAGES);

	if (!slot_present(0) ||
	    !slot_present(CVM_VCPU_SHARED_OFF(0) / CVM_PAGE_SIZE))
		return;
	if (s->magic != CVM_SHARED_MAGIC || s->abi != CVM_GUEST_ABI)
		return;

	cvm_guest = true;
	cvm_guest_vm = s;
	this_cpu_write(cvm_guest_this, s);
	s->msr_dirty = 1;
	s->deadline_tsc = CVM_DEADLINE_NONE;
	boot_tsc = rdtsc();
	/* The end of x86_early_init_platform_quirks(). */
	x86_platform.set_legacy_features = platform_setup;
}

/*
 * The host may change its bits in CR4 later, VMXE above all, which it is a
 * #GP to clear in VMX operation (SDM vol. 3C, 24.8): they are taken from the
 * live register, into which the switch puts what the host has.  It may come
 * between reading and writing all the same, by an NMI; so when the write
 * faults, look whether they have changed.
 */
unsigned long __cvm_guest_write_cr4(unsigned long val)
{
	unsigned long keep = cvm_guest_vm->cr4_keep, found, flags;
	int err;

	raw_local_irq_save(flags);
	do {
		found = native_read_cr4() & keep;
		val = (val & ~keep) | found;
		asm volatile("1: mov %[val],%%cr4 ; xor %[err],%[err]\n"
			     "2:\n\t"
			     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG,
						   %[err])
			     : [err] "=&r" (err) : [val] "r" (val) : "memory");
	} while (err && (native_read_cr4() & keep) != found);
	if (err)
		asm volatile("mov %0,%%cr4" : : "r" (val) : "memory");
	raw_local_irq_restore(flags);
	return val;
}

/* NMI and #MC while the early IDT is live; everything else is a real trap. */
bool __init cvm_guest_early_exception(struct pt_regs *regs, int trapnr)
{
	if (!cvm_is_guest())
		return false;
	if (trapnr == X86_TRAP_NMI)
		return cvm_guest_nmi();
	if (trapnr == X86_TRAP_MC)
		return cvm_guest_machine_check(regs);
	return false;
}

/* A member that has nothing to do: let the host run, note how long it took. */
static void __init boot_step(void)
{
	u64 window = rdtsc() - boot_tsc;

	if (!early_boot_irqs_disabled)
		return;
	if (window > cvm_guest_vm->irqoff_max)
		cvm_guest_vm->irqoff_max = window;
	cvm_guest_yield();
	boot_tsc = rdtsc();
}

static int __init no_pci(void)
{
	return 0;
}

/* Runs after the command line was parsed: "acpi=force" is not for us. */
static void __init boot_step_dmi(void)
{
	disable_acpi();
	boot_step();
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
/* Any integrated APIC's will do: it only has to be the same everywhere. */
#define CVM_APIC_VERSION	0x14

static void __init boot_step_smp(unsigned int early)
{
	boot_step();
	if (early)
		return;
	boot_cpu_physical_apicid = 0;
	boot_cpu_apic_version = CVM_APIC_VERSION;
	generic_processor_info(0, CVM_APIC_VERSION);
}

static void __init setup_no_apic(void)
{
	x86_init.mpparse.find_smp_config = boot_step;
	x86_init.mpparse.get_smp_config = boot_step_smp;
	disable_apic = 1;
	/* init_apic_mappings() would, and irq_work may come before. */
	apic = &apic_noop;
}
#else
static void __init setup_no_apic(void)
{
	x86_init.mpparse.find_mptable = boot_step;
	x86_init.mpparse.early_parse_smp_cfg = boot_step;
	x86_init.mpparse.parse_smp_cfg = boot_step;
	apic_is_disabled = true;
}
#endif

static void __init setup_legacy(void)
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

static void __init setup_no_pci(void)
{
#ifdef CONFIG_PCI
	pci_probe = 0;
	x86_init.pci.arch_init = no_pci;
	x86_init.pci.init = no_pci;
	x86_init.pci.init_irq = x86_init_noop;
	x86_init.pci.fixup_irqs = x86_init_noop;
#endif
}

/*
 * The host put no memory but RAM into the guest, which its MTRRs make
 * write-back.  Since 6.5 a kernel without MTRRs assumes nothing of the kind,
 * and maps nothing huge, unless told.
 */
static void __init setup_no_mtrr(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	guest_force_mtrr_state(NULL, 0, MTRR_TYPE_WRBACK);
#endif
}

static void __init setup_late(void)
{
	boot_step();
	cvm_guest_caps_correct();
	setup_no_mtrr();
	cvm_guest_console_setup();
	strscpy(cvm_guest_vm->guest_release, init_utsname()->release,
		sizeof(cvm_guest_vm->guest_release));
	pr_info("cvm: guest of libcvm, ABI %u, vCPU %u of %u, TSC %u kHz\n",
		cvm_guest_vm->abi, cvm_guest_vm->vcpu, cvm_guest_vm->vcpus,
		cvm_guest_vm->tsc_khz);
}

static void __init platform_setup(void)
{
	cvm_guest_exit_setup();
	cvm_guest_caps_setup();
	setup_legacy();
	setup_no_pci();
	setup_no_apic();
	/* What the kernel takes when there is no APIC. */
	apic_noop.send_IPI_self = cvm_guest_send_self;
	disable_acpi();

	x86_init.resources.probe_roms = boot_step;
	x86_init.resources.reserve_resources = boot_step;
	x86_init.resources.dmi_setup = boot_step_dmi;
	x86_init.irqs.pre_vector_init = boot_step;
	x86_init.irqs.intr_mode_select = x86_init_noop;
	x86_init.irqs.intr_mode_init = x86_init_noop;
	x86_init.oem.arch_setup = setup_late;
	x86_init.oem.banner = boot_step;
	x86_platform.realmode_reserve = boot_step;
	x86_platform.realmode_init = x86_init_noop;
	cvm_guest_time_setup();
}
