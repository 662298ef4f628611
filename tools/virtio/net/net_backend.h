/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_backend.h - between the network device and its back ends.
 *
 * The device has rings, headers and control commands, a back end has the other
 * end of the cable: net_slirp.c a network made by libslirp, net_tap.c one of
 * the host's.  Both directions share one thread:
 *
 *	->send what the driver has, then ->receive what has come for it
 *	->wait: sleep until a doorbell or something of the back end's
 *
 * One call at a time, but for ->wait and what is said of ->in_place.
 */
#ifndef CVM_VIRTIO_NET_NET_BACKEND_H
#define CVM_VIRTIO_NET_NET_BACKEND_H

#include "virtio/core/transport.h"

/* 5.1.3 "Feature bits" */
#define VIRTIO_NET_F_CSUM			(1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM			(1ull << 1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS	(1ull << 2)
#define VIRTIO_NET_F_MTU			(1ull << 3)
#define VIRTIO_NET_F_MAC			(1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4			(1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6			(1ull << 8)
#define VIRTIO_NET_F_HOST_TSO4			(1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6			(1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF			(1ull << 15)
#define VIRTIO_NET_F_STATUS			(1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ			(1ull << 17)
#define VIRTIO_NET_F_CTRL_RX			(1ull << 18)
#define VIRTIO_NET_F_CTRL_RX_EXTRA		(1ull << 20)
#define VIRTIO_NET_F_CTRL_MAC_ADDR		(1ull << 23)

/*
 * What a driver can turn off and on again (5.1.6.5 "Offloads State
 * Configuration").
 */
#define NET_GUEST_OFFLOADS	(VIRTIO_NET_F_GUEST_CSUM | \
				 VIRTIO_NET_F_GUEST_TSO4 | \
				 VIRTIO_NET_F_GUEST_TSO6)

/* 5.1.6 "Device Operation": before every frame. */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM	1u
#define VIRTIO_NET_HDR_F_DATA_VALID	2u
#define VIRTIO_NET_HDR_GSO_NONE		0u
#define VIRTIO_NET_HDR_GSO_TCPV4	1u
#define VIRTIO_NET_HDR_GSO_TCPV6	4u
#define VIRTIO_NET_HDR_GSO_ECN		0x80u

struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

_Static_assert(sizeof(struct virtio_net_hdr) == 12, "5.1.6");

#define NET_ETH_BYTES	14u
#define NET_MTU		1500u	/* the usual one */
/* 5.1.6.3.1: the longest frame, of a segmentation offload. */
#define NET_FRAME_MAX	65550u
#define NET_QUEUE_SIZE	256u
#define NET_PIECES	(NET_QUEUE_SIZE + 8)	/* of a frame of the driver's */
#define NET_HELD_PIECES	1000u	/* at most, of net_pieces() */

enum { NET_RX, NET_TX, NET_CTRL, NET_QUEUES };

struct net;
struct net_backend;

struct net_backend_ops {
	const char *name;
	uint64_t features;	/* offloads it can do */
	bool in_place;		/* ->send of a usual frame takes no longer
				 * than waking a thread, and may run beside
				 * the others */

	/* What the driver is ready for from now on: VIRTIO_NET_F_GUEST_*. */
	void (*offload)(struct net_backend *backend, uint64_t features);

	/* A frame of the driver's; false: it is lost, as on any wire. */
	bool (*send)(struct net_backend *backend,
		     const struct virtio_net_hdr *header,
		     const struct os_iov *iov, uint32_t count, size_t bytes);

	/*
	 * Hand over what has come, as long as net_room() says that it can be;
	 * true: there may be more, and room for it.
	 */
	bool (*receive)(struct net_backend *backend);

	/*
	 * Sleep until one of the doorbells or something that ->receive has to
	 * know of.  full: net_room() has said no, what comes has to wait.
	 */
	void (*wait)(struct net_backend *backend,
		     struct os_notifier *const doorbell[2], bool full);

	void (*close)(struct net_backend *backend);
};

struct net_backend {
	const struct net_backend_ops *ops;
	struct net *net;
	uint16_t mtu;
	bool down;		/* at the beginning; then net_link() */
};

/* net_slirp_open, net_tap_open - a back end, or NULL with a problem. */
struct net_backend *net_slirp_open(const struct virtio_net_args *args,
				   struct problem *problem);
struct net_backend *net_tap_open(const struct virtio_net_args *args,
				 struct problem *problem);

/*
 * net_room - is there room for a frame of this many bytes?  If not, ->receive
 * is called again when there is.
 */
bool net_room(struct net *net, size_t bytes);

/*
 * net_receive - give the driver a frame for which there is room, if it asked
 * for such ones.  A longer one than its buffers take is lost.
 */
void net_receive(struct net *net, const struct virtio_net_hdr *header,
		 const void *frame, size_t bytes);

/*
 * net_pieces - where the driver's room lies, to put a header and a frame
 * there; net_filled - done, with so many bytes of both.
 */
struct os_iov *net_pieces(struct net *net, uint32_t *count);
void net_filled(struct net *net, size_t bytes);

/* net_lost - a frame did not reach the driver. */
void net_lost(struct net *net);

/* net_say - a line about the host (virtio_device_host_error()). */
void net_say(struct net *net, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* net_link - the cable is plugged in, or is not (5.1.4). */
void net_link(struct net *net, bool up);

/* net_offload - ->offload, for the control queue and the transport. */
void net_offload(struct net *net, uint64_t features);

#endif /* CVM_VIRTIO_NET_NET_BACKEND_H */
