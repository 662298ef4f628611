/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * names.h - where others find a VM: a socket and a log in a directory of this
 * user's, named after it.  All of them -1 with a problem.
 */
#ifndef CVM_OS_LINUX_NAMES_H
#define CVM_OS_LINUX_NAMES_H

#include "linux.h"

#define LINUX_RUN_DIR	64	/* bytes that its path takes at most */

/* Where sockets and logs are; this user may have no such place. */
int linux_run_dir(char *to, size_t size, struct problem *problem);

/* Is it nobody's but this user's?  One that is not there yet is. */
int linux_check_run_dir(const char *dir, struct problem *problem);

/* The same of one that is made, should there be none. */
int linux_make_run_dir(struct problem *problem);

/* DIR/NAME.kind, which is short enough for a socket's address. */
int linux_run_path(char *to, size_t size, const char *name, const char *kind,
		   struct problem *problem);
int linux_socket_addr(struct sockaddr_un *addr, const char *name,
		      struct problem *problem);

/* Take, sweep up and give back names one at a time; close what it returns. */
int linux_lock_names(struct problem *problem);

/* Who listens there; flags: SOCK_NONBLOCK.  -1 with errno. */
int linux_connect_to(const struct sockaddr_un *addr, int flags);

#endif /* CVM_OS_LINUX_NAMES_H */
