// SPDX-License-Identifier: GPL-2.0-only
/* blk.c - a disk for a guest (VIRTIO 1.2, 5.2 "Block Device"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/error.h>

#include "blk.h"
#include "blk_format.h"

#define VIRTIO_ID_BLOCK	2u

/* 5.2.3 "Feature bits" */
#define VIRTIO_BLK_F_SEG_MAX		(1ull << 2)
#define VIRTIO_BLK_F_RO			(1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE		(1ull << 6)
#define VIRTIO_BLK_F_FLUSH		(1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY		(1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE		(1ull << 11)
#define VIRTIO_BLK_F_MQ			(1ull << 12)
#define VIRTIO_BLK_F_DISCARD		(1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES	(1ull << 14)

#define VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP		1u
/* A range is finished in one go: keep it to 1 GiB. */
#define BLK_RANGE_SECTORS	(1u << 21)

/* 5.2.4 "Device configuration layout" */
struct blk_config {
	uint64_t capacity;
	uint32_t size_max;
	uint32_t seg_max;
	uint8_t geometry[4];
	uint32_t blk_size;
	uint8_t physical_block_exp;
	uint8_t alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};

_Static_assert(sizeof(struct blk_config) == 64 &&
	       offsetof(struct blk_config, writeback) == 32, "5.2.4");

/* struct virtio_blk_req up to its data */
struct blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

/* ---- requests ------------------------------------------------------------ */

/* 5.2.6.2: is a write stable when it is completed? */
static bool write_through(struct blk *blk)
{
	if (virtio_device_has(&blk->dev, VIRTIO_BLK_F_CONFIG_WCE))
		return !__atomic_load_n(&blk->writeback, __ATOMIC_RELAXED);
	return !virtio_device_has(&blk->dev, VIRTIO_BLK_F_FLUSH);
}

/* ---- the disk's end ------------------------------------------------------ */

/* What a file of this length holds of the disk. */
static uint64_t sectors_in(const struct blk *blk, uint64_t bytes)
{
	uint64_t sectors = bytes < blk->offset ? 0 :
			   (bytes - blk->offset) / BLK_SECTOR;

	return sectors < blk->most ? sectors : blk->most;
}

static uint64_t sectors_of(const struct blk *blk)
{
	return __atomic_load_n(&blk->sectors, __ATOMIC_RELAXED);
}

uint64_t blk_look(struct blk *blk)
{
	uint64_t bytes, sectors, before;

	os_lock(&blk->look);
	bytes = os_disk_size(&blk->file);
	sectors = sectors_in(blk, bytes);
	before = sectors_of(blk);
	if (sectors < before)
		os_disk_cut(&blk->file, bytes);
	/* 5.2.4: the driver may be told that the disk has another size. */
	if (sectors != before) {
		__atomic_store_n(&blk->sectors, sectors, __ATOMIC_RELAXED);
		virtio_device_config(&blk->dev, offsetof(struct blk_config,
							 capacity),
				     &sectors, sizeof(sectors), true);
	}
	os_unlock(&blk->look);
	if (sectors != before)
		virtio_device_log(&blk->dev, "%.400s: %llu bytes are the disk "
				  "now, %llu before; the guest is told",
				  blk->path, (unsigned long long)sectors *
				  BLK_SECTOR, (unsigned long long)before *
				  BLK_SECTOR);
	return sectors;
}

bool blk_ended(const struct blk *blk, const struct blk_request *req,
	       uint64_t bytes)
{
	uint32_t i;

	if (!blk->file.regular || req->type == VIRTIO_BLK_T_IN ||
	    req->type == VIRTIO_BLK_T_FLUSH)
		return false;
	if (!req->ranges)
		return req->offset + req->bytes > bytes;
	for (i = 0; i < req->ranges; i++)
		if (blk_range_offset(blk, &req->range[i]) +
		    (uint64_t)req->range[i].sectors * BLK_SECTOR > bytes)
			return true;
	return false;
}

static bool within(uint64_t all, uint64_t sector, uint64_t sectors)
{
	return sector <= all && sectors <= all - sector;
}

/* Who asks for more than there was may know more than we do. */
static bool on_disk(struct blk *blk, uint64_t sector, uint64_t sectors)
{
	return within(sectors_of(blk), sector, sectors) ||
	       within(blk_look(blk), sector, sectors);
}

/* ---- what to do with a request ------------------------------------------- */

/* The functions below return a status, or -1: it is for the engine. */

static int read_write(struct blk *blk, struct blk_request *req,
		      uint64_t sector)
{
	if (req->bytes % BLK_SECTOR ||
	    !on_disk(blk, sector, req->bytes / BLK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (!req->bytes)
		return VIRTIO_BLK_S_OK;
	req->offset = blk->offset + sector * BLK_SECTOR;
	req->stable = req->type == VIRTIO_BLK_T_OUT && write_through(blk);
	return -1;
}

static int discard_zero(struct blk *blk, struct blk_request *req)
{
	uint32_t known = req->type == VIRTIO_BLK_T_DISCARD ? 0 :
			 VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP, i;

	if (!virtio_device_has(&blk->dev,
			       req->type == VIRTIO_BLK_T_DISCARD ?
			       VIRTIO_BLK_F_DISCARD :
			       VIRTIO_BLK_F_WRITE_ZEROES))
		return VIRTIO_BLK_S_UNSUPP;
	if (!req->bytes || req->bytes % sizeof(struct blk_range) ||
	    req->bytes > sizeof(req->range))
		return VIRTIO_BLK_S_IOERR;
	/* Copied, then looked at: the guest may change its own. */
	os_iov_get(req->data, req->pieces, 0, req->range, req->bytes);
	req->ranges = (uint32_t)(req->bytes / sizeof(struct blk_range));
	for (i = 0; i < req->ranges; i++)
		if (req->range[i].flags & ~known)
			return VIRTIO_BLK_S_UNSUPP;
	for (i = 0; i < req->ranges; i++)
		if (req->range[i].sectors > BLK_RANGE_SECTORS ||
		    !on_disk(blk, req->range[i].sector,
			     req->range[i].sectors))
			return VIRTIO_BLK_S_IOERR;
	req->stable = req->type == VIRTIO_BLK_T_WRITE_ZEROES &&
		      write_through(blk);
	return -1;
}

static int get_id(struct blk *blk, struct blk_request *req)
{
	if (req->bytes < sizeof(blk->serial))
		return VIRTIO_BLK_S_IOERR;
	req->bytes = sizeof(blk->serial);
	os_iov_put(req->data, req->pieces, 0, blk->serial, req->bytes);
	return VIRTIO_BLK_S_OK;
}

static int decide(struct blk *blk, struct blk_request *req, uint64_t sector)
{
	bool read_only = blk->file.readonly;

	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		return read_write(blk, req, sector);
	case VIRTIO_BLK_T_OUT:
		return read_only ? VIRTIO_BLK_S_IOERR :
		       read_write(blk, req, sector);
	case VIRTIO_BLK_T_FLUSH:
		return -1;
	case VIRTIO_BLK_T_GET_ID:
		return get_id(blk, req);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return read_only ? VIRTIO_BLK_S_IOERR : discard_zero(blk, req);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void count(struct blk *blk, uint32_t type, uint8_t status)
{
	uint64_t *counter = NULL;

	if (status != VIRTIO_BLK_S_OK)
		counter = &blk->count.failed;
	else if (type == VIRTIO_BLK_T_IN)
		counter = &blk->count.reads;
	else if (type == VIRTIO_BLK_T_OUT)
		counter = &blk->count.writes;
	else if (type == VIRTIO_BLK_T_FLUSH)
		counter = &blk->count.flushes;
	else if (type == VIRTIO_BLK_T_DISCARD)
		counter = &blk->count.discards;
	else if (type == VIRTIO_BLK_T_WRITE_ZEROES)
		counter = &blk->count.zeroes;
	if (counter)
		__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* 2.7.8.2: bytes from the start that hold something; the status is last. */
static void push(struct virtio_queue *queue, struct blk_request *req,
		 uint8_t status)
{
	bool filled = req->type == VIRTIO_BLK_T_IN ||
		      req->type == VIRTIO_BLK_T_GET_ID;
	uint64_t data = req->chain.write_bytes - 1;

	count(blk_of(queue), req->type, status);
	*req->status = status;
	if (data &&
	    !(filled && status == VIRTIO_BLK_S_OK && req->bytes == data))
		data = UINT64_MAX;	/* not without a gap */
	vq_push(&queue->vq, &req->chain, (uint32_t)(data + 1));
}

/* 2.7.4: header, data and status may be cut into descriptors anywhere. */
static int split(struct virtio_queue *queue, struct blk_request *req,
		 struct blk_header *header)
{
	struct vq_chain *chain = &req->chain;
	struct os_iov *writable = req->piece + chain->readable, *last;

	if (chain->read_bytes < sizeof(*header))
		return vq_break(&queue->vq, "a request without a header: "
				"%llu bytes", (unsigned long long)
				chain->read_bytes);
	if (!chain->writable)
		return vq_break(&queue->vq, "a request without room for "
				"its status");
	os_iov_get(req->piece, chain->readable, 0, header, sizeof(*header));
	last = &writable[chain->writable - 1];
	req->status = (uint8_t *)last->base + last->bytes - 1;
	if (header->type == VIRTIO_BLK_T_IN ||
	    header->type == VIRTIO_BLK_T_GET_ID) {
		req->data = writable;
		req->bytes = chain->write_bytes - 1;
		req->pieces = os_iov_cut(writable, chain->writable, 0,
					 req->bytes);
	} else {
		req->data = req->piece;
		req->bytes = chain->read_bytes - sizeof(*header);
		req->pieces = os_iov_cut(req->piece, chain->readable,
					 sizeof(*header), req->bytes);
	}
	return 0;
}

enum blk_popped blk_pop(struct virtio_queue *queue, struct blk_request *req)
{
	struct blk_header header;
	int ret;

	req->chain.iov = req->piece;
	req->chain.space = BLK_PIECES;
	ret = vq_pop(&queue->vq, &req->chain);
	if (ret <= 0)
		return ret ? BLK_POP_BROKEN : BLK_POP_NONE;
	if (split(queue, req, &header))
		return BLK_POP_BROKEN;
	req->type = header.type;
	req->stable = false;
	req->ranges = 0;
	req->step = 0;
	ret = decide(blk_of(queue), req, header.sector);
	if (ret < 0)
		return BLK_POP_REQUEST;
	push(queue, req, (uint8_t)ret);
	return BLK_POP_ANSWERED;
}

/* The guest only sees that its disk is broken. */
static void host_failed(struct virtio_queue *queue,
			const struct blk_request *req, int result)
{
	struct blk *blk = blk_of(queue);
	char what[64], why[160];

	os_disk_reason(result, why, sizeof(why));
	if (req->type == VIRTIO_BLK_T_FLUSH)
		snprintf(what, sizeof(what), "flush it");
	else if (req->ranges)
		snprintf(what, sizeof(what), "empty a part of it");
	else
		snprintf(what, sizeof(what), "%s %llu bytes at %llu",
			 req->type == VIRTIO_BLK_T_IN ? "read" : "write",
			 (unsigned long long)req->bytes,
			 (unsigned long long)req->offset);
	virtio_device_host_error(&blk->dev, -result, "%.400s: the host cannot "
				 "%s: %s", blk->path, what, why);
	blk_look(blk);
}

void blk_answer(struct virtio_queue *queue, struct blk_request *req, int result)
{
	if (result && result != -CVM_ENOSYS)
		host_failed(queue, req, result);
	/* A good time to look: it took its own, and comes with every commit. */
	else if (req->type == VIRTIO_BLK_T_FLUSH)
		blk_look(blk_of(queue));
	push(queue, req, !result ? VIRTIO_BLK_S_OK : result == -CVM_ENOSYS ?
	     VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
}

/* ---- work that every engine can leave to these --------------------------- */

/* For files that cannot make zeroes of their own. */
static int write_zeroes(struct blk *blk, uint64_t offset, uint64_t bytes)
{
	static const uint8_t zeroes[65536] __attribute__((aligned(4096)));
	struct os_iov iov = { (void *)(uintptr_t)zeroes, 0 };
	int ret = 0;

	for (; bytes && !ret; offset += iov.bytes, bytes -= iov.bytes) {
		iov.bytes = bytes < sizeof(zeroes) ? bytes : sizeof(zeroes);
		ret = os_disk_write(&blk->file, &iov, 1, offset);
	}
	return ret;
}

int blk_range_do(struct blk *blk, const struct blk_request *req,
		 const struct blk_range *range)
{
	uint64_t offset = blk_range_offset(blk, range);
	uint64_t bytes = (uint64_t)range->sectors * BLK_SECTOR;
	int ret;

	if (!bytes)
		return 0;
	if (req->type == VIRTIO_BLK_T_DISCARD) {
		/* What cannot be forgotten stays: 5.2.6.2 says "MAY". */
		ret = os_disk_discard(&blk->file, offset, bytes);
		return ret == -CVM_ENOSYS ? 0 : ret;
	}
	ret = os_disk_zero(&blk->file, offset, bytes,
			   range->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	return ret == -CVM_ENOSYS ? write_zeroes(blk, offset, bytes) : ret;
}

int blk_sync(struct blk *blk)
{
	int ret = os_disk_sync(&blk->file);

	if (!ret)
		blk_synced(blk);
	return ret;
}

/* ---- the device ---------------------------------------------------------- */

static int ready(struct virtio_queue *queue)
{
	const struct blk_engine *engine = blk_of(queue)->engine;

	return engine->ready ? engine->ready(queue) : 0;
}

static void start(struct virtio_queue *queue)
{
	blk_of(queue)->engine->start(queue);
}

static void stop(struct virtio_queue *queue)
{
	blk_of(queue)->engine->stop(queue);
}

static void doorbell(struct virtio_queue *queue, struct cvm_user_run *run)
{
	blk_of(queue)->engine->doorbell(queue, run);
}

static void set_writeback(struct virtio_device *dev, uint8_t writeback)
{
	struct blk *blk = (struct blk *)dev;

	__atomic_store_n(&blk->writeback, writeback, __ATOMIC_RELAXED);
	virtio_device_config(dev, offsetof(struct blk_config, writeback),
			     &writeback, 1, false);
}

/* 5.2.5.2: without flushes every write goes through. */
static void features_ok(struct virtio_device *dev)
{
	set_writeback(dev, virtio_device_has(dev, VIRTIO_BLK_F_FLUSH));
}

static int config_write(struct virtio_device *dev, uint32_t offset,
			const void *data, uint32_t bytes)
{
	uint8_t value = *(const uint8_t *)data;

	if (offset != offsetof(struct blk_config, writeback) || bytes != 1 ||
	    value > 1 || !virtio_device_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		return -CVM_EINVAL;
	set_writeback(dev, value);
	return 0;
}

static void reset(struct virtio_device *dev)
{
	set_writeback(dev, 1);
}

static void destroy(struct virtio_device *dev)
{
	struct blk *blk = (struct blk *)dev;
	uint32_t i;

	for (i = 0; i < dev->queues; i++)
		if (dev->queue[i].backend)
			blk->engine->close(&dev->queue[i]);
	virtio_device_exit(dev);
	os_lock_destroy(&blk->look);
	os_disk_close(&blk->file);
	free(blk->path);
	free(blk);
}

/* Where its file is to end at least. */
static uint64_t least(const struct blk *blk)
{
	return blk->offset + sectors_of(blk) * BLK_SECTOR;
}

/* Extended attributes are whose the file is, not who has it open. */
static void settle(struct virtio_device *dev)
{
	struct blk *blk = (struct blk *)dev;
	uint64_t bytes = blk->file.bytes;

	if (!blk->file.readonly)
		os_disk_set_raw(&blk->file, bytes > least(blk) ? bytes :
				least(blk));
}

/* Does it go past the host's cache, where it can? */
static void tell_cache(struct blk *blk)
{
	blk->dev.word[1][0] = "cache";
	__atomic_store_n(&blk->dev.word[1][1],
			 blk->file.direct_align ? "bypassed" : "host",
			 __ATOMIC_RELEASE);
}

/* The file has its length and, in memory, a mapping of all of it. */
static int commit(struct virtio_device *dev, struct problem *problem)
{
	struct blk *blk = (struct blk *)dev;

	if (blk->file.bytes < least(blk) &&
	    os_disk_grow(&blk->file, blk->path, least(blk), problem))
		return -1;
	tell_cache(blk);
	if (blk->file.in_memory && !blk->file.map)
		os_disk_map(&blk->file);
	return 0;
}

static const char *const counters[] = {
#define BLK_COUNTER(name, counts) #name,
#include "virtio/counters.def"
	NULL
};

static const struct virtio_device_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.counters = counters,
	.settle = settle,
	.commit = commit,
	.queue_ready = ready,
	.queue_start = start,
	.queue_stop = stop,
	.doorbell = doorbell,
	.features_ok = features_ok,
	.config_write = config_write,
	.reset = reset,
	.destroy = destroy,
};

/* ---- making one ---------------------------------------------------------- */

static void configure(struct blk *blk, uint32_t sector)
{
	uint32_t block = blk->file.block > sector ? blk->file.block : sector;
	struct blk_config config = {
		.capacity = blk->sectors,
		.seg_max = BLK_SEG_MAX,
		.blk_size = block,
		.min_io_size = 1,
		.writeback = 1,
		.num_queues = (uint16_t)blk->dev.queues,
		.max_discard_sectors = BLK_RANGE_SECTORS,
		.max_discard_seg = BLK_RANGES_MAX,
		.discard_sector_alignment = 4096 / BLK_SECTOR,
		.max_write_zeroes_sectors = BLK_RANGE_SECTORS,
		.max_write_zeroes_seg = BLK_RANGES_MAX,
		.write_zeroes_may_unmap = 1,
	};

	/* The host's cache and file systems work in pages. */
	while (block << config.physical_block_exp < 4096)
		config.physical_block_exp++;
	blk->dev.features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
			    VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY |
			    VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_MQ;
	if (blk->file.readonly)
		blk->dev.features |= VIRTIO_BLK_F_RO;
	else
		blk->dev.features |= VIRTIO_BLK_F_DISCARD |
				     VIRTIO_BLK_F_WRITE_ZEROES;
	blk->dev.config_len = sizeof(config);
	memcpy(blk->dev.config, &config, sizeof(config));
}

/* What a file is yet to be grown by will be zeroes. */
static int image_read(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	struct blk *blk = ctx;
	uint64_t at = blk->offset + offset, end = blk->file.bytes;
	struct os_iov iov = { to, bytes };

	if (at >= end || bytes > end - at) {
		memset(to, 0, bytes);
		iov.bytes = at < end ? (size_t)(end - at) : 0;
	}
	return iov.bytes ? os_disk_read(&blk->file, &iov, 1, at) : 0;
}

/* Where the disk ends in its file; args is good. */
static uint64_t end_of(const struct blk *blk,
		       const struct virtio_blk_args *args)
{
	uint64_t end = blk->file.bytes, wanted = args->offset + args->bytes;

	/* (Where the sum has no place, it is too short for that as it is.) */
	if (wanted < args->bytes || wanted > INT64_MAX)
		return end;
	return args->grow && blk->file.regular && wanted > end ? wanted : end;
}

/*
 * A guest would write over the header of an image that is not raw.  On a disk
 * or partition of the host a compressed stream is a guest's, as on a tape; in
 * a file it is an image that somebody forgot to unpack.
 */
static int check_raw(struct blk *blk, const struct virtio_blk_args *args,
		     struct problem *problem)
{
	const struct blk_image whole = {
		.read = image_read, .ctx = blk, .bytes = blk->file.bytes,
	};
	const struct blk_format *format;
	char command[400];

	if (args->raw || args->offset)
		return 0;
	format = blk_format(&whole);
	if (!format || (format->unpack && !blk->file.regular) ||
	    os_disk_was_raw(&blk->file))
		return 0;
	blk_format_command(format, args->path, command, sizeof(command));
	return problem_set(problem, args->path, "%s %s, not a raw disk, and a "
			   "guest would write over it; %s%s%smake a raw one of "
			   "it: %s",
			   format->unpack ? "compressed by" : "an image of the "
			   "format", format->name, args->insist ? "say " : "",
			   args->insist ? args->insist : "",
			   args->insist ? " to insist, or " : "", command);
}

/* The file, and which part of it is the disk. */
static int open_file(struct blk *blk, const struct virtio_blk_args *args,
		     struct blk_image *image, struct problem *problem)
{
	uint64_t end;

	if (os_disk_open(&blk->file, args->path, args->readonly,
			 !args->cached, problem))
		return -1;
	if (args->offset % BLK_SECTOR || args->bytes % BLK_SECTOR)
		return problem_set(problem, args->path, "a disk begins and "
				   "ends at multiples of 512 bytes");
	end = end_of(blk, args);
	if (args->offset > end || args->bytes > end - args->offset)
		return problem_set(problem, args->path, "too short: the disk "
				   "is to be %llu bytes from %llu on, the file "
				   "has %llu", (unsigned long long)args->bytes,
				   (unsigned long long)args->offset,
				   (unsigned long long)end);
	blk->offset = args->offset;
	image->bytes = args->bytes ? args->bytes : end - args->offset;
	blk->sectors = image->bytes / BLK_SECTOR;
	blk->most = args->bytes ? blk->sectors : UINT64_MAX;
	if (os_disk_claim(&blk->file, blk->offset, args->bytes))
		return problem_set(problem, args->path, "in use by another VM "
				   "or program");
	if (check_raw(blk, args, problem))
		return -1;
	image->read = image_read;
	image->ctx = blk;
	return blk_image_check(image, args->path, problem);
}

static int open_engine(struct blk *blk, const struct blk_engine *engine)
{
	struct virtio_queue *queue;
	uint32_t i;

	blk->engine = engine;
	blk->dev.word[0][0] = "engine";
	blk->dev.word[0][1] = engine->name;
	for (i = 0; i < blk->dev.queues; i++) {
		queue = &blk->dev.queue[i];
		queue->threaded = true;
		if (!engine->open(queue))
			continue;
		while (i--)
			engine->close(&blk->dev.queue[i]);
		return -1;
	}
	return 0;
}

static int choose_engine(struct blk *blk, const struct virtio_blk_args *args,
			 struct problem *problem)
{
#if HAVE_URING
	if (args->engine != VIRTIO_BLK_ENGINE_THREADS &&
	    (args->engine == VIRTIO_BLK_ENGINE_URING || !blk->file.in_memory) &&
	    !open_engine(blk, &blk_uring_engine))
		return 0;
#endif
	if (args->engine == VIRTIO_BLK_ENGINE_URING)
		return problem_set(problem, args->path, "this host has no "
				   "io_uring");
	if (open_engine(blk, &blk_file_engine))
		return problem_set(problem, args->path, "no memory");
	/* Copied from and to: io_uring would hand that on to a thread of the
	 * kernel's, and waking one of ours costs more than the copy. */
	if (blk->file.in_memory)
		virtio_device_in_place(&blk->dev);
	return 0;
}

static int build(struct blk *blk, const struct virtio_blk_args *args,
		 struct problem *problem)
{
	struct blk_image image = { 0 };
	uint32_t queues = args->queues ? args->queues : 1;

	if (queues > BLK_QUEUES_MAX)
		return problem_set(problem, args->path, "%u queues, at most %u "
				   "are possible", queues, BLK_QUEUES_MAX);
	blk->path = strdup(args->path);
	blk->dev.counter = (uint64_t *)&blk->count;
	if (!blk->path ||
	    virtio_device_init(&blk->dev, &blk_ops, queues, BLK_QUEUE_SIZE))
		return problem_set(problem, args->path, "out of memory or file "
				   "handles");
	if (open_file(blk, args, &image, problem) ||
	    choose_engine(blk, args, problem))
		return -1;
	if (args->serial)
		memcpy(blk->serial, args->serial, strnlen(args->serial, 20));
	tell_cache(blk);
	configure(blk, image.sector);
	return 0;
}

/* Whoever writes files of any length into it misses them otherwise. */
static void tell_tail(struct blk *blk, const struct virtio_blk_args *args)
{
	uint64_t tail = (blk->file.bytes - blk->offset) % BLK_SECTOR;

	if (!args->bytes && tail)
		virtio_device_warn(&blk->dev, "%s: the last %u bytes are no "
				   "whole sector, the guest does not see "
				   "them", args->path, (unsigned int)tail);
}

int virtio_blk_add(struct virtio_devices *devs,
		   const struct virtio_blk_args *args,
		   struct problem *problem)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int slot = -1;

	if (!blk)
		return problem_set(problem, args->path, "no memory");
	blk->file.handle = -1;
	blk->file.direct = -1;
	os_lock_init(&blk->look);
	blk->writeback = 1;
	if (!build(blk, args, problem)) {
		slot = virtio_device_plug(devs, &blk->dev);
		if (slot >= 0) {
			tell_tail(blk, args);
			return slot;
		}
		problem_set(problem, args->path, "all %u slots are taken",
			    CVM_VIRTIO_SLOTS);
	}
	destroy(&blk->dev);
	return -1;
}

static void look(struct virtio_device *dev, void *to)
{
	struct virtio_blk_size *size = to;
	struct blk *blk = (struct blk *)dev;

	size->before = sectors_of(blk) * BLK_SECTOR;
	size->bytes = blk_look(blk) * BLK_SECTOR;
}

int virtio_blk_rescan(struct virtio_devices *devs, uint32_t slot,
		      struct virtio_blk_size *size)
{
	return virtio_device_with(devs, slot, &blk_ops, look, size);
}
