// SPDX-License-Identifier: GPL-2.0-only
/* list.c - the VMs of this machine. */
#include <stdio.h>

#include "commands.h"
#include "cvmctl/cli/json.h"
#include "os/os.h"
#include "vmm/driver.h"

static int print_json(const struct cvm_user_list *list)
{
	const struct cvm_user_vm_info *vm;
	struct json json;
	uint32_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '[');
	for (i = 0; i < list->count; i++) {
		vm = &list->vm[i];
		json_open(&json, NULL, '{');
		json_u64(&json, "id", vm->id);
		json_vm(&json, vm);
		json_close(&json);
	}
	json_close(&json);
	return json_print(&json);
}

static int print_table(const struct cvm_user_list *list)
{
	const struct cvm_user_vm_info *vm;
	size_t width = 4, len;
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		len = text_width(list->vm[i].name, CVM_NAME_MAX);
		width = len > width ? len : width;
	}
	printf("%s%4s  %-*s  %-7s  %5s  %9s  %7s  %s%s\n", style(STYLE_BOLD),
	       "ID", (int)width, "NAME", "STATE", "VCPUS", "MEM", "PID",
	       "KERNEL", style(STYLE_OFF));
	for (i = 0; i < list->count; i++) {
		vm = &list->vm[i];
		printf("%4u  ", vm->id);
		put_column(vm->name, sizeof(vm->name), width);
		printf("  %-7s  %5u  %5llu MiB  %7d  ",
		       state_name(vm->state), vm->vcpus,
		       (unsigned long long)(vm->mem_bytes >> 20), vm->pid);
		if (vm->release[0])
			put_text(vm->release, sizeof(vm->release));
		else
			putchar('-');
		putchar('\n');
	}
	return print_flush();
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	struct cvm_user_version version;
	struct cvm_user_list list;
	struct os_driver *driver;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "json", OPT_FLAG, NULL, &json, "print a JSON array" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, NULL, 0);
	if (ret != PARSE_GO_ON)
		return ret;
	driver = driver_open(&version, &problem);
	if (driver) {
		list_vms(driver, &list, &problem);
		os_driver_close(driver);
	}
	if (problem.text[0]) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return json ? print_json(&list) : print_table(&list);
}

const struct command cmd_list = {
	"list", run, "[--json]", "list the VMs of this machine",
	"List every VM the driver knows, whoever started it.  KERNEL is the\n"
	"guest's own version, once it runs; PID is the process that holds the\n"
	"VM: the VM ends with it.\n",
	NULL
};
