/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * supervisor.h - what must happen when a VM has ended, however it ended.
 *
 * The VM's process gives up its rights (confine.h) and may be killed at any
 * moment.  What it leaves in the system is put in order by somebody who
 * outlives it: on Linux a small process of its own.
 */
#ifndef CVM_VMM_SUPERVISOR_H
#define CVM_VMM_SUPERVISOR_H

#include <stdint.h>

#include "config.h"
#include "os/problem.h"

/*
 * supervisor_start - before the driver is opened: whoever outlives the VM must
 * hold nothing of it.  exec: CONFIG_EXECS programs.  -1 with a problem.
 */
int supervisor_start(const struct config_exec *exec, struct problem *problem);

/*
 * supervisor_programs - everything else is ready: start the programs, as the
 * user who started the VM.  They are ended with it.  -1 with a problem.
 */
int supervisor_programs(struct problem *problem);

/*
 * supervisor_remove - a name is to be gone when the VM is, or only if its file
 * is empty then.  file: a descriptor of what it names, wherever the path leads;
 * once the name means something else it stays.  Before supervisor_seal().
 */
void supervisor_remove(const char *path, intptr_t file, int if_empty);

/*
 * supervisor_resolver - a socket for the VM's process, which may not look
 * itself: each text of /etc/resolv.conf comes from it as one packet, the one of
 * now and others when there are.  0: there is none.  Before supervisor_seal().
 */
int supervisor_resolver(void);

/*
 * supervisor_seal - the VM is about to run: from now on nothing more is done
 * for it than was asked for so far.
 */
void supervisor_seal(void);

/* supervisor_end - the VM has ended: returns when everything is in order. */
void supervisor_end(void);

#endif /* CVM_VMM_SUPERVISOR_H */
