// SPDX-License-Identifier: GPL-2.0-only
/* ext4.c - files out of an ext2, ext3 or ext4 file system, by libext2fs. */
#include <stdlib.h>
#include <string.h>

#include <com_err.h>
#include <ext2fs/ext2fs.h>

#include "ext4.h"
#include "ext4_journal.h"

/*
 * What may be read to find a file, beyond its own bytes: enough for any
 * directory and journal, and an end for trees that lead in circles.
 */
#define WORK_BYTES	(1ull << 30)
#define PIECE_BYTES	(1u << 20)

struct ext4 {
	struct ext4_source source;
	ext2_filsys fs;
	struct ext4_journal journal;
	uint64_t *journal_at;	/* of each of its blocks: block of the disk */
	uint64_t work;		/* bytes that may still be read */
};

/* ---- libext2fs reads from here ------------------------------------------- */

/* An opener is given a name only. */
static _Thread_local struct ext4 *opening;

static errcode_t io_open(const char *name, int flags, io_channel *channel);

static errcode_t io_close(io_channel channel)
{
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t io_set_block(io_channel channel, int bytes)
{
	channel->block_size = bytes;
	return 0;
}

static errcode_t read_bytes(struct ext4 *ext4, uint64_t offset, void *to,
			    uint64_t bytes)
{
	if (bytes > ext4->source.bytes || offset > ext4->source.bytes - bytes ||
	    bytes > ext4->work)
		return EXT2_ET_SHORT_READ;
	ext4->work -= bytes;
	return ext4->source.read(ext4->source.ctx, offset, to, (size_t)bytes) ?
	       EXT2_ET_SHORT_READ : 0;
}

/* Put over it what the journal has of this block; at is where that begins. */
static errcode_t put_change(struct ext4 *ext4,
			    const struct ext4_changed *change, uint8_t *to,
			    uint64_t at, uint64_t bytes)
{
	uint32_t block_bytes = ext4->journal.block_bytes, i;
	uint64_t from = ext4->journal_at[change->from] * block_bytes;
	errcode_t err = read_bytes(ext4, from + at, to, bytes);

	/* Its first four bytes were the magic number, 0 in the journal. */
	for (i = 0; !err && change->escaped && at + i < 4 && i < bytes; i++)
		to[i] = (uint8_t)(EXT4_JOURNAL_MAGIC >> (24 - 8 * (at + i)));
	return err;
}

static errcode_t read_changed(struct ext4 *ext4, uint64_t offset, uint8_t *to,
			      uint64_t bytes)
{
	errcode_t err = read_bytes(ext4, offset, to, bytes);
	const struct ext4_changed *change;
	uint64_t at, part, done;

	for (done = 0; !err && ext4->journal.count && done < bytes;
	     done += part) {
		at = (offset + done) % ext4->journal.block_bytes;
		part = ext4->journal.block_bytes - at;
		if (part > bytes - done)
			part = bytes - done;
		change = ext4_journal_find(&ext4->journal, (offset + done) /
					   ext4->journal.block_bytes);
		if (change)
			err = put_change(ext4, change, to + done, at, part);
	}
	return err;
}

/* A negative count is one of bytes. */
static errcode_t io_read(io_channel channel, unsigned long long block,
			 int count, void *data)
{
	struct ext4 *ext4 = channel->private_data;
	uint64_t block_bytes = (uint64_t)channel->block_size;
	uint64_t bytes = count < 0 ? (uint64_t)-(int64_t)count :
			 (uint64_t)count * block_bytes;

	if (block > ext4->source.bytes / block_bytes)
		return EXT2_ET_SHORT_READ;
	return read_changed(ext4, block * block_bytes, data, bytes);
}

static errcode_t io_read_32(io_channel channel, unsigned long block, int count,
			    void *data)
{
	return io_read(channel, block, count, data);
}

static errcode_t io_write(io_channel channel, unsigned long long block,
			  int count, const void *data)
{
	(void)channel;
	(void)block;
	(void)count;
	(void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write_32(io_channel channel, unsigned long block,
			     int count, const void *data)
{
	return io_write(channel, block, count, data);
}

static errcode_t io_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "cvm",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_block,
	.read_blk = io_read_32,
	.read_blk64 = io_read,
	.write_blk = io_write_32,
	.write_blk64 = io_write,
	.flush = io_flush,
};

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
	io_channel io = calloc(1, sizeof(*io));

	(void)flags;
	if (!io)
		return EXT2_ET_NO_MEMORY;
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &manager;
	io->block_size = 1024;
	io->refcount = 1;
	io->private_data = opening;
	io->name = strdup(name);
	if (!io->name) {
		free(io);
		return EXT2_ET_NO_MEMORY;
	}
	*channel = io;
	return 0;
}

/* ---- opening ------------------------------------------------------------- */

static int damaged(const char *thing, errcode_t err, struct problem *problem)
{
	return problem_set(problem, thing, "its file system cannot be read "
			   "(%s); fsck it", error_message(err));
}

static void close_fs(struct ext4 *ext4)
{
	if (ext4->fs)
		ext2fs_free(ext4->fs);
	ext4->fs = NULL;
}

static int open_fs(struct ext4 *ext4, int flags, struct problem *problem)
{
	errcode_t err;

	opening = ext4;
	err = ext2fs_open2("disk", NULL, EXT2_FLAG_64BITS |
			   EXT2_FLAG_SOFTSUPP_FEATURES | flags, 0, 0, &manager,
			   &ext4->fs);
	opening = NULL;
	if (!err)
		return 0;
	ext4->fs = NULL;
	return damaged(ext4->source.thing, err, problem);
}

/*
 * Its size first: tables of a file system that is larger than what it lies in
 * may have any size at all.
 */
static int check_size(struct ext4 *ext4, struct problem *problem)
{
	uint64_t blocks;
	uint32_t bytes;

	if (open_fs(ext4, EXT2_FLAG_SUPER_ONLY, problem))
		return -1;
	blocks = ext2fs_blocks_count(ext4->fs->super);
	bytes = ext4->fs->blocksize;
	close_fs(ext4);
	if (blocks <= ext4->source.bytes / bytes)
		return 0;
	return problem_set(problem, ext4->source.thing, "shorter than its file "
			   "system: that has %llu blocks of %u bytes, there is "
			   "room for %llu", (unsigned long long)blocks, bytes,
			   (unsigned long long)ext4->source.bytes / bytes);
}

/* ---- the journal --------------------------------------------------------- */

static int read_journal(void *ctx, uint32_t block, uint8_t *to)
{
	struct ext4 *ext4 = ctx;
	blk64_t at = 0;

	if (block >= ext4->journal.blocks ||
	    ext2fs_bmap2(ext4->fs, ext4->fs->super->s_journal_inum, NULL, NULL,
			 0, block, NULL, &at) || !at ||
	    at >= ext2fs_blocks_count(ext4->fs->super))
		return -1;
	ext4->journal_at[block] = at;
	return (int)read_bytes(ext4, at * ext4->journal.block_bytes, to,
			       ext4->journal.block_bytes);
}

/* How many blocks the journal has; 0: none that can be read. */
static uint32_t journal_blocks(struct ext4 *ext4)
{
	struct ext2_super_block *super = ext4->fs->super;
	struct ext2_inode inode;
	uint64_t blocks;

	if (!ext2fs_has_feature_journal(super) || !super->s_journal_inum ||
	    ext2fs_read_inode(ext4->fs, super->s_journal_inum, &inode))
		return 0;
	blocks = EXT2_I_SIZE(&inode) / ext4->fs->blocksize;
	return blocks > ext2fs_blocks_count(super) || blocks > UINT32_MAX ? 0 :
	       (uint32_t)blocks;
}

/* Of a file system that was not unmounted; it is opened again after. */
static int replay(struct ext4 *ext4, struct problem *problem)
{
	const char *why = "its journal cannot be read";

	ext4->journal.read = read_journal;
	ext4->journal.ctx = ext4;
	ext4->journal.block_bytes = ext4->fs->blocksize;
	ext4->journal.blocks = journal_blocks(ext4);
	if (ext4->journal.blocks) {
		ext4->journal_at = calloc(ext4->journal.blocks,
					  sizeof(*ext4->journal_at));
		why = ext4->journal_at ? ext4_journal_scan(&ext4->journal) :
		      "no memory for its journal";
	}
	close_fs(ext4);
	if (!why)
		return open_fs(ext4, 0, problem);
	return problem_set(problem, ext4->source.thing, "its file system was "
			   "not unmounted, and %s; start it once with a kernel "
			   "from elsewhere, or fsck it", why);
}

struct ext4 *ext4_open(const struct ext4_source *source,
		       struct problem *problem)
{
	struct ext4 *ext4 = calloc(1, sizeof(*ext4));

	if (!ext4) {
		problem_set(problem, source->thing, "no memory");
		return NULL;
	}
	initialize_ext2_error_table();
	ext4->source = *source;
	ext4->work = WORK_BYTES;
	if (check_size(ext4, problem) || open_fs(ext4, 0, problem) ||
	    (ext2fs_has_feature_journal_needs_recovery(ext4->fs->super) &&
	     replay(ext4, problem))) {
		ext4_close(ext4);
		return NULL;
	}
	return ext4;
}

void ext4_close(struct ext4 *ext4)
{
	close_fs(ext4);
	free(ext4->journal.changed);
	free(ext4->journal_at);
	free(ext4);
}

/* ---- a file -------------------------------------------------------------- */

static errcode_t read_data(struct ext4 *ext4, ext2_ino_t inode, uint8_t *data,
			   uint64_t bytes)
{
	ext2_file_t file;
	uint64_t done = 0, part;
	unsigned int got = 0;
	errcode_t err = ext2fs_file_open(ext4->fs, inode, 0, &file);

	if (err)
		return err;
	while (!err && done < bytes) {
		part = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
		err = ext2fs_file_read(file, data + done, (unsigned int)part,
				       &got);
		if (!err && !got)
			err = EXT2_ET_SHORT_READ;
		done += got;
	}
	ext2fs_file_close(file);
	return err;
}

static const char *unfit(const struct ext2_inode *inode)
{
	if (!LINUX_S_ISREG(inode->i_mode))
		return "not a file";
	return inode->i_flags & EXT4_ENCRYPT_FL ? "encrypted" : NULL;
}

enum ext4_file ext4_file(struct ext4 *ext4, const char *thing,
			 const char *path, uint64_t max, uint8_t **data,
			 uint64_t *bytes, struct problem *problem)
{
	struct ext2_inode inode;
	ext2_ino_t number;
	errcode_t err;

	ext4->work = WORK_BYTES;
	err = ext2fs_namei_follow(ext4->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path,
				  &number);
	if (err == EXT2_ET_FILE_NOT_FOUND)
		return EXT4_NONE;
	if (!err)
		err = ext2fs_read_inode(ext4->fs, number, &inode);
	if (err)
		return damaged(thing, err, problem);
	if (unfit(&inode))
		return problem_set(problem, thing, "%s", unfit(&inode));
	*bytes = EXT2_I_SIZE(&inode);
	if (*bytes > max)
		return problem_set(problem, thing, "too large: %llu MiB, at "
				   "most %llu are possible",
				   (unsigned long long)*bytes >> 20,
				   (unsigned long long)max >> 20);
	*data = malloc(*bytes + 1);
	if (!*data)
		return problem_set(problem, thing, "no memory to read it");
	/* Its own bytes, and the tree that leads to each. */
	ext4->work += 4 * *bytes;
	err = read_data(ext4, number, *data, *bytes);
	if (!err)
		return EXT4_FILE;
	free(*data);
	return damaged(thing, err, problem);
}
