// SPDX-License-Identifier: GPL-2.0-only
/* net_ctrl.c - the control queue of a network card (VIRTIO 1.2, 5.1.6.5). */
#include <string.h>

#include "net_ctrl.h"
#include "net_impl.h"

#define CTRL_PIECES	(NET_QUEUE_SIZE + 8)

#define CTRL_OK		0u
#define CTRL_ERR	1u

#define CLASS_RX	0u
#define CLASS_MAC	1u
#define MAC_TABLE_SET	0u
#define MAC_ADDR_SET	1u
#define CLASS_OFFLOADS	5u
#define OFFLOADS_SET	0u

/* The MAC is what the configuration begins with (5.1.4). */
#define CONFIG_MAC	0u

struct ctrl {
	uint8_t class, command;
};

/* What the driver wants to receive, as the back end's thread sees it. */
static struct net *filter_lock(struct virtio_device *dev)
{
	struct net *net = (struct net *)dev;

	net_lock(net, &net->lock);
	return net;
}

static uint8_t receive_mode(struct virtio_device *dev, uint8_t mode,
			    const struct os_iov *iov, uint32_t pieces,
			    uint64_t bytes)
{
	struct net *net;
	uint8_t on;

	if (bytes != sizeof(struct ctrl) + 1 ||
	    !virtio_device_has(dev,
			       mode <= VIRTIO_NET_CTRL_RX_ALLMULTI ?
			       VIRTIO_NET_F_CTRL_RX :
			       VIRTIO_NET_F_CTRL_RX_EXTRA))
		return CTRL_ERR;
	os_iov_get(iov, pieces, sizeof(struct ctrl), &on, 1);
	net = filter_lock(dev);
	net->filter.mode[mode] = on;
	os_unlock(&net->lock);
	return CTRL_OK;
}

/* 5.1.6.5.2: two tables, each a count and as many addresses. */
static int read_tables(struct net_filter_table table[NET_TABLES],
		       const struct os_iov *iov, uint32_t pieces,
		       uint64_t bytes)
{
	uint64_t at = sizeof(struct ctrl);
	uint32_t entries, n;

	for (n = 0; n < NET_TABLES; n++) {
		if (bytes - at < sizeof(entries))
			return -1;
		os_iov_get(iov, pieces, at, &entries, sizeof(entries));
		at += sizeof(entries);
		if (entries > (bytes - at) / NET_MAC_BYTES)
			return -1;
		table[n].all = entries > NET_FILTER_MAX;
		table[n].count = table[n].all ? 0 : entries;
		os_iov_get(iov, pieces, at, table[n].mac,
			   table[n].count * NET_MAC_BYTES);
		at += (uint64_t)entries * NET_MAC_BYTES;
	}
	return at == bytes ? 0 : -1;
}

static uint8_t mac_table(struct virtio_device *dev, const struct os_iov *iov,
			 uint32_t pieces, uint64_t bytes)
{
	struct net_filter_table table[NET_TABLES];
	struct net *net;

	if (!virtio_device_has(dev, VIRTIO_NET_F_CTRL_RX) ||
	    read_tables(table, iov, pieces, bytes))
		return CTRL_ERR;
	net = filter_lock(dev);
	memcpy(net->filter.table, table, sizeof(table));
	os_unlock(&net->lock);
	return CTRL_OK;
}

static uint8_t mac_set(struct virtio_device *dev, const struct os_iov *iov,
		       uint32_t pieces, uint64_t bytes)
{
	uint8_t mac[NET_MAC_BYTES];
	struct net *net;

	if (bytes != sizeof(struct ctrl) + sizeof(mac) ||
	    !virtio_device_has(dev, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return CTRL_ERR;
	os_iov_get(iov, pieces, sizeof(struct ctrl), mac, sizeof(mac));
	if (mac[0] & 1)
		return CTRL_ERR;
	virtio_device_config(dev, CONFIG_MAC, mac, sizeof(mac), false);
	net = filter_lock(dev);
	memcpy(net->filter.mac, mac, sizeof(mac));
	net->filter.has_mac = true;
	os_unlock(&net->lock);
	return CTRL_OK;
}

/* "Offloads State Configuration": of what was negotiated. */
static uint8_t offloads_set(struct virtio_device *dev, const struct os_iov *iov,
			    uint32_t pieces, uint64_t bytes)
{
	uint64_t wanted;

	if (bytes != sizeof(struct ctrl) + sizeof(wanted) ||
	    !virtio_device_has(dev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		return CTRL_ERR;
	os_iov_get(iov, pieces, sizeof(struct ctrl), &wanted, sizeof(wanted));
	if (wanted & ~(dev->negotiated & NET_GUEST_OFFLOADS))
		return CTRL_ERR;
	net_offload((struct net *)dev, wanted);
	return CTRL_OK;
}

static uint8_t carry_out(struct virtio_device *dev,
			 const struct vq_chain *chain)
{
	uint32_t pieces = chain->readable;
	struct ctrl ctrl;

	os_iov_get(chain->iov, pieces, 0, &ctrl, sizeof(ctrl));
	if (ctrl.class == CLASS_RX && ctrl.command < NET_RX_MODES)
		return receive_mode(dev, ctrl.command, chain->iov, pieces,
				    chain->read_bytes);
	if (ctrl.class == CLASS_MAC && ctrl.command == MAC_TABLE_SET)
		return mac_table(dev, chain->iov, pieces, chain->read_bytes);
	if (ctrl.class == CLASS_MAC && ctrl.command == MAC_ADDR_SET)
		return mac_set(dev, chain->iov, pieces, chain->read_bytes);
	if (ctrl.class == CLASS_OFFLOADS && ctrl.command == OFFLOADS_SET)
		return offloads_set(dev, chain->iov, pieces,
				    chain->read_bytes);
	return CTRL_ERR;
}

int net_ctrl_serve(struct virtio_queue *queue)
{
	struct os_iov iov[CTRL_PIECES];
	struct vq_chain chain = { .iov = iov, .space = CTRL_PIECES };
	uint8_t ack;
	int ret;

	ret = vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	if (chain.read_bytes < sizeof(struct ctrl) || !chain.write_bytes)
		return vq_break(&queue->vq, "a command of %llu bytes and "
				"%llu for its answer",
				(unsigned long long)chain.read_bytes,
				(unsigned long long)chain.write_bytes);
	ack = carry_out(queue->dev, &chain);
	os_iov_put(iov + chain.readable, chain.writable, 0, &ack, 1);
	vq_push(&queue->vq, &chain, 1);
	virtio_queue_publish(queue);
	return 1;
}
