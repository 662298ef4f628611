// SPDX-License-Identifier: GPL-2.0-only
/* net_common.c - what the parts of a network card and its back ends call. */
#include <stdarg.h>
#include <stdio.h>

#include "net_impl.h"

void net_lock(struct net *net, struct os_lock *lock)
{
	os_lock(&net->turnstile);
	os_lock(lock);
	os_unlock(&net->turnstile);
}

void net_broken(struct virtio_queue *queue, bool *live)
{
	virtio_device_needs_reset(queue->dev, "queue %u: %s", queue->index,
				  queue->vq.reason);
	*live = false;
}

void net_offload(struct net *net, uint64_t features)
{
	net_lock(net, &net->lock);
	net->backend->ops->offload(net->backend, features);
	os_unlock(&net->lock);
}

void net_link(struct net *net, bool up)
{
	uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;

	virtio_device_config(&net->dev, offsetof(struct net_config, status),
			     &status, sizeof(status), true);
}

void net_say(struct net *net, int error, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	virtio_device_host_error(&net->dev, error, "%s", text);
}
