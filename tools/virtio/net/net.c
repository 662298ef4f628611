// SPDX-License-Identifier: GPL-2.0-only
/* net.c - a network card for a guest (VIRTIO 1.2, 5.1 "Network Device"). */
#include <stdlib.h>
#include <string.h>

#include "net_ctrl.h"
#include "net_impl.h"

#define VIRTIO_ID_NET	1u

static struct net *to_net(struct virtio_device *dev)
{
	return (struct net *)dev;
}

/* ---- the thread of both directions --------------------------------------- */

/*
 * What there is, in both directions; the driver hears of all of it at once.
 * true: there may be more.  Under the locks of what it does.
 */
static bool serve(struct net *net, bool sending)
{
	struct virtio_queue *rx = &net->dev.queue[NET_RX];
	bool more = false;

	if (net->live)
		vq_disable_notification(&rx->vq);
	net->rx_blocked = false;
	if (sending)
		more = net_send(net);
	more |= net->backend->ops->receive(net->backend);
	if (net->live)
		virtio_queue_publish(rx);
	if (sending)
		more = net_sent(net, more);
	/* New buffers are news only to somebody who waits for them. */
	if (net->rx_blocked && net->live && !more)
		more = vq_enable_notification(&rx->vq);
	return more;
}

/* *full: no room for what comes.  true: there may be more to do. */
static bool turn(struct net *net, bool *full)
{
	bool sending = net_sending(net);
	bool more;

	/* Who waits for one of them has the turnstile, and comes next. */
	os_lock(&net->turnstile);
	if (sending)
		os_lock(&net->tx.lock);
	os_lock(&net->lock);
	os_unlock(&net->turnstile);
	more = serve(net, sending);
	*full = net->rx_blocked;
	os_unlock(&net->lock);
	if (sending)
		os_unlock(&net->tx.lock);
	return more;
}

static void net_main(void *arg)
{
	struct net *net = arg;
	struct os_notifier *const doorbell[2] = {
		&net->dev.queue[NET_RX].doorbell,
		&net->dev.queue[NET_TX].doorbell,
	};
	bool full;

	while (!__atomic_load_n(&net->stop, __ATOMIC_ACQUIRE))
		if (!turn(net, &full))
			net->backend->ops->wait(net->backend, doorbell, full);
}

/* ---- queues -------------------------------------------------------------- */

static void net_doorbell(struct virtio_queue *queue, struct cvm_user_run *run)
{
	struct net *net = to_net(queue->dev);

	if (queue->index == NET_CTRL)
		virtio_worker_ring(&net->control, run);
	else
		net_ring(net, run);
}

static void set_live(struct net *net, uint32_t index, bool live)
{
	struct os_lock *lock = index == NET_TX ? &net->tx.lock :
						       &net->lock;

	net_lock(net, lock);
	*(index == NET_TX ? &net->tx.live : &net->live) = live;
	if (index == NET_RX && !live)
		net_held_drop(&net->held);
	os_unlock(lock);
}

static void start(struct virtio_queue *queue)
{
	struct net *net = to_net(queue->dev);

	if (queue->index == NET_CTRL) {
		virtio_worker_start(&net->control, queue, net_ctrl_serve);
		return;
	}
	set_live(net, queue->index, true);
	if (!net->running) {
		net->running = true;
		net->stop = false;
		os_thread_run(net->dev.queue[NET_RX].thread, net_main,
			      net);
	}
	net_wake(net, queue);
}

/* The thread is needed as long as the other queue runs. */
static void stop(struct virtio_queue *queue)
{
	struct net *net = to_net(queue->dev);

	if (queue->index == NET_CTRL) {
		virtio_worker_stop(&net->control);
		return;
	}
	set_live(net, queue->index, false);
	if (net->dev.queue[!queue->index].running || !net->running)
		return;
	__atomic_store_n(&net->stop, true, __ATOMIC_RELEASE);
	os_notifier_signal(&queue->doorbell);
	os_thread_wait(net->dev.queue[NET_RX].thread);
	net->running = false;
}

/* ---- the device ---------------------------------------------------------- */

/* 5.1.6.5.2: no address in the tables, after a reset. */
static void filter_begin(struct net *net)
{
	net_lock(net, &net->lock);
	net->filter = (struct net_filter){
		.on = virtio_device_has(&net->dev, VIRTIO_NET_F_CTRL_RX),
		.has_mac = virtio_device_has(&net->dev, VIRTIO_NET_F_MAC),
	};
	memcpy(net->filter.mac, net->mac, sizeof(net->mac));
	os_unlock(&net->lock);
}

static void features_ok(struct virtio_device *dev)
{
	net_offload(to_net(dev), dev->negotiated);
	filter_begin(to_net(dev));
}

static void reset(struct virtio_device *dev)
{
	struct net *net = to_net(dev);

	net_offload(net, 0);
	virtio_device_config(dev, offsetof(struct net_config, mac), net->mac,
			     sizeof(net->mac), false);
}

static void destroy(struct virtio_device *dev)
{
	struct net *net = to_net(dev);

	virtio_device_exit(dev);
	net->backend->ops->close(net->backend);
	os_lock_destroy(&net->lock);
	os_lock_destroy(&net->tx.lock);
	os_lock_destroy(&net->turnstile);
	free(net);
}

static const char *const counters[] = {
#define NET_COUNTER(name, counts) #name,
#include "virtio/counters.def"
	NULL
};

static const struct virtio_device_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.counters = counters,
	.queue_start = start,
	.queue_stop = stop,
	.doorbell = net_doorbell,
	.features_ok = features_ok,
	.reset = reset,
	.destroy = destroy,
};

static void configure(struct net *net, const struct virtio_net_args *args)
{
	struct net_config config = {
		.status = net->backend->down ? 0 : VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = 1,
		.mtu = net->backend->mtu,
	};

	memcpy(net->mac, args->mac, sizeof(net->mac));
	memcpy(config.mac, args->mac, sizeof(config.mac));
	net->dev.features = net->backend->ops->features | VIRTIO_NET_F_MAC |
			    VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF |
			    VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ |
			    VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |
			    VIRTIO_NET_F_CTRL_MAC_ADDR |
			    VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
	net->dev.config_len = sizeof(config);
	memcpy(net->dev.config, &config, sizeof(config));
}

int virtio_net_add(struct virtio_devices *devs,
		   const struct virtio_net_args *args,
		   struct problem *problem)
{
	struct net_backend *backend = args->tap ? net_tap_open(args, problem) :
						  net_slirp_open(args, problem);
	struct net *net;
	int slot;

	if (!backend)
		return -1;
	net = calloc(1, sizeof(*net));
	if (!net) {
		backend->ops->close(backend);
		return problem_set(problem, "net", "no memory");
	}
	net->backend = backend;
	net->dev.counter = (uint64_t *)&net->count;
	net->dev.word[0][0] = "backend";
	net->dev.word[0][1] = backend->ops->name;
	backend->net = net;
	os_lock_init(&net->turnstile);
	os_lock_init(&net->tx.lock);
	os_lock_init(&net->lock);
	if (virtio_device_init(&net->dev, &net_ops, NET_QUEUES,
			       NET_QUEUE_SIZE)) {
		destroy(&net->dev);
		return problem_set(problem, "net", "out of memory or file "
				   "handles");
	}
	configure(net, args);
	net->dev.queue[NET_TX].in_place = backend->ops->in_place;
	net->dev.queue[NET_CTRL].in_place = true;
	net->dev.queue[NET_RX].threaded = true;
	net->dev.queue[NET_CTRL].threaded = true;
	slot = virtio_device_plug(devs, &net->dev);
	if (slot < 0) {
		destroy(&net->dev);
		return problem_set(problem, "net", "all %u slots are taken",
				   CVM_VIRTIO_SLOTS);
	}
	return slot;
}
