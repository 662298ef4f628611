// SPDX-License-Identifier: GPL-2.0-only
/*
 * blk_image.c - partition tables of disk images.
 *
 * MBR: the IBM PC's table of four, with chains of extended partitions.  GPT:
 * UEFI Specification 2.10, 5 "GUID Partition Table (GPT) Disk Layout".
 */
#include <stdio.h>
#include <string.h>

#include "blk_image.h"
#include "os/disk.h"
#include "virtio/core/transport.h"

#define SECTOR		512u
#define MBR_TABLE	446u
#define MBR_ENTRIES	4u
#define CHAIN_MAX	128u	/* logical partitions looked at */
#define GPT_HEADER	92u
#define GPT_ENTRY	128u	/* the smallest */
#define GPT_ENTRIES_MAX	1024u

struct check {
	struct blk_image *image;
	const char *path;
	struct problem *problem;
	int ret;		/* -1: problem says the first that is missing */
};

static uint32_t le32(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t le64(const uint8_t *at)
{
	return le32(at) | (uint64_t)le32(at + 4) << 32;
}

static int read_at(struct check *c, uint64_t offset, void *to, size_t bytes)
{
	int ret = c->image->read(c->image->ctx, offset, to, bytes);
	char why[160];

	if (!ret)
		return 0;
	os_disk_reason(ret, why, sizeof(why));
	return problem_set(c->problem, c->path, "cannot be read at byte %llu: "
			   "%s", (unsigned long long)offset, why);
}

/* There should be a sector of this number, the last of something. */
static void expect(struct check *c, const char *what, uint64_t last)
{
	uint64_t sectors = c->image->bytes / c->image->sector;
	uint64_t end = last < UINT64_MAX / c->image->sector ?
		       (last + 1) * c->image->sector : UINT64_MAX;

	if (end > c->image->needed)
		c->image->needed = end;
	if (last < sectors || c->ret)
		return;
	c->ret = problem_set(c->problem, c->path, "shorter than its partition "
			     "table says: %s ends with sector %llu, the image "
			     "has %llu of %u bytes", what,
			     (unsigned long long)last,
			     (unsigned long long)sectors, c->image->sector);
}

/* Partition number of the table, from sector first up to last. */
static void partition(struct check *c, struct blk_partition *part,
		      uint64_t first, uint64_t last)
{
	uint64_t most = UINT64_MAX / c->image->sector;
	char what[32];

	snprintf(what, sizeof(what), "partition %u", part->number);
	c->image->partitions++;
	expect(c, what, last);
	if (!c->image->found)
		return;
	/* What no disk can hold is as much as a number can say. */
	part->start = first < most ? first * c->image->sector : UINT64_MAX;
	part->bytes = last < first ? 0 : last - first < most - 1 ?
		      (last - first + 1) * c->image->sector : UINT64_MAX;
	c->image->found(c->image->ctx, part);
}

/* ---- GPT ----------------------------------------------------------------- */

/* CRC-32 of IEEE 802.3, as GPT takes it. */
static uint32_t crc32_more(uint32_t crc, const uint8_t *at, size_t bytes)
{
	uint32_t bit;

	while (bytes--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

/* Is this the header of a GPT, by its own word (5.3.2)? */
static bool gpt_header(const uint8_t *header)
{
	uint8_t copy[SECTOR];
	uint32_t bytes = le32(header + 12);

	if (memcmp(header, "EFI PART", 8) || bytes < GPT_HEADER ||
	    bytes > SECTOR)
		return false;
	memcpy(copy, header, SECTOR);
	memset(copy + 16, 0, 4);
	return ~crc32_more(~0u, copy, bytes) == le32(header + 16);
}

/* One entry (5.3.3); unused ones have no type. */
static void gpt_entry(struct check *c, uint32_t number, const uint8_t *entry)
{
	struct blk_partition part = { .number = number };
	static const uint8_t unused[16];

	if (!memcmp(entry, unused, sizeof(unused)))
		return;
	memcpy(part.type, entry, sizeof(part.type));
	partition(c, &part, le64(entry + 32), le64(entry + 40));
}

static int gpt_entries(struct check *c, const uint8_t *header)
{
	uint32_t count = le32(header + 80), size = le32(header + 84), i;
	uint64_t at = le64(header + 72), bytes = c->image->bytes;
	uint8_t entry[GPT_ENTRY];

	/* Sizes the specification does not know are left to the guest. */
	if (size < GPT_ENTRY || size > 4096 || count > GPT_ENTRIES_MAX)
		return 0;
	if (at > bytes / c->image->sector) {
		expect(c, "the table", at);
		return 0;
	}
	at *= c->image->sector;
	if ((uint64_t)count * size > bytes - at) {
		expect(c, "the table", (at + (uint64_t)count * size - 1) /
		       c->image->sector);
		return 0;
	}
	for (i = 0; i < count; i++) {
		if (read_at(c, at + (uint64_t)i * size, entry, GPT_ENTRY))
			return -1;
		gpt_entry(c, i + 1, entry);
	}
	return 0;
}

/* *found: there is a table with sectors of this size. */
static int gpt(struct check *c, uint32_t sector, bool *found)
{
	uint8_t header[SECTOR];

	*found = false;
	if (c->image->bytes < 2ull * sector)
		return 0;
	if (read_at(c, sector, header, SECTOR))
		return -1;
	*found = gpt_header(header) && le64(header + 24) == 1;
	if (!*found)
		return 0;
	c->image->table = BLK_TABLE_GPT;
	c->image->sector = sector;
	if (gpt_entries(c, header))
		return -1;
	/* The second header is the disk's last sector (5.3.2). */
	expect(c, "the second table", le64(header + 32));
	return 0;
}

/* ---- MBR ----------------------------------------------------------------- */

static bool extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/*
 * A boot sector of FAT or NTFS has the signature too.  In a table, each entry
 * is active or not, and one that is used has a place and a length.
 */
static bool mbr_table(const uint8_t *sector)
{
	const uint8_t *entry = sector + MBR_TABLE;
	uint32_t i, used = 0;

	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return false;
	for (i = 0; i < MBR_ENTRIES; i++, entry += 16) {
		if (entry[0] & 0x7f)
			return false;
		if (!entry[4])
			continue;
		if (!le32(entry + 8) || !le32(entry + 12))
			return false;
		used++;
	}
	return used;
}

/* One entry, whose start counts from sector base. */
static void mbr_entry(struct check *c, uint32_t number, const uint8_t *entry,
		      uint64_t base)
{
	struct blk_partition part = {
		.number = number,
		.extended = extended(entry[4]),
		.type = { entry[4] },
	};
	uint64_t first = base + le32(entry + 8);

	partition(c, &part, first, first + le32(entry + 12) - 1);
}

/*
 * Logical partitions, numbered from 5: each has a table of its own, whose
 * first entry is the partition, from there, and whose second is the next
 * table, from the start of the extended partition.
 */
static int mbr_chain(struct check *c, uint64_t start)
{
	uint64_t at = start, sectors = c->image->bytes / SECTOR;
	uint8_t table[SECTOR], *entry = table + MBR_TABLE;
	uint32_t i, number = MBR_ENTRIES;

	for (i = 0; i < CHAIN_MAX && at < sectors; i++) {
		if (read_at(c, at * SECTOR, table, SECTOR))
			return -1;
		if (table[510] != 0x55 || table[511] != 0xaa)
			return 0;
		if (entry[4] && le32(entry + 12))
			mbr_entry(c, ++number, entry, at);
		if (!extended(entry[16 + 4]) || !le32(entry + 16 + 8))
			return 0;
		at = start + le32(entry + 16 + 8);
	}
	return 0;
}

static int mbr(struct check *c, const uint8_t *sector)
{
	const uint8_t *entry = sector + MBR_TABLE;
	uint32_t i;

	c->image->table = BLK_TABLE_MBR;
	for (i = 0; i < MBR_ENTRIES; i++, entry += 16) {
		if (!entry[4])
			continue;
		mbr_entry(c, i + 1, entry, 0);
		if (extended(entry[4]) && mbr_chain(c, le32(entry + 8)))
			return -1;
	}
	return 0;
}

/* A GPT lies behind an MBR with one entry, of this type (5.2.3). */
static bool protective(const uint8_t *sector)
{
	uint32_t i;

	for (i = 0; i < MBR_ENTRIES; i++)
		if (sector[MBR_TABLE + 16 * i + 4] == 0xee)
			return sector[510] == 0x55 && sector[511] == 0xaa;
	return false;
}

static int tables(struct check *c)
{
	uint8_t sector[SECTOR];
	bool found = false;
	int ret;

	if (read_at(c, 0, sector, SECTOR))
		return -1;
	if (!protective(sector))
		return mbr_table(sector) ? mbr(c, sector) : 0;
	ret = gpt(c, SECTOR, &found);
	return ret || found ? ret : gpt(c, 4096, &found);
}

int blk_image_check(struct blk_image *image, const char *path,
		    struct problem *problem)
{
	struct check c = { image, path, problem, 0 };

	image->table = BLK_TABLE_NONE;
	image->sector = SECTOR;
	image->partitions = 0;
	image->needed = 0;
	if (image->bytes < SECTOR)
		return problem_set(problem, path, "too short for a disk: %llu "
				   "bytes", (unsigned long long)image->bytes);
	return tables(&c) ? -1 : c.ret;
}
