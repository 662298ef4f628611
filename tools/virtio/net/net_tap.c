// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_tap.c - a network interface of a Linux host.  The kernel takes the same
 * header before each frame as the guest's driver, so that what one side leaves
 * undone the other one may leave undone too, and frames go from and to the
 * guest's memory without a copy of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "net_backend.h"
#include "net_tap_link.h"

_Static_assert(sizeof(struct os_iov) == sizeof(struct iovec) &&
	       offsetof(struct os_iov, bytes) ==
	       offsetof(struct iovec, iov_len), "laid out alike");
_Static_assert(NET_HELD_PIECES < 1024 && NET_PIECES < 1024, "UIO_MAXIOV");

#define VLAN_BYTES	4u
#define BURST		64u	/* frames before the other direction's turn */
#define TRUST		8u	/* frames, until what is expected is tried */
#define FAILURES	8u	/* reads in a row, until it is given up */

struct tap {
	struct net_backend backend;
	char name[IFNAMSIZ];
	int fd;
	int epoll;		/* slept on: */
	bool watching;		/* doorbells and link, */
	bool reading;		/* the tap */
	int link;		/* tap_link_open()'s */
	int index;		/* of the interface */
	bool told;		/* the link socket has something to say */
	bool ready;		/* there may be a frame */
	uint32_t alone;		/* so many more frames: each the only one */
	uint32_t brief;		/* frames of the usual length in a row */
	bool gone;		/* the interface was deleted */
	bool given_up;		/* no read succeeds, until it is set up anew */
	uint32_t failures;	/* reads in a row that did not succeed */
	int said;		/* why, of the last one spoken of */
	bool tso;		/* the guest takes long segments */
	struct iovec out[NET_PIECES + 1];
	struct iovec in[NET_HELD_PIECES + 1];
	uint8_t rest[NET_FRAME_MAX];	/* what the guest has no room for */
};

static struct tap *to_tap(struct net_backend *backend)
{
	return (struct tap *)backend;
}

/* ---- frames -------------------------------------------------------------- */

static bool tap_send(struct net_backend *backend,
		     const struct virtio_net_hdr *header,
		     const struct os_iov *iov, uint32_t count, size_t bytes)
{
	struct tap *tap = to_tap(backend);
	ssize_t sent;

	(void)bytes;
	tap->out[0].iov_base = (void *)(uintptr_t)header;
	tap->out[0].iov_len = sizeof(*header);
	memcpy(tap->out + 1, iov, count * sizeof(*iov));
	do {
		sent = writev(tap->fd, tap->out, (int)count + 1);
	} while (sent < 0 && errno == EINTR);
	/* Not up, full, or a frame the kernel does not like. */
	return sent >= 0;
}

/* The longest frame that may come, which no one knows before it has. */
static size_t longest(struct tap *tap)
{
	return tap->tso ? NET_FRAME_MAX :
	       NET_ETH_BYTES + VLAN_BYTES + tap->backend.mtu;
}

/* With its header, of a frame that is no segmentation offload's. */
static size_t usual(const struct tap *tap)
{
	return sizeof(struct virtio_net_hdr) + NET_ETH_BYTES + VLAN_BYTES +
	       tap->backend.mtu;
}

/*
 * The kernel looks at each piece before it looks for a frame, so while frames
 * are short it gets few; one that is long all the same goes into ->rest first.
 */
static uint32_t choose(struct tap *tap, const struct os_iov *piece,
		       uint32_t count, size_t *room)
{
	size_t enough = tap->brief < TRUST ? SIZE_MAX : usual(tap);
	uint32_t n;

	*room = 0;
	for (n = 0; n < count && *room < enough; n++)
		*room += piece[n].bytes;
	memcpy(tap->in, piece, n * sizeof(*piece));
	tap->in[n].iov_base = tap->rest;
	tap->in[n].iov_len = sizeof(tap->rest);
	return n + 1;
}

static void deleted(struct tap *tap)
{
	if (tap->gone)
		return;
	tap->gone = true;
	net_link(tap->backend.net, false);
	net_say(tap->backend.net, ENODEV, "tap %s: deleted on the host; the "
		"guest's cable is out for good", tap->name);
}

/*
 * A read that fails takes its frame along: the kernel had one that fits no
 * header (EINVAL), or the guest's memory there is none (EFAULT).  The next one
 * may be good; when none is, reading ends, for the tap would stay readable.
 */
static int read_failed(struct tap *tap, int error)
{
	struct net *net = tap->backend.net;

	if (error == EBADFD) {
		deleted(tap);
		return 0;
	}
	net_lost(net);
	if (++tap->failures == FAILURES) {
		tap->given_up = true;
		net_link(net, false);
		net_say(net, ENETDOWN, "tap %s: %u reads in a row failed "
			"(%s); the guest's cable is out until the interface "
			"was set down and up (ip link set %s down, then up)",
			tap->name, FAILURES, strerror(error), tap->name);
	} else if (tap->said != error) {
		net_say(net, error, "tap %s: a frame for the guest is lost: "
			"%s", tap->name, strerror(error));
	}
	tap->said = error;
	return 1;
}

/* One frame, into the driver's buffers, or lost: 1; 0: there is none. */
static int receive_one(struct tap *tap)
{
	struct net *net = tap->backend.net;
	uint32_t count, chosen;
	struct os_iov *piece;
	size_t room;
	ssize_t got;

	piece = net_pieces(net, &count);
	chosen = choose(tap, piece, count, &room);
	do {
		got = readv(tap->fd, tap->in, (int)chosen);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 && errno != EAGAIN ? read_failed(tap, errno) :
		       0;
	tap->failures = 0;
	if ((size_t)got > room && chosen <= count)
		os_iov_put(piece, count, room, tap->rest, (size_t)got - room);
	tap->brief = (size_t)got > usual(tap) ? 0 : tap->brief + 1;
	if (got > (ssize_t)sizeof(struct virtio_net_hdr))
		net_filled(net, (size_t)got);
	return 1;
}

static bool readable(const struct tap *tap)
{
	return !tap->gone && !tap->given_up;
}

static void follow_link(struct tap *tap)
{
	enum tap_link link = tap_link_read(tap->link, tap->index);

	if (link == TAP_LINK_GONE)
		deleted(tap);
	if (link == TAP_LINK_UP || link == TAP_LINK_DOWN)
		net_link(tap->backend.net, link == TAP_LINK_UP);
	if (link == TAP_LINK_UP && tap->given_up) {
		tap->given_up = false;
		tap->failures = 0;
		tap->ready = true;
	}
}

/*
 * Only a read that finds nothing says that a frame was the last.  When frames
 * came one by one lately it is left out: epoll_wait() will tell, which comes
 * next.
 */
static bool receive(struct net_backend *backend)
{
	struct tap *tap = to_tap(backend);
	uint32_t i;
	int ret;

	if (tap->told)
		follow_link(tap);
	for (i = 0; i < BURST && tap->ready && readable(tap); i++) {
		if (!net_room(backend->net, longest(tap)))
			return false;
		ret = receive_one(tap);
		tap->ready = ret && !tap->alone;
		if (tap->alone)
			tap->alone--;
		else if (!ret && i == 1)
			tap->alone = TRUST;
	}
	return tap->ready && readable(tap);
}

/* ---- sleeping ------------------------------------------------------------ */

/* 0 and 1: doorbells. */
enum { WAKE_LINK = 2, WAKE_FRAMES, WAKES };

static void watch(struct tap *tap, int how, int fd, uint32_t wake)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = wake };

	epoll_ctl(tap->epoll, how, fd, &event);
}

static void watch_frames(struct tap *tap, bool reading)
{
	if (reading != tap->reading)
		watch(tap, reading ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, tap->fd,
		      WAKE_FRAMES);
	tap->reading = reading;
}

static void watch_rest(struct tap *tap,
		       struct os_notifier *const doorbell[2])
{
	uint32_t i;

	for (i = 0; i < WAKE_LINK; i++)
		watch(tap, EPOLL_CTL_ADD, (int)doorbell[i]->handle, i);
	watch(tap, EPOLL_CTL_ADD, tap->link, WAKE_LINK);
}

static void tap_wait(struct net_backend *backend,
		     struct os_notifier *const doorbell[2], bool full)
{
	struct tap *tap = to_tap(backend);
	struct epoll_event event[WAKES];
	int count, i;

	if (!tap->watching)
		watch_rest(tap, doorbell);
	tap->watching = true;
	watch_frames(tap, !full && readable(tap));
	tap->told = false;
	count = epoll_wait(tap->epoll, event, WAKES, -1);
	for (i = 0; i < count; i++) {
		if (event[i].data.u32 == WAKE_LINK)
			tap->told = true;
		else if (event[i].data.u32 == WAKE_FRAMES)
			tap->ready = true;
		else
			os_notifier_wait(doorbell[event[i].data.u32]);
	}
}

/* ---- offloads ------------------------------------------------------------ */

static void offload(struct net_backend *backend, uint64_t features)
{
	struct tap *tap = to_tap(backend);
	unsigned long flags = 0;

	if (features & VIRTIO_NET_F_GUEST_CSUM)
		flags |= TUN_F_CSUM;
	if (features & VIRTIO_NET_F_GUEST_TSO4)
		flags |= TUN_F_TSO4;
	if (features & VIRTIO_NET_F_GUEST_TSO6)
		flags |= TUN_F_TSO6;
	tap->tso = flags & (TUN_F_TSO4 | TUN_F_TSO6);
	ioctl(tap->fd, TUNSETOFFLOAD, flags);
}

/* ---- making one ---------------------------------------------------------- */

static void tap_close(struct net_backend *backend)
{
	struct tap *tap = to_tap(backend);

	if (tap->fd >= 0)
		close(tap->fd);
	if (tap->link >= 0)
		close(tap->link);
	if (tap->epoll >= 0)
		close(tap->epoll);
	free(tap);
}

static const struct net_backend_ops tap_ops = {
	.name = "tap", .features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
		VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
		VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6,
	.in_place = true,
	.offload = offload,
	.send = tap_send,
	.receive = receive,
	.wait = tap_wait,
	.close = tap_close,
};

static const char *attach_error(int error)
{
	switch (error) {
	case EPERM:
		return "it belongs to another user (ip tuntap add dev NAME "
		       "mode tap user USER)";
	case EBUSY:
		return "in use by another VM or program";
	case EINVAL:
		return "an interface, but no tap of one queue";
	}
	return strerror(error);
}

/* The kernel would make one that nobody has set up. */
static int find(struct tap *tap, const char *name, struct problem *problem)
{
	struct ifreq request = { .ifr_flags = 0 };

	if (strlen(name) >= IFNAMSIZ)
		return problem_set(problem, NULL, "tap %s: longer than %d "
				   "characters", name, IFNAMSIZ - 1);
	tap->link = tap_link_open();
	if (tap->link < 0)
		return problem_set(problem, NULL, "tap %s: rtnetlink: %s", name,
				   strerror(errno));
	strcpy(tap->name, name);
	strcpy(request.ifr_name, name);
	if (ioctl(tap->link, SIOCGIFINDEX, &request))
		return problem_set(problem, NULL, "tap %s: no such interface "
				   "(ip tuntap add dev %s mode tap)", name,
				   name);
	tap->index = request.ifr_ifindex;
	if (ioctl(tap->link, SIOCGIFMTU, &request))
		return problem_set(problem, NULL, "tap %s: %s", name,
				   strerror(errno));
	tap->backend.mtu = (uint16_t)request.ifr_mtu;
	return 0;
}

static int attach(struct tap *tap, const char *name, struct problem *problem)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int header = sizeof(struct virtio_net_hdr);

	tap->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (tap->epoll < 0)
		return problem_set(problem, NULL, "tap %s: %s", name,
				   strerror(errno));
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0)
		return problem_set(problem, NULL, "tap %s: /dev/net/tun: %s",
				   name, strerror(errno));
	strcpy(request.ifr_name, name);
	if (ioctl(tap->fd, TUNSETIFF, &request))
		return problem_set(problem, NULL, "tap %s: %s", name,
				   attach_error(errno));
	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header))
		return problem_set(problem, NULL, "tap %s: %s", name,
				   strerror(errno));
	/* After tap_link_open(): a change since then will be told. */
	if (!ioctl(tap->link, SIOCGIFFLAGS, &request))
		tap->backend.down = !(request.ifr_flags & IFF_UP);
	return 0;
}

struct net_backend *net_tap_open(const struct virtio_net_args *args,
				 struct problem *problem)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		problem_set(problem, NULL, "tap %s: no memory", args->tap);
		return NULL;
	}
	tap->backend.ops = &tap_ops;
	tap->fd = -1;
	tap->link = -1;
	tap->epoll = -1;
	tap->told = true;
	tap->ready = true;
	if (find(tap, args->tap, problem) || attach(tap, args->tap, problem)) {
		tap_close(&tap->backend);
		return NULL;
	}
	offload(&tap->backend, 0);
	return &tap->backend;
}
