/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resolv_linux.h - what the host's resolv.conf says, for whoever cannot look:
 * in the supervisor's process, which sees every change of it.
 */
#ifndef CVM_VMM_RESOLV_LINUX_H
#define CVM_VMM_RESOLV_LINUX_H

#include <poll.h>

#include "config.h"

#define RESOLV_POLLS	(2 + CONFIG_NICS)

/*
 * resolv_add - tell this socket (SOCK_SEQPACKET) what a file says, one text a
 * packet, now and whenever it says something else.  All of them the same path,
 * which need not exist.  The socket is the callee's.
 */
void resolv_add(int fd, const char *path);

/* resolv_polls - what there is to wait for: so many of RESOLV_POLLS. */
unsigned int resolv_polls(struct pollfd *polls);

/* resolv_handle - the wait has ended; the same polls. */
void resolv_handle(const struct pollfd *polls);

#endif /* CVM_VMM_RESOLV_LINUX_H */
