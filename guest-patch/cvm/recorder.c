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

struct record {
	u64 where;
	unsigned long ip;
	u32 kind;
	u32 count;
};

static const char *const access_name[CVM_NR_ACCESSES] = {
	[CVM_ACCESS_IN] = "in",
	[CVM_ACCESS_OUT] = "out",
	[CVM_ACCESS_WRMSR] = "wrmsr",
	[CVM_ACCESS_IOREMAP] = "ioremap",
	[CVM_ACCESS_FIXMAP] = "fixmap",
};

static struct record records[CVM_RECORDS];
static unsigned int nr_records;
static unsigned int lost_records;
static DEFINE_RAW_SPINLOCK(recorder_lock);

void cvm_guest_record(enum cvm_guest_access kind, u64 where, unsigned long ip)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&recorder_lock, flags);
	for (i = 0; i < nr_records; i++)
		if (records[i].where == where && records[i].ip == ip &&
		    records[i].kind == kind)
			break;
	if (i < CVM_RECORDS) {
		records[i].where = where;
		records[i].ip = ip;
		records[i].kind = kind;
		records[i].count++;
		nr_records = max(nr_records, i + 1);
	} else {
		lost_records++;
	}
	raw_spin_unlock_irqrestore(&recorder_lock, flags);
}

/* One line an entry: kind, address, count, caller. */
ssize_t cvm_guest_recorder_show(char *buf, size_t size)
{
	unsigned int i, nr = READ_ONCE(nr_records);
	ssize_t len = 0;

	for (i = 0; i < nr; i++)
		len += scnprintf(buf + len, size - len, "%s 0x%llx %u %pS\n",
				 access_name[records[i].kind],
				 records[i].where, records[i].count,
				 (void *)records[i].ip);
	if (lost_records)
		len += scnprintf(buf + len, size - len, "lost %u\n",
				 lost_records);
	return len;
}
