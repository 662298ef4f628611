// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_ext4.c - any changes of a file system from which a file is read.
 *
 * The first byte says which of the images of make-ext4, and the next which
 * name of the file; then each four bytes are a change: a place, of three, and
 * what stands there instead.
 */
#include <string.h>

#include "replay.h"
#include "kernel/ext4.h"

#define HEADER		2u
#define CHANGES		24u
#define FILE_BYTES	9000u
#define FILE_MAX	(1u << 20)

extern const uint8_t ext4_ext2[], ext4_ext2_end[], ext4_dirty[],
	ext4_dirty_end[], ext4_csum[], ext4_csum_end[];

static const struct {
	const uint8_t *from, *end;
} images[] = {
	{ ext4_ext2, ext4_ext2_end },
	{ ext4_dirty, ext4_dirty_end },
	{ ext4_csum, ext4_csum_end },
};

#define IMAGES (sizeof(images) / sizeof(images[0]))

static const char *const names[] = {
	"/boot/file", "/file", "/absolute", "/slow", "/none"
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static struct {
	unsigned long unopened, failed, none, right, other;
} fuzz_count;

/* A copy of each, which is changed and put right again. */
static uint8_t *copy[IMAGES];

struct disk {
	const uint8_t *data;
	size_t bytes;
};

static int read_disk(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	const struct disk *disk = ctx;

	require(bytes <= disk->bytes && offset <= disk->bytes - bytes);
	memcpy(to, disk->data + offset, bytes);
	return 0;
}

static size_t image_bytes(size_t i)
{
	return (size_t)(images[i].end - images[i].from);
}

static int right(const uint8_t *data, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes && data[i] == '0' + i % 10; i++)
		;
	return bytes == FILE_BYTES && i == bytes;
}

/* One line, which says what it is about. */
static void said(const struct problem *problem)
{
	require(!strncmp(problem->text, "x: ", 3));
	require(memchr(problem->text, '\0', sizeof(problem->text)));
	require(!strchr(problem->text, '\n'));
}

static void look(struct disk *disk, const char *name, int changed)
{
	const struct ext4_source source = {
		.read = read_disk, .ctx = disk, .bytes = disk->bytes,
		.thing = "x",
	};
	struct problem problem = { "" };
	struct ext4 *ext4 = ext4_open(&source, &problem);
	uint64_t bytes = 0;
	uint8_t *data;

	if (!ext4) {
		require(changed);
		said(&problem);
		fuzz_count.unopened++;
		return;
	}
	switch (ext4_file(ext4, "x", name, FILE_MAX, &data, &bytes, &problem)) {
	case EXT4_FILE:
		require(bytes <= FILE_MAX);
		require(changed || right(data, bytes));
		if (right(data, bytes))
			fuzz_count.right++;
		else
			fuzz_count.other++;
		free(data);
		break;
	case EXT4_NONE:
		require(changed || !strcmp(name, "/none"));
		fuzz_count.none++;
		break;
	case EXT4_FAILED:
		require(changed);
		said(&problem);
		fuzz_count.failed++;
		break;
	}
	ext4_close(ext4);
}

static size_t place(const uint8_t *change, size_t bytes)
{
	return (change[0] | change[1] << 8 | (size_t)change[2] << 16) % bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t which, bytes, at, place_at;
	struct disk disk;
	int changed = 0;

	if (size < HEADER)
		return 0;
	which = data[0] % IMAGES;
	bytes = image_bytes(which);
	if (!copy[which]) {
		copy[which] = malloc(bytes);
		require(copy[which]);
		memcpy(copy[which], images[which].from, bytes);
	}
	for (at = HEADER; at + 4 <= size; at += 4) {
		place_at = place(data + at, bytes);
		copy[which][place_at] = data[at + 3];
		changed |= data[at + 3] != images[which].from[place_at];
	}
	disk = (struct disk){ copy[which], bytes };
	look(&disk, names[data[1] % NAMES], changed);
	for (at = HEADER; at + 4 <= size; at += 4) {
		place_at = place(data + at, bytes);
		copy[which][place_at] = images[which].from[place_at];
	}
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

/* A byte of the image that is not 0, and most not of the file's. */
static size_t interesting(size_t which)
{
	const uint8_t *from = images[which].from;
	size_t bytes = image_bytes(which), at, tries;

	for (tries = 0; tries < 100000; tries++) {
		at = fuzz_dice((uint32_t)bytes);
		if (from[at] && from[at] != 'x' &&
		    (from[at] < '0' || from[at] > '9'))
			break;
	}
	return at;
}

static size_t ext4_seed(uint8_t *data)
{
	uint32_t changes = fuzz_dice(CHANGES), i;
	size_t at;

	data[0] = (uint8_t)fuzz_dice(IMAGES);
	data[1] = (uint8_t)fuzz_dice(NAMES);
	for (i = 0; i < changes; i++) {
		at = interesting(data[0]);
		data[HEADER + 4 * i] = (uint8_t)at;
		data[HEADER + 4 * i + 1] = (uint8_t)(at >> 8);
		data[HEADER + 4 * i + 2] = (uint8_t)(at >> 16);
		data[HEADER + 4 * i + 3] = images[data[0]].from[at];
	}
	return HEADER + 4 * changes;
}

/* What stands at a place, and now and then the place's neighbourhood. */
static void ext4_hot(uint32_t *at, uint32_t *bytes)
{
	*at = HEADER + 4 * fuzz_dice(CHANGES) + (fuzz_dice(4) ? 3 : 0);
	*bytes = 1;
}

static int ext4_report(unsigned long inputs)
{
	printf("%lu inputs: %lu not opened, %lu failed, %lu without the file, "
	       "%lu right, %lu with other bytes\n", inputs,
	       fuzz_count.unopened, fuzz_count.failed, fuzz_count.none,
	       fuzz_count.right, fuzz_count.other);
	return fuzz_count.unopened < inputs / 50 ||
	       fuzz_count.failed < inputs / 50 ||
	       fuzz_count.none < inputs / 50 ||
	       fuzz_count.right < inputs / 50 ||
	       fuzz_count.other < inputs / 500;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_ext4",
	.max = HEADER + 4 * CHANGES,
	.seed = ext4_seed,
	.hot = ext4_hot,
	.report = ext4_report,
};
