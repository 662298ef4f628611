/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * confine.h - a running VM's process keeps what it has open and little else.
 *
 * What the devices of a VM do wrong with their guest's requests, they do with
 * the rights of this process.  docs/trust-model.md says what that is worth.
 */
#ifndef CVM_VMM_CONFINE_H
#define CVM_VMM_CONFINE_H

#include "config.h"
#include "os/problem.h"

/* confine_check - is there such a user to be?  -1 with a problem. */
int confine_check(const struct config *config, struct problem *problem);

/*
 * confine - for good: become an unprivileged user without groups and
 * capabilities, and forbid every system call a running VM does not need.
 * Everything is open by now, and this is the process's only thread.  -1 with
 * a problem, after which nothing may run.
 */
int confine(const struct config *config, struct problem *problem);

#endif /* CVM_VMM_CONFINE_H */
