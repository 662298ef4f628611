// SPDX-License-Identifier: GPL-2.0-only
/*
 * transport.c - one device behind its slot: commands, status, features,
 * queues, interrupts.
 *
 * The slot is guest memory, so what is written there is for the driver to
 * read; what the device goes by stands in struct virtio_device.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "transport_impl.h"

/* ---- interrupts ---------------------------------------------------------- */

void virtio_transport_raise(struct virtio_devices *devs, uint32_t vcpu,
			    uint32_t bit)
{
	devs->args.raise(devs->args.ctx, vcpu, 1ull << bit);
}

/*
 * A vCPU that is about to go on takes its event along, without a system call.
 * Of others, most have their interrupts where the driver watches for them.
 */
static void device_raise(struct virtio_device *dev, uint32_t vcpu,
			 struct cvm_user_run *run)
{
	if (vcpu >= dev->devs->args.vcpus)
		vcpu = 0;
	if (run && run->vcpu == vcpu)
		run->events |= 1ull << CVM_VIRTIO_EVENT_BIT(dev->slot);
	else if (!vcpu && slot_get(dev->irq_watched))
		os_notifier_signal(&dev->irq);
	else
		virtio_transport_raise(dev->devs, vcpu,
				       CVM_VIRTIO_EVENT_BIT(dev->slot));
}

/*
 * The pending bit before the event, both after what they announce.  When the
 * bit was set already its event is on its way: the driver exchanges the word
 * before it looks at what the bits mean.
 */
void virtio_queue_interrupt(struct virtio_queue *queue)
{
	struct cvm_virtio_slot *page = queue->dev->page;
	struct cvm_virtio_queue *shared = &page->queue[queue->index];
	uint64_t bit = 1ull << queue->index;

	if (__atomic_fetch_or(&page->queue_pending, bit, __ATOMIC_SEQ_CST) &
	    bit)
		return;
	virtio_count(&queue->interrupts, 1);
	slot_set(shared->interrupts, queue->interrupts);
	device_raise(queue->dev, slot_get(shared->vcpu), queue->run);
}

/* Under dev->state_lock.  2.3: nothing is sent before DRIVER_OK. */
static void config_interrupt(struct virtio_device *dev)
{
	struct cvm_virtio_slot *page = dev->page;

	if (!(dev->status & VIRTIO_STATUS_DRIVER_OK) ||
	    __atomic_exchange_n(&page->config_pending, 1, __ATOMIC_SEQ_CST))
		return;
	device_raise(dev, slot_get(page->config_vcpu), NULL);
}

/* ---- configuration and status -------------------------------------------- */

/*
 * Under dev->state_lock.  2.5.2 asks for a generation that a reader can
 * compare. A reader finds the copy whole that is not being written.
 */
static void config_store(struct virtio_device *dev)
{
	struct cvm_virtio_slot *page = dev->page;

	slot_set(page->generation, ++dev->generation);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(page->config, dev->config, dev->config_len);
	slot_set(page->generation, ++dev->generation);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(page->config_odd, dev->config, dev->config_len);
}

void virtio_device_config(struct virtio_device *dev, uint32_t offset,
			  const void *data, uint32_t bytes, bool tell)
{
	os_lock(&dev->state_lock);
	memcpy(dev->config + offset, data, bytes);
	config_store(dev);
	if (tell)
		config_interrupt(dev);
	os_unlock(&dev->state_lock);
}

/*
 * Under dev->state_lock to be written; a back end may add NEEDS_RESET any time.
 */
static uint32_t status(struct virtio_device *dev)
{
	return slot_get(dev->status);
}

static void status_store(struct virtio_device *dev, uint32_t keep, uint32_t add)
{
	slot_set(dev->status, (dev->status & keep) | add);
	slot_set(dev->page->status, dev->status);
}

static void status_change(struct virtio_device *dev, uint32_t keep,
			  uint32_t add)
{
	os_lock(&dev->state_lock);
	status_store(dev, keep, add);
	os_unlock(&dev->state_lock);
}

static void say(struct virtio_device *dev, const char *end, const char *fmt,
		va_list list)
{
	struct virtio_devices_args *args = &dev->devs->args;
	char what[640], line[800];

	vsnprintf(what, sizeof(what), fmt, list);
	snprintf(line, sizeof(line), "%s in slot %u: %s%s", dev->ops->name,
		 dev->slot, what, end);
	args->log(args->ctx, line);
}

static void complain(struct virtio_device *dev, int kind, const char *fmt,
		     va_list list)
{
	enum virtio_warning said;

	os_lock(&dev->state_lock);
	said = virtio_warnings_next(&dev->warnings, kind, time(NULL));
	os_unlock(&dev->state_lock);
	if (said != WARNING_SILENT)
		say(dev, virtio_warnings_end(said, kind), fmt, list);
}

void virtio_device_log(struct virtio_device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(dev, "", fmt, args);
	va_end(args);
}

void virtio_device_warn(struct virtio_device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(dev, WARNING_GUEST, fmt, args);
	va_end(args);
}

void virtio_device_host_error(struct virtio_device *dev, int error,
			      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(dev, error, fmt, args);
	va_end(args);
}

void virtio_device_needs_reset(struct virtio_device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(dev, WARNING_GUEST, fmt, args);
	va_end(args);
	os_lock(&dev->state_lock);
	status_store(dev, UINT32_MAX, VIRTIO_STATUS_NEEDS_RESET);
	config_interrupt(dev);		/* 2.1.2 */
	os_unlock(&dev->state_lock);
}

/* ---- queues -------------------------------------------------------------- */

static void queue_run(struct virtio_queue *queue)
{
	queue->dev->ops->queue_start(queue);
	queue->running = true;
}

/* The queue that a command means. */
static struct virtio_queue *queue_of(struct virtio_device *dev, uint32_t index)
{
	return index < dev->queues ? &dev->queue[index] : NULL;
}

static int queue_on(struct virtio_device *dev, uint32_t index)
{
	struct virtio_queue *queue = queue_of(dev, index);
	struct cvm_virtio_queue *shared;
	struct vq_config config = {
		.mem = &dev->devs->mem,
		.features = dev->negotiated,
	};

	if (!queue || !(status(dev) & VIRTIO_STATUS_FEATURES_OK))
		return -CVM_EINVAL;
	if (queue->enabled)
		return -CVM_EBUSY;
	shared = &dev->page->queue[index];
	config.size = slot_get(shared->size);
	config.desc_gpa = slot_get(shared->desc);
	config.driver_gpa = slot_get(shared->driver);
	config.device_gpa = slot_get(shared->device);
	config.chain_max = queue->size_max;
	if (config.size > queue->size_max)
		return -CVM_EINVAL;
	if (vq_start(&queue->vq, &config)) {
		virtio_device_warn(dev, "queue %u: %s", index,
				   queue->vq.reason);
		return -CVM_EINVAL;
	}
	queue->enabled = true;
	slot_set(shared->enabled, 1);
	if (status(dev) & VIRTIO_STATUS_DRIVER_OK)
		queue_run(queue);
	return 0;
}

static void queue_end(struct virtio_queue *queue)
{
	struct cvm_virtio_slot *page = queue->dev->page;

	if (queue->running)
		queue->dev->ops->queue_stop(queue);
	queue->running = false;
	queue->enabled = false;
	slot_set(page->queue[queue->index].enabled, 0);
	__atomic_fetch_and(&page->queue_pending, ~(1ull << queue->index),
			   __ATOMIC_SEQ_CST);
}

/* 2.6.1 "Virtqueue Reset" */
static int queue_off(struct virtio_device *dev, uint32_t index)
{
	struct virtio_queue *queue = queue_of(dev, index);

	if (!queue || !queue->enabled ||
	    !virtio_device_has(dev, VIRTIO_F_RING_RESET))
		return -CVM_EINVAL;
	queue_end(queue);
	return 0;
}

void virtio_transport_stop(struct virtio_device *dev)
{
	uint32_t i;

	for (i = 0; i < dev->queues; i++)
		queue_end(&dev->queue[i]);
}

/* ---- commands ------------------------------------------------------------ */

/* 2.2.2, 3.1.1 step 5: all that is wanted is offered, and it is virtio 1. */
static bool features_ok(struct virtio_device *dev)
{
	uint64_t wanted = slot_get(dev->page->driver_features);

	if ((wanted & ~(dev->features | VIRTIO_TRANSPORT_FEATURES)) ||
	    !(wanted & VIRTIO_F_VERSION_1))
		return false;
	dev->negotiated = wanted;
	if (dev->ops->features_ok)
		dev->ops->features_ok(dev);
	return true;
}

static int set_status(struct virtio_device *dev, uint32_t bits)
{
	/* 3.1.1: each bit may come when the one before it is there. */
	static const struct {
		uint32_t bit, after;
	} order[] = {
		{ VIRTIO_STATUS_ACKNOWLEDGE, 0 },
		{ VIRTIO_STATUS_DRIVER, VIRTIO_STATUS_ACKNOWLEDGE },
		{ VIRTIO_STATUS_FEATURES_OK, VIRTIO_STATUS_DRIVER },
		{ VIRTIO_STATUS_DRIVER_OK, VIRTIO_STATUS_FEATURES_OK },
		{ VIRTIO_STATUS_FAILED, 0 },
	};
	uint32_t i;

	bits &= ~status(dev);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(bits & order[i].bit))
			continue;
		if (order[i].after & ~status(dev))
			return -CVM_EINVAL;
		bits &= ~order[i].bit;
		/* Withheld: the driver reads it back and gives up (3.1.1). */
		if (order[i].bit == VIRTIO_STATUS_FEATURES_OK &&
		    !features_ok(dev))
			continue;
		status_change(dev, UINT32_MAX, order[i].bit);
	}
	return bits ? -CVM_EINVAL : 0;
}

static void driver_ok(struct virtio_device *dev)
{
	uint32_t i;

	for (i = 0; i < dev->queues; i++)
		if (dev->queue[i].enabled && !dev->queue[i].running)
			queue_run(&dev->queue[i]);
}

/* 2.4.1 */
static int reset(struct virtio_device *dev)
{
	virtio_transport_stop(dev);
	if (dev->ops->reset)
		dev->ops->reset(dev);
	dev->negotiated = 0;
	status_change(dev, 0, 0);
	slot_set(dev->page->queue_pending, 0);
	slot_set(dev->page->config_pending, 0);
	return 0;
}

static int config_write(struct virtio_device *dev, uint32_t arg)
{
	uint32_t offset = arg >> 16, bytes = arg & 0xffff;
	uint8_t data[CVM_VIRTIO_CONFIG_BYTES];

	if (!dev->ops->config_write || !bytes || bytes > dev->config_len ||
	    offset > dev->config_len - bytes)
		return -CVM_EINVAL;
	memcpy(data, dev->page->config_in, bytes);
	return dev->ops->config_write(dev, offset, data, bytes);
}

void virtio_transport_command(struct virtio_device *dev)
{
	struct cvm_virtio_slot *page = dev->page;
	uint32_t command = slot_get(page->command);
	uint32_t arg = slot_get(page->arg);
	uint32_t before = status(dev);
	int ret;

	switch (command) {
	case CVM_VIRTIO_SET_STATUS:
		ret = set_status(dev, arg);
		if (~before & status(dev) & VIRTIO_STATUS_DRIVER_OK)
			driver_ok(dev);
		break;
	case CVM_VIRTIO_RESET:
		ret = reset(dev);
		break;
	case CVM_VIRTIO_QUEUE_ON:
		ret = queue_on(dev, arg);
		break;
	case CVM_VIRTIO_QUEUE_OFF:
		ret = queue_off(dev, arg);
		break;
	case CVM_VIRTIO_CONFIG_WRITE:
		ret = config_write(dev, arg);
		break;
	default:
		ret = -CVM_ENOTTY;
		break;
	}
	slot_set(page->result, ret);
}

/* ---- making a device ----------------------------------------------------- */

int virtio_device_init(struct virtio_device *dev,
		       const struct virtio_device_ops *ops, uint32_t queues,
		       uint16_t size_max)
{
	struct virtio_queue *queue;

	dev->ops = ops;
	os_lock_init(&dev->state_lock);
	dev->queue = calloc(queues, sizeof(*dev->queue));
	if (!dev->queue || os_notifier_open(&dev->irq))
		return -1;
	for (; dev->queues < queues; dev->queues++) {
		queue = &dev->queue[dev->queues];
		queue->dev = dev;
		queue->index = (uint16_t)dev->queues;
		queue->size_max = size_max;
		if (os_notifier_open(&queue->doorbell))
			return -1;
	}
	return 0;
}

void virtio_device_in_place(struct virtio_device *dev)
{
	uint32_t i;

	for (i = 0; i < dev->queues; i++)
		dev->queue[i].in_place = true;
}

void virtio_device_exit(struct virtio_device *dev)
{
	while (dev->queues) {
		os_thread_free(dev->queue[--dev->queues].thread);
		os_notifier_close(&dev->queue[dev->queues].doorbell);
	}
	if (dev->queue)
		os_notifier_close(&dev->irq);
	free(dev->queue);
	os_lock_destroy(&dev->state_lock);
}
