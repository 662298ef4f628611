/* SPDX-License-Identifier: GPL-2.0-only */
/* net_tap_link.h - is a host's interface up?  Told by rtnetlink(7). */
#ifndef CVM_VIRTIO_NET_NET_TAP_LINK_H
#define CVM_VIRTIO_NET_NET_TAP_LINK_H

enum tap_link {
	TAP_LINK_SAME,		/* nothing was said of this interface */
	TAP_LINK_UP,
	TAP_LINK_DOWN,
	TAP_LINK_GONE		/* it was deleted */
};

/*
 * tap_link_open - a socket that becomes readable when an interface of the
 * host changes; -1 with errno.
 */
int tap_link_open(void);

/*
 * tap_link_read - what the socket has to say of the interface with this
 * index: the last word counts.  Never sleeps.
 */
enum tap_link tap_link_read(int fd, int index);

#endif /* CVM_VIRTIO_NET_NET_TAP_LINK_H */
