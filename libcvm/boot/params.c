// SPDX-License-Identifier: GPL-2.0-only
/* params.c - fill Linux's zero page and command line. */
#include <cvm/boot.h>

#include "boot/impl.h"
#include "boot/params.h"

_Static_assert(CVM_E820_ENTRIES == CVM_E820_MAX, "one limit, two names");
_Static_assert(CVM_RANGES_MAX + 1 <= CVM_E820_MAX, "e820 must hold all");

static void add_e820(struct cvm_boot_params *params, uint64_t addr,
		     uint64_t size, uint32_t type)
{
	struct cvm_e820_entry *entry = &params->e820[params->e820_entries++];

	entry->addr = addr;
	entry->size = size;
	entry->type = type;
}

static void fill_e820(struct cvm_boot_params *params,
		      const struct cvm_boot_plan *plan)
{
	uint32_t i;

	/*
	 * Linux replaces a map with fewer than two entries by an invented one
	 * (append_e820_table() in arch/x86/kernel/e820.c), hence the reserved
	 * page 0 beside a single range.
	 */
	add_e820(params, 0, CVM_PAGE_SIZE, CVM_E820_RESERVED);
	for (i = 0; i < plan->ranges; i++)
		add_e820(params, plan->range[i].gpa, plan->range[i].bytes,
			 CVM_E820_RAM);
}

static void fill_header(struct cvm_boot_params *params,
			const struct cvm_boot_args *args,
			const struct cvm_boot_plan *plan)
{
	struct cvm_setup_header *hdr = &params->hdr;

	hdr->boot_flag = CVM_BOOT_FLAG;
	hdr->header = CVM_BOOT_HDRS;
	hdr->version = CVM_BOOT_PROTOCOL;
	hdr->type_of_loader = CVM_LOADER_UNDEFINED;
	hdr->loadflags = CVM_LOADED_HIGH;
	hdr->kernel_alignment = (uint32_t)args->image->align;
	hdr->relocatable_kernel = 1;
	hdr->xloadflags = CVM_XLF_KERNEL_64;
	hdr->init_size = (uint32_t)args->image->span;

	hdr->cmd_line_ptr = (uint32_t)plan->cmdline_gpa;
	params->ext_cmd_line_ptr = (uint32_t)(plan->cmdline_gpa >> 32);
	hdr->cmdline_size = CVM_CMDLINE_MAX;

	hdr->ramdisk_image = (uint32_t)plan->initrd_gpa;
	params->ext_ramdisk_image = (uint32_t)(plan->initrd_gpa >> 32);
	hdr->ramdisk_size = (uint32_t)args->initrd_bytes;
	params->ext_ramdisk_size = (uint32_t)(args->initrd_bytes >> 32);

	hdr->setup_data = plan->setup_gpa;
	hdr->hardware_subarch = CVM_HARDWARE_SUBARCH;
	hdr->hardware_subarch_data = args->vcpu[0].shared_hpa;
}

int cvm_params_write(const struct cvm_boot_args *args,
		     const struct cvm_boot_plan *plan,
		     const struct cvm_guest_mem *mem, struct cvm_err *err)
{
	const char *cmdline = args->cmdline ? args->cmdline : "";
	struct cvm_boot_params *params;
	uint32_t i;
	char *text;

	params = cvm_guest_at(mem, plan->params_gpa, sizeof(*params));
	text = cvm_guest_at(mem, plan->cmdline_gpa, CVM_PAGE_SIZE);
	if (!params || !text)
		return cvm_refuse(err, CVM_EFAULT, CVM_WHY_ACCESS,
				  "the boot parameters at 0x%llx cannot be "
				  "written",
				  (unsigned long long)plan->params_gpa);
	__builtin_memset(params, 0, sizeof(*params));
	__builtin_memset(text, 0, CVM_PAGE_SIZE);
	fill_e820(params, plan);
	fill_header(params, args, plan);
	for (i = 0; i < CVM_CMDLINE_MAX && cmdline[i]; i++)
		text[i] = cmdline[i];
	return 0;
}
