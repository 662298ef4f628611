// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_tap.c - a network interface of a Linux host.  The kernel takes the same
 * header before each frame as the guest's driver, so that what one side leaves
 * undone the other one may leave undone too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "net.h"
#include "net_poll.h"

_Static_assert(sizeof(struct cvm_iov) == sizeof(struct iovec) &&
	       offsetof(struct cvm_iov, bytes) ==
	       offsetof(struct iovec, iov_len), "laid out alike");

struct tap {
	struct net_backend backend;
	struct net_poll poll;
	int fd;
	bool gone;		/* the interface was deleted */
	bool tso;		/* the guest takes long segments */
	struct iovec out[NET_PIECES + 1];
	uint8_t in[sizeof(struct net_header) + NET_FRAME_MAX];
};

static struct tap *tap_of(struct net_backend *backend)
{
	return (struct tap *)backend;
}

static void tap_send(struct net_backend *backend,
		     const struct net_header *header,
		     const struct cvm_iov *iov, uint32_t count, size_t bytes)
{
	struct tap *tap = tap_of(backend);
	ssize_t sent;

	(void)bytes;
	tap->out[0].iov_base = (void *)(uintptr_t)header;
	tap->out[0].iov_len = sizeof(*header);
	memcpy(tap->out + 1, iov, count * sizeof(*iov));
	do {
		sent = writev(tap->fd, tap->out, (int)count + 1);
	} while (sent < 0 && errno == EINTR);
	/* Not up, full, or a frame the kernel does not like: it is lost. */
}

/* The longest frame that may come, which no one knows before it has. */
static size_t longest(struct tap *tap)
{
	return tap->tso ? NET_FRAME_MAX : NET_ETH_BYTES + NET_MTU + 4;
}

static bool tap_receive(struct net_backend *backend)
{
	struct tap *tap = tap_of(backend);
	struct net_header header;
	ssize_t got;

	while (!tap->gone) {
		if (!net_room(backend->net, longest(tap)))
			return true;
		got = read(tap->fd, tap->in, sizeof(tap->in));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN) {
			tap->gone = true;
			net_link(backend->net, false);
		}
		if (got <= (ssize_t)sizeof(header))
			break;
		memcpy(&header, tap->in, sizeof(header));
		net_receive(backend->net, &header, tap->in + sizeof(header),
			    (size_t)got - sizeof(header));
	}
	return false;
}

static void tap_wait(struct net_backend *backend,
		     struct cvm_plat_event *const doorbell[2], bool full)
{
	struct tap *tap = tap_of(backend);

	net_poll_begin(&tap->poll, doorbell);
	if (!full && !tap->gone)
		net_poll_add(&tap->poll, tap->fd, POLLIN);
	net_poll_sleep(&tap->poll, UINT32_MAX);
}

static void tap_offload(struct net_backend *backend, uint64_t features)
{
	struct tap *tap = tap_of(backend);
	unsigned long flags = 0;

	if (features & NET_F_GUEST_CSUM)
		flags |= TUN_F_CSUM;
	if (features & NET_F_GUEST_TSO4)
		flags |= TUN_F_TSO4;
	if (features & NET_F_GUEST_TSO6)
		flags |= TUN_F_TSO6;
	tap->tso = flags & (TUN_F_TSO4 | TUN_F_TSO6);
	ioctl(tap->fd, TUNSETOFFLOAD, flags);
}

static void tap_close(struct net_backend *backend)
{
	close(tap_of(backend)->fd);
	net_poll_free(&tap_of(backend)->poll);
	free(backend);
}

static const struct net_backend_ops tap_ops = {
	.name = "tap",
	.features = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 |
		    NET_F_HOST_TSO6 | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6,
	.offload = tap_offload,
	.send = tap_send,
	.receive = tap_receive,
	.wait = tap_wait,
	.close = tap_close,
};

static int attach(int fd, const char *name, struct cvm_vmm_error *err)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int header = sizeof(struct net_header);

	if (strlen(name) >= IFNAMSIZ)
		return cvm_vmm_error_set(err, "tap %s: longer than %d "
					 "characters", name, IFNAMSIZ - 1);
	strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header))
		return cvm_vmm_error_set(err, "tap %s: %s", name,
					 strerror(errno));
	return 0;
}

struct net_backend *net_tap_open(const struct cvm_net_args *args,
				 struct cvm_vmm_error *err)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		cvm_vmm_error_set(err, "tap %s: no memory", args->tap);
		return NULL;
	}
	tap->backend.ops = &tap_ops;
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0) {
		cvm_vmm_error_set(err, "tap %s: /dev/net/tun: %s", args->tap,
				  strerror(errno));
		free(tap);
		return NULL;
	}
	if (attach(tap->fd, args->tap, err)) {
		tap_close(&tap->backend);
		return NULL;
	}
	tap_offload(&tap->backend, 0);
	return &tap->backend;
}
