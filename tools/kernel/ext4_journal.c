// SPDX-License-Identifier: GPL-2.0-only
/* ext4_journal.c - the complete transactions of an ext4 journal. */
#include <stdlib.h>
#include <string.h>

#include <ext2fs/ext2fs.h>

#include "ext4_journal.h"

#define DAMAGED		"its journal is damaged"
#define NO_MEMORY	"no memory for its journal"

/* h_blocktype */
#define BLOCK_DESCRIPTOR	1u
#define BLOCK_COMMIT		2u
#define BLOCK_SUPER_V2		4u
#define BLOCK_REVOKE		5u

/* s_feature_incompat */
#define HAS_64BIT		0x02u
#define HAS_CSUM_V2		0x08u
#define HAS_CSUM_V3		0x10u
#define HAS_FAST_COMMIT		0x20u
#define KNOWN			0x3fu	/* with revokes and async commits */

/* t_flags */
#define TAG_ESCAPED		1u
#define TAG_SAME_UUID		2u
#define TAG_LAST		8u

#define HEADER_BYTES		12u
#define SUPER_BYTES		1024u
#define UUID_BYTES		16u

struct revoked {
	uint64_t block;
	uint32_t sequence;
};

struct scan {
	struct ext4_journal *journal;
	uint8_t *block, *data;
	uint32_t features;
	uint32_t first, end;	/* the log is a ring of these blocks */
	uint32_t at, left;	/* next block, and how many there are */
	uint32_t began, sequence;
	uint32_t seed;		/* of checksums */
	bool damaged;		/* the transaction, if it turns out whole */
	struct ext4_changed *changed;
	struct revoked *revoked;
	size_t changes, changes_room, revokes, revokes_room;
};

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static uint64_t be64(const uint8_t *at)
{
	return (uint64_t)be32(at) << 32 | be32(at + 4);
}

static bool has_csum(const struct scan *s)
{
	return s->features & (HAS_CSUM_V2 | HAS_CSUM_V3);
}

/* Over all but the four bytes of the checksum itself, which count as 0. */
static uint32_t csum_but(uint32_t crc, const uint8_t *block, size_t bytes,
			 size_t at)
{
	static const uint8_t zero[4];

	crc = ext2fs_crc32c_le(crc, block, at);
	crc = ext2fs_crc32c_le(crc, zero, sizeof(zero));
	return ext2fs_crc32c_le(crc, block + at + 4, bytes - at - 4);
}

static bool csum_right(const struct scan *s, size_t at)
{
	return !has_csum(s) ||
	       csum_but(s->seed, s->block, s->journal->block_bytes, at) ==
	       be32(s->block + at);
}

/* Of descriptors and revokes it stands at the end. */
static bool tail_right(const struct scan *s)
{
	return csum_right(s, s->journal->block_bytes - 4);
}

/* The next block of the ring, into to; false: it is the end. */
static bool next(struct scan *s, uint8_t *to)
{
	if (!s->left || s->journal->read(s->journal->ctx, s->at, to))
		return false;
	s->left--;
	if (++s->at == s->end)
		s->at = s->first;
	return true;
}

/* Room for one more; NULL: no memory. */
static void *grown(void *array, size_t count, size_t *room, size_t bytes)
{
	void *more;

	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 256;
	more = realloc(array, *room * bytes);
	if (!more)
		free(array);
	return more;
}

static const char *add_change(struct scan *s, const struct ext4_changed *change)
{
	s->changed = grown(s->changed, s->changes, &s->changes_room,
			   sizeof(*change));
	if (!s->changed)
		return NO_MEMORY;
	s->changed[s->changes++] = *change;
	return NULL;
}

static const char *add_revoke(struct scan *s, uint64_t block)
{
	s->revoked = grown(s->revoked, s->revokes, &s->revokes_room,
			   sizeof(*s->revoked));
	if (!s->revoked)
		return NO_MEMORY;
	s->revoked[s->revokes++] = (struct revoked){
		block, s->sequence - s->began,
	};
	return NULL;
}

/* ---- blocks -------------------------------------------------------------- */

/* Checksum and block number of the tag at this place; its flags. */
static uint32_t read_tag(const struct scan *s, const uint8_t *tag,
			 uint64_t *block, uint32_t *csum)
{
	*block = be32(tag);
	if (s->features & HAS_CSUM_V3) {
		*csum = be32(tag + 12);
		if (s->features & HAS_64BIT)
			*block |= (uint64_t)be32(tag + 8) << 32;
		return be32(tag + 4);
	}
	*csum = be32(tag + 4) >> 16;
	if (s->features & HAS_64BIT)
		*block |= (uint64_t)be32(tag + 8) << 32;
	return be32(tag + 4) & 0xffff;
}

static uint32_t tag_bytes(const struct scan *s)
{
	if (s->features & HAS_CSUM_V3)
		return 16;
	return 8 + (s->features & HAS_CSUM_V2 ? 2 : 0) +
	       (s->features & HAS_64BIT ? 4 : 0);
}

/* The tag's block, as it stands in the journal. */
static bool data_right(const struct scan *s, uint32_t csum)
{
	uint8_t sequence[4] = {
		s->sequence >> 24, s->sequence >> 16, s->sequence >> 8,
		s->sequence
	};
	uint32_t crc;

	if (!has_csum(s))
		return true;
	crc = ext2fs_crc32c_le(s->seed, sequence, sizeof(sequence));
	crc = ext2fs_crc32c_le(crc, s->data, s->journal->block_bytes);
	return csum == (s->features & HAS_CSUM_V3 ? crc : crc & 0xffff);
}

/* Tags, each for one of the blocks that follow. */
static const char *descriptor(struct scan *s)
{
	uint32_t end = s->journal->block_bytes - (has_csum(s) ? 4 : 0);
	uint32_t at = HEADER_BYTES, flags = 0, csum;
	struct ext4_changed change = { .sequence = s->sequence - s->began };
	const char *why;

	s->damaged |= !tail_right(s);
	while (!(flags & TAG_LAST) && at + tag_bytes(s) <= end) {
		flags = read_tag(s, s->block + at, &change.block, &csum);
		at += tag_bytes(s);
		if (!(flags & TAG_SAME_UUID))
			at += UUID_BYTES;
		change.from = s->at;
		change.escaped = flags & TAG_ESCAPED;
		if (!next(s, s->data))
			return NULL;
		s->damaged |= !data_right(s, csum);
		why = add_change(s, &change);
		if (why)
			return why;
	}
	return NULL;
}

/* Blocks that were freed: older changes of them must not come back. */
static const char *revoke(struct scan *s)
{
	uint32_t bytes = s->features & HAS_64BIT ? 8 : 4;
	uint32_t end = be32(s->block + HEADER_BYTES), at;
	const char *why = NULL;

	s->damaged |= !tail_right(s) || end > s->journal->block_bytes;
	if (end > s->journal->block_bytes)
		return NULL;
	for (at = HEADER_BYTES + 4; !why && at + bytes <= end; at += bytes)
		why = add_revoke(s, bytes == 8 ? be64(s->block + at) :
				 be32(s->block + at));
	return why;
}

/* ---- transactions -------------------------------------------------------- */

/*
 * One transaction, which counts as a whole or, *whole false, not at all.
 * What is wrong in one that was never committed is nothing that is wrong.
 */
static const char *transaction(struct scan *s, bool *whole)
{
	const char *why = NULL;

	*whole = false;
	s->damaged = false;
	while (!why && next(s, s->block) &&
	       be32(s->block) == EXT4_JOURNAL_MAGIC &&
	       be32(s->block + 8) == s->sequence) {
		switch (be32(s->block + 4)) {
		case BLOCK_DESCRIPTOR:
			why = descriptor(s);
			break;
		case BLOCK_REVOKE:
			why = revoke(s);
			break;
		case BLOCK_COMMIT:
			*whole = csum_right(s, 16);
			return *whole && s->damaged ? DAMAGED : NULL;
		default:
			return NULL;
		}
	}
	return why;
}

static const char *transactions(struct scan *s)
{
	size_t changes, revokes;
	const char *why;
	bool whole;

	do {
		changes = s->changes;
		revokes = s->revokes;
		why = transaction(s, &whole);
		s->sequence++;
	} while (!why && whole);
	s->changes = changes;
	s->revokes = revokes;
	return why;
}

/* ---- what is left of them ------------------------------------------------ */

static int by_block(const void *a, const void *b)
{
	const struct ext4_changed *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static int by_revoked(const void *a, const void *b)
{
	const struct revoked *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Of each block the newest change, unless the block was freed since. */
static void settle(struct scan *s)
{
	size_t i, r = 0, n = 0;

	if (s->changes)
		qsort(s->changed, s->changes, sizeof(*s->changed), by_block);
	if (s->revokes)
		qsort(s->revoked, s->revokes, sizeof(*s->revoked), by_revoked);
	for (i = 0; i < s->changes; i++) {
		if (i + 1 < s->changes &&
		    s->changed[i + 1].block == s->changed[i].block)
			continue;
		while (r < s->revokes &&
		       (s->revoked[r].block < s->changed[i].block ||
			(s->revoked[r].block == s->changed[i].block &&
			 s->revoked[r].sequence < s->changed[i].sequence)))
			r++;
		if (r < s->revokes &&
		    s->revoked[r].block == s->changed[i].block)
			continue;
		s->changed[n++] = s->changed[i];
	}
	s->journal->changed = s->changed;
	s->journal->count = n;
	s->changed = NULL;
}

/* ---- the superblock ------------------------------------------------------ */

static const char *read_super(struct scan *s)
{
	const uint8_t *super = s->block;

	if (s->journal->block_bytes < SUPER_BYTES ||
	    s->journal->read(s->journal->ctx, 0, s->block) ||
	    be32(super) != EXT4_JOURNAL_MAGIC ||
	    be32(super + 12) != s->journal->block_bytes)
		return DAMAGED;
	s->features = be32(super + 4) == BLOCK_SUPER_V2 ? be32(super + 40) : 0;
	if (s->features & ~KNOWN)
		return "its journal has features that are unknown here";
	if (has_csum(s) && csum_but(~0u, super, SUPER_BYTES, 252) !=
	    be32(super + 252))
		return DAMAGED;
	s->seed = ext2fs_crc32c_le(~0u, super + 48, UUID_BYTES);
	s->end = be32(super + 16);
	s->first = be32(super + 20);
	s->began = s->sequence = be32(super + 24);
	s->at = be32(super + 28);
	if (!s->at)
		return NULL;
	if (s->features & HAS_FAST_COMMIT)
		return "its journal has fast commits, which only a mount can "
		       "replay";
	if (s->end > s->journal->blocks || s->first < 1 ||
	    s->at < s->first || s->at >= s->end)
		return DAMAGED;
	s->left = s->end - s->first;
	return NULL;
}

const char *ext4_journal_scan(struct ext4_journal *journal)
{
	struct scan s = { .journal = journal };
	const char *why;

	journal->changed = NULL;
	journal->count = 0;
	s.block = malloc(journal->block_bytes);
	s.data = malloc(journal->block_bytes);
	why = s.block && s.data ? read_super(&s) : NO_MEMORY;
	/* A log that begins nowhere is empty. */
	if (!why && s.at)
		why = transactions(&s);
	if (!why)
		settle(&s);
	free(s.block);
	free(s.data);
	free(s.changed);
	free(s.revoked);
	return why;
}

const struct ext4_changed *ext4_journal_find(const struct ext4_journal *journal,
					     uint64_t block)
{
	size_t low = 0, high = journal->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (journal->changed[mid].block < block)
			low = mid + 1;
		else
			high = mid;
	}
	return low < journal->count && journal->changed[low].block == block ?
	       &journal->changed[low] : NULL;
}
