/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * accept.h - listening while there is no room for who comes.
 *
 * Without a descriptor (RLIMIT_NOFILE, or the system's last) or memory a
 * connection stays in the socket's queue, and the socket is readable as long.
 * Nothing tells when there is room again, for any thread may make it: so the
 * socket is left alone for a while each time.
 */
#ifndef CVM_OS_LINUX_ACCEPT_H
#define CVM_OS_LINUX_ACCEPT_H

#include <stdbool.h>

#define ACCEPT_AGAIN_MS	1000

/* Of one socket that is listened at; 0 at the beginning. */
struct linux_accept {
	bool full;		/* there was no room */
	bool said;		/* and people know */
};

/*
 * linux_accept - who waits at a socket, SOCK_CLOEXEC; flags of accept4(2)
 * beside that.  -1: nobody, or no room.
 */
int linux_accept(struct linux_accept *accept, int socket, int flags);

/*
 * linux_accept_news - why nobody can come, in words, the first time that it is
 * so; else NULL.  Right after linux_accept().
 */
const char *linux_accept_news(struct linux_accept *accept);

/* linux_accept_socket - what to poll for who comes: the socket, or -1. */
static inline int linux_accept_socket(const struct linux_accept *accept,
				      int socket)
{
	return accept->full ? -1 : socket;
}

/*
 * linux_accept_ms - how long to poll, of ms milliseconds (< 0: for ever); when
 * nothing happened, linux_accept() is to try again.
 */
static inline int linux_accept_ms(const struct linux_accept *accept, int ms)
{
	return accept->full && (ms < 0 || ms > ACCEPT_AGAIN_MS) ?
	       ACCEPT_AGAIN_MS : ms;
}

#endif /* CVM_OS_LINUX_ACCEPT_H */
