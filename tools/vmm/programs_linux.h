/* SPDX-License-Identifier: GPL-2.0-only */
/* programs_linux.h - the programs of execN, in the supervisor's process. */
#ifndef CVM_VMM_PROGRAMS_LINUX_H
#define CVM_VMM_PROGRAMS_LINUX_H

#include "config.h"
#include "os/linux/linux.h"

/* All of them; -1 with a text when one cannot be started. */
int programs_start(const struct config_exec *exec, char *why, size_t size);

/* SIGCHLD came: leave no zombies. */
void programs_ended(void);

/* End those that still run; children: a signalfd of SIGCHLD. */
void programs_end(int children);

#endif /* CVM_VMM_PROGRAMS_LINUX_H */
