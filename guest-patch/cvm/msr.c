// SPDX-License-Identifier: GPL-2.0-only
/*
 * msr.c - the one place all writes of model-specific registers pass.
 *
 * One list, msr.def, and not a chase through drivers.
 */
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>

#include <asm/msr.h>
#include <asm/msr-index.h>

#include "cvm.h"

enum msr_verdict {
	CVM_MSR_REFUSED,
	CVM_MSR_SWITCHED,
	CVM_MSR_OWN,
	CVM_MSR_COMMAND,
	CVM_MSR_DROPPED,
};

struct msr_range {
	u32 first;
	u32 last;
	enum msr_verdict verdict;
};

#define CVM_MSR(name, a, b, v, told)	{ (a), (b), CVM_MSR_##v },
#define CVM_MSR_ROW(name, nr)		CVM_MSR("", nr, nr, SWITCHED, "")
#define CVM_MSRS_SWITCHED		CVM_SWITCHED_MSRS(CVM_MSR_ROW)

static const struct msr_range msr_ranges[] = {
#include "msr.def"
};

static enum msr_verdict verdict_of(u32 msr)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_ranges); i++)
		if (msr >= msr_ranges[i].first && msr <= msr_ranges[i].last)
			return msr_ranges[i].verdict;
	return CVM_MSR_REFUSED;
}

/* EFER bits the host depends on stay as they are. */
static u64 value_to_write(struct cvm_shared *s, u32 msr, u64 val)
{
	if (msr != MSR_EFER)
		return val;
	return (val & ~s->efer_keep) | (__rdmsr(MSR_EFER) & s->efer_keep);
}

static int do_wrmsr(u32 msr, u64 val, bool safe)
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
static int write_switched(u32 msr, u64 val, bool safe)
{
	struct cvm_shared *s;
	unsigned long flags;
	int err;

	raw_local_irq_save(flags);
	s = this_cpu_read(cvm_guest_this);
	WRITE_ONCE(s->msr_dirty, 1);
	err = do_wrmsr(msr, value_to_write(s, msr, val), safe);
	WRITE_ONCE(s->msr_dirty, 1);
	raw_local_irq_restore(flags);
	return err;
}

static int write_by_verdict(u32 msr, u64 val, bool safe, unsigned long ip)
{
	switch (verdict_of(msr)) {
	case CVM_MSR_SWITCHED:
		return write_switched(msr, val, safe);
	case CVM_MSR_OWN:
	case CVM_MSR_COMMAND:
		return do_wrmsr(msr, val, safe);
	case CVM_MSR_DROPPED:
		return -EIO;
	case CVM_MSR_REFUSED:
		break;
	}
	cvm_guest_record(CVM_ACCESS_WRMSR, msr, ip);
	cvm_guest_count_refused();
	return -EIO;
}

/* For an instruction elsewhere; tried: it came to the register. */
int cvm_guest_write_msr_at(u32 msr, u64 val, unsigned long ip, bool *tried)
{
	enum msr_verdict verdict = verdict_of(msr);

	*tried = verdict != CVM_MSR_DROPPED && verdict != CVM_MSR_REFUSED;
	return write_by_verdict(msr, val, true, ip);
}

notrace int __cvm_guest_write_msr(u32 msr, u32 low, u32 high)
{
	return write_by_verdict(msr, (u64)high << 32 | low, false, _RET_IP_);
}
EXPORT_SYMBOL(__cvm_guest_write_msr);

notrace int __cvm_guest_write_msr_safe(u32 msr, u32 low, u32 high)
{
	return write_by_verdict(msr, (u64)high << 32 | low, true, _RET_IP_);
}
EXPORT_SYMBOL(__cvm_guest_write_msr_safe);
