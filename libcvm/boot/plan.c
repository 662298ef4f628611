// SPDX-License-Identifier: GPL-2.0-only
/* plan.c - decide where in the granted ranges everything goes. */
#include <cvm/boot.h>

#include "boot/impl.h"

/* boot_params, command line and stack, one page each. */
#define SMALL_BYTES	(3u * CVM_PAGE_SIZE)

/* Where the next piece of each range may begin, in the caller's order. */
struct space {
	const struct cvm_user_ranges *ranges;
	uint64_t used[CVM_RANGES_MAX];
};

uint64_t cvm_boot_first_bytes(const struct cvm_image *img,
			      uint64_t initrd_bytes, uint64_t setup_bytes,
			      uint64_t mem_bytes)
{
	/*
	 * Tables of a compact guest: one page of each level, one more where
	 * the memory straddles a boundary, a page of entries per GiB, and as
	 * much again for the passage.
	 */
	uint64_t tables = (16 + (mem_bytes >> 30)) * CVM_PAGE_SIZE;
	/* Chunks are aligned to 2 MiB; a kernel may want more. */
	uint64_t sum = img->align - CVM_LARGE_PAGE + img->span + SMALL_BYTES +
		       tables;

	if (initrd_bytes > UINT64_MAX / 4 || setup_bytes > UINT64_MAX / 4)
		return UINT64_MAX;
	sum += cvm_round_up(initrd_bytes, CVM_PAGE_SIZE) +
	       cvm_round_up(setup_bytes, CVM_PAGE_SIZE);
	return cvm_round_up(sum, CVM_LARGE_PAGE);
}

static int check_range(const struct cvm_user_range *range, uint64_t limit,
		       struct cvm_err *err)
{
	if (!range->bytes ||
	    (range->gpa | range->bytes) & (CVM_LARGE_PAGE - 1))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_RANGES,
				  "memory: range at 0x%llx of 0x%llx bytes is "
				  "not made of 2 MiB pages",
				  (unsigned long long)range->gpa,
				  (unsigned long long)range->bytes);
	/* Page 0 is the e820 map's reserved entry; real-mode memory is not
	 * anybody's to grant. */
	if (!range->gpa)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_RANGES,
				  "memory: a range begins at address 0");
	if (!cvm_inside(range->gpa, range->bytes, limit))
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_RANGES,
				  "memory: range at 0x%llx lies beyond what a "
				  "kernel can use with this paging mode",
				  (unsigned long long)range->gpa);
	return 0;
}

/* Copy the ranges in ascending order and check them one by one. */
static int sort_ranges(const struct cvm_boot_args *args,
		       struct cvm_boot_plan *plan, struct cvm_err *err)
{
	/* Linux's MAX_PHYSMEM_BITS (asm/sparsemem.h): it hangs above. */
	uint64_t limit = 1ull << (args->la57 ? 52 : 46);
	const struct cvm_user_ranges *ranges = args->ranges;
	struct cvm_user_range *range = plan->range;
	uint32_t i, k;
	int ret;

	if (!ranges->count || ranges->count > CVM_RANGES_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_RANGES,
				  "memory: %u ranges, 1 to %u are possible",
				  ranges->count, CVM_RANGES_MAX);
	for (i = 0; i < ranges->count; i++) {
		ret = check_range(&ranges->range[i], limit, err);
		if (ret)
			return ret;
		for (k = i; k && range[k - 1].gpa > ranges->range[i].gpa; k--)
			range[k] = range[k - 1];
		range[k] = ranges->range[i];
	}
	for (i = 1; i < ranges->count; i++)
		if (range[i].gpa - range[i - 1].gpa < range[i - 1].bytes)
			return cvm_refuse(err, CVM_EINVAL, CVM_WHY_RANGES,
					  "memory: ranges at 0x%llx and "
					  "0x%llx overlap",
					  (unsigned long long)range[i - 1].gpa,
					  (unsigned long long)range[i].gpa);
	plan->ranges = ranges->count;
	return 0;
}

static int place(struct space *space, const char *what, uint64_t bytes,
		 uint64_t align, uint64_t *gpa, struct cvm_err *err)
{
	const struct cvm_user_range *range;
	uint64_t at, left, largest = 0;
	uint32_t i;

	for (i = 0; i < space->ranges->count; i++) {
		range = &space->ranges->range[i];
		at = cvm_round_up(range->gpa + space->used[i], align) -
		     range->gpa;
		left = at < range->bytes ? range->bytes - at : 0;
		if (bytes <= left) {
			space->used[i] = at + cvm_round_up(bytes,
							   CVM_PAGE_SIZE);
			*gpa = range->gpa + at;
			return 0;
		}
		if (left > largest)
			largest = left;
	}
	return cvm_refuse(err, CVM_ENOMEM, CVM_WHY_MEMORY,
			  "memory: %s needs %llu MiB contiguous, the largest "
			  "free piece has %llu MiB", what,
			  (unsigned long long)cvm_to_mib(bytes),
			  (unsigned long long)(largest >> 20));
}

static int place_all(const struct cvm_boot_args *args,
		     struct cvm_boot_plan *plan, struct cvm_err *err)
{
	struct space space = { .ranges = args->ranges };
	uint64_t small = 0;
	int ret;

	ret = place(&space, "the kernel", args->image->span,
		    args->image->align, &plan->kernel_gpa, err);
	if (!ret && args->initrd_bytes)
		ret = place(&space, "the initrd", args->initrd_bytes,
			    CVM_PAGE_SIZE, &plan->initrd_gpa, err);
	if (!ret && args->setup_bytes)
		ret = place(&space, "the setup data", args->setup_bytes,
			    CVM_PAGE_SIZE, &plan->setup_gpa, err);
	if (!ret)
		ret = place(&space, "the start-up page tables",
			    (uint64_t)plan->table_pages * CVM_PAGE_SIZE,
			    CVM_PAGE_SIZE, &plan->tables_gpa, err);
	if (!ret)
		ret = place(&space, "the boot parameters", SMALL_BYTES,
			    CVM_PAGE_SIZE, &small, err);
	plan->params_gpa = small;
	plan->cmdline_gpa = small + CVM_PAGE_SIZE;
	plan->stack_gpa = small + 2 * CVM_PAGE_SIZE;
	return ret;
}

static int check_args(const struct cvm_boot_args *args, struct cvm_err *err)
{
	const char *text = args->cmdline;
	uint64_t len = 0;

	while (text && text[len])
		len++;
	if (len > CVM_CMDLINE_MAX)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_CMDLINE,
				  "command line: %llu characters, a kernel "
				  "takes %u",
				  (unsigned long long)len,
				  CVM_CMDLINE_MAX);
	if (!args->vcpus || args->vcpus > CVM_MAX_VCPUS)
		return cvm_refuse(err, CVM_EINVAL, CVM_WHY_VCPUS,
				  "%u vCPUs, 1 to %u are possible",
				  args->vcpus, CVM_MAX_VCPUS);
	if (args->la57 && args->image->four_level)
		return cvm_refuse(err, CVM_ENOSYS, CVM_WHY_PAGING,
				  "this host runs with 5-level page tables, "
				  "the kernel is built without them "
				  "(CONFIG_X86_5LEVEL)");
	if (args->initrd_bytes > UINT64_MAX / 4)
		return cvm_refuse(err, CVM_ENOMEM, CVM_WHY_MEMORY,
				  "memory: an initrd of %llu bytes is out of "
				  "reach",
				  (unsigned long long)args->initrd_bytes);
	if (args->setup_bytes > UINT64_MAX / 4)
		return cvm_refuse(err, CVM_ENOMEM, CVM_WHY_MEMORY,
				  "memory: setup data of %llu bytes are out "
				  "of reach",
				  (unsigned long long)args->setup_bytes);
	return 0;
}

int cvm_boot_plan(const struct cvm_boot_args *args,
		  struct cvm_boot_plan *plan, struct cvm_err *err)
{
	int ret;

	__builtin_memset(plan, 0, sizeof(*plan));
	ret = check_args(args, err);
	if (!ret)
		ret = sort_ranges(args, plan, err);
	if (ret)
		return ret;
	plan->table_pages = cvm_tables_count(args, plan);
	ret = place_all(args, plan, err);
	if (ret)
		return ret;
	plan->entry.vcpu = 0;
	plan->entry.rip = plan->kernel_gpa + args->image->entry;
	/* As after a call: the ABI's alignment plus one return address. */
	plan->entry.rsp = plan->stack_gpa + CVM_PAGE_SIZE - 8;
	plan->entry.rsi = plan->params_gpa;
	plan->entry.cr3 = plan->tables_gpa;
	return 0;
}
