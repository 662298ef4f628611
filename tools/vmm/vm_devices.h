/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_devices.h - the devices a VM's configuration asks for. */
#ifndef CVM_VMM_VM_DEVICES_H
#define CVM_VMM_VM_DEVICES_H

#include "vm.h"

/*
 * devices_add - make the slot table in the guest's memory and plug in what
 * the configuration names; the guest has not run yet.  -1 with a problem;
 * devices_remove() in every case, after the last RUN and before the memory
 * goes.
 */
int devices_add(struct vm *vm, const struct config *config,
		struct problem *problem);
void devices_remove(struct vm *vm);

/* devices_settle - all that takes rights is claimed; before confine(). */
void devices_settle(struct vm *vm);

/*
 * devices_commit - everything is claimed, threads too, and nobody has refused
 * the VM: make disks longer that are to be.  -1 with a problem.
 */
int devices_commit(struct vm *vm, struct problem *problem);

/* devices_threads - have those they need; the guest has not run yet. */
int devices_threads(struct vm *vm, struct problem *problem);
void devices_threads_free(struct vm *vm);

/*
 * devices_rescan - look how long a disk is now, or with "" all of them, and
 * answer with "bytes" and those it had "before", by stats_answer_number().
 */
struct stats_answer;
void devices_rescan(struct vm *vm, const char *disk,
		    struct stats_answer *to);

/* devices_report - what each of them did, by stats_answer_number(). */
void devices_report(struct vm *vm, struct stats_answer *to);

#endif /* CVM_VMM_VM_DEVICES_H */
