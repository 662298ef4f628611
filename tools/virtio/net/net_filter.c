// SPDX-License-Identifier: GPL-2.0-only
/* net_filter.c - which frames a driver asked for. */
#include <string.h>

#include "net_filter.h"

static const uint8_t everybody[NET_MAC_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool listed(const struct net_filter_table *table, const uint8_t *mac)
{
	uint32_t i;

	for (i = 0; i < table->count; i++)
		if (!memcmp(table->mac[i], mac, NET_MAC_BYTES))
			return true;
	return table->all;
}

bool net_filter_wants(const struct net_filter *filter,
		      const uint8_t to[NET_MAC_BYTES])
{
	const bool *mode = filter->mode;

	if (!filter->on || mode[VIRTIO_NET_CTRL_RX_PROMISC])
		return true;
	if (!memcmp(to, everybody, NET_MAC_BYTES))
		return !mode[VIRTIO_NET_CTRL_RX_NOBCAST];
	if (to[0] & 1)
		return !mode[VIRTIO_NET_CTRL_RX_NOMULTI] &&
		       (mode[VIRTIO_NET_CTRL_RX_ALLMULTI] ||
			listed(&filter->table[NET_MULTICAST], to));
	return !mode[VIRTIO_NET_CTRL_RX_NOUNI] &&
	       (mode[VIRTIO_NET_CTRL_RX_ALLUNI] || !filter->has_mac ||
		!memcmp(to, filter->mac, NET_MAC_BYTES) ||
		listed(&filter->table[NET_UNICAST], to));
}
