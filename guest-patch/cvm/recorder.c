// SPDX-License-Identifier: GPL-2.0-only
/*
 * recorder.c - who tried to touch the machine, for finding the next one.
 *
 * A small table of distinct (kind, address, caller), each with a count.  On
 * a clean system it stays empty.  Reading it is /sys/hypervisor/cvm/recorder.
 */
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>

#include "cvm.h"

#define CVM_RECORDS	128

struct cvm_entry {
	u64 where;
	unsigned long ip;
	u32 kind;
	u32 count;
};

static const char *const cvm_access_name[CVM_NR_ACCESSES] = {
	[CVM_ACCESS_IN] = "in",
	[CVM_ACCESS_OUT] = "out",
	[CVM_ACCESS_WRMSR] = "wrmsr",
	[CVM_ACCESS_IOREMAP] = "ioremap",
	[CVM_ACCESS_FIXMAP] = "fixmap",
};

static struct cvm_entry cvm_entries[CVM_RECORDS];
static unsigned int cvm_nr_entries;
static unsigned int cvm_lost_entries;
static DEFINE_RAW_SPINLOCK(cvm_recorder_lock);

void cvm_record(enum cvm_access kind, u64 where, unsigned long ip)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&cvm_recorder_lock, flags);
	for (i = 0; i < cvm_nr_entries; i++)
		if (cvm_entries[i].where == where && cvm_entries[i].ip == ip &&
		    cvm_entries[i].kind == kind)
			break;
	if (i < CVM_RECORDS) {
		cvm_entries[i].where = where;
		cvm_entries[i].ip = ip;
		cvm_entries[i].kind = kind;
		cvm_entries[i].count++;
		cvm_nr_entries = max(cvm_nr_entries, i + 1);
	} else {
		cvm_lost_entries++;
	}
	raw_spin_unlock_irqrestore(&cvm_recorder_lock, flags);
}

/* One line an entry: kind, address, count, caller. */
ssize_t cvm_recorder_show(char *buf, size_t size)
{
	unsigned int i, nr = READ_ONCE(cvm_nr_entries);
	ssize_t len = 0;

	for (i = 0; i < nr; i++)
		len += scnprintf(buf + len, size - len, "%s 0x%llx %u %pS\n",
				 cvm_access_name[cvm_entries[i].kind],
				 cvm_entries[i].where, cvm_entries[i].count,
				 (void *)cvm_entries[i].ip);
	if (cvm_lost_entries)
		len += scnprintf(buf + len, size - len, "lost %u\n",
				 cvm_lost_entries);
	return len;
}
