// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_net.c - any bytes as what a driver of a network card puts into its
 * queues: frames with any header, buffers of any size anywhere, control
 * commands; while frames come for it.  The other end of the cable is here, and
 * the card's thread is called when a step says so: --wrap=os_thread_new,
 * ..._run, ..._wait and ..._free.
 */
#include <string.h>

#include <cvm/abi.h>

#include "virtio/net/net_impl.h"
#include "replay.h"
#include "slots.h"
#include "virtio/core/transport_impl.h"
#include "virtio/core/virtio_spec.h"

#define QUEUE_SIZE	8u
#define RING_BYTES	1024u	/* of a queue: three areas */
#define RINGS		CVM_VIRTIO_TABLE_BYTES
#define BUFFERS		(RINGS + NET_QUEUES * RING_BYTES)
#define BUFFERS_BYTES	16384u
#define BYTES		(BUFFERS + BUFFERS_BYTES)
#define PIECES		3u	/* of a well-formed chain, at most */
#define COME_MAX	16u	/* frames under way to the guest */
#define TURNS_MAX	1000u	/* more for one step are no end */
#define OFFERED		(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | \
			 VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | \
			 VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define OF_THE_CARD	(VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | \
			 VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | \
			 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | \
			 VIRTIO_NET_F_CTRL_RX_EXTRA | \
			 VIRTIO_NET_F_CTRL_MAC_ADDR | \
			 VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)

static struct {
	unsigned long started, sent, came, unwanted, commands, broken;
} fuzz_count;

static const uint8_t mac[6] = { 2, 0, 0, 1, 2, 3 };

static struct bench {
	struct slots s;
	uint16_t avail[NET_QUEUES];
	struct net_backend cable;
	void (*thread)(void *arg);	/* the card's, while there is one */
	uint32_t turns;
	struct {
		uint32_t bytes;
		uint8_t kind;		/* whom it is for, and how it comes */
	} come[COME_MAX];
	uint32_t comes;
	unsigned long given;		/* to the card, of this input */
} bench;

/* ---- threads ------------------------------------------------------------- */

struct os_thread *__wrap_os_thread_new(const char *name);
void __wrap_os_thread_run(struct os_thread *thread,
				void (*fn)(void *arg), void *arg);
void __wrap_os_thread_wait(struct os_thread *thread);
void __wrap_os_thread_free(struct os_thread *thread);

struct os_thread *__wrap_os_thread_new(const char *name)
{
	require(name[0]);
	return (struct os_thread *)&bench;
}

/* The control queue is served by whoever rings. */
void __wrap_os_thread_run(struct os_thread *thread,
				void (*fn)(void *arg), void *arg)
{
	(void)thread;
	if (arg == bench.cable.net)
		bench.thread = fn;
}

void __wrap_os_thread_wait(struct os_thread *thread)
{
	(void)thread;
	if (bench.cable.net->stop)
		bench.thread = NULL;
}

void __wrap_os_thread_free(struct os_thread *thread)
{
	(void)thread;
}

/* ---- the other end of the cable ------------------------------------------ */

static bool in_guest(const struct os_iov *iov)
{
	const uint8_t *at = iov->base, *map = bench.s.map;

	return at >= map && at <= map + BYTES &&
	       iov->bytes <= (size_t)(map + BYTES - at);
}

static void cable_offload(struct net_backend *cable, uint64_t features)
{
	require(!(features & ~(OFFERED | OF_THE_CARD |
			       VIRTIO_TRANSPORT_FEATURES)));
	(void)cable;
}

static bool cable_send(struct net_backend *cable,
		       const struct virtio_net_hdr *h, const struct os_iov *iov,
		       uint32_t count, size_t bytes)
{
	static uint8_t frame[NET_FRAME_MAX];
	struct virtio_device *dev = &cable->net->dev;
	size_t all = 0;
	uint32_t i;

	for (i = 0; i < count; i++) {
		require(in_guest(&iov[i]));
		all += iov[i].bytes;
	}
	require(all == bytes && count <= NET_PIECES);
	require(bytes >= NET_ETH_BYTES && bytes <= NET_FRAME_MAX);
	require(!(h->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM));
	require(!h->flags || (virtio_device_has(dev, VIRTIO_NET_F_CSUM) &&
		h->csum_start + h->csum_offset + 2u <= bytes));
	require(h->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
		(h->flags && h->gso_size &&
		 virtio_device_has(dev,
				   h->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ?
				   VIRTIO_NET_F_HOST_TSO4 :
				   VIRTIO_NET_F_HOST_TSO6)));
	os_iov_get(iov, count, 0, frame, bytes);
	fuzz_count.sent++;
	return frame[0] & 1;
}

/* By copy, or into the driver's room. */
static void give(struct net *net, uint32_t bytes, uint8_t kind)
{
	static const struct virtio_net_hdr header;
	static uint8_t frame[NET_FRAME_MAX];
	struct os_iov *piece;
	size_t room = 0;
	uint32_t count, i;

	memcpy(frame, mac, 6);
	if (kind & 2)
		memset(frame, kind & 4 ? 0xff : 0x33, 6);
	frame[5] += kind >> 5;
	if (kind & 1) {
		net_receive(net, &header, frame, bytes);
		return;
	}
	piece = net_pieces(net, &count);
	for (i = 0; i < count; i++) {
		require(in_guest(&piece[i]));
		room += piece[i].bytes;
	}
	/* As a tap: what there is no room for is somewhere else. */
	require(room >= sizeof(header));
	room -= sizeof(header);
	os_iov_put(piece, count, 0, &header, sizeof(header));
	os_iov_put(piece, count, sizeof(header), frame,
		   bytes < room ? bytes : room);
	net_filled(net, bytes + sizeof(header));
}

static bool cable_receive(struct net_backend *cable)
{
	struct bench *b = &bench;

	require(b->turns++ < TURNS_MAX);
	while (b->comes && net_room(cable->net, b->come[0].bytes)) {
		give(cable->net, b->come[0].bytes, b->come[0].kind);
		b->given++;
		memmove(b->come, b->come + 1,
			--b->comes * sizeof(b->come[0]));
	}
	return false;
}

/* Nothing more to do: back to the step. */
static void cable_wait(struct net_backend *cable,
		       struct os_notifier *const doorbell[2], bool full)
{
	(void)doorbell;
	require(!full || cable->net->rx_blocked);
	cable->net->stop = true;
}

static void cable_close(struct net_backend *cable)
{
	(void)cable;
}

static const struct net_backend_ops cable_ops = {
	.name = "cable",
	.features = OFFERED,
	.offload = cable_offload,
	.send = cable_send,
	.receive = cable_receive,
	.wait = cable_wait,
	.close = cable_close,
};

static const struct net_backend_ops cable_in_place_ops = {
	.name = "cable",
	.features = OFFERED,
	.in_place = true,
	.offload = cable_offload,
	.send = cable_send,
	.receive = cable_receive,
	.wait = cable_wait,
	.close = cable_close,
};

/* In the place of the ones that know the host. */
struct net_backend *net_slirp_open(const struct virtio_net_args *args,
				   struct problem *problem)
{
	(void)problem;
	bench.cable = (struct net_backend){
		.ops = args->network ? &cable_in_place_ops : &cable_ops,
		.mtu = NET_MTU,
	};
	return &bench.cable;
}

struct net_backend *net_tap_open(const struct virtio_net_args *args,
				 struct problem *problem)
{
	return net_slirp_open(args, problem);
}

/* Whatever became of them. */
static void add_arrived(void *ctx, const char *name, const char *text,
			uint64_t number)
{
	(void)text;
	if (!strcmp(name, "rx_frames") || !strcmp(name, "rx_dropped") ||
	    !strcmp(name, "rx_unwanted"))
		*(uint64_t *)ctx += number;
}

static void add_totals(void *ctx, const char *name, const char *text,
		       uint64_t number)
{
	(void)ctx;
	(void)text;
	if (!strcmp(name, "rx_frames"))
		fuzz_count.came += number;
	else if (!strcmp(name, "rx_unwanted"))
		fuzz_count.unwanted += number;
}

/* One look of the card's thread, and all that follows from it. */
static void turn(struct bench *b)
{
	uint64_t arrived = 0;

	b->turns = 0;
	if (b->thread) {
		b->thread(b->cable.net);
		b->cable.net->stop = false;
	}
	require(!virtio_devices_report(b->s.devs, 0, add_arrived, &arrived));
	require(arrived == b->given);
}

/* ---- the driver ---------------------------------------------------------- */

static uint8_t *ring(struct bench *b, uint32_t queue, uint32_t area)
{
	return b->s.map + RINGS + queue * RING_BYTES + area * 256;
}

/* From reset to DRIVER_OK; how: what is wanted. */
static void start(struct bench *b, uint32_t how)
{
	struct slots *s = &b->s;
	struct cvm_virtio_queue *queue;
	uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CTRL_VQ |
			    VIRTIO_NET_F_MAC;
	uint32_t i;

	features |= how & 1 ? VIRTIO_F_RING_PACKED : 0;
	features |= how & 2 ? VIRTIO_F_EVENT_IDX : 0;
	features |= how & 4 ? VIRTIO_NET_F_MRG_RXBUF : 0;
	features |= how & 8 ? OFFERED | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS : 0;
	features |= how & 16 ?
		    VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |
		    VIRTIO_NET_F_CTRL_MAC_ADDR : 0;
	features |= how & 32 ? VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET :
		    0;
	slots_command(s, 0, CVM_VIRTIO_RESET, 0);
	memset(b->avail, 0, sizeof(b->avail));
	memset(s->map + RINGS, 0, NET_QUEUES * RING_BYTES);
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER);
	slots_page(s, 0)->driver_features = features;
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_FEATURES_OK);
	for (i = 0; i < NET_QUEUES; i++) {
		queue = &slots_page(s, 0)->queue[i];
		queue->size = QUEUE_SIZE;
		queue->desc = SLOTS_GPA + (uint64_t)(ring(b, i, 0) - s->map);
		queue->driver = queue->desc + 256;
		queue->device = queue->desc + 512;
		slots_command(s, 0, CVM_VIRTIO_QUEUE_ON, i);
	}
	slots_command(s, 0, CVM_VIRTIO_SET_STATUS, VIRTIO_STATUS_DRIVER_OK);
	fuzz_count.started++;
}

/*
 * A chain of a split ring, well formed: so many pieces of so many bytes each,
 * one after the other in memory; the last of them to be written if asked.
 */
static void offer(struct bench *b, uint32_t queue, uint32_t at, uint32_t bytes,
		  uint32_t pieces, bool answer)
{
	struct virtq_desc *desc = (struct virtq_desc *)ring(b, queue, 0);
	struct virtq_avail *avail = (struct virtq_avail *)ring(b, queue, 1);
	uint16_t entry = (uint16_t)(b->avail[queue] * PIECES % QUEUE_SIZE);
	uint16_t first = entry;
	uint32_t i;

	for (i = 0; i < pieces; i++) {
		at %= BUFFERS_BYTES;
		desc[entry].addr = SLOTS_GPA + BUFFERS + at;
		desc[entry].len = at + bytes > BUFFERS_BYTES ?
				  BUFFERS_BYTES - at : bytes;
		desc[entry].flags = queue == NET_RX ||
				    (answer && i + 1 == pieces) ?
				    VIRTQ_DESC_F_WRITE : 0;
		desc[entry].next = (uint16_t)((entry + 1) % QUEUE_SIZE);
		if (i + 1 < pieces)
			desc[entry].flags |= VIRTQ_DESC_F_NEXT;
		entry = desc[entry].next;
		at += bytes;
	}
	avail->ring[b->avail[queue] % QUEUE_SIZE] = first;
	avail->idx = ++b->avail[queue];
}

static void ring_at(struct bench *b, uint32_t queue)
{
	slots_doorbell(&b->s, CVM_VIRTIO_DOORBELL(0, queue));
}

static void send_frame(struct bench *b)
{
	struct virtio_net_hdr header = { 0 };
	uint32_t what = slots_next(&b->s, 1), bytes = slots_next(&b->s, 2);

	if (what & 1) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = (uint16_t)slots_next(&b->s, 1);
		header.csum_offset = (uint16_t)slots_next(&b->s, 1);
	}
	if (what & 2) {
		header.gso_type = (uint8_t)slots_next(&b->s, 1);
		header.gso_size = (uint16_t)slots_next(&b->s, 2);
	}
	memcpy(b->s.map + BUFFERS, &header, sizeof(header));
	b->s.map[BUFFERS + sizeof(header)] = (uint8_t)(what >> 7);
	offer(b, NET_TX, 0, bytes % (BUFFERS_BYTES + 1),
	      1 + (what >> 4 & 7) % PIECES, false);
	ring_at(b, NET_TX);
}

/* 5.1.6.5: a class, a command, and what belongs to it. */
static void command(struct bench *b)
{
	uint8_t *at = b->s.map + BUFFERS;
	uint32_t bytes = slots_next(&b->s, 1) % 64, i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t)slots_next(&b->s, 1);
	offer(b, NET_CTRL, 0, bytes ? bytes : 1, 2, true);
	at[bytes] = 0xee;
	ring_at(b, NET_CTRL);
	fuzz_count.commands += at[bytes] == 0;
}

static void come(struct bench *b)
{
	uint32_t bytes = slots_next(&b->s, 2), kind = slots_next(&b->s, 1);

	if (b->comes == COME_MAX)
		return;
	if (!(kind & 8))
		bytes %= NET_MTU;
	b->come[b->comes].bytes = bytes < NET_ETH_BYTES ? NET_ETH_BYTES :
				  bytes > NET_FRAME_MAX ? NET_FRAME_MAX :
				  bytes;
	b->come[b->comes++].kind = (uint8_t)kind;
}

static void step(struct bench *b)
{
	struct slots *s = &b->s;
	uint32_t what = slots_next(s, 1), at;

	switch (what & 7) {
	case 0:
		slots_write(s, s->map + RINGS, BYTES - RINGS);
		break;
	case 1:
		start(b, slots_next(s, 1));
		break;
	case 2:
		at = slots_next(s, 2);
		offer(b, NET_RX, at, slots_next(s, 2) % 4096,
		      1 + (what >> 4) % PIECES, false);
		ring_at(b, NET_RX);
		break;
	case 3:
		send_frame(b);
		break;
	case 4:
		command(b);
		break;
	case 5:
		come(b);
		break;
	case 6:
		ring_at(b, (what >> 4) % NET_QUEUES);
		break;
	default:
		slots_command(s, 0, slots_next(s, 1) & 7, slots_next(s, 1));
		break;
	}
	if (what & 8)
		turn(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = &bench;
	struct virtio_net_args args = { .network = size && data[0] & 1 };
	struct problem problem = { "" };

	if (!b->s.devs)
		slots_open(&b->s, BYTES, 1, 1);
	slots_input(&b->s, data, size);
	slots_next(&b->s, 1);
	memcpy(args.mac, mac, sizeof(mac));
	b->thread = NULL;
	b->comes = 0;
	b->given = 0;
	require(!virtio_net_add(b->s.devs, &args, &problem));
	while (b->s.left)
		step(b);
	fuzz_count.broken += !!(slots_page(&b->s, 0)->status &
				VIRTIO_STATUS_NEEDS_RESET);
	require(!virtio_devices_report(b->s.devs, 0, add_totals, NULL));
	virtio_devices_remove(b->s.devs, 0);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t value, uint32_t bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
	return at;
}

/* 5.1.6.5.1, 2, 3 and "Offloads": each with what belongs to it. */
static uint8_t *seed_command(uint8_t *at)
{
	static const uint8_t commands[4][26] = {
		{ 3, 0, 0, 1 },
		{ 22, 1, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2, 4, 1, 0, 0, 0, 0x33,
		  0x33, 0x33, 0x33, 0x33, 0x34 },
		{ 8, 1, 1, 2, 0, 0, 1, 2, 5 },
		{ 10, 5, 0, 2 },
	};
	const uint8_t *one = commands[fuzz_dice(4)];

	at = put(at, 4, 1);
	memcpy(at, one, 1u + one[0]);
	if (one[1] == 0)
		at[2] = (uint8_t)fuzz_dice(6);
	return at + 1 + one[0];
}

static uint8_t *seed_frame(uint8_t *at, bool offload)
{
	uint32_t what = offload ? fuzz_dice(4) : 0;

	what |= what & 2 ? 1 : 0;
	at = put(at, 3 | fuzz_dice(2) << 3, 1);
	at = put(at, what | fuzz_dice(2) << 7, 1);
	at = put(at, 60 + fuzz_dice(1500), 2);
	if (what & 1)
		at = put(at, (14 + 20) | 16 << 8, 2);
	if (what & 2)
		at = put(at, VIRTIO_NET_HDR_GSO_TCPV4 | 1460 << 8, 3);
	return at;
}

/* Room, commands, frames both ways, some of them long. */
static size_t net_seed(uint8_t *data)
{
	uint32_t i, how = fuzz_dice(64) & ~1u;
	uint8_t *at = put(data, fuzz_dice(2), 1);

	at = put(at, 1, 1);
	at = put(at, how, 1);
	for (i = 0; i < 3; i++) {
		at = put(at, 2 | 0x10, 1);
		at = put(at, i * 4096, 2);
		at = put(at, 1024 + fuzz_dice(512), 2);
	}
	if (fuzz_dice(2))
		at = seed_command(at);
	for (i = fuzz_dice(4); i; i--)
		at = seed_frame(at, how & 8);
	for (i = fuzz_dice(4); i; i--) {
		at = put(at, 5 | 8, 1);
		at = put(at, fuzz_dice(3000), 2);
		at = put(at, fuzz_dice(256), 1);
	}
	return (size_t)(at - data);
}

static void net_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 3;
	*bytes = 40;
}

static int net_report(unsigned long inputs)
{
	printf("%lu inputs, %lu drivers ready, %lu frames sent, %lu came, %lu "
	       "unwanted, %lu commands, %lu drivers told to reset\n", inputs,
	       fuzz_count.started, fuzz_count.sent, fuzz_count.came,
	       fuzz_count.unwanted, fuzz_count.commands, fuzz_count.broken);
	return fuzz_count.started < inputs / 2 ||
	       fuzz_count.sent < inputs / 4 || fuzz_count.came < inputs / 4 ||
	       fuzz_count.unwanted < inputs / 100 ||
	       fuzz_count.commands < inputs / 20 ||
	       fuzz_count.broken < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_net",
	.max = 512,
	.seed = net_seed,
	.hot = net_hot,
	.report = net_report,
};
