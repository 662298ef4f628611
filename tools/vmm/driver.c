// SPDX-License-Identifier: GPL-2.0-only
/* driver.c - talk to a driver of the right version. */
#include <stdio.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "driver.h"
#include "os/os.h"

struct os_driver *driver_open(struct cvm_user_version *version,
			      struct problem *problem)
{
	struct os_driver *driver = os_driver_open(problem);
	int ret;

	memset(version, 0, sizeof(*version));
	if (!driver)
		return NULL;
	ret = os_driver_request(driver, CVM_USER_VERSION, version,
				sizeof(*version));
	version->version[sizeof(version->version) - 1] = '\0';
	if (ret)
		problem_set(problem, os_driver_name,
			    "not a libcvm driver, or one too old to tell its "
			    "version (%s)", reason(ret));
	else if (version->user_abi != CVM_USER_ABI)
		problem_set(problem, os_driver_name,
			    "the driver (libcvm %s, user ABI %u) is too %s for "
			    "this cvmctl (%s, user ABI %u); install both from "
			    "one release", version->version, version->user_abi,
			    version->user_abi < CVM_USER_ABI ? "old" : "new",
			    CVM_VERSION, CVM_USER_ABI);
	else
		return driver;
	os_driver_close(driver);
	return NULL;
}

int list_vms(struct os_driver *driver, struct cvm_user_list *list,
	     struct problem *problem)
{
	uint32_t i;
	int ret;

	memset(list, 0, sizeof(*list));
	ret = os_driver_request(driver, CVM_USER_LIST, list, sizeof(*list));
	if (ret)
		return problem_set(problem, os_driver_name, "LIST: %s",
				   reason(ret));
	if (list->count > CVM_VMS_MAX)
		list->count = CVM_VMS_MAX;
	for (i = 0; i < list->count; i++)
		list->vm[i].name[CVM_NAME_MAX - 1] = '\0';
	return 0;
}

/* What a word may be of a VM. */
enum { MAY_BE_ID = 1, MAY_BE_NAME = 2 };

static int means(const char *word, int may_be,
		 const struct cvm_user_vm_info *vm)
{
	char id[16];

	snprintf(id, sizeof(id), "%u", vm->id);
	return (may_be & MAY_BE_ID && !strcmp(word, id) ? MAY_BE_ID : 0) |
	       (may_be & MAY_BE_NAME && !strcmp(word, vm->name) ?
		MAY_BE_NAME : 0);
}

static int ambiguous(const char *word, int as, struct problem *problem)
{
	if (as & MAY_BE_ID)
		return problem_set(problem, word, "the ID of one VM and the "
				   "name of another; use id:%s or name:%s",
				   word, word);
	return problem_set(problem, word, "more than one VM has this name; use "
			   "id:N (see cvmctl list)");
}

int find_vm(struct os_driver *driver, const char *word,
	    struct cvm_user_vm_info *info, struct problem *problem)
{
	int may_be = MAY_BE_ID | MAY_BE_NAME, as = 0, it;
	struct cvm_user_list list;
	const char *what = word;
	uint32_t i, found = 0;

	if (!strncmp(word, "id:", 3)) {
		may_be = MAY_BE_ID;
		what = word + 3;
	} else if (!strncmp(word, "name:", 5)) {
		may_be = MAY_BE_NAME;
		what = word + 5;
	}
	if (list_vms(driver, &list, problem))
		return -1;
	for (i = 0; i < list.count; i++) {
		it = means(what, may_be, &list.vm[i]);
		if (!it)
			continue;
		*info = list.vm[i];
		as |= it;
		found++;
	}
	if (found > 1)
		return ambiguous(what, as, problem);
	if (!found)
		return problem_set(problem, word, "no such VM (see cvmctl "
				   "list)");
	return 0;
}

struct os_driver *open_vm(const char *word, struct cvm_user_vm_info *info,
			  struct problem *problem)
{
	struct cvm_user_version version;
	struct os_driver *driver = driver_open(&version, problem);

	if (!driver || !find_vm(driver, word, info, problem))
		return driver;
	os_driver_close(driver);
	return NULL;
}

const char *host_name(uint32_t host)
{
	static const char *const names[] = {
		[CVM_HOST_UNKNOWN] = "unknown",
		[CVM_HOST_LINUX] = "linux",
		[CVM_HOST_NT] = "nt",
		[CVM_HOST_BARE] = "bare",
		[CVM_HOST_FAKE] = "fake",
	};

	return host < sizeof(names) / sizeof(names[0]) ? names[host] :
	       "unknown";
}

const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[CVM_VM_NEW] = "new",
		[CVM_VM_RUNNING] = "running",
		[CVM_VM_ENDED] = "ended",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] :
	       "unknown";
}
