// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_virtqueue.c - any bytes as a virtqueue and what its driver does.
 *
 *	0	kind: 1 packed, 2 event index, 4 indirect
 *	1	entries
 *	2..	where the areas stand, in 16 bytes
 *	8..	the first page of guest memory, then steps of the driver and
 *		the device, see step()
 *
 * Every page of guest memory is a heap block of its own, so the sanitizer sees
 * a step beyond; what is handed out is read and written in full.
 */
#include <string.h>

#include <cvm/error.h>

#include "replay.h"
#include "virtio/core/virtqueue.h"

#define PAGE		4096u
#define RINGS		0x10000ull	/* two pages that are neighbours */
#define APART		0x40000ull	/* and one that is not */
#define HEADER		8u
#define IMAGE		1024u		/* of the first page */
#define CHAINS		8u
#define PIECES		24u

static struct {
	unsigned long started, popped, broken, drained;
} fuzz_count;

struct bench {
	struct virtio_memory mem;
	struct vq vq;
	uint8_t *page[3];
	struct os_iov iov[CHAINS][PIECES];
	struct vq_chain chain[CHAINS];
	uint32_t first, held;		/* popped, oldest first */
	const uint8_t *data;
	size_t left;
};

static uint32_t next(struct bench *b, uint32_t bytes)
{
	uint32_t value = 0, i;

	for (i = 0; i < bytes && b->left; i++, b->left--)
		value |= (uint32_t)*b->data++ << 8 * i;
	return value;
}

/* Every byte lies in a page; writing may well change the rings. */
static void touch(const struct vq_chain *chain)
{
	uint32_t i, j, sum = 0;
	uint64_t bytes[2] = { 0, 0 };
	const uint8_t *at;

	require(chain->readable + chain->writable <= chain->space);
	for (i = 0; i < chain->readable + chain->writable; i++) {
		at = chain->iov[i].base;
		require(chain->iov[i].bytes);
		bytes[i >= chain->readable] += chain->iov[i].bytes;
		for (j = 0; j < chain->iov[i].bytes; j += 64)
			sum += at[j];
		sum += at[chain->iov[i].bytes - 1];
		if (i >= chain->readable)
			memset(chain->iov[i].base, (int)sum,
			       chain->iov[i].bytes);
	}
	require(bytes[0] == chain->read_bytes);
	require(bytes[1] == chain->write_bytes);
	require(bytes[0] + bytes[1]);
}

static void pop(struct bench *b)
{
	uint32_t at = (b->first + b->held) % CHAINS;
	struct vq_chain *chain = &b->chain[at];
	int ret;

	if (b->held == CHAINS)
		return;
	chain->iov = b->iov[at];
	chain->space = PIECES;
	ret = vq_pop(&b->vq, chain);
	require(ret >= -1 && ret <= 1);
	require((ret == -1) == b->vq.broken);
	require(b->vq.broken == (b->vq.reason[0] != '\0'));
	require(memchr(b->vq.reason, '\0', sizeof(b->vq.reason)));
	require(vq_in_flight(&b->vq) <= b->vq.size);
	if (ret != 1)
		return;
	b->held++;
	fuzz_count.popped++;
	touch(chain);
}

static void push(struct bench *b, bool newest)
{
	uint32_t last = (b->first + b->held - 1) % CHAINS;
	struct vq_chain swap;

	if (!b->held)
		return;
	if (newest) {
		swap = b->chain[last];
		b->chain[last] = b->chain[b->first];
		b->chain[b->first] = swap;
	}
	vq_push(&b->vq, &b->chain[b->first],
		(uint32_t)b->chain[b->first].write_bytes);
	b->first = (b->first + 1) % CHAINS;
	if (!--b->held) {
		require(!vq_in_flight(&b->vq));
		fuzz_count.drained++;
	}
}

/* The driver makes one more chain available, whatever it is. */
static void offer(struct bench *b, uint32_t value)
{
	struct virtq_avail *avail = b->vq.driver;
	struct pvirtq_desc *desc = b->vq.desc;
	uint32_t at = b->vq.avail;

	if (b->vq.modulus == 0x10000) {
		avail->ring[avail->idx & (b->vq.size - 1)] =
			(uint16_t)value;
		avail->idx++;
		return;
	}
	desc[at % b->vq.size].flags = (uint16_t)((value & 7) |
		(at < b->vq.size ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED));
}

static void step(struct bench *b)
{
	uint32_t what = next(b, 1), at;

	switch (what & 7) {
	case 0:
	case 1:
		pop(b);
		break;
	case 2:
		push(b, what & 8);
		break;
	case 3:
		vq_publish(&b->vq);
		require(b->vq.published == b->vq.used);
		break;
	case 4:
		vq_disable_notification(&b->vq);
		break;
	case 5:
		require(!vq_enable_notification(&b->vq) || !b->vq.broken);
		break;
	case 6:
		at = next(b, 2);
		b->page[at / PAGE % 3][at % PAGE] = (uint8_t)next(b, 1);
		break;
	default:
		offer(b, what >> 3);
		break;
	}
}

static void run(struct bench *b, const uint8_t *header)
{
	struct vq_config config = {
		.mem = &b->mem,
		.features = (header[0] & 1 ? VIRTIO_F_RING_PACKED : 0) |
			    (header[0] & 2 ? VIRTIO_F_EVENT_IDX : 0) |
			    (header[0] & 4 ? VIRTIO_F_INDIRECT_DESC : 0),
		.size = header[1],
		.chain_max = 16,
		.desc_gpa = RINGS + header[2] * 16u,
		.driver_gpa = RINGS + header[3] * 16u,
		.device_gpa = RINGS + header[4] * 16u,
	};

	if (vq_start(&b->vq, &config)) {
		require(b->vq.broken && b->vq.reason[0]);
		return;
	}
	fuzz_count.started++;
	while (b->left)
		step(b);
	fuzz_count.broken += b->vq.broken;
}

/* The pages stay: to get them takes longer than most inputs. */
static struct bench *bench(void)
{
	static const uint64_t gpa[3] = { RINGS, RINGS + PAGE, APART };
	static struct bench b;
	uint32_t i;

	for (i = 0; i < 3; i++) {
		if (!b.page[i]) {
			b.page[i] = aligned_alloc(16, PAGE);
			require(b.page[i]);
			require(!virtio_memory_add(&b.mem, gpa[i], PAGE,
						   b.page[i]));
		}
		memset(b.page[i], 0, PAGE);
	}
	b.first = 0;
	b.held = 0;
	return &b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b;
	size_t image;

	if (size < HEADER)
		return 0;
	b = bench();
	image = size - HEADER < IMAGE ? size - HEADER : IMAGE;
	memcpy(b->page[0], data + HEADER, image);
	b->data = data + HEADER + image;
	b->left = size - HEADER - image;
	run(b, data);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

#define STEPS	64u
#define ENTRIES	8u

/* Areas one behind the other; descriptors of every sort. */
static size_t virtqueue_seed(uint8_t *data)
{
	bool packed = fuzz_dice(2);
	uint8_t *image = data + HEADER;
	uint64_t addr;
	uint32_t i, len;
	uint16_t flags, next_or_id;

	memset(data, 0, HEADER + IMAGE);
	data[0] = (uint8_t)(packed + 2 * fuzz_dice(2) + 4);
	data[1] = ENTRIES;
	data[3] = 8;
	data[4] = 12;
	for (i = 0; i < 2 * ENTRIES; i++) {
		/* The second half is an indirect table, at 0x200. */
		uint8_t *at = image + (i < ENTRIES ? i * 16 :
				       0x200 + (i - ENTRIES) * 16);

		addr = RINGS + PAGE - 128 + fuzz_dice(256);
		len = 1 + fuzz_dice(200);
		flags = fuzz_dice(2) ? VIRTQ_DESC_F_WRITE : 0;
		next_or_id = (uint16_t)(i + 1) % ENTRIES;
		if (i < ENTRIES && !fuzz_dice(4)) {
			addr = RINGS + 0x200;
			len = 16 * (1 + fuzz_dice(ENTRIES));
			flags = VIRTQ_DESC_F_INDIRECT;
		} else if (!packed && fuzz_dice(2)) {
			flags |= VIRTQ_DESC_F_NEXT;
		}
		memcpy(at, &addr, 8);
		memcpy(at + 8, &len, 4);
		memcpy(at + 12, packed ? &next_or_id : &flags, 2);
		memcpy(at + 14, packed ? &flags : &next_or_id, 2);
	}
	/* Offer, pop, push, publish, and now and then anything. */
	for (i = 0; i < STEPS; i++) {
		image[IMAGE + i] = (uint8_t[]){ 7, 0, 2, 3 }[i % 4];
		if (i % 4 == 0)
			image[IMAGE + i] |= (uint8_t)(fuzz_dice(8) << 3);
		if (!fuzz_dice(16))
			image[IMAGE + i] = (uint8_t)fuzz_dice(256);
	}
	return HEADER + IMAGE + STEPS;
}

static void virtqueue_hot(uint32_t *at, uint32_t *bytes)
{
	static const uint16_t hot[][2] = {
		{ 0, HEADER }, { HEADER, 0x100 }, { HEADER + 0x200, 0x80 },
		{ HEADER + IMAGE, STEPS },
	};
	uint32_t n = fuzz_dice(4);

	*at = hot[n][0];
	*bytes = hot[n][1];
}

static int virtqueue_report(unsigned long inputs)
{
	printf("%lu inputs, %lu queues started, %lu requests, %lu times "
	       "drained, %lu queues broken\n", inputs, fuzz_count.started,
	       fuzz_count.popped, fuzz_count.drained, fuzz_count.broken);
	return fuzz_count.popped < inputs / 4 ||
	       fuzz_count.drained < inputs / 20 ||
	       fuzz_count.broken < inputs / 20;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_virtqueue",
	.max = HEADER + IMAGE + STEPS,
	.seed = virtqueue_seed,
	.hot = virtqueue_hot,
	.report = virtqueue_report,
};
