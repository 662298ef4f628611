/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blk.h - between the block device and its engines.
 *
 * blk.c reads requests and answers them, an engine carries out what they ask
 * of the file: blk_file.c one after the other, blk_uring.c many at once.
 */
#ifndef CVM_VIRTIO_BLK_BLK_H
#define CVM_VIRTIO_BLK_BLK_H

#include "os/disk.h"
#include "virtio/core/transport.h"

#define BLK_SECTOR		512u
#define BLK_QUEUES_MAX		16u
#define BLK_QUEUE_SIZE		256u
#define BLK_SEG_MAX		(BLK_QUEUE_SIZE - 2)
#define BLK_PIECES		(BLK_QUEUE_SIZE + 8)
#define BLK_RANGES_MAX		32u	/* of a discard or write zeroes */

/* 5.2.6 "Device Operation" */
enum {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

enum {
	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
};

/* struct virtio_blk_discard_write_zeroes */
struct blk_range {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;		/* 1: unmap */
};

struct blk_request {
	struct blk_request *next;	/* the engine's, of free ones */
	struct vq_chain chain;
	struct os_iov piece[BLK_PIECES];
	uint32_t type;
	uint8_t *status;		/* in guest memory */
	bool stable;			/* a write that must reach the disk */

	/* what is to be done */
	struct os_iov *data;
	uint32_t pieces;
	uint64_t bytes;
	uint64_t offset;		/* in the file */
	struct blk_range range[BLK_RANGES_MAX];
	uint32_t ranges;
	uint32_t step;			/* the engine's: how far it is */
};

struct blk;

struct blk_engine {
	const char *name;
	/* What a queue needs, in queue->backend; -1: not on this host. */
	int (*open)(struct virtio_queue *queue);
	void (*close)(struct virtio_queue *queue);
	/* Optional: see queue_ready in struct virtio_device_ops. */
	int (*ready)(struct virtio_queue *queue);
	void (*start)(struct virtio_queue *queue);
	void (*stop)(struct virtio_queue *queue);
	/* For queues that are in_place: see struct virtio_device_ops. */
	void (*doorbell)(struct virtio_queue *queue, struct cvm_user_run *run);
};

extern const struct blk_engine blk_file_engine, blk_uring_engine;

struct blk_counters {
#define BLK_COUNTER(name, counts) uint64_t name;
#include "virtio/counters.def"
};

struct blk {
	struct virtio_device dev;
	const struct blk_engine *engine;
	struct os_disk file;
	char *path;			/* of the file, for messages */
	uint64_t offset;		/* of the disk in the file */
	uint64_t sectors;		/* read and written atomically */
	uint64_t most;			/* sectors, however long the file is */
	struct os_lock look;	/* of who writes .sectors */
	uint8_t serial[20];
	uint32_t writeback;		/* read and written atomically */
	struct blk_counters count;	/* atomically, by several threads */
};

static inline struct blk *blk_of(struct virtio_queue *queue)
{
	return (struct blk *)queue->dev;
}

enum blk_popped {
	BLK_POP_BROKEN = -1,
	BLK_POP_NONE,		/* no request is waiting */
	BLK_POP_REQUEST,	/* for the engine to carry out */
	BLK_POP_ANSWERED	/* pushed already, not published */
};

/* blk_pop - the next request. */
enum blk_popped blk_pop(struct virtio_queue *queue, struct blk_request *req);

/* blk_carry_out - all that a request asks for, at once; as of os/disk.h. */
int blk_carry_out(struct blk *blk, const struct blk_request *req);

/* blk_file_serve - a request from pop to publish, as virtio_worker.serve(). */
int blk_file_serve(struct virtio_queue *queue);

/* blk_answer - push a request with the engine's result, as of os/disk.h. */
void blk_answer(struct virtio_queue *queue, struct blk_request *req,
		int result);

/* blk_range_offset - where a range lies in the file. */
static inline uint64_t blk_range_offset(const struct blk *blk,
					const struct blk_range *range)
{
	return blk->offset + range->sector * BLK_SECTOR;
}

/*
 * blk_look - has the file another length than it had?  Then the disk has, and
 * the guest is told.  Returns its sectors.  Any thread.
 */
uint64_t blk_look(struct blk *blk);

/*
 * blk_ended - would a request write beyond the end of a file of so many bytes,
 * which would make it longer again?
 */
bool blk_ended(const struct blk *blk, const struct blk_request *req,
	       uint64_t bytes);

/*
 * blk_range_do - discard or zero one range, at once; an engine may know
 * better.
 */
int blk_range_do(struct blk *blk, const struct blk_request *req,
		 const struct blk_range *range);

/* blk_sync - the host's fdatasync(), counted. */
int blk_sync(struct blk *blk);

/* blk_synced - a sync has succeeded. */
static inline void blk_synced(struct blk *blk)
{
	__atomic_add_fetch(&blk->count.syncs, 1, __ATOMIC_RELAXED);
}

#endif /* CVM_VIRTIO_BLK_BLK_H */
