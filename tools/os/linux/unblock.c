// SPDX-License-Identifier: GPL-2.0-only
/* unblock.c - waiting for a slow reader, until the VM ends. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "linux.h"

static int unblock_fd = -1;	/* eventfd, stays set: writers give up */

int linux_unblock_open(void)
{
	unblock_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return unblock_fd < 0 ? -1 : 0;
}

void os_unblock(void)
{
	const uint64_t one = 1;

	/* It can only fail when it is set already. */
	if (write(unblock_fd, &one, sizeof(one)) < 0)
		return;
}

int linux_wait_writable(int fd)
{
	struct pollfd polls[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = unblock_fd, .events = POLLIN },
	};
	int ret;

	do {
		ret = poll(polls, 2, -1);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 || polls[1].revents ? -1 : 0;
}
