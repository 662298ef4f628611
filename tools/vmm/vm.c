// SPDX-License-Identifier: GPL-2.0-only
/* vm.c - one VM from its creation to its first instruction. */
#include <stdio.h>
#include <string.h>

#include <cvm/error.h>

#include "driver.h"
#include "vm.h"
#include "vm_devices.h"
#include "kernel/from_image.h"
#include "os/os.h"

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + 0xfffff) >> 20;
}

void *vm_memory(const struct vm *vm, uint64_t gpa, uint64_t bytes)
{
	const struct cvm_user_range *range;
	uint32_t i;

	for (i = 0; i < vm->ranges.count; i++) {
		range = &vm->ranges.range[i];
		if (gpa >= range->gpa && bytes <= range->bytes &&
		    gpa - range->gpa <= range->bytes - bytes)
			return vm->map + (gpa - vm->map_gpa);
	}
	return NULL;
}

static void *memory_at(void *ctx, uint64_t gpa, uint64_t bytes)
{
	return vm_memory(ctx, gpa, bytes);
}

/* The loader's texts about memory and command line name their thing. */
static int loader_problem(const struct cvm_err *err, const char *kernel,
			  struct problem *problem)
{
	switch (err->why) {
	case CVM_WHY_RANGES:
	case CVM_WHY_MEMORY:
	case CVM_WHY_CMDLINE:
		snprintf(problem->text, sizeof(problem->text), "%s",
			 err->text);
		return -1;
	default:
		return problem_set(problem, kernel, "%s", err->text);
	}
}

static int create(struct vm *vm, const struct config *config,
		  const struct kernel *kernel, struct problem *problem)
{
	int ret;

	if (kernel->image.note.abi != vm->version.guest_abi)
		return problem_set(problem, config->kernel,
				   "built for guest ABI %u, but the driver has "
				   "guest ABI %u; use a kernel and a driver of "
				   "one release", kernel->image.note.abi,
				   vm->version.guest_abi);
	vm->info.vcpus = config->vcpus;
	vm->info.guest_abi = kernel->image.note.abi;
	vm->info.flags = config->compare ? CVM_VM_F_COMPARE : 0;
	vm->info.passage_gva = kernel->image.note.passage_gva;
	snprintf(vm->info.name, sizeof(vm->info.name), "%s", config->name);
	ret = os_driver_request(vm->driver, CVM_USER_VM_CREATE, &vm->info,
				sizeof(vm->info));
	if (ret == -CVM_EPERM)
		return problem_set(problem, os_driver_name, "this host cannot "
				   "run guests (see cvmctl check)");
	if (ret == -CVM_E2BIG)
		return problem_set(problem, os_driver_name,
				   "too many VMs (the driver holds at most %u)",
				   CVM_VMS_MAX);
	if (ret)
		return problem_set(problem, os_driver_name, "VM_CREATE: %s",
				   reason(ret));
	return 0;
}

static int add_memory(struct vm *vm, const struct config *config,
		      uint64_t first_bytes, struct problem *problem)
{
	struct cvm_user_mem mem = {
		.bytes = config->mem_bytes,
		.first_bytes = first_bytes,
		.min_hpa = config->min_hpa,
	};
	int ret;

	ret = os_driver_request(vm->driver, CVM_USER_MEM_ADD, &mem,
				sizeof(mem));
	if (!ret && mem.added < mem.bytes)
		ret = -CVM_ENOMEM;
	if (ret == -CVM_ENOMEM)
		return problem_set(problem, "memory", "the host cannot give "
				   "%llu MiB%s (%llu MiB of them contiguous); "
				   "free some, or ask for "
				   "less", mib(config->mem_bytes),
				   config->min_hpa ? " above --min-address" :
				   "", mib(first_bytes));
	if (ret == -CVM_E2BIG)
		return problem_set(problem, "memory", "the host's free memory "
				   "is in too many pieces for %llu MiB (at "
				   "most %u)", mib(config->mem_bytes),
				   CVM_RANGES_MAX);
	if (ret)
		return problem_set(problem, "memory", "MEM_ADD: %s",
				   reason(ret));
	ret = os_driver_request(vm->driver, CVM_USER_MEM_RANGES, &vm->ranges,
				sizeof(vm->ranges));
	if (!ret && (!vm->ranges.count || vm->ranges.count > CVM_RANGES_MAX))
		ret = -CVM_EINVAL;
	if (ret)
		return problem_set(problem, "memory", "MEM_RANGES: %s",
				   reason(ret));
	return 0;
}

static int map_memory(struct vm *vm, struct problem *problem)
{
	const struct cvm_user_range *range;
	uint64_t low = UINT64_MAX, high = 0;
	uint32_t i;

	for (i = 0; i < vm->ranges.count; i++) {
		range = &vm->ranges.range[i];
		low = range->gpa < low ? range->gpa : low;
		high = range->gpa + range->bytes > high ?
		       range->gpa + range->bytes : high;
	}
	vm->map_gpa = low;
	vm->map_bytes = high - low;
	vm->map = os_driver_map(vm->driver, &vm->ranges, low, high - low);
	if (!vm->map)
		return problem_set(problem, "memory", "the span from 0x%llx "
				   "to 0x%llx cannot be mapped",
				   (unsigned long long)low,
				   (unsigned long long)high);
	return 0;
}

static int create_vcpus(struct vm *vm, uint32_t vcpus,
			struct problem *problem)
{
	uint32_t i;
	int ret;

	for (i = 0; i < vcpus; i++) {
		vm->vcpu[i].vcpu = i;
		ret = os_driver_request(vm->driver, CVM_USER_VCPU_CREATE,
					&vm->vcpu[i], sizeof(vm->vcpu[i]));
		if (ret)
			return problem_set(problem, os_driver_name,
					   "VCPU_CREATE: %s",
					   reason(ret));
	}
	return 0;
}

static int load(struct vm *vm, const struct config *config,
		const struct kernel *kernel, struct file *initrd,
		struct problem *problem)
{
	struct cvm_guest_mem mem = { memory_at, vm };
	struct cvm_boot_args args = {
		.image = &kernel->image,
		.ranges = &vm->ranges,
		.cmdline = config->cmdline,
		.initrd_bytes = initrd->bytes,
		.setup_bytes = CVM_VIRTIO_TABLE_BYTES,
		.passage_code_hpa = vm->info.passage_code_hpa,
		.vcpu = vm->vcpu,
		.vcpus = config->vcpus,
		.la57 = vm->info.la57,
	};
	struct cvm_err err;
	int ret;

	if (cvm_boot_plan(&args, &vm->plan, &err) ||
	    cvm_boot_load(&args, &vm->plan, &mem, &err))
		return loader_problem(&err, config->kernel, problem);
	if (initrd->bytes &&
	    file_read(initrd, vm_memory(vm, vm->plan.initrd_gpa,
					     initrd->bytes), problem))
		return -1;
	if (devices_add(vm, config, problem))
		return -1;
	ret = os_driver_request(vm->driver, CVM_USER_VCPU_BOOT, &vm->plan.entry,
				sizeof(vm->plan.entry));
	if (ret)
		return problem_set(problem, os_driver_name, "VCPU_BOOT: %s",
				   reason(ret));
	return 0;
}

/* Refuse before the driver has to search for what cannot be enough. */
static int check_size(const struct config *config, uint64_t first_bytes,
		      const struct kernel *kernel, const struct file *initrd,
		      struct problem *problem)
{
	if (config->mem_bytes >= first_bytes)
		return 0;
	return problem_set(problem, "memory", "%llu MiB are too little: at "
			   "least %llu MiB are needed (kernel %llu MiB, initrd "
			   "%llu MiB)", mib(config->mem_bytes),
			   mib(first_bytes), mib(kernel->image.span),
			   mib(initrd->bytes));
}

/* Out of a disk of this guest's, which is not one yet. */
static int open_inside(struct file *file, const char *name,
		       const struct config_inside *in,
		       enum from_image_what what, const struct file_kind *kind,
		       struct problem *problem)
{
	const struct from_image from = {
		.disk = in->disk->path, .raw = in->disk->raw,
		.partition = in->partition, .path = in->path, .name = name,
	};

	return from_image(file, &from, what, kind, problem);
}

static int open_kernel(struct kernel *kernel, const struct config *config,
		       struct problem *problem)
{
	if (!config->kernel_in.disk)
		return kernel_open(kernel, config->kernel, config->platform,
				   problem);
	if (open_inside(&kernel->file, config->kernel, &config->kernel_in,
			FROM_IMAGE_KERNEL, &kernel_file_kind, problem))
		return -1;
	return kernel_check(kernel, config->platform, problem);
}

/*
 * A distribution's kernel has the code for it, and would encrypt its memory
 * before anybody could tell it not to.
 */
static int check_encryption(const struct config *config,
			    const struct kernel *kernel,
			    struct problem *problem)
{
	static const char word[] = "mem_encrypt=on";
	const char *at = config->cmdline;
	size_t end;

	for (; kernel->adapt && at && (at = strstr(at, word)); at++) {
		end = strcspn(at, " ");
		if (end == sizeof(word) - 1 &&
		    (at == config->cmdline || at[-1] == ' '))
			return problem_set(problem, "command line", "%s: the "
					   "memory of a guest is its host's to "
					   "encrypt", word);
	}
	return 0;
}

static int open_initrd(struct file *initrd, const struct config *config,
		       struct problem *problem)
{
	const struct file_kind kind = {
		"an initrd for this guest", config->mem_bytes
	};

	if (!config->initrd)
		return 0;
	if (!config->initrd_in.disk)
		return file_open(initrd, config->initrd, &kind, problem);
	return open_inside(initrd, config->initrd, &config->initrd_in,
			   FROM_IMAGE_INITRD, &kind, problem);
}

static int build(struct vm *vm, const struct config *config,
		 struct kernel *kernel, struct file *initrd,
		 struct problem *problem)
{
	uint64_t first_bytes;

	/* Files first: what is wrong with them is so without a driver. */
	if (open_kernel(kernel, config, problem) ||
	    check_encryption(config, kernel, problem) ||
	    open_initrd(initrd, config, problem))
		return -1;
	/* The guest's memory is asked for next. */
	kernel_slim(kernel);
	first_bytes = cvm_boot_first_bytes(&kernel->image, initrd->bytes,
					   CVM_VIRTIO_TABLE_BYTES,
					   config->mem_bytes);
	if (check_size(config, first_bytes, kernel, initrd, problem))
		return -1;
	vm->driver = driver_open(&vm->version, problem);
	if (!vm->driver)
		return -1;
	if (create(vm, config, kernel, problem) ||
	    add_memory(vm, config, first_bytes, problem) ||
	    map_memory(vm, problem) ||
	    create_vcpus(vm, config->vcpus, problem))
		return -1;
	return load(vm, config, kernel, initrd, problem);
}

int vm_build(struct vm *vm, const struct config *config,
	     struct problem *problem)
{
	struct kernel kernel = { 0 };
	struct file initrd;
	int ret;

	memset(vm, 0, sizeof(*vm));
	file_init(&kernel.file);
	file_init(&initrd);
	ret = build(vm, config, &kernel, &initrd, problem);
	kernel_close(&kernel);
	file_close(&initrd);
	return ret;
}

void vm_close(struct vm *vm)
{
	devices_remove(vm);
	if (vm->map)
		os_driver_unmap(vm->map, vm->map_bytes);
	if (vm->driver)
		os_driver_close(vm->driver);
	vm->map = NULL;
	vm->driver = NULL;
}
