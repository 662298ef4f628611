/* SPDX-License-Identifier: GPL-2.0-only */
/* net_resolv.h - the host's name servers, by resolv.conf(5). */
#ifndef CVM_VIRTIO_NET_NET_RESOLV_H
#define CVM_VIRTIO_NET_NET_RESOLV_H

#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#define NET_RESOLV_SERVERS	3u	/* the host's programs ask no more */

struct net_resolv {
	struct sockaddr_storage server[NET_RESOLV_SERVERS];
	uint32_t servers;
};

/*
 * net_resolv_read - those that a text names, in their order.  Where it names
 * none, one on this host, as resolv.conf(5) says.
 */
void net_resolv_read(struct net_resolv *to, const char *text, size_t bytes);

/* net_resolv_bytes - of a server's address. */
socklen_t net_resolv_bytes(const struct sockaddr_storage *server);

#endif /* CVM_VIRTIO_NET_NET_RESOLV_H */
