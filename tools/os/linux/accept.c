// SPDX-License-Identifier: GPL-2.0-only
/* accept.c - listening while there is no room for who comes. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "accept.h"

int linux_accept(struct linux_accept *accept, int socket, int flags)
{
	int peer = accept4(socket, NULL, NULL, SOCK_CLOEXEC | flags);

	accept->full = peer < 0 && (errno == EMFILE || errno == ENFILE ||
				    errno == ENOMEM || errno == ENOBUFS);
	return peer;
}

const char *linux_accept_news(struct linux_accept *accept)
{
	if (!accept->full || accept->said)
		return NULL;
	accept->said = true;
	return strerror(errno);
}
