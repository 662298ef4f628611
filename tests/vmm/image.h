/* SPDX-License-Identifier: GPL-2.0-only */
/* image.h - disk images with partition tables, for tests. */
#ifndef TEST_VMM_IMAGE_H
#define TEST_VMM_IMAGE_H

#include <stdint.h>
#include <string.h>

#define IMAGE_SECTORS	2048u

static inline void image_put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static inline void image_put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, 8);
}

/* Entry n, 0 .. 3, of the table in this sector. */
static inline void image_mbr(uint8_t *sector, uint32_t n, uint8_t type,
			     uint32_t start, uint32_t count)
{
	uint8_t *entry = sector + 446 + 16 * n;

	sector[510] = 0x55;
	sector[511] = 0xaa;
	entry[4] = type;
	image_put32(entry + 8, start);
	image_put32(entry + 12, count);
}

static inline uint32_t image_crc(const uint8_t *at, size_t bytes)
{
	uint32_t crc = ~0u, bit;

	while (bytes--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* The header's checksum, after a change. */
static inline void image_gpt_seal(uint8_t *header)
{
	image_put32(header + 16, 0);
	image_put32(header + 16, image_crc(header, 92));
}

/* A GPT with one partition up to last, on a disk of this many sectors. */
static inline void image_gpt(uint8_t *disk, uint32_t sector, uint64_t sectors,
			     uint64_t last)
{
	uint8_t *header = disk + sector, *entry = disk + 2 * sector;

	image_mbr(disk, 0, 0xee, 1, 0xffffffff);
	memcpy(header, "EFI PART", 8);
	image_put32(header + 8, 0x10000);
	image_put32(header + 12, 92);
	image_put64(header + 24, 1);
	image_put64(header + 32, sectors - 1);
	image_put64(header + 72, 2);
	image_put32(header + 80, 4);
	image_put32(header + 84, 128);
	memset(entry, 0x11, 32);
	image_put64(entry + 32, 6);
	image_put64(entry + 40, last);
	image_gpt_seal(header);
}

#endif /* TEST_VMM_IMAGE_H */
