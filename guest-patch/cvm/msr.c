// SPDX-License-Identifier: GPL-2.0-only
/*
 * msr.c - which model-specific registers the guest may write.
 *
 * One list in the one place all writes pass, not a chase through drivers.
 * Three verdicts:
 *	switched	the passage swaps it (abi.h says which those are);
 *			written, and the passage told
 *	command		no state behind it; written
 *	dropped		the host's setting stays; start-up code tries it and
 *			need not succeed
 * Anything else is refused, counted and recorded: that is a stray access.
 */
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>

#include <asm/msr.h>
#include <asm/msr-index.h>

#include "cvm.h"

enum cvm_verdict {
	CVM_MSR_REFUSED,
	CVM_MSR_SWITCHED,
	CVM_MSR_COMMAND,
	CVM_MSR_DROPPED,
};

struct cvm_msr_range {
	u32 first;
	u32 last;
	enum cvm_verdict verdict;
};

#define CVM_MSR(nr, v)		{ (nr), (nr), CVM_MSR_##v }
#define CVM_MSRS(a, b, v)	{ (a), (b), CVM_MSR_##v }
#define CVM_MSR_ROW(name, nr)	CVM_MSR(nr, SWITCHED),

/* The often written ones first; numbers without a name in all versions. */
static const struct cvm_msr_range cvm_msrs[] = {
	CVM_MSRS(MSR_FS_BASE, MSR_KERNEL_GS_BASE, COMMAND),
	CVM_MSR(MSR_IA32_PRED_CMD, COMMAND),
	CVM_MSR(MSR_IA32_FLUSH_CMD, COMMAND),
	CVM_SWITCHED_MSRS(CVM_MSR_ROW)

	CVM_MSR(MSR_AMD64_VIRT_SPEC_CTRL, DROPPED),
	CVM_MSR(MSR_IA32_TSC, DROPPED),
	CVM_MSR(MSR_IA32_APICBASE, DROPPED),
	CVM_MSR(MSR_TEST_CTRL, DROPPED),
	CVM_MSR(MSR_IA32_FEAT_CTL, DROPPED),
	CVM_MSR(MSR_IA32_TSC_ADJUST, DROPPED),
	CVM_MSR(MSR_IA32_UCODE_WRITE, DROPPED),
	CVM_MSR(MSR_IA32_UCODE_REV, DROPPED),		/* a selector to read */
	CVM_MSR(MSR_IA32_UMWAIT_CONTROL, DROPPED),
	CVM_MSR(MSR_MTRRcap, DROPPED),
	CVM_MSR(MSR_TSX_FORCE_ABORT, DROPPED),
	CVM_MSR(MSR_IA32_TSX_CTRL, DROPPED),
	CVM_MSR(MSR_IA32_MCU_OPT_CTRL, DROPPED),
	CVM_MSR(MSR_MISC_FEATURES_ENABLES, DROPPED),
	CVM_MSRS(MSR_IA32_MCG_CAP, MSR_IA32_MCG_CTL, DROPPED),
	CVM_MSR(MSR_IA32_MISC_ENABLE, DROPPED),
	CVM_MSR(MSR_IA32_ENERGY_PERF_BIAS, DROPPED),
	CVM_MSRS(0x200, 0x2ff, DROPPED),		/* MTRRs, MCi_CTL2 */
	CVM_MSRS(0x400, 0x47f, DROPPED),		/* MC banks */
	CVM_MSR(MSR_AMD64_SYSCFG, DROPPED),
	CVM_MSR(MSR_K7_HWCR, DROPPED),
	CVM_MSR(MSR_AMD64_NB_CFG, DROPPED),
	CVM_MSR(MSR_AMD64_PATCH_LOADER, DROPPED),
	CVM_MSRS(0xc0011020, 0xc001102f, DROPPED),	/* LS_CFG ... BP_CFG */
	CVM_MSR(0xc00110e2, DROPPED),			/* Zen 2 chicken bits */
	CVM_MSR(0xc00110e3, DROPPED),
};

static enum cvm_verdict cvm_msr_verdict(u32 msr)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cvm_msrs); i++)
		if (msr >= cvm_msrs[i].first && msr <= cvm_msrs[i].last)
			return cvm_msrs[i].verdict;
	return CVM_MSR_REFUSED;
}

/* EFER bits the host depends on stay as they are. */
static u64 cvm_msr_value(struct cvm_shared *s, u32 msr, u64 val)
{
	if (msr != MSR_EFER)
		return val;
	return (val & ~s->efer_keep) | (__rdmsr(MSR_EFER) & s->efer_keep);
}

static int cvm_wrmsr(u32 msr, u64 val, bool safe)
{
	u32 low = (u32)val, high = (u32)(val >> 32);
	int err = 0;

	if (safe)
		asm volatile("1: wrmsr ; xor %[err],%[err]\n"
			     "2:\n\t"
			     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_WRMSR_SAFE,
						   %[err])
			     : [err] "=a" (err)
			     : "c" (msr), "0" (low), "d" (high)
			     : "memory");
	else
		__wrmsr(msr, low, high);
	return err;
}

/*
 * The passage saves a switched MSR only after it was told.  Told before and
 * after, with interrupts off, it sees the new value whatever comes between.
 */
static int cvm_msr_switched(u32 msr, u64 val, bool safe)
{
	struct cvm_shared *s;
	unsigned long flags;
	int err;

	raw_local_irq_save(flags);
	s = this_cpu_read(cvm_this);
	WRITE_ONCE(s->msr_dirty, 1);
	err = cvm_wrmsr(msr, cvm_msr_value(s, msr, val), safe);
	WRITE_ONCE(s->msr_dirty, 1);
	raw_local_irq_restore(flags);
	return err;
}

static int cvm_msr_write(u32 msr, u64 val, bool safe, unsigned long ip)
{
	switch (cvm_msr_verdict(msr)) {
	case CVM_MSR_SWITCHED:
		return cvm_msr_switched(msr, val, safe);
	case CVM_MSR_COMMAND:
		return cvm_wrmsr(msr, val, safe);
	case CVM_MSR_DROPPED:
		return -EIO;
	case CVM_MSR_REFUSED:
		break;
	}
	cvm_record(CVM_ACCESS_WRMSR, msr, ip);
	cvm_count_refused();
	return -EIO;
}

notrace int __cvm_write_msr(u32 msr, u32 low, u32 high)
{
	return cvm_msr_write(msr, (u64)high << 32 | low, false, _RET_IP_);
}
EXPORT_SYMBOL(__cvm_write_msr);

notrace int __cvm_write_msr_safe(u32 msr, u32 low, u32 high)
{
	return cvm_msr_write(msr, (u64)high << 32 | low, true, _RET_IP_);
}
EXPORT_SYMBOL(__cvm_write_msr_safe);
