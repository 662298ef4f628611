// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_image.c - any bytes as a disk image.
 *
 * The first four bytes say how long the image is; what follows is its
 * beginning, and the rest reads as zeroes.  With the first bit set, headers
 * of GUID partition tables get the checksum they should have.
 */
#include <string.h>

#include "replay.h"
#include "../vmm/image.h"
#include "virtio/blk/blk_format.h"

#define HEADER	4u

static struct {
	unsigned long table[3], shorter, checked, formats;
} fuzz_count;

struct file {
	uint64_t bytes;
	const uint8_t *data;
	size_t size;
	bool seal;
	uint32_t reads;
};

static int read_file(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	struct file *file = ctx;
	size_t part = 0;

	require(bytes <= file->bytes && offset <= file->bytes - bytes);
	/* However long its tables say they are. */
	require(file->reads++ < 2048);
	memset(to, 0, bytes);
	if (offset < file->size) {
		part = file->size - (size_t)offset;
		memcpy(to, file->data + offset, part < bytes ? part : bytes);
	}
	if (file->seal && bytes == 512 && !memcmp(to, "EFI PART", 8))
		image_gpt_seal(to);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file file = { 0 };
	struct blk_image image = { .read = read_file, .ctx = &file };
	const struct blk_format *format;
	struct problem problem = { "" };
	char command[80];
	uint32_t bytes;

	if (size < HEADER)
		return 0;
	memcpy(&bytes, data, HEADER);
	file.seal = bytes & 1;
	file.bytes = (uint64_t)bytes << (bytes >> 1 & 7);
	file.data = data + HEADER;
	file.size = size - HEADER;
	image.bytes = file.bytes;
	if (blk_image_check(&image, "x", &problem)) {
		require(!strncmp(problem.text, "x: ", 3));
		require(memchr(problem.text, '\0', sizeof(problem.text)));
		fuzz_count.shorter += !!strstr(problem.text, "shorter");
	} else {
		require(!problem.text[0] && image.needed <= image.bytes);
		fuzz_count.checked += image.partitions;
	}
	require(image.sector == 512 || image.sector == 4096);
	format = blk_format(&image);
	if (format) {
		blk_format_command(format, "x", command, sizeof(command));
		require(strstr(command, "NEW.img"));
		fuzz_count.formats++;
	}
	fuzz_count.table[image.table]++;
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

#define IMAGE	(16u * 512)

static size_t image_seed(uint8_t *data)
{
	uint32_t bytes = 0x100001;
	uint8_t *disk = data + HEADER;

	memset(data, 0, HEADER + IMAGE);
	memcpy(data, &bytes, HEADER);
	switch (fuzz_dice(4)) {
	case 0:
		image_gpt(disk, 512, bytes / 512, bytes / 512 - 34);
		break;
	case 1:
		memset(disk, 0, IMAGE);
		image_mbr(disk, 0, 0xee, 1, 0xffffffff);
		memcpy(disk + 4096, "EFI PART", 8);
		image_put32(disk + 4096 + 12, 92);
		image_put64(disk + 4096 + 24, 1);
		image_put32(disk + 4096 + 80, 4);
		image_put32(disk + 4096 + 84, 128);
		break;
	case 2:
		memcpy(disk, fuzz_dice(2) ? "QFI\xfb\0\0\0\3" :
		       "\x1f\x8b\x08\0\0\0\0", 8);
		break;
	default:
		image_mbr(disk, 0, 0x83, 1, 10);
		image_mbr(disk, 1, 0x05, 4, 2000);
		image_mbr(disk + 4 * 512, 0, 0x83, 1, 3);
		image_mbr(disk + 4 * 512, 1, 0x05, 5, 9);
		image_mbr(disk + 9 * 512, 0, 0x83, 1, 4);
		break;
	}
	return HEADER + IMAGE;
}

static void image_hot(uint32_t *at, uint32_t *bytes)
{
	static const uint16_t hot[][2] = {
		{ HEADER + 446, 66 }, { HEADER + 512, 92 },
		{ HEADER + 1024, 128 }, { HEADER + 4096, 92 },
		{ HEADER + 4 * 512 + 446, 66 }, { HEADER + 9 * 512 + 446, 66 },
	};
	uint32_t n = fuzz_dice(6);

	*at = hot[n][0];
	*bytes = hot[n][1];
}

static int image_report(unsigned long inputs)
{
	printf("%lu inputs: %lu without a table, %lu MBR, %lu GPT; %lu too "
	       "short, %lu partitions, %lu not raw\n", inputs,
	       fuzz_count.table[0], fuzz_count.table[1],
	       fuzz_count.table[2], fuzz_count.shorter,
	       fuzz_count.checked, fuzz_count.formats);
	return fuzz_count.table[1] < inputs / 10 ||
	       fuzz_count.table[2] < inputs / 10 ||
	       fuzz_count.shorter < inputs / 50 ||
	       fuzz_count.checked < inputs / 10 ||
	       fuzz_count.formats < inputs / 50;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_image",
	.max = HEADER + IMAGE,
	.seed = image_seed,
	.hot = image_hot,
	.report = image_report,
};
