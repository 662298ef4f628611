/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mini.c - the mini guest of tests/ring0 under the driver, by IRPs.  Its
 * image is the second module.
 */
#include <cvm/error.h>
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"

#define DEVICE		"\\??\\cvm"
#define MEM_BYTES	0x200000ull

static int create(struct bed_mini *m, uint32_t flags)
{
	struct cvm_user_vm args = {
		.vcpus = 1,
		.guest_abi = CVM_GUEST_ABI,
		.flags = flags,
		.passage_gva = G_PASSAGE_GVA,
		.name = "mini guest",
	};
	struct cvm_user_mem mem = { .bytes = MEM_BYTES };
	int ret;

	ret = bed_request(m->file, CVM_USER_VM_CREATE, &args, sizeof(args));
	if (!ret)
		ret = bed_request(m->file, CVM_USER_MEM_ADD, &mem, sizeof(mem));
	if (!ret)
		ret = bed_request(m->file, CVM_USER_VCPU_CREATE, &m->guest.vcpu,
				  sizeof(m->guest.vcpu));
	m->guest.passage_code_hpa = args.passage_code_hpa;
	m->guest.la57 = (int)args.la57;
	return ret;
}

static int load(struct bed_mini *m, uint32_t mode)
{
	static struct cvm_user_ranges ranges;
	struct cvm_user_boot boot;
	int ret;

	memset(&ranges, 0, sizeof(ranges));
	ret = bed_request(m->file, CVM_USER_MEM_RANGES, &ranges,
			  sizeof(ranges));
	if (ret)
		return ret;
	m->guest.image = bare_module[1].data;
	m->guest.image_bytes = bare_module[1].bytes;
	g_mini_load(&m->guest, &ranges.range[0], mode, &boot);
	return bed_request(m->file, CVM_USER_VCPU_BOOT, &boot, sizeof(boot));
}

int bed_mini_start(struct bed_mini *m, uint32_t flags, uint32_t mode)
{
	uint32_t status;
	int ret;

	memset(m, 0, sizeof(*m));
	status = bed_open(DEVICE, 0, &m->file);
	if (status)
		return CVM_NT_IS_STATUS(status) ?
		       -(int)CVM_NT_ERROR(status) : -CVM_ENOENT;
	ret = create(m, flags);
	if (!ret)
		ret = load(m, mode);
	if (ret)
		bed_mini_end(m);
	return ret;
}

uint32_t bed_mini_run(struct bed_mini *m)
{
	int ret;

	do {
		m->run.vcpu = 0;
		ret = bed_request(m->file, CVM_USER_VCPU_RUN, &m->run,
				  sizeof(m->run));
	} while (ret == -CVM_EINTR ||
		 (!ret && m->run.reason == CVM_RUN_INTR));
	return ret ? ~0u : m->run.reason;
}

void bed_mini_stats(struct bed_mini *m, struct cvm_stats *stats)
{
	static struct cvm_user_stats s;

	memset(&s, 0, sizeof(s));
	if (bed_request(m->file, CVM_USER_STATS, &s, sizeof(s)))
		bare_panic("no statistics");
	*stats = s.stats;
}

void bed_mini_end(struct bed_mini *m)
{
	bed_cleanup(m->file);
	bed_close(m->file);
}
