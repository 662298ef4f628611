// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_console.c - any bytes as what a driver of a console device puts into
 * its queues: buffers anywhere, control messages, doorbells; while terminals
 * type and change their size.  The device works in this thread.
 */
#include <string.h>

#include <cvm/abi.h>

#include "devices.h"
#include "replay.h"
#include "virtio_spec.h"

#define GPA		0x100000ull
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
	uint8_t *map;
	struct cvm_vmm_devices *devs;
	struct cvm_port *port[PORTS];
	uint16_t avail[QUEUES];
	const uint8_t *data;
	size_t left;
} bench;

/* ---- the VMM ------------------------------------------------------------- */

static void raise_events(void *ctx, uint32_t vcpu, uint64_t bits)
{
	(void)ctx;
	(void)bits;
	require(!vcpu);
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	require(line[0] && !strchr(line, '\n'));
}

static void output(void *ctx, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	(void)ctx;
	require(at >= bench.map && at + bytes <= bench.map + BYTES && bytes);
	fuzz_count.out += bytes;
}

static void room(void *ctx)
{
	require(ctx == bench.port);
}

static void plug(struct bench *b)
{
	struct cvm_port_args args[PORTS] = {
		{ .name = "one", .kind = CVM_PORT_CALLS, .ctx = b->port,
		  .output = output, .room = room },
		{ .name = "two", .kind = CVM_PORT_CALLS, .ctx = b->port,
		  .output = output, .room = room },
	};
	struct cvm_vmm_error err;

	require(!cvm_vmm_devices_add_console(b->devs, args, PORTS, &err));
	b->port[0] = args[0].port;
	b->port[1] = args[1].port;
}

/* ---- the driver ---------------------------------------------------------- */

static uint32_t next(struct bench *b, uint32_t bytes)
{
	uint32_t value = 0, i;

	for (i = 0; i < bytes && b->left; i++, b->left--)
		value |= (uint32_t)*b->data++ << 8 * i;
	return value;
}

static struct cvm_virtio_slot *page(struct bench *b)
{
	return (struct cvm_virtio_slot *)(b->map + 4096);
}

static void doorbell(struct bench *b, uint32_t queue)
{
	struct cvm_user_run run = { .arg = { CVM_VIRTIO_DOORBELL(0, queue) } };

	cvm_vmm_devices_doorbell(b->devs, &run);
}

static void command(struct bench *b, uint32_t code, uint32_t arg)
{
	page(b)->command = code;
	page(b)->arg = arg;
	doorbell(b, CVM_VIRTIO_DOORBELL_COMMAND);
}

static uint8_t *ring(struct bench *b, uint32_t queue, uint32_t area)
{
	return b->map + RINGS + queue * RING_BYTES + area * 256;
}

/* From reset to DRIVER_OK, with all queues, or without the second's. */
static void start(struct bench *b, uint32_t how)
{
	uint64_t features = FEATURES;
	uint32_t i;

	if (how & 1)
		features |= VIRTIO_F_RING_PACKED;
	if (how & 2)
		features |= VIRTIO_F_EVENT_IDX;
	if (how & 4)
		features &= ~2ull;
	command(b, CVM_VIRTIO_RESET, 0);
	memset(b->avail, 0, sizeof(b->avail));
	memset(b->map + RINGS, 0, QUEUES * RING_BYTES);
	command(b, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	command(b, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER);
	page(b)->driver_features = features;
	command(b, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_FEATURES_OK);
	for (i = 0; i < (how & 4 ? 2 : QUEUES); i++) {
		page(b)->queue[i].size = QUEUE_SIZE;
		page(b)->queue[i].desc = GPA + (uint64_t)(ring(b, i, 0) -
							  b->map);
		page(b)->queue[i].driver = page(b)->queue[i].desc + 256;
		page(b)->queue[i].device = page(b)->queue[i].desc + 512;
		command(b, CVM_VIRTIO_QUEUE_ON, i);
	}
	command(b, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER_OK);
	fuzz_count.started++;
}

/* One buffer, well formed, of a split ring. */
static void offer(struct bench *b, uint32_t queue, uint32_t at, uint32_t bytes)
{
	uint16_t entry = b->avail[queue] % QUEUE_SIZE;
	struct virtq_desc *desc = (struct virtq_desc *)ring(b, queue, 0);
	struct virtq_avail *avail = (struct virtq_avail *)ring(b, queue, 1);

	desc[entry].addr = GPA + BUFFERS + at % BUFFERS_BYTES;
	desc[entry].len = bytes;
	desc[entry].flags = queue & 1 ? 0 : VIRTQ_DESC_F_WRITE;
	avail->ring[entry] = entry;
	avail->idx = ++b->avail[queue];
}

static void ring_at(struct bench *b, uint32_t queue)
{
	doorbell(b, queue);
	fuzz_count.doorbells++;
}

static void write_bytes(struct bench *b, uint8_t *to, uint32_t space)
{
	uint32_t at = next(b, 2) % space, bytes = next(b, 1) & 31;

	for (; bytes && at < space; bytes--)
		to[at++] = (uint8_t)next(b, 1);
}

static void control(struct bench *b)
{
	uint8_t *message = b->map + BUFFERS;
	uint32_t id = next(b, 1), event = next(b, 1) & 15, bytes = next(b, 1);

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
	size_t bytes = next(b, 2) % sizeof(keys), took;

	took = cvm_port_input(b->port[port], keys, bytes);
	require(took <= bytes);
	fuzz_count.in += took;
}

static void step(struct bench *b)
{
	uint32_t what = next(b, 1), queue = (what >> 3) % QUEUES;

	switch (what & 7) {
	case 0:
		write_bytes(b, b->map + RINGS, BYTES - RINGS);
		break;
	case 1:
		start(b, next(b, 1));
		break;
	case 2:
		queue = next(b, 1) % QUEUES;
		offer(b, queue, next(b, 2), next(b, 1));
		ring_at(b, queue);
		break;
	case 3:
		control(b);
		break;
	case 4:
		type(b, queue % PORTS);
		break;
	case 5:
		cvm_port_resize(b->port[queue % PORTS], next(b, 1), 25);
		break;
	case 6:
		ring_at(b, queue);
		break;
	default:
		command(b, next(b, 1) & 7, next(b, 1));
		break;
	}
}

static void set_up(struct bench *b)
{
	static const struct cvm_user_ranges ranges = {
		.count = 1, .range[0] = { GPA, BYTES },
	};
	struct cvm_vmm_args args = {
		.ranges = &ranges, .map_gpa = GPA, .table_gpa = GPA,
		.vcpus = 1, .raise = raise_events, .log = log_line,
	};
	struct cvm_vmm_error err;

	if (b->devs)
		return;
	b->map = aligned_alloc(4096, (BYTES + 4095) / 4096 * 4096);
	require(b->map);
	args.map = b->map;
	b->devs = cvm_vmm_devices_new(&args, &err);
	require(b->devs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = &bench;

	set_up(b);
	memset(b->map + RINGS, 0, BYTES - RINGS);
	b->data = data;
	b->left = size;
	plug(b);
	while (b->left)
		step(b);
	fuzz_count.broken += !!(page(b)->status & VIRTIO_STATUS_NEEDS_RESET);
	cvm_vmm_devices_remove(b->devs, 0);
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
