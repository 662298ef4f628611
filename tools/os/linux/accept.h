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
struct cvm_accept {
	bool full;		/* there was no room */
	bool said;		/* and people know */
};

/*
 * cvm_accept - who waits at a socket, SOCK_CLOEXEC; flags of accept4(2) beside
 * that.  -1: nobody, or no room.
 */
int cvm_accept(struct cvm_accept *accept, int socket, int flags);

/*
 * cvm_accept_news - why nobody can come, in words, the first time that it is
 * so; else NULL.  Right after cvm_accept().
 */
const char *cvm_accept_news(struct cvm_accept *accept);

/* cvm_accept_socket - what to poll for who comes: the socket, or -1. */
static inline int cvm_accept_socket(const struct cvm_accept *accept,
				    int socket)
{
	return accept->full ? -1 : socket;
}

/*
 * cvm_accept_ms - how long to poll, of ms milliseconds (< 0: for ever); when
 * nothing happened, cvm_accept() is to try again.
 */
static inline int cvm_accept_ms(const struct cvm_accept *accept, int ms)
{
	return accept->full && (ms < 0 || ms > ACCEPT_AGAIN_MS) ?
	       ACCEPT_AGAIN_MS : ms;
}

#endif /* CVM_OS_LINUX_ACCEPT_H */
