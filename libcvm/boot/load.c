// SPDX-License-Identifier: GPL-2.0-only
/* load.c - write a planned guest into its memory. */
#include <cvm/boot.h>

#include "boot/impl.h"

static int load_segments(const struct cvm_image *img, uint64_t kernel_gpa,
			 const struct cvm_guest_mem *mem, struct cvm_err *err)
{
	const struct cvm_image_seg *seg;
	uint32_t i;
	uint8_t *to;

	for (i = 0; i < img->segs; i++) {
		seg = &img->seg[i];
		to = cvm_guest_at(mem, kernel_gpa + seg->off, seg->mem_bytes);
		if (!to)
			return cvm_refuse(err, CVM_EFAULT, CVM_WHY_ACCESS,
					  "the kernel at 0x%llx cannot be "
					  "written",
					  (unsigned long long)(kernel_gpa +
							       seg->off));
		__builtin_memcpy(to, img->file + seg->file_off,
				 seg->file_bytes);
		__builtin_memset(to + seg->file_bytes, 0,
				 seg->mem_bytes - seg->file_bytes);
	}
	return 0;
}

/*
 * The passage's PTEs go straight into the kernel's own tables, so that the
 * passage is mapped at every moment from the switch to them on.  PTEs of
 * vCPUs that do not exist are left as the kernel has them.
 */
static int load_passage(const struct cvm_boot_args *args, uint64_t kernel_gpa,
			const struct cvm_guest_mem *mem, struct cvm_err *err)
{
	uint64_t gpa = kernel_gpa + args->image->pte;
	uint64_t bytes = CVM_PASSAGE_PAGES * 8u;
	uint64_t pte;
	uint8_t *to;
	uint32_t i;

	to = cvm_guest_at(mem, gpa, bytes);
	if (!to)
		return cvm_refuse(err, CVM_EFAULT, CVM_WHY_ACCESS,
				  "the passage's page table at 0x%llx cannot "
				  "be written",
				  (unsigned long long)gpa);
	for (i = 0; i < CVM_PASSAGE_PAGES; i++) {
		pte = cvm_passage_pte(args, i);
		if (pte)
			__builtin_memcpy(to + i * 8, &pte, sizeof(pte));
	}
	return 0;
}

int cvm_boot_load(const struct cvm_boot_args *args,
		  const struct cvm_boot_plan *plan,
		  const struct cvm_guest_mem *mem, struct cvm_err *err)
{
	int ret;

	ret = load_segments(args->image, plan->kernel_gpa, mem, err);
	if (!ret)
		ret = load_passage(args, plan->kernel_gpa, mem, err);
	if (!ret)
		ret = cvm_params_write(args, plan, mem, err);
	if (!ret)
		ret = cvm_tables_write(args, plan, mem, err);
	return ret;
}
