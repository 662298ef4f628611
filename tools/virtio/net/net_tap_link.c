// SPDX-License-Identifier: GPL-2.0-only
/* net_tap_link.c - is a host's interface up? */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "net_tap_link.h"

/* One datagram of the kernel's, which knows no longer ones (NLMSG_GOODSIZE). */
#define DATAGRAM	8192

int tap_link_open(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum tap_link read_message(const struct nlmsghdr *message, int index)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    info->ifi_index != index)
		return TAP_LINK_SAME;
	if (message->nlmsg_type == RTM_DELLINK)
		/* A bridge says this too, of a port that leaves it. */
		return info->ifi_family == AF_UNSPEC ? TAP_LINK_GONE :
		       TAP_LINK_SAME;
	if (message->nlmsg_type != RTM_NEWLINK)
		return TAP_LINK_SAME;
	return info->ifi_flags & IFF_UP ? TAP_LINK_UP : TAP_LINK_DOWN;
}

enum tap_link tap_link_read(int fd, int index)
{
	_Alignas(struct nlmsghdr) char data[DATAGRAM];
	enum tap_link last = TAP_LINK_SAME, now;
	struct nlmsghdr *message;
	ssize_t got;
	int left;

	/* Word that was lost (ENOBUFS) does not end the others. */
	while ((got = recv(fd, data, sizeof(data), 0)) >= 0 ||
	       errno == EINTR || errno == ENOBUFS) {
		left = got < 0 ? 0 : (int)got;
		message = (struct nlmsghdr *)data;
		for (; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			now = read_message(message, index);
			if (now != TAP_LINK_SAME)
				last = now;
		}
	}
	return last;
}
