// SPDX-License-Identifier: GPL-2.0-only
/* net_poll.c - a back end's sleep on Linux. */
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include "net_poll.h"

int net_poll_add(struct net_poll *poll, int fd, short events)
{
	uint32_t room = poll->room ? 2 * poll->room : 16;
	struct pollfd *more;

	if (poll->count == poll->room) {
		more = realloc(poll->fd, room * sizeof(*more));
		if (!more)
			return -1;
		poll->fd = more;
		poll->room = room;
	}
	poll->fd[poll->count] = (struct pollfd){ .fd = fd, .events = events };
	return (int)poll->count++;
}

void net_poll_begin(struct net_poll *poll,
		    struct os_notifier *const doorbell[2])
{
	poll->count = 0;
	poll->doorbell = doorbell;
	net_poll_add(poll, (int)doorbell[0]->handle, POLLIN);
	net_poll_add(poll, (int)doorbell[1]->handle, POLLIN);
}

void net_poll_sleep(struct net_poll *p, uint32_t limit)
{
	int timeout = limit == UINT32_MAX ? -1 :
		      limit > INT_MAX ? INT_MAX : (int)limit;
	uint32_t i;

	p->failed = poll(p->fd, p->count, timeout) < 0;
	for (i = 0; i < 2 && !p->failed; i++)
		if (p->fd[i].revents & POLLIN)
			os_notifier_wait(p->doorbell[i]);
}

short net_poll_got(const struct net_poll *poll, int index)
{
	return index < 0 || poll->failed ? 0 : poll->fd[index].revents;
}

void net_poll_free(struct net_poll *poll)
{
	free(poll->fd);
}
