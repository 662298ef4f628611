/* SPDX-License-Identifier: GPL-2.0-only */
/* net_filter.h - which frames a driver asked for (5.1.6.5.1, 5.1.6.5.2). */
#ifndef CVM_VIRTIO_NET_NET_FILTER_H
#define CVM_VIRTIO_NET_NET_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define NET_MAC_BYTES	6u
#define NET_FILTER_MAX	64u	/* addresses; with more, all are wanted */

/* 5.1.6.5.1: the commands of class RX. */
enum {
	VIRTIO_NET_CTRL_RX_PROMISC,
	VIRTIO_NET_CTRL_RX_ALLMULTI,
	VIRTIO_NET_CTRL_RX_ALLUNI,
	VIRTIO_NET_CTRL_RX_NOMULTI,
	VIRTIO_NET_CTRL_RX_NOUNI,
	VIRTIO_NET_CTRL_RX_NOBCAST,
	NET_RX_MODES
};

struct net_filter_table {
	bool all;		/* more addresses than fit */
	uint32_t count;
	uint8_t mac[NET_FILTER_MAX][NET_MAC_BYTES];
};

enum { NET_UNICAST, NET_MULTICAST, NET_TABLES };

struct net_filter {
	bool on;		/* the driver can set it; else all frames */
	bool has_mac;		/* the card has an address that is known here */
	uint8_t mac[NET_MAC_BYTES];
	bool mode[NET_RX_MODES];
	struct net_filter_table table[NET_TABLES];
};

/* net_filter_wants - is a frame to this address for the driver? */
bool net_filter_wants(const struct net_filter *filter,
		      const uint8_t to[NET_MAC_BYTES]);

#endif /* CVM_VIRTIO_NET_NET_FILTER_H */
