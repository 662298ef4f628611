// SPDX-License-Identifier: GPL-2.0-only
/*
 * unlz4.c - LZ4 as kernels use it: the "legacy frame", a magic number and
 * blocks of at most 8 MiB, each preceded by its packed length (LZ4 Block
 * Format Description and LZ4 Frame Format Description, "Legacy frame").
 */
#include <string.h>

#include "kernel_file.h"

#define MAGIC_BYTES	4u
#define BLOCK_MAX	(8u << 20)

struct cursor {
	const uint8_t *at, *end;
};

static uint32_t read_le32(const uint8_t *from)
{
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
	       (uint32_t)from[3] << 24;
}

/* A length of 15 goes on in the bytes that follow, up to one below 255. */
static int read_length(struct cursor *in, uint64_t *len)
{
	uint8_t more;

	if (*len != 15)
		return 0;
	do {
		if (in->at == in->end)
			return -1;
		more = *in->at++;
		*len += more;
	} while (more == 255);
	return 0;
}

/* One block to out[*pos..]; matches reach back to out[start] at most. */
static int block(struct cursor in, uint8_t *out, uint64_t start,
		 uint64_t limit, uint64_t *pos)
{
	uint64_t literals, match, offset;
	uint8_t token;

	while (in.at != in.end) {
		token = *in.at++;
		literals = token >> 4;
		if (read_length(&in, &literals) ||
		    literals > (uint64_t)(in.end - in.at) ||
		    literals > limit - *pos)
			return -1;
		memcpy(out + *pos, in.at, literals);
		in.at += literals;
		*pos += literals;
		if (in.at == in.end)
			return 0;	/* the last sequence has no match */
		if (in.end - in.at < 2)
			return -1;
		offset = in.at[0] | (uint64_t)in.at[1] << 8;
		in.at += 2;
		match = token & 15;
		if (read_length(&in, &match))
			return -1;
		match += 4;
		if (!offset || offset > *pos - start || match > limit - *pos)
			return -1;
		/* It may overlap what it writes: byte by byte. */
		for (; match; match--, (*pos)++)
			out[*pos] = out[*pos - offset];
	}
	return 0;
}

int unpack_lz4(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
	       uint64_t out_bytes, uint64_t *got, const char **reason)
{
	/* The last word is the size the kernel's build appends. */
	const uint8_t *at = in + MAGIC_BYTES, *end = in + in_bytes - 4;
	uint64_t limit, start;
	uint32_t packed;

	*got = 0;
	while (end - at >= 4) {
		packed = read_le32(at);
		at += 4;
		if (packed > (uint64_t)(end - at)) {
			*reason = UNPACK_WRONG_SIZE;
			return -1;
		}
		start = *got;
		limit = out_bytes - start > BLOCK_MAX ? start + BLOCK_MAX :
			out_bytes;
		if (block((struct cursor) { at, at + packed }, out, start,
			  limit, got)) {
			*reason = UNPACK_CORRUPT;
			return -1;
		}
		at += packed;
	}
	return 0;
}
