/* SPDX-License-Identifier: GPL-2.0-only */
/* net_rig.h - a network card and a driver of its queues. */
#ifndef TEST_VMM_NET_RIG_H
#define TEST_VMM_NET_RIG_H

#include "fake_vm.h"
#include "virtio/net/net_backend.h"

#define CARD_ROOMS	48u	/* receive buffers, at most */

struct card {
	struct fake_vm vm;
	struct fake_queue queue[NET_QUEUES];
	uint32_t room;			/* bytes of a receive buffer */
	uint32_t rooms;
	uint32_t of_id[FAKE_GUEST_SIZE_MAX];	/* which buffer */
};

/* card_open - from nothing to DRIVER_OK, with so many receive buffers. */
void card_open(struct card *c, const struct virtio_net_args *args,
	       uint64_t features, uint32_t room, uint32_t rooms);

/* card_start - the same of a card that is there and was reset. */
void card_start(struct card *c, uint64_t features);

/*
 * card_offer - a request, with so many bytes for an answer, and the doorbell,
 * if it is wanted.
 */
void card_offer(struct card *c, uint32_t queue, const void *data,
		uint32_t bytes, uint32_t answer);

/* card_request - one that the device gives back: bytes that it wrote. */
uint32_t card_request(struct card *c, uint32_t queue, const void *data,
		      uint32_t bytes, uint32_t answer);

/* card_receive - gather one frame, with its header; its bytes. */
uint32_t card_receive(struct card *c, uint8_t *to, size_t size);

/* card_control - a control command: its answer. */
uint8_t card_control(struct card *c, const void *data, uint32_t bytes);

/* net_put16, net_sum - in the network's order (RFC 1071), start added. */
void net_put16(uint8_t *at, uint32_t value);
uint32_t net_sum(const uint8_t *at, size_t bytes, uint32_t start);

#define CARD_CONTROL(c, ...) \
	card_control(c, (const uint8_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint8_t[]){ __VA_ARGS__ }))

#endif /* TEST_VMM_NET_RIG_H */
