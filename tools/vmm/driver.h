/* SPDX-License-Identifier: GPL-2.0-only */
/* driver.h - the driver, and the VMs it has. */
#ifndef CVM_VMM_DRIVER_H
#define CVM_VMM_DRIVER_H

#include <cvm/uapi.h>

#include "os/problem.h"

struct os_driver;

/*
 * driver_open - a handle of a driver that speaks our user ABI; NULL with a
 * problem otherwise.  *version is filled as far as it got.
 */
struct os_driver *driver_open(struct cvm_user_version *version,
			      struct problem *problem);

/*
 * find_vm - the VM a word means, to every command the same one: its ID, its
 * name, or one of both that says which, "id:N" or "name:TEXT".  -1 with a
 * problem where that is none, or more than one.
 */
int find_vm(struct os_driver *driver, const char *word,
	    struct cvm_user_vm_info *info, struct problem *problem);

/* open_vm - the driver, and the VM that is meant; NULL with a problem. */
struct os_driver *open_vm(const char *word, struct cvm_user_vm_info *info,
			  struct problem *problem);

/* How a command asks for it. */
#define WHICH_VM	"no VM given; give its ID or name, as in cvmctl list"

/* list_vms - all of them; -1 with a problem. */
int list_vms(struct os_driver *driver, struct cvm_user_list *list,
	     struct problem *problem);

const char *host_name(uint32_t host);
const char *state_name(uint32_t state);

#endif /* CVM_VMM_DRIVER_H */
