/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_dns_frame.h - frames to and from the name server of a slirp network:
 * what is in them, answers, and another address and port in their place.
 */
#ifndef CVM_VIRTIO_NET_NET_DNS_FRAME_H
#define CVM_VIRTIO_NET_NET_DNS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEAD_MAX	(14u + 40u + 8u)	/* Ethernet, IPv6, UDP */

/* An address in a network, of both families. */
struct dns_host {
	uint8_t ip4[4];
	uint8_t ip6[16];
};

/* A frame that has a whole TCP or UDP header, and is no fragment. */
struct dns_frame {
	bool ip6, tcp;
	uint8_t *ip;
	uint8_t *from, *to;		/* addresses, of so many bytes */
	size_t address_bytes;
	uint8_t *ports;			/* from, to; the header begins there */
	size_t head_bytes;		/* up to what follows UDP's header */
	size_t bytes;			/* of what follows it */
};

/*
 * dns_frame_to - does a frame go to an address of host?  Anything but TCP and
 * UDP (a ping, say) does not.  *whole: *f says what is in it; if not, it is
 * nothing that can be answered.
 */
bool dns_frame_to(struct dns_frame *f, bool *whole, uint8_t *frame,
		  size_t bytes, const struct dns_host *host);

/* dns_frame_whole - does a frame have TCP or UDP, whole?  Then *f is set. */
bool dns_frame_whole(struct dns_frame *f, uint8_t *frame, size_t bytes);

/* dns_frame_is - an address and port of a frame, in the network's order. */
bool dns_frame_is(const struct dns_frame *f, bool to,
		  const struct dns_host *host, uint16_t port);

/* dns_frame_move - put others in their place, with the checksums. */
void dns_frame_move(const struct dns_frame *f, bool to,
		    const struct dns_host *host, uint16_t port);

/*
 * dns_frame_answer - a datagram with this data to whom one with these headers
 * (f->head_bytes) came from; the frame's bytes.  room: for headers and data.
 */
size_t dns_frame_answer(uint8_t *room, const uint8_t *head, bool ip6,
			const void *data, size_t bytes);

#endif /* CVM_VIRTIO_NET_NET_DNS_FRAME_H */
