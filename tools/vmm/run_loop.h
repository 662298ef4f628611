/* SPDX-License-Identifier: GPL-2.0-only */
/* run_loop.h - serve a running VM. */
#ifndef CVM_VMM_RUN_LOOP_H
#define CVM_VMM_RUN_LOOP_H

#include "vm.h"

/* How a VM ended. */
struct ending {
	int status;		/* EXIT_* */
	uint32_t reason;	/* CVM_RUN_* */
	const char *name;	/* "poweroff", "panic", ... */
	char text[400];		/* one sentence */
};

/*
 * vmm_threads - have all threads that there will ever be, so that a guest that
 * has begun never waits for one.  -1 with a problem.  They are left to the
 * process's end.
 */
int vmm_threads(struct vm *vm, struct problem *problem);

/*
 * vmm_threads_try - could they be had?  They are gone again, for who confines
 * itself does so as the only thread, and what cannot be is known before
 * anything is changed; the limit of another user is not (RLIMIT_NPROC).
 */
int vmm_threads_try(struct vm *vm, struct problem *problem);

/*
 * vmm_run - run all vCPUs until the VM has ended.  grace: seconds that a guest
 * has to power off when it was asked to, before it is ended.
 */
void vmm_run(struct vm *vm, uint32_t grace, struct ending *ending);

#endif /* CVM_VMM_RUN_LOOP_H */
