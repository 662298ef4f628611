/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.h - serve a running VM. */
#ifndef CVMCTL_VMM_H
#define CVMCTL_VMM_H

#include "vm.h"

/* How a VM ended. */
struct ending {
	int status;		/* EXIT_* */
	uint32_t reason;	/* CVM_RUN_* */
	const char *name;	/* "poweroff", "panic", ... */
	char text[400];		/* one sentence */
};

/*
 * vmm_run - run all vCPUs until the VM has ended.  grace: seconds that a guest
 * has to power off when it was asked to, before it is ended.  -1 with a
 * problem: something that it needs is not to be had, and it has not run.
 */
int vmm_run(struct vm *vm, uint32_t grace, struct ending *ending,
	    struct problem *problem);

#endif /* CVMCTL_VMM_H */
