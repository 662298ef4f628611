/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console_linux.h - what a VMM and its terminal say to each other.
 *
 * A SOCK_SEQPACKET connection; each packet is one letter and its data.  Both
 * ends are the same build of cvmctl, started by the same user.
 */
#ifndef CVMCTL_CONSOLE_LINUX_H
#define CVMCTL_CONSOLE_LINUX_H

#include <stddef.h>
#include <sys/types.h>

#define PACKET_DATA	4096

/* VMM to terminal */
#define PACKET_STARTED	'S'	/* the guest runs; data: a greeting */
#define PACKET_OUTPUT	'o'	/* guest output */
#define PACKET_END	'e'	/* exit status, 1 byte, and the last line */
#define PACKET_BUSY	'b'	/* another terminal is attached */
/* terminal to VMM */
#define PACKET_INPUT	'i'	/* keys */
#define PACKET_STOP	's'	/* a wish to stop */
#define PACKET_DETACH	'd'	/* I leave, go on without me */

#define RUN_DIR		"/run/cvm"

struct sockaddr_un;

/* packet_send - 0, or -1 when the other end is gone.  flags: MSG_*. */
int packet_send(int sock, char letter, const void *data, size_t bytes,
		int flags);

/* packet_recv - bytes of data, -1 at the end; a would-block is *letter 0. */
ssize_t packet_recv(int sock, char *letter, void *data, int flags);

/* The socket of the VM of this name. */
void packet_path(struct sockaddr_un *addr, const char *name);

/* Put the terminal back as plat_split() found it. */
void terminal_restore(void);

#endif /* CVMCTL_CONSOLE_LINUX_H */
