// SPDX-License-Identifier: GPL-2.0-only
/* unpack_lzma.c - kernels packed with xz or lzma. */
#include <lzma.h>

#include "kernel_file.h"

int unpack_lzma(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret ret;

	/* Reads both .xz and the older .lzma. */
	if (lzma_auto_decoder(&s, 512u << 20, 0) != LZMA_OK) {
		*reason = "no memory";
		return -1;
	}
	s.next_in = in;
	s.avail_in = in_bytes;
	s.next_out = out;
	s.avail_out = out_bytes;
	ret = lzma_code(&s, LZMA_RUN);
	*got = s.total_out;
	lzma_end(&s);
	if (ret == LZMA_STREAM_END)
		return 0;
	*reason = ret == LZMA_OK || ret == LZMA_BUF_ERROR ?
		  UNPACK_WRONG_SIZE : UNPACK_CORRUPT;
	return -1;
}
