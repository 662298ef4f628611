// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_console.c - any bytes as what a driver of a console device puts into
 * its queues: buffers anywhere, control messages, doorbells; while terminals
 * type and change their size.  The device works in this thread.
 */
#include <string.h>

#include <cvm/abi.h>

#include "replay.h"
#include "slots.h"
#include "virtio/core/virtio_spec.h"

#define QUEUES		6u	/* of two ports */
#define PORTS		2u
#define QUEUE_SIZE	8u
#define RING_BYTES	1024u	/* of a queue: three areas */
#define RINGS		CVM_VIRTIO_TABLE_BYTES
#define BUFFERS		(RINGS + QUEUES * RING_BYTES)
#define BUFFERS_BYTES	4096u
#define BYTES		(BUFFERS + BUFFERS_BYTES)
#define FEATURES	(VIRTIO_F_VERSION_1 | 3u)	/* SIZE, MULTIPORT */

static struct {
	unsigned long started, doorbells, out, in, broken;
} fuzz_count;

static struct bench {
	struct slots s;
	struct virtio_port *port[PORTS];
	uint16_t avail[QUEUES];
} bench;

/* ---- the VMM ------------------------------------------------------------- */

static void output(void *ctx, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	(void)ctx;
	require(at >= bench.s.map && at + bytes <= bench.s.map + BYTES &&
		bytes);
	fuzz_count.out += bytes;
}

static void room(void *ctx)
{
	require(ctx == bench.port);
}

static void plug(struct bench *b)
{
	struct virtio_port_args args[PORTS] = {
		{ .name = "one", .kind = VIRTIO_PORT_CALLS, .ctx = b->port,
		  .output = output, .input_space = room },
		{ .name = "two", .kind = VIRTIO_PORT_CALLS, .ctx = b->port,
		  .output = output, .input_space = room },
	};
	struct problem problem = { "" };

	require(!virtio_console_add(b->s.devs, args, PORTS, &problem));
	b->port[0] = args[0].port;
	b->port[1] = args[1].port;
}

/* ---- the driver ---------------------------------------------------------- */

static uint8_t *ring(struct bench *b, uint32_t queue, uint32_t area)
{
	return b->s.map + RINGS + queue * RING_BYTES + area * 256;
}

/* From reset to DRIVER_OK, with all queues, or without the second's. */
static void start(struct bench *b, uint32_t how)
{
	struct slots *s = &b->s;
	struct cvm_virtio_queue *queue;
	uint64_t features = FEATURES;
	uint32_t i;

	if (how & 1)
		features |= VIRTIO_F_RING_PACKED;
	if (how & 2)
		features |= VIRTIO_F_EVENT_IDX;
	if (how & 4)
		features &= ~2ull;
	slots_command(s, 0, CVM_VIRTIO_RESET, 0);
	memset(b->avail, 0, sizeof(b->avail));
	memset(s->map + RINGS, 0, QUEUES * RING_BYTES);
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER);
	slots_page(s, 0)->driver_features = features;
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_FEATURES_OK);
	for (i = 0; i < (how & 4 ? 2 : QUEUES); i++) {
		queue = &slots_page(s, 0)->queue[i];
		queue->size = QUEUE_SIZE;
		queue->desc = SLOTS_GPA + (uint64_t)(ring(b, i, 0) -
						     s->map);
		queue->driver = queue->desc + 256;
		queue->device = queue->desc + 512;
		slots_command(s, 0, CVM_VIRTIO_QUEUE_ON, i);
	}
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER_OK);
	fuzz_count.started++;
}

/* One buffer, well formed, of a split ring. */
static void offer(struct bench *b, uint32_t queue, uint32_t at, uint32_t bytes)
{
	uint16_t entry = b->avail[queue] % QUEUE_SIZE;
	struct virtq_desc *desc = (struct virtq_desc *)ring(b, queue, 0);
	struct virtq_avail *avail = (struct virtq_avail *)ring(b, queue, 1);

	desc[entry].addr = SLOTS_GPA + BUFFERS + at % BUFFERS_BYTES;
	desc[entry].len = bytes;
	desc[entry].flags = queue & 1 ? 0 : VIRTQ_DESC_F_WRITE;
	avail->ring[entry] = entry;
	avail->idx = ++b->avail[queue];
}

static void ring_at(struct bench *b, uint32_t queue)
{
	slots_doorbell(&b->s, CVM_VIRTIO_DOORBELL(0, queue));
	fuzz_count.doorbells++;
}

static void control(struct bench *b)
{
	uint8_t *message = b->s.map + BUFFERS;
	uint32_t id = slots_next(&b->s, 1), event = slots_next(&b->s, 1) & 15;
	uint32_t bytes = slots_next(&b->s, 1);

	memset(message, 0, 8);
	message[0] = (uint8_t)id;
	message[4] = (uint8_t)event;
	message[6] = 1;
	offer(b, 3, 0, bytes & 0x80 ? bytes & 15 : 8);
	ring_at(b, 3);
}

static void type(struct bench *b, uint32_t port)
{
	static const uint8_t keys[300];
	size_t bytes = slots_next(&b->s, 2) % sizeof(keys), took;

	took = virtio_port_input(b->port[port], keys, bytes);
	require(took <= bytes);
	fuzz_count.in += took;
}

static void step(struct bench *b)
{
	struct slots *s = &b->s;
	uint32_t what = slots_next(s, 1), queue = (what >> 3) % QUEUES;

	switch (what & 7) {
	case 0:
		slots_write(s, s->map + RINGS, BYTES - RINGS);
		break;
	case 1:
		start(b, slots_next(s, 1));
		break;
	case 2:
		queue = slots_next(s, 1) % QUEUES;
		offer(b, queue, slots_next(s, 2), slots_next(s, 1));
		ring_at(b, queue);
		break;
	case 3:
		control(b);
		break;
	case 4:
		type(b, queue % PORTS);
		break;
	case 5:
		virtio_port_resize(b->port[queue % PORTS], slots_next(s, 1),
				   25);
		break;
	case 6:
		ring_at(b, queue);
		break;
	default:
		slots_command(s, 0, slots_next(s, 1) & 7, slots_next(s, 1));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = &bench;

	if (!b->s.devs)
		slots_open(&b->s, BYTES, 1, 1);
	slots_input(&b->s, data, size);
	plug(b);
	while (b->s.left)
		step(b);
	fuzz_count.broken += !!(slots_page(&b->s, 0)->status &
				VIRTIO_STATUS_NEEDS_RESET);
	virtio_devices_remove(b->s.devs, 0);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t a, uint32_t b, uint32_t c,
		    uint32_t d)
{
	*at++ = (uint8_t)a;
	*at++ = (uint8_t)b;
	*at++ = (uint8_t)c;
	*at++ = (uint8_t)d;
	return at;
}

/* Ports appear, something is printed, and something typed. */
static size_t console_seed(uint8_t *data)
{
	uint32_t i, port = fuzz_dice(PORTS), in = port ? 4 : 0;
	uint8_t *at = data;

	*at++ = 1;
	*at++ = (uint8_t)(fuzz_dice(2) * 2);
	for (i = 0; i < 4; i++) {
		at = put(at, 2, 2, i * 64, 0);
		*at++ = (uint8_t)(32 + fuzz_dice(32));
	}
	at = put(at, 3, 0xff, 0, 0);
	at = put(at, 3, port, 3, 0);
	at = put(at, 2, in + 1, 0, 2);
	*at++ = (uint8_t)(1 + fuzz_dice(64));
	at = put(at, 2, in, 0, 4);
	*at++ = (uint8_t)(1 + fuzz_dice(64));
	*at++ = (uint8_t)(4 | in / 4 << 3);
	*at++ = (uint8_t)fuzz_dice(100);
	*at++ = 0;
	*at++ = (uint8_t)(5 | port << 3);
	*at++ = 80;
	return (size_t)(at - data);
}

static void console_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 2;
	*bytes = 40;
}

static int console_report(unsigned long inputs)
{
	printf("%lu inputs, %lu drivers ready, %lu doorbells, %lu bytes "
	       "printed, %lu typed, %lu drivers told to reset\n", inputs,
	       fuzz_count.started, fuzz_count.doorbells, fuzz_count.out,
	       fuzz_count.in, fuzz_count.broken);
	return fuzz_count.started < inputs / 2 ||
	       fuzz_count.out < inputs || fuzz_count.in < inputs ||
	       fuzz_count.broken < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_console",
	.max = 256,
	.seed = console_seed,
	.hot = console_hot,
	.report = console_report,
};
