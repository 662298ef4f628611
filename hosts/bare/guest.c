/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.c - a Linux guest, from the loader's files to its last word.
 *
 * What cvmctl does where there is a user space, in one piece: the order that
 * <cvm/boot.h> names, then RUN until the end.  The first file is the vmlinux,
 * the second, if there is one, the initrd.  Console output goes to ours.
 *
 *	mem=MIB		memory of the guest, 128 by default
 *	-- WORDS	its command line
 */
#include <cvm/boot.h>
#include <cvm/libcvm.h>

#include "bare.h"

static struct cvm_monitor *monitor;
static struct bare_vm host_vm;
static struct cvm_image image;
static struct cvm_boot_plan plan;
static struct cvm_user_ranges ranges;
static struct cvm_user_vcpu vcpu;
static struct cvm_err err;

static int request(uint32_t number, void *arg, size_t size)
{
	return cvm_ioctl_call(cvm_ioctl_find(number), monitor, host_vm.vm, arg,
			      size);
}

static void *guest_at(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)bytes;
	return bare_hva(gpa);
}

static const char *guest_words(void)
{
	const char *at = bare_cmdline;

	while (*at && strncmp(at, " -- ", 4))
		at++;
	return *at ? at + 4 : at;
}

/* A VM with memory and one vCPU that has not been booted. */
static int create(struct cvm_user_vm *args, uint64_t initrd_bytes)
{
	struct cvm_user_mem mem = { .bytes = bare_arg("mem", 128) << 20 };
	int ret;

	args->vcpus = 1;
	args->guest_abi = image.note.abi;
	args->passage_gva = image.note.passage_gva;
	memcpy(args->name, "bare", sizeof("bare"));
	ret = cvm_vm_create(monitor, &host_vm, args, &host_vm.vm);
	if (ret)
		return ret;
	mem.first_bytes = cvm_boot_first_bytes(&image, initrd_bytes, 0,
					       mem.bytes);
	ret = request(CVM_USER_MEM_ADD, &mem, sizeof(mem));
	if (!ret)
		ret = request(CVM_USER_MEM_RANGES, &ranges, sizeof(ranges));
	if (!ret)
		ret = request(CVM_USER_VCPU_CREATE, &vcpu, sizeof(vcpu));
	return ret;
}

/* Kernel, initrd and tables into its memory, and the vCPU to its entry. */
static int load(const struct cvm_user_vm *vm, const struct bare_module *initrd)
{
	const struct cvm_guest_mem mem = { .at = guest_at };
	struct cvm_boot_args args = {
		.image = &image,
		.ranges = &ranges,
		.cmdline = guest_words(),
		.initrd_bytes = initrd ? initrd->bytes : 0,
		.passage_code_hpa = vm->passage_code_hpa,
		.vcpu = &vcpu,
		.vcpus = 1,
		.la57 = vm->la57,
	};
	int ret = cvm_boot_plan(&args, &plan, &err);

	if (!ret)
		ret = cvm_boot_load(&args, &plan, &mem, &err);
	if (ret)
		return ret;
	if (initrd)
		memcpy(bare_hva(plan.initrd_gpa), initrd->data, initrd->bytes);
	return request(CVM_USER_VCPU_BOOT, &plan.entry, sizeof(plan.entry));
}

static int start(void)
{
	const struct bare_module *kernel = &bare_module[0];
	const struct bare_module *initrd =
		bare_modules > 1 ? &bare_module[1] : NULL;
	static struct cvm_user_vm vm;
	int ret = cvm_image_parse(&image, kernel->data, kernel->bytes, NULL,
				  &err);

	if (!ret)
		ret = create(&vm, initrd ? initrd->bytes : 0);
	if (!ret)
		ret = load(&vm, initrd);
	bare_report(!ret, "the guest is loaded%s%s", *err.text ? ": " : "",
		    err.text);
	return ret;
}

/* RUN returns for output, for the host's business, and at the end. */
static void run(void)
{
	static struct cvm_user_run args;
	const char *text;
	uint64_t i;
	int ret;

	do {
		ret = request(CVM_USER_VCPU_RUN, &args, sizeof(args));
		if (ret || args.reason != CVM_RUN_CONSOLE_OUT)
			continue;
		text = bare_hva(args.arg[0]);
		for (i = 0; i < args.arg[1]; i++)
			bare_printf("%c", text[i]);
	} while (!ret && args.reason < CVM_RUN_POWEROFF);
	bare_report(!ret && args.reason == CVM_RUN_POWEROFF,
		    "the guest ends: %s", args.text);
}

void bare_guest(struct cvm_monitor *mon)
{
	monitor = mon;
	if (!start())
		run();
	if (host_vm.vm)
		cvm_vm_destroy(host_vm.vm);
	bare_vm_gone(&host_vm);
}
