// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_blk.c - any bytes as requests to a disk, which is compared with a model
 * of it: status, data, and every byte of its file, also of what lies before
 * and behind the disk.
 *
 *	0	what is negotiated, and which of two disks
 *	1..	requests, 12 bytes each, see request()
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cvm/error.h>

#include "replay.h"
#include "../vmm/fake_vm.h"
#include "virtio/blk/blk.h"
#include "virtio/core/transport_impl.h"

#define FILE_BYTES	12288u
#define OFFSET		2048u		/* of the disk, */
#define SECTORS		16u		/* that has so many */
#define STEP		12u
#define PIECES		3u
#define PIECE_ROOM	0x2000u
#define STREAM		(PIECES * PIECE_ROOM + 32)
#define SERIAL		"fuzz"

#define F_FLUSH		(1ull << 9)
#define F_CONFIG_WCE	(1ull << 11)
#define F_DISCARD	(1ull << 13)
#define F_WRITE_ZEROES	(1ull << 14)

static struct {
	unsigned long status[3], broken, dropped;
} fuzz_count;

struct disk {
	int fd;
	uint32_t slot;
	bool readonly;
	struct blk *blk;
	uint8_t model[FILE_BYTES];
};

static struct fake_vm vm;
static struct disk disks[2];
static struct blk_engine engine;

/* The request under way: what the device reads, and what it may write. */
static struct {
	struct fake_buffer buf[PIECES + 4];
	uint16_t bufs;
	uint8_t in[STREAM];
	uint32_t in_bytes, out_bytes;
} req;

/* ---- the disks ----------------------------------------------------------- */

/* The device works in this thread, when it is told to. */
static void no_start(struct virtio_queue *queue)
{
	(void)queue;
}

static void no_stop(struct virtio_queue *queue)
{
	(void)queue;
}

static void make_disk(struct disk *disk, bool readonly)
{
	struct virtio_blk_args args = {
		.serial = SERIAL, .offset = OFFSET, .cached = true,
		.bytes = SECTORS * BLK_SECTOR, .readonly = readonly,
		.engine = VIRTIO_BLK_ENGINE_THREADS,
	};
	struct problem problem = { "" };
	char path[64];
	int slot;

	disk->fd = memfd_create("fuzz", 0);
	require(disk->fd >= 0 && !ftruncate(disk->fd, FILE_BYTES));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk->fd);
	args.path = path;
	slot = virtio_blk_add(vm.devs, &args, &problem);
	require(slot >= 0 && !virtio_devices_commit(vm.devs, &problem));
	disk->slot = (uint32_t)slot;
	disk->readonly = readonly;
	disk->blk = (struct blk *)vm.devs->slot[slot].dev;
	engine = *disk->blk->engine;
	engine.start = no_start;
	engine.stop = no_stop;
	disk->blk->engine = &engine;
}

static void make_disks(void)
{
	if (vm.devs)
		return;
	fake_vm_init(&vm);
	make_disk(&disks[0], false);
	make_disk(&disks[1], true);
}

static void fill_disk(struct disk *disk)
{
	uint32_t i;

	for (i = 0; i < FILE_BYTES; i++)
		disk->model[i] = (uint8_t)(i * 7 + i / 512 + 1);
	require(pwrite(disk->fd, disk->model, FILE_BYTES, 0) == FILE_BYTES);
}

static void bring_up(struct disk *disk, struct fake_queue *drv,
		     uint8_t flags)
{
	uint64_t features = VIRTIO_F_VERSION_1;

	features |= flags & 2 ? F_FLUSH : 0;
	features |= flags & 4 ? F_CONFIG_WCE : 0;
	features |= flags & 8 && !disk->readonly ? F_DISCARD : 0;
	features |= flags & 16 && !disk->readonly ? F_WRITE_ZEROES : 0;
	features |= flags & 32 ? VIRTIO_F_RING_PACKED : 0;
	vm.rings = FAKE_VM_RINGS;
	fake_vm_command(&vm, disk->slot, CVM_VIRTIO_RESET, 0);
	require(fake_vm_features(&vm, disk->slot, features));
	require(!fake_vm_queue(&vm, disk->slot, 0, drv, 16, features));
	require(!fake_vm_driver_ok(&vm, disk->slot));
	if (flags & 64) {
		fake_vm_slot(&vm, disk->slot)->config_in[0] = flags & 128 ? 1 :
			0;
		fake_vm_command(&vm, disk->slot, CVM_VIRTIO_CONFIG_WRITE,
				32 << 16 | 1);
	}
}

/* ---- requests ------------------------------------------------------------ */

static void add_piece(uint64_t gpa, uint32_t bytes, bool write)
{
	if (!bytes)
		return;
	req.buf[req.bufs++] = (struct fake_buffer){ gpa, bytes, write };
	if (write) {
		memset(fake_vm_at(&vm, gpa, bytes), 0xee, bytes);
		req.out_bytes += bytes;
		return;
	}
	memcpy(req.in + req.in_bytes, fake_vm_at(&vm, gpa, bytes), bytes);
	req.in_bytes += bytes;
}

static uint16_t half(const uint8_t *step, uint32_t i)
{
	return (uint16_t)(step[6 + 2 * i] | step[7 + 2 * i] << 8);
}

/* Near the disk's length, or far from all that is. */
static uint64_t near_end(uint8_t low, uint8_t wild)
{
	return low % (SECTORS + 2) + (wild & 1 ? (uint64_t)wild << 56 : 0);
}

static void fill_data(uint8_t *data, const uint8_t *step)
{
	struct blk_range range = {
		.sector = near_end(step[8], step[4]),
		.sectors = step[9] % (SECTORS + 2),
		.flags = step[10] & 1 ? step[10] >> 1 : step[10] >> 1 & 1,
	};
	uint32_t i;

	for (i = 0; i < PIECE_ROOM; i++)
		data[i] = (uint8_t)(i + step[11]);
	memcpy(data, &range, sizeof(range));
	range.sector = 0;
	memcpy(data + sizeof(range), &range, sizeof(range));
}

/*
 *	0, 1	type: one of those there are, or any
 *	2, 4	sector
 *	5	where the header is cut in two; no room for the status
 *	6..11	three pieces: 13 bits length, 14: whole sectors, 15: write
 */
static void request(const uint8_t *step)
{
	static const uint32_t types[] = { 0, 1, 4, 8, 11, 13, 1 };
	uint32_t kind = step[0] & 7, cut = step[5] & 31, i, bytes;
	uint64_t header = FAKE_VM_BUFFERS, data = header + 4096;
	int write;

	memset(&req, 0, sizeof(req));
	kind = kind < 7 ? types[kind] : step[1];
	memcpy(fake_vm_at(&vm, header, 4), &kind, 4);
	memcpy(fake_vm_at(&vm, header + 8, 8),
	       &(uint64_t){ near_end(step[2], step[4]) }, 8);
	cut = cut < 16 ? cut : 16;
	add_piece(header, cut, false);
	add_piece(header + cut, step[5] & 64 ? 0 : 16 - cut, false);
	for (write = 0; write < 2; write++) {
		for (i = 0; i < PIECES; i++) {
			bytes = half(step, i) & (PIECE_ROOM - 1);
			if (half(step, i) >> 15 != write)
				continue;
			if (half(step, i) & 1 << 14)
				bytes &= ~511u;
			if (!i)
				fill_data(fake_vm_at(&vm, data, PIECE_ROOM),
					  step);
			add_piece(data + i * PIECE_ROOM, bytes, write);
		}
	}
	if (step[5] & 128)
		return;
	add_piece(header + 64, 1, true);
}

/* ---- the model ----------------------------------------------------------- */

static bool on_disk(uint64_t sector, uint64_t sectors)
{
	return sector <= SECTORS && sectors <= SECTORS - sector;
}

/* Byte n of what the device was to write. */
static uint8_t *out_at(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < req.bufs; i++) {
		if (!req.buf[i].write)
			continue;
		if (n < req.buf[i].bytes)
			return fake_vm_at(&vm, req.buf[i].gpa + n, 1);
		n -= req.buf[i].bytes;
	}
	abort();
}

static void same_out(const uint8_t *want, uint32_t bytes)
{
	uint32_t i;

	for (i = 0; i < bytes; i++)
		require(*out_at(i) == want[i]);
}

static int model_transfer(struct disk *disk, uint32_t type, uint64_t sector)
{
	uint32_t bytes = type == VIRTIO_BLK_T_IN ? req.out_bytes - 1 :
			 req.in_bytes - 16;
	uint8_t *at;

	if (bytes % BLK_SECTOR || !on_disk(sector, bytes / BLK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	at = disk->model + OFFSET + sector * BLK_SECTOR;
	if (type == VIRTIO_BLK_T_IN)
		same_out(at, bytes);
	else
		memcpy(at, req.in + 16, bytes);
	return VIRTIO_BLK_S_OK;
}

/* What is discarded is as it was, or empty. */
static void model_discard(struct disk *disk, uint8_t *at, uint32_t bytes)
{
	uint8_t now[SECTORS * BLK_SECTOR];
	uint32_t i;

	require(pread(disk->fd, now, bytes, at - disk->model) ==
		(ssize_t)bytes);
	for (i = 0; i < bytes; i++)
		require(!now[i] || now[i] == at[i]);
	memcpy(at, now, bytes);
}

static int model_ranges(struct disk *disk, uint32_t type)
{
	uint64_t known = type == VIRTIO_BLK_T_DISCARD ? F_DISCARD :
			 F_WRITE_ZEROES;
	uint32_t bytes = req.in_bytes - 16, count = bytes / 16, i;
	struct blk_range range[BLK_RANGES_MAX];
	uint8_t *at;

	if (!(disk->blk->dev.negotiated & known))
		return VIRTIO_BLK_S_UNSUPP;
	if (!bytes || bytes % 16 || bytes > sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	memcpy(range, req.in + 16, bytes);
	for (i = 0; i < count; i++)
		if (range[i].flags & ~(type == VIRTIO_BLK_T_DISCARD ? 0u : 1u))
			return VIRTIO_BLK_S_UNSUPP;
	for (i = 0; i < count; i++)
		if (!on_disk(range[i].sector, range[i].sectors))
			return VIRTIO_BLK_S_IOERR;
	for (i = 0; i < count; i++) {
		at = disk->model + OFFSET + range[i].sector * BLK_SECTOR;
		bytes = range[i].sectors * BLK_SECTOR;
		if (type == VIRTIO_BLK_T_DISCARD)
			model_discard(disk, at, bytes);
		else
			memset(at, 0, bytes);
	}
	return VIRTIO_BLK_S_OK;
}

static int model(struct disk *disk)
{
	static const uint8_t serial[20] = SERIAL;
	uint64_t sector;
	uint32_t type;

	memcpy(&type, req.in, 4);
	memcpy(&sector, req.in + 8, 8);
	if (disk->readonly &&
	    (type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
	     type == VIRTIO_BLK_T_WRITE_ZEROES))
		return VIRTIO_BLK_S_IOERR;
	switch (type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return model_transfer(disk, type, sector);
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		if (req.out_bytes < 21)
			return VIRTIO_BLK_S_IOERR;
		same_out(serial, 20);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return model_ranges(disk, type);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* ---- one input ----------------------------------------------------------- */

/* false: the device wants a reset now, and nothing was done. */
static bool carry_out(struct disk *disk, struct fake_queue *drv,
		      const uint8_t *step)
{
	struct virtio_queue *queue = &disk->blk->dev.queue[0];
	uint8_t now[FILE_BYTES];
	bool broken;
	uint32_t len;
	int ret, status;

	request(step);
	if (!req.bufs || fake_guest_add(drv, req.buf, req.bufs) < 0) {
		fuzz_count.dropped++;
		return true;
	}
	broken = req.in_bytes < 16 || !req.out_bytes;
	ret = blk_file_serve(queue);
	require(ret == (broken ? -1 : 1));
	if (!broken) {
		require(fake_guest_get(drv, &len) >= 0 && len <= req.out_bytes);
		status = *out_at(req.out_bytes - 1);
		require(status == model(disk));
		fuzz_count.status[status]++;
	}
	fuzz_count.broken += broken;
	require(pread(disk->fd, now, FILE_BYTES, 0) == FILE_BYTES);
	require(!memcmp(now, disk->model, FILE_BYTES));
	return !broken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_queue drv;
	struct disk *disk;
	size_t at;

	if (!size)
		return 0;
	make_disks();
	disk = &disks[data[0] & 1];
	fill_disk(disk);
	bring_up(disk, &drv, data[0]);
	for (at = 1; at + STEP <= size; at += STEP)
		if (!carry_out(disk, &drv, data + at))
			bring_up(disk, &drv, data[0]);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static size_t blk_seed(uint8_t *data)
{
	uint32_t steps = 1 + fuzz_dice(8), i, j;
	uint8_t *step;

	data[0] = (uint8_t)fuzz_dice(256);
	for (i = 0; i < steps; i++) {
		step = data + 1 + i * STEP;
		for (j = 0; j < STEP; j++)
			step[j] = (uint8_t)fuzz_dice(256);
		step[0] = (uint8_t)fuzz_dice(6);
		step[4] = 0;
		step[5] = (uint8_t)fuzz_dice(32);
		/* Ranges take one piece of 16 or 32 bytes, the rest sectors. */
		for (j = 0; j < PIECES; j++)
			step[7 + 2 * j] |= 1 << 6;
		if (step[0] >= 4) {
			step[6] = (uint8_t)(16 + 16 * fuzz_dice(2));
			step[7] = 0;
			memset(step + 8, 0, 4);
			step[8] = (uint8_t)fuzz_dice(SECTORS);
			step[9] = 0x80;
		}
	}
	return 1 + steps * STEP;
}

static void blk_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 0;
	*bytes = 1 + STEP;
}

static int blk_report(unsigned long inputs)
{
	printf("%lu inputs, requests: %lu done, %lu failed, %lu not "
	       "supported, %lu broke the queue, %lu were none\n", inputs,
	       fuzz_count.status[0], fuzz_count.status[1],
	       fuzz_count.status[2], fuzz_count.broken, fuzz_count.dropped);
	return fuzz_count.status[0] < inputs / 2 ||
	       fuzz_count.status[1] < inputs / 10 ||
	       fuzz_count.status[2] < inputs / 10 ||
	       fuzz_count.broken < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_blk",
	.max = 1 + 8 * STEP,
	.seed = blk_seed,
	.hot = blk_hot,
	.report = blk_report,
};
