// SPDX-License-Identifier: GPL-2.0-only
/* device.c - talk to a driver of the right version. */
#include <stdlib.h>
#include <string.h>

#include <cvm/error.h>

#include "cvmctl.h"
#include "platform.h"

struct device *device_open(struct cvm_user_version *version,
			   struct problem *problem)
{
	struct device *dev = plat_open(problem);
	int ret;

	memset(version, 0, sizeof(*version));
	if (!dev)
		return NULL;
	ret = plat_op(dev, CVM_USER_VERSION, version, sizeof(*version));
	version->version[sizeof(version->version) - 1] = '\0';
	if (ret)
		problem_set(problem, plat_device,
			    "this is no libcvm driver, or one too old to tell "
			    "its version (%s)", reason(ret));
	else if (version->user_abi != CVM_USER_ABI)
		problem_set(problem, plat_device,
			    "the driver (libcvm %s, user ABI %u) is too %s for "
			    "this cvmctl (%s, user ABI %u); install both from "
			    "one release", version->version, version->user_abi,
			    version->user_abi < CVM_USER_ABI ? "old" : "new",
			    CVMCTL_VERSION, CVM_USER_ABI);
	else
		return dev;
	plat_close(dev);
	return NULL;
}

/* The ID a word means, 0 if it is no number. */
static uint32_t word_id(const char *word)
{
	unsigned long id;
	char *end;

	if (*word < '0' || *word > '9')
		return 0;
	id = strtoul(word, &end, 10);
	return *end || id > UINT32_MAX ? 0 : (uint32_t)id;
}

int list_vms(struct device *dev, struct cvm_user_list *list,
	     struct problem *problem)
{
	uint32_t i;
	int ret;

	memset(list, 0, sizeof(*list));
	ret = plat_op(dev, CVM_USER_LIST, list, sizeof(*list));
	if (ret)
		return problem_set(problem, plat_device, "LIST: %s",
				   reason(ret));
	if (list->count > CVM_VMS_MAX)
		list->count = CVM_VMS_MAX;
	for (i = 0; i < list->count; i++)
		list->vm[i].name[CVM_NAME_MAX - 1] = '\0';
	return 0;
}

int find_vm(struct device *dev, const char *word,
	    struct cvm_user_vm_info *info, struct problem *problem)
{
	struct cvm_user_list list;
	uint32_t id = word_id(word);
	uint32_t i, found = 0;

	if (list_vms(dev, &list, problem))
		return -1;
	for (i = 0; i < list.count; i++) {
		if (list.vm[i].id != id && strcmp(list.vm[i].name, word))
			continue;
		*info = list.vm[i];
		if (info->id == id)
			return 0;
		found++;
	}
	if (found > 1)
		return problem_set(problem, word, "%u VMs have this name; use "
				   "the ID (see cvmctl list)", found);
	if (!found)
		return problem_set(problem, word, "no such VM (see cvmctl "
				   "list)");
	return 0;
}

int vm_operation(const char *word, uint32_t op, void *arg, size_t bytes,
		 uint32_t *id)
{
	struct problem problem = { 0 };
	struct cvm_user_version version;
	struct cvm_user_vm_info info;
	struct device *dev = device_open(&version, &problem);
	int ret;

	if (dev) {
		if (!find_vm(dev, word, &info, &problem)) {
			*id = info.id;
			ret = plat_op(dev, op, arg, bytes);
			if (ret)
				problem_set(&problem, word, "%s",
					    reason(ret));
		}
		plat_close(dev);
	}
	if (!problem.text[0])
		return 0;
	problem_print(&problem);
	return -1;
}
