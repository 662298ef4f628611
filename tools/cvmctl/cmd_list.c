// SPDX-License-Identifier: GPL-2.0-only
/* cmd_list.c - the VMs of this machine. */
#include <stdio.h>
#include <string.h>

#include "cvmctl.h"
#include "json.h"
#include "platform.h"

static int print_json(const struct cvm_user_list *list)
{
	struct json_object *root = json_object_new_array();
	const struct cvm_user_vm_info *vm;
	struct json_object *item;
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		vm = &list->vm[i];
		item = json_object_new_object();
		json_put_u64(item, "id", vm->id);
		json_put_text(item, "name", vm->name, sizeof(vm->name));
		json_put_text(item, "state", state_name(vm->state), 16);
		json_put_u64(item, "vcpus", vm->vcpus);
		json_put_u64(item, "mem_bytes", vm->mem_bytes);
		json_object_object_add(item, "pid",
				       json_object_new_int(vm->pid));
		json_put_text(item, "kernel", vm->release,
			      sizeof(vm->release));
		json_object_array_add(root, item);
	}
	return json_print(root);
}

static int print_table(const struct cvm_user_list *list)
{
	const struct cvm_user_vm_info *vm;
	int width = 4, len;
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		len = (int)strnlen(list->vm[i].name, CVM_NAME_MAX);
		width = len > width ? len : width;
	}
	printf("%s%4s  %-*s  %-7s  %5s  %9s  %7s  %s%s\n", style(STYLE_BOLD),
	       "ID", width, "NAME", "STATE", "VCPUS", "MEM", "PID", "KERNEL",
	       style(STYLE_OFF));
	for (i = 0; i < list->count; i++) {
		vm = &list->vm[i];
		printf("%4u  ", vm->id);
		put_text(vm->name, sizeof(vm->name));
		len = (int)strnlen(vm->name, CVM_NAME_MAX);
		printf("%*s  %-7s  %5u  %5llu MiB  %7d  ", width - len, "",
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
	struct cvm_user_list list = { 0 };
	struct device *dev;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "json", OPT_FLAG, NULL, &json, "print a JSON array" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, NULL, 0);
	if (ret != PARSE_GO_ON)
		return ret;
	dev = device_open(&version, &problem);
	if (dev) {
		ret = plat_op(dev, CVM_USER_LIST, &list);
		if (ret)
			problem_set(&problem, CVM_DEVICE_PATH, "LIST: %s",
				    plat_reason(ret));
		plat_close(dev);
	}
	if (problem.text[0]) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	if (list.count > CVM_VMS_MAX)
		list.count = CVM_VMS_MAX;
	return json ? print_json(&list) : print_table(&list);
}

const struct command cmd_list = {
	"list", run, "[--json]", "the VMs of this machine",
	"List every VM the driver knows, whoever started it.  KERNEL is the\n"
	"guest's own version, once it runs; PID is the process that holds the\n"
	"VM: the VM ends with it.\n"
};
