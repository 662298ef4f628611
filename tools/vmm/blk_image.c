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
#include "transport.h"

#define SECTOR		512u
#define MBR_TABLE	446u
#define MBR_ENTRIES	4u
#define CHAIN_MAX	128u	/* logical partitions looked at */
#define GPT_HEADER	92u
#define GPT_ENTRY	128u	/* the smallest */
#define GPT_ENTRIES_MAX	1024u

struct check {
	struct cvm_blk_image *image;
	const char *path;
	struct cvm_vmm_error *err;
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
	if (!c->image->read(c->image->ctx, offset, to, bytes))
		return 0;
	return cvm_vmm_error_set(c->err, "%s: cannot be read at byte %llu",
				 c->path, (unsigned long long)offset);
}

/* Is there a sector of this number, the last of something? */
static int inside(struct check *c, const char *what, uint64_t last)
{
	uint64_t sectors = c->image->bytes / c->image->sector;

	if (last < sectors)
		return 0;
	return cvm_vmm_error_set(c->err, "%s: shorter than its partition "
				 "table says: %s ends with sector %llu, the "
				 "image has %llu of %u bytes", c->path, what,
				 (unsigned long long)last,
				 (unsigned long long)sectors,
				 c->image->sector);
}

static int partition(struct check *c, uint64_t last)
{
	char what[32];

	snprintf(what, sizeof(what), "partition %u", ++c->image->partitions);
	return inside(c, what, last);
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
static int gpt_entry(struct check *c, const uint8_t *entry)
{
	static const uint8_t unused[16];
	uint64_t last = le64(entry + 40);

	if (!memcmp(entry, unused, sizeof(unused)))
		return 0;
	return partition(c, last);
}

static int gpt_entries(struct check *c, const uint8_t *header)
{
	uint32_t count = le32(header + 80), size = le32(header + 84), i;
	uint64_t at = le64(header + 72), bytes = c->image->bytes;
	uint8_t entry[GPT_ENTRY];

	/* Sizes the specification does not know are left to the guest. */
	if (size < GPT_ENTRY || size > 4096 || count > GPT_ENTRIES_MAX)
		return 0;
	if (at > bytes / c->image->sector)
		return inside(c, "the table", at);
	at *= c->image->sector;
	if ((uint64_t)count * size > bytes - at)
		return inside(c, "the table", (at + (uint64_t)count * size -
					       1) / c->image->sector);
	for (i = 0; i < count; i++)
		if (read_at(c, at + (uint64_t)i * size, entry, GPT_ENTRY) ||
		    gpt_entry(c, entry))
			return -1;
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
	c->image->table = CVM_BLK_TABLE_GPT;
	c->image->sector = sector;
	/* The second header is the disk's last sector (5.3.2). */
	if (gpt_entries(c, header))
		return -1;
	return inside(c, "the second table", le64(header + 32));
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

/*
 * Logical partitions: each has a table of its own, whose first entry is the
 * partition, from there, and whose second is the next table, from the start of
 * the extended partition.
 */
static int mbr_chain(struct check *c, uint64_t start)
{
	uint64_t at = start, sectors = c->image->bytes / SECTOR;
	uint8_t table[SECTOR], *entry = table + MBR_TABLE;
	uint32_t i;

	for (i = 0; i < CHAIN_MAX && at < sectors; i++) {
		if (read_at(c, at * SECTOR, table, SECTOR))
			return -1;
		if (table[510] != 0x55 || table[511] != 0xaa)
			return 0;
		if (entry[4] && le32(entry + 12) &&
		    partition(c, at + le32(entry + 8) + le32(entry + 12) - 1))
			return -1;
		if (!extended(entry[16 + 4]) || !le32(entry + 16 + 8))
			return 0;
		at = start + le32(entry + 16 + 8);
	}
	return 0;
}

static int mbr(struct check *c, const uint8_t *sector)
{
	const uint8_t *entry = sector + MBR_TABLE;
	uint64_t start, count;
	uint32_t i;

	c->image->table = CVM_BLK_TABLE_MBR;
	for (i = 0; i < MBR_ENTRIES; i++, entry += 16) {
		start = le32(entry + 8);
		count = le32(entry + 12);
		if (!entry[4])
			continue;
		if (partition(c, start + count - 1))
			return -1;
		if (extended(entry[4]) && mbr_chain(c, start))
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

int cvm_blk_image_check(struct cvm_blk_image *image, const char *path,
			struct cvm_vmm_error *err)
{
	struct check c = { image, path, err };
	uint8_t sector[SECTOR];
	bool found = false;
	int ret;

	image->table = CVM_BLK_TABLE_NONE;
	image->sector = SECTOR;
	image->partitions = 0;
	if (image->bytes < SECTOR)
		return cvm_vmm_error_set(err, "%s: too short for a disk: "
					 "%llu bytes", path,
					 (unsigned long long)image->bytes);
	if (read_at(&c, 0, sector, SECTOR))
		return -1;
	if (!protective(sector))
		return mbr_table(sector) ? mbr(&c, sector) : 0;
	ret = gpt(&c, SECTOR, &found);
	return ret || found ? ret : gpt(&c, 4096, &found);
}
