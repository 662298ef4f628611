// SPDX-License-Identifier: GPL-2.0-only
/* devices.c - the slot table: devices come, go, and are rung at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "transport_impl.h"

static int write_table(struct virtio_devices *devs,
		       struct problem *problem)
{
	uint64_t gpa = devs->args.table_gpa;
	struct cvm_virtio_table *table;

	table = virtio_memory_at(&devs->mem, gpa, CVM_VIRTIO_TABLE_BYTES);
	if (!table || gpa % CVM_PAGE_SIZE)
		return problem_set(problem, "devices", "0x%llx is no place for "
				   "the slot table", (unsigned long long)gpa);
	memset(table, 0, CVM_VIRTIO_TABLE_BYTES);
	table->setup_type = CVM_SETUP_VIRTIO;
	table->setup_len = CVM_VIRTIO_TABLE_BYTES - 16;
	table->magic = CVM_VIRTIO_MAGIC;
	table->version = CVM_VIRTIO_VERSION;
	table->slots = CVM_VIRTIO_SLOTS;
	devs->table = table;
	devs->page = (struct cvm_virtio_slot *)((uint8_t *)table +
						CVM_PAGE_SIZE);
	return 0;
}

struct virtio_devices *
virtio_devices_new(const struct virtio_devices_args *args,
		   struct problem *problem)
{
	struct virtio_devices *devs = calloc(1, sizeof(*devs));
	uint32_t i;

	if (!devs) {
		problem_set(problem, "devices", "no memory");
		return NULL;
	}
	devs->args = *args;
	for (i = 0; i < CVM_VIRTIO_SLOTS; i++)
		os_lock_init(&devs->slot[i].lock);
	if (virtio_memory_from_map(&devs->mem, args->ranges, args->map,
				   args->map_gpa))
		problem_set(problem, "devices", "the ranges of guest memory "
			    "overlap or lie outside its mapping");
	else if (!write_table(devs, problem))
		return devs;
	virtio_devices_free(devs);
	return NULL;
}

/* The guest looks at the slots whose bit is set. */
static void changed(struct virtio_devices *devs, uint32_t slot)
{
	__atomic_fetch_or(&devs->table->changed, 1ull << slot,
			  __ATOMIC_SEQ_CST);
	virtio_transport_raise(devs, 0, CVM_EVENT_HOTPLUG_BIT);
}

/* Let the driver carry doorbells and interrupts, as far as it will. */
static void bind_events(struct virtio_device *dev)
{
	struct virtio_devices_args *args = &dev->devs->args;
	uint64_t bits = 1ull << CVM_VIRTIO_EVENT_BIT(dev->slot);
	struct virtio_queue *queue;
	uint32_t i;

	dev->irq_watched = args->watch &&
			   !args->watch(args->ctx, 0, bits, dev->irq.handle,
					&dev->irq_id);

	for (i = 0; i < dev->queues && args->bind; i++) {
		queue = &dev->queue[i];
		if (queue->in_place)
			continue;
		queue->bound = !args->bind(args->ctx,
					   CVM_VIRTIO_DOORBELL(dev->slot, i),
					   queue->doorbell.handle);
	}
}

static void unwatch(struct virtio_device *dev)
{
	struct virtio_devices_args *args = &dev->devs->args;

	if (dev->irq_watched)
		args->unwatch(args->ctx, dev->irq_id);
	slot_set(dev->irq_watched, false);
}

static void unbind_queues(struct virtio_device *dev)
{
	struct virtio_devices_args *args = &dev->devs->args;
	struct virtio_queue *queue;
	uint32_t i;

	for (i = 0; i < dev->queues; i++) {
		queue = &dev->queue[i];
		if (queue->bound)
			args->unbind(args->ctx,
				     CVM_VIRTIO_DOORBELL(dev->slot, i),
				     queue->doorbell.handle);
		queue->bound = false;
	}
}

/* Under the slot's lock; .device_id last, so that nobody sees half of it. */
static void fill_slot(struct virtio_device *dev, uint32_t plug)
{
	struct cvm_virtio_slot *page = dev->page;
	uint32_t i;

	memset(page, 0, sizeof(*page));
	page->magic = CVM_VIRTIO_MAGIC;
	page->vendor = CVM_VIRTIO_VENDOR;
	page->queues = dev->queues;
	page->device_features = dev->features | VIRTIO_TRANSPORT_FEATURES;
	page->config_len = dev->config_len;
	page->plug = plug;
	memcpy(page->config, dev->config, dev->config_len);
	memcpy(page->config_odd, dev->config, dev->config_len);
	for (i = 0; i < dev->queues; i++)
		page->queue[i].size_max = dev->queue[i].size_max;
	slot_set(page->device_id, dev->ops->id);
}

int virtio_device_plug(struct virtio_devices *devs, struct virtio_device *dev)
{
	uint32_t i;

	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		os_lock(&devs->slot[i].lock);
		if (!devs->slot[i].dev)
			break;
		os_unlock(&devs->slot[i].lock);
	}
	if (i == CVM_VIRTIO_SLOTS)
		return -CVM_E2BIG;
	dev->devs = devs;
	dev->slot = i;
	dev->page = &devs->page[i];
	devs->slot[i].dev = dev;
	bind_events(dev);
	fill_slot(dev, ++devs->slot[i].plug);
	os_unlock(&devs->slot[i].lock);
	changed(devs, i);
	return (int)i;
}

int virtio_device_with(struct virtio_devices *devs, uint32_t slot,
		       const struct virtio_device_ops *ops,
		       void (*fn)(struct virtio_device *dev, void *arg),
		       void *arg)
{
	struct virtio_device *dev;
	int ret = -CVM_ENOENT;

	if (slot >= CVM_VIRTIO_SLOTS)
		return ret;
	os_lock(&devs->slot[slot].lock);
	dev = devs->slot[slot].dev;
	if (dev && dev->ops == ops) {
		fn(dev, arg);
		ret = 0;
	}
	os_unlock(&devs->slot[slot].lock);
	return ret;
}

/* Under the slot's lock. */
static void pull(struct virtio_devices *devs, uint32_t slot)
{
	struct virtio_device *dev = devs->slot[slot].dev;

	slot_set(dev->page->device_id, 0);
	unbind_queues(dev);
	virtio_transport_stop(dev);
	unwatch(dev);
	slot_set(dev->page->status, 0);
	devs->slot[slot].dev = NULL;
	dev->ops->destroy(dev);
}

void virtio_devices_hangup(struct virtio_devices *devs)
{
	struct virtio_device *dev;
	uint32_t i;

	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		dev = slot_get(devs->slot[i].dev);
		if (dev && dev->ops->hangup)
			dev->ops->hangup(dev);
	}
}

int virtio_devices_remove(struct virtio_devices *devs, uint32_t slot)
{
	int ret = -CVM_ENOENT;

	if (slot >= CVM_VIRTIO_SLOTS)
		return ret;
	os_lock(&devs->slot[slot].lock);
	if (devs->slot[slot].dev) {
		pull(devs, slot);
		ret = 0;
	}
	os_unlock(&devs->slot[slot].lock);
	if (!ret)
		changed(devs, slot);
	return ret;
}

void virtio_devices_free(struct virtio_devices *devs)
{
	uint32_t i;

	if (!devs)
		return;
	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		if (devs->slot[i].dev)
			pull(devs, i);
		os_lock_destroy(&devs->slot[i].lock);
	}
	free(devs);
}

void virtio_devices_settle(struct virtio_devices *devs)
{
	struct virtio_device *dev;
	uint32_t i;

	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		dev = devs->slot[i].dev;
		if (dev && dev->ops->settle)
			dev->ops->settle(dev);
	}
}

int virtio_devices_commit(struct virtio_devices *devs,
			  struct problem *problem)
{
	struct virtio_device *dev;
	uint32_t i;

	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		dev = devs->slot[i].dev;
		if (dev && dev->ops->commit && dev->ops->commit(dev, problem))
			return -1;
	}
	return 0;
}

static int have_thread(struct virtio_queue *queue)
{
	struct virtio_device *dev = queue->dev;
	char name[16];

	if (!queue->threaded || queue->thread)
		return 0;
	snprintf(name, sizeof(name), "%.7s%u-q%u", dev->ops->name,
		 dev->slot % 100, queue->index % 100u);
	queue->thread = os_thread_new(name);
	if (!queue->thread)
		return -1;
	return dev->ops->queue_ready ? dev->ops->queue_ready(queue) : 0;
}

/* Under the slot's lock. */
static int have_threads(struct virtio_device *dev, struct problem *problem)
{
	uint32_t i;

	for (i = 0; i < dev->queues; i++)
		if (have_thread(&dev->queue[i]))
			return problem_set(problem, NULL, "%s in slot %u: no "
					   "thread for queue %u; %s",
					   dev->ops->name, dev->slot, i,
					   os_no_thread);
	return 0;
}

int virtio_devices_threads(struct virtio_devices *devs,
			   struct problem *problem)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < CVM_VIRTIO_SLOTS && !ret; i++) {
		os_lock(&devs->slot[i].lock);
		if (devs->slot[i].dev)
			ret = have_threads(devs->slot[i].dev, problem);
		os_unlock(&devs->slot[i].lock);
	}
	return ret;
}

void virtio_devices_threads_free(struct virtio_devices *devs)
{
	struct virtio_device *dev;
	uint32_t i, n;

	for (i = 0; i < CVM_VIRTIO_SLOTS; i++) {
		os_lock(&devs->slot[i].lock);
		dev = devs->slot[i].dev;
		for (n = 0; dev && n < dev->queues; n++) {
			os_thread_free(dev->queue[n].thread);
			dev->queue[n].thread = NULL;
		}
		os_unlock(&devs->slot[i].lock);
	}
}

void virtio_counters_report(const char *const *names, const uint64_t *values,
			    virtio_report_fn *fn, void *ctx)
{
	for (; names && *names; names++, values++)
		fn(ctx, *names, NULL, __atomic_load_n(values,
						      __ATOMIC_RELAXED));
}

static struct virtio_device *device_in(struct virtio_devices *devs,
				       uint32_t slot)
{
	return slot < CVM_VIRTIO_SLOTS ? slot_get(devs->slot[slot].dev) : NULL;
}

const char *virtio_devices_kind(struct virtio_devices *devs, uint32_t slot)
{
	const struct virtio_device *dev = device_in(devs, slot);

	return dev ? dev->ops->name : NULL;
}

int virtio_devices_report(struct virtio_devices *devs, uint32_t slot,
			  virtio_report_fn *fn, void *ctx)
{
	static const char *const names[] = {
#define DEVICE_COUNTER(name, counts) #name,
#include "virtio/counters.def"
		NULL
	};
	const struct virtio_device *dev = device_in(devs, slot);
	struct {
#define DEVICE_COUNTER(name, counts) uint64_t name;
#include "virtio/counters.def"
	} count = { 0 };
	uint32_t i;

	if (!dev)
		return -CVM_ENOENT;
	for (i = 0; i < VIRTIO_WORDS && dev->word[i][0]; i++)
		fn(ctx, dev->word[i][0], slot_get(dev->word[i][1]), 0);
	virtio_counters_report(dev->ops->counters, dev->counter, fn, ctx);
	for (i = 0; i < dev->queues; i++) {
		count.doorbells += slot_get(dev->page->queue[i].doorbells);
		count.interrupts += slot_get(dev->queue[i].interrupts);
	}
	virtio_counters_report(names, (const uint64_t *)&count, fn, ctx);
	return 0;
}

void virtio_devices_console_size(struct virtio_devices *devs,
				 uint32_t cols, uint32_t rows)
{
	slot_set(devs->table->console_size,
		 (cols & 0xffff) << 16 | (rows & 0xffff));
	virtio_transport_raise(devs, 0, CVM_EVENT_CONSOLE_BIT);
}

/* Under the slot's lock. */
static int ring(struct virtio_device *dev, uint32_t queue,
		struct cvm_user_run *run)
{
	if (queue == CVM_VIRTIO_DOORBELL_COMMAND)
		virtio_transport_command(dev);
	else if (queue >= dev->queues)
		return -CVM_ENOENT;
	else if (!dev->queue[queue].in_place)
		os_notifier_signal(&dev->queue[queue].doorbell);
	else if (dev->queue[queue].running)
		dev->ops->doorbell(&dev->queue[queue], run);
	return 0;
}

int virtio_devices_doorbell(struct virtio_devices *devs,
			    struct cvm_user_run *run)
{
	uint64_t slot = run->arg[0] >> 8;
	int ret = -CVM_ENOENT;

	if (slot >= CVM_VIRTIO_SLOTS)
		return ret;
	os_lock(&devs->slot[slot].lock);
	if (devs->slot[slot].dev)
		ret = ring(devs->slot[slot].dev, run->arg[0] & 0xff, run);
	else
		slot_set(devs->page[slot].result, ret);
	os_unlock(&devs->slot[slot].lock);
	return ret;
}
