// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_transport.c - any bytes as what a driver writes into its slots and
 * rings at them.  The device works in this thread, when a step says so.
 */
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "replay.h"
#include "slots.h"
#include "virtio/core/transport.h"

#define RINGS		(SLOTS_GPA + CVM_VIRTIO_TABLE_BYTES)
#define RINGS_BYTES	8192u
#define BYTES		(CVM_VIRTIO_TABLE_BYTES + RINGS_BYTES)
#define SLOTS		3u	/* that the steps reach */
#define QUEUES		3u
#define VCPUS		2u
#define OWN_FEATURES	0x1fu
#define CONFIG_LEN	24u
#define OFFERED		(OWN_FEATURES | VIRTIO_F_INDIRECT_DESC | \
			 VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
			 VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET)
#define STATUSES	(1u | 2u | 4u | 8u | 64u | 128u)

static struct {
	unsigned long features_ok, driver_ok, queues, requests, failed;
} fuzz_count;

struct bench {
	struct slots s;
	struct virtio_device *dev[SLOTS];
};

/* ---- the device ---------------------------------------------------------- */

struct toy {
	struct virtio_device dev;
	struct bench *bench;
};

static void toy_start(struct virtio_queue *queue)
{
	require(queue->enabled && !queue->running && !queue->backend);
	require(queue->dev->status & VIRTIO_STATUS_DRIVER_OK);
	queue->backend = queue;
	fuzz_count.queues++;
}

static void toy_stop(struct virtio_queue *queue)
{
	require(queue->backend);
	queue->backend = NULL;
}

static void toy_features_ok(struct virtio_device *dev)
{
	require(!(dev->negotiated & ~OFFERED));
	require(dev->negotiated & VIRTIO_F_VERSION_1);
	fuzz_count.features_ok++;
}

static int toy_config_write(struct virtio_device *dev, uint32_t offset,
			    const void *data, uint32_t bytes)
{
	require(bytes && bytes <= CONFIG_LEN);
	require(offset <= CONFIG_LEN - bytes);
	virtio_device_config(dev, offset, data, bytes, bytes & 1);
	return 0;
}

static void toy_reset(struct virtio_device *dev)
{
	uint32_t i;

	for (i = 0; i < QUEUES; i++)
		require(!dev->queue[i].backend && !dev->queue[i].enabled);
}

static void toy_destroy(struct virtio_device *dev)
{
	struct toy *toy = (struct toy *)dev;

	toy_reset(dev);
	toy->bench->dev[dev->slot] = NULL;
	virtio_device_exit(dev);
	free(toy);
}

static const struct virtio_device_ops toy_ops = {
	.name = "toy",
	.id = 42,
	.queue_start = toy_start,
	.queue_stop = toy_stop,
	.features_ok = toy_features_ok,
	.config_write = toy_config_write,
	.reset = toy_reset,
	.destroy = toy_destroy,
};

static void plug(struct bench *b)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	int slot;

	require(toy);
	toy->bench = b;
	require(!virtio_device_init(&toy->dev, &toy_ops, QUEUES, 16));
	toy->dev.features = OWN_FEATURES;
	toy->dev.config_len = CONFIG_LEN;
	slot = virtio_device_plug(b->s.devs, &toy->dev);
	require(slot >= 0 && slot < (int)SLOTS);
	b->dev[slot] = &toy->dev;
}

/* What a back end's thread does. */
static void serve(struct virtio_device *dev)
{
	struct os_iov iov[8];
	struct vq_chain chain = { .iov = iov, .space = 8 };
	struct virtio_queue *queue;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < QUEUES; i++) {
		queue = &dev->queue[i];
		if (!queue->backend || queue->vq.broken)
			continue;
		vq_disable_notification(&queue->vq);
		while ((ret = vq_pop(&queue->vq, &chain)) > 0) {
			fuzz_count.requests++;
			os_iov_put(iov + chain.readable, chain.writable, 0,
				   "answer", 6);
			vq_push(&queue->vq, &chain, 0);
			virtio_queue_publish(queue);
		}
		if (ret < 0) {
			virtio_device_needs_reset(dev, "%s", queue->vq.reason);
			fuzz_count.failed++;
		}
		vq_enable_notification(&queue->vq);
	}
}

/* ---- the driver ---------------------------------------------------------- */

/* Set up well, so that what comes next can go wrong. */
static void good_queue(struct bench *b, uint32_t slot, uint32_t value)
{
	uint32_t index = value % QUEUES;
	struct cvm_virtio_queue *queue = &slots_page(&b->s, slot)->queue[index];

	queue->size = 1u << (value >> 4 & 3);
	queue->desc = RINGS + index * 1024;
	queue->driver = queue->desc + 256;
	queue->device = queue->desc + 512;
	queue->vcpu = (uint16_t)value & 3;
}

static void command(struct bench *b, uint32_t slot, uint32_t code,
		    uint32_t arg)
{
	uint32_t before = b->dev[slot] ? b->dev[slot]->status : 0;
	int ret;

	ret = slots_command(&b->s, slot, code, arg);
	require(ret == (b->dev[slot] ? 0 : -CVM_ENOENT));
	require(slots_page(&b->s, slot)->result <= 0);
	if (b->dev[slot])
		fuzz_count.driver_ok += !!(~before & b->dev[slot]->status &
					   VIRTIO_STATUS_DRIVER_OK);
}

static void step(struct bench *b)
{
	struct slots *s = &b->s;
	uint32_t what = slots_next(s, 1), slot = (what >> 3 & 31) % SLOTS, code;

	switch (what & 7) {
	case 0:
		slots_write(s, (uint8_t *)slots_page(s, slot), 4096);
		break;
	case 1:
		slots_write(s, s->map + CVM_VIRTIO_TABLE_BYTES, RINGS_BYTES);
		break;
	case 2:
		code = slots_next(s, 1) & 7;
		command(b, slot, code, slots_next(s, 1));
		break;
	case 3:
		code = slots_next(s, 1);
		command(b, slot, code, slots_next(s, 4));
		break;
	case 4:
		good_queue(b, slot, slots_next(s, 1));
		break;
	case 5:
		slots_doorbell(s, slots_next(s, 3));
		break;
	case 6:
		if (b->dev[slot])
			serve(b->dev[slot]);
		break;
	default:
		if (virtio_devices_remove(s->devs, slot))
			plug(b);
		break;
	}
}

/* What holds whatever the driver does. */
static void check(struct bench *b)
{
	struct virtio_device *dev;
	uint32_t slot, i, ok;

	for (slot = 0; slot < SLOTS; slot++) {
		dev = b->dev[slot];
		if (!dev)
			continue;
		require(!(dev->status & ~STATUSES));
		ok = dev->status & VIRTIO_STATUS_DRIVER_OK;
		require(!ok || dev->status & VIRTIO_STATUS_FEATURES_OK);
		require(!(dev->negotiated & ~OFFERED));
		for (i = 0; i < QUEUES; i++) {
			require(dev->queue[i].running ==
				!!dev->queue[i].backend);
			require(dev->queue[i].running ==
				(dev->queue[i].enabled && ok));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench bench;
	struct bench *b = &bench;
	uint32_t slot;

	if (!b->s.devs)
		slots_open(&b->s, BYTES, SLOTS, VCPUS);
	slots_input(&b->s, data, size);
	plug(b);
	while (b->s.left) {
		step(b);
		check(b);
	}
	for (slot = 0; slot < SLOTS; slot++)
		virtio_devices_remove(b->s.devs, slot);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t a, uint32_t b, uint32_t c)
{
	*at++ = (uint8_t)a;
	*at++ = (uint8_t)b;
	*at++ = (uint8_t)c;
	return at;
}

/* A driver that comes up, offers a request or two, and is reset. */
static size_t transport_seed(uint8_t *data)
{
	uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET;
	uint8_t *at = data;
	uint32_t i, queue = fuzz_dice(QUEUES);

	at = put(at, 2, CVM_VIRTIO_SET_STATUS, 1);
	at = put(at, 2, CVM_VIRTIO_SET_STATUS, 3);
	at = put(at, 0, 0x40, 0);
	*at++ = 8;
	memcpy(at, &features, 8);
	at = put(at + 8, 2, CVM_VIRTIO_SET_STATUS, 8);
	*at++ = 4;
	*at++ = (uint8_t)(queue | 0x30);
	at = put(at, 2, CVM_VIRTIO_QUEUE_ON, queue);
	at = put(at, 2, CVM_VIRTIO_SET_STATUS, 4);
	/* A descriptor, and the available ring. */
	at = put(at, 1, queue * 1024 & 255, queue * 1024 >> 8);
	*at++ = 16;
	for (i = 0; i < 16; i++)
		*at++ = (uint8_t[16]){ 0, 0x18, 0x13, 0, 0, 0, 0, 0, 64, 0, 0,
			0, 2, 0, 0, 0 }[i];
	at = put(at, 1, 0, queue * 4 + 1);
	*at++ = 4;
	*at++ = 0;
	*at++ = 0;
	*at++ = (uint8_t)(1 + fuzz_dice(2));
	*at++ = 0;
	*at++ = 6;
	at = put(at, 2, CVM_VIRTIO_CONFIG_WRITE, 4);
	*at++ = 5;
	at = put(at, queue, 0, 0);
	at = put(at, 2, CVM_VIRTIO_QUEUE_OFF, queue);
	at = put(at, 2, CVM_VIRTIO_RESET, 0);
	*at++ = 7;
	return (size_t)(at - data);
}

static void transport_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 0;
	*bytes = 64;
}

static int transport_report(unsigned long inputs)
{
	printf("%lu inputs, %lu features agreed, %lu drivers ready, %lu "
	       "queues run, %lu requests, %lu drivers told to reset\n",
	       inputs, fuzz_count.features_ok, fuzz_count.driver_ok,
	       fuzz_count.queues, fuzz_count.requests, fuzz_count.failed);
	return fuzz_count.driver_ok < inputs / 10 ||
	       fuzz_count.requests < inputs / 20 ||
	       fuzz_count.failed < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_transport",
	.max = 256,
	.seed = transport_seed,
	.hot = transport_hot,
	.report = transport_report,
};
