// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_ctrl.c - the control queue of a network card (VIRTIO 1.2, 5.1.6.5).
 *
 * Filters are checked and accepted; every frame is delivered all the same,
 * which 5.1.6.5.1 and 5.1.6.5.2 allow ("best-effort").
 */
#include <string.h>

#include "net.h"
#include "net_ctrl.h"

#define CTRL_PIECES	(NET_QUEUE_SIZE + 8)

#define CTRL_OK		0u
#define CTRL_ERR	1u

#define CLASS_RX	0u
#define RX_COMMANDS	6u	/* on and off, one byte */
#define CLASS_MAC	1u
#define MAC_TABLE_SET	0u
#define MAC_ADDR_SET	1u
#define CLASS_OFFLOADS	5u
#define OFFLOADS_SET	0u

/* The MAC is what the configuration begins with (5.1.4). */
#define CONFIG_MAC	0u
#define MAC_BYTES	6u

struct ctrl {
	uint8_t class, command;
};

/* 5.1.6.5.2: two tables, each a count and as many addresses. */
static uint8_t mac_table(const struct cvm_iov *iov, uint32_t pieces,
			 uint64_t bytes)
{
	uint64_t at = sizeof(struct ctrl);
	uint32_t entries, table;

	for (table = 0; table < 2; table++) {
		if (bytes - at < sizeof(entries))
			return CTRL_ERR;
		cvm_iov_get(iov, pieces, at, &entries, sizeof(entries));
		at += sizeof(entries);
		if (entries > (bytes - at) / MAC_BYTES)
			return CTRL_ERR;
		at += (uint64_t)entries * MAC_BYTES;
	}
	return at == bytes ? CTRL_OK : CTRL_ERR;
}

static uint8_t mac_set(struct cvm_device *dev, const struct cvm_iov *iov,
		       uint32_t pieces, uint64_t bytes)
{
	uint8_t mac[MAC_BYTES];

	if (bytes != sizeof(struct ctrl) + sizeof(mac) ||
	    !cvm_device_has(dev, NET_F_CTRL_MAC_ADDR))
		return CTRL_ERR;
	cvm_iov_get(iov, pieces, sizeof(struct ctrl), mac, sizeof(mac));
	if (mac[0] & 1)
		return CTRL_ERR;
	cvm_device_config(dev, CONFIG_MAC, mac, sizeof(mac), false);
	return CTRL_OK;
}

/* "Offloads State Configuration": of what was negotiated. */
static uint8_t offloads_set(struct cvm_device *dev, const struct cvm_iov *iov,
			    uint32_t pieces, uint64_t bytes)
{
	uint64_t wanted;

	if (bytes != sizeof(struct ctrl) + sizeof(wanted) ||
	    !cvm_device_has(dev, NET_F_CTRL_GUEST_OFFLOADS))
		return CTRL_ERR;
	cvm_iov_get(iov, pieces, sizeof(struct ctrl), &wanted, sizeof(wanted));
	if (wanted & ~(dev->negotiated & NET_F_GUEST_ALL))
		return CTRL_ERR;
	net_offload((struct net *)dev, wanted);
	return CTRL_OK;
}

static uint8_t carry_out(struct cvm_device *dev, const struct cvm_chain *chain)
{
	uint32_t pieces = chain->readable;
	struct ctrl ctrl;

	cvm_iov_get(chain->iov, pieces, 0, &ctrl, sizeof(ctrl));
	if (ctrl.class == CLASS_RX && ctrl.command < RX_COMMANDS)
		return chain->read_bytes == sizeof(ctrl) + 1 &&
		       cvm_device_has(dev, ctrl.command < 2 ? NET_F_CTRL_RX :
				      NET_F_CTRL_RX_EXTRA) ?
		       CTRL_OK : CTRL_ERR;
	if (ctrl.class == CLASS_MAC && ctrl.command == MAC_TABLE_SET)
		return mac_table(chain->iov, pieces, chain->read_bytes);
	if (ctrl.class == CLASS_MAC && ctrl.command == MAC_ADDR_SET)
		return mac_set(dev, chain->iov, pieces, chain->read_bytes);
	if (ctrl.class == CLASS_OFFLOADS && ctrl.command == OFFLOADS_SET)
		return offloads_set(dev, chain->iov, pieces,
				    chain->read_bytes);
	return CTRL_ERR;
}

int net_ctrl_serve(struct cvm_queue *queue)
{
	struct cvm_iov iov[CTRL_PIECES];
	struct cvm_chain chain = { .iov = iov, .room = CTRL_PIECES };
	uint8_t ack;
	int ret;

	ret = cvm_vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	if (chain.read_bytes < sizeof(struct ctrl) || !chain.write_bytes)
		return cvm_vq_break(&queue->vq, "a command of %llu bytes and "
				    "%llu for its answer",
				    (unsigned long long)chain.read_bytes,
				    (unsigned long long)chain.write_bytes);
	ack = carry_out(queue->dev, &chain);
	cvm_iov_put(iov + chain.readable, chain.writable, 0, &ack, 1);
	cvm_vq_push(&queue->vq, &chain, 1);
	cvm_queue_publish(queue);
	return 1;
}
