/* SPDX-License-Identifier: GPL-2.0-only */
/* filter_linux.h - the system calls that a running VM may make. */
#ifndef CVM_VMM_FILTER_LINUX_H
#define CVM_VMM_FILTER_LINUX_H

#include "os/problem.h"

/* Only what a running VM needs, for all threads; -1 with a problem. */
int filter_syscalls(int with_network, struct problem *problem);

#endif /* CVM_VMM_FILTER_LINUX_H */
