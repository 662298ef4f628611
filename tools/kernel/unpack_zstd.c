// SPDX-License-Identifier: GPL-2.0-only
/* unpack_zstd.c - kernels packed with zstd. */
#include <zstd.h>

#include "kernel_file.h"

int unpack_zstd(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason)
{
	ZSTD_DCtx *dctx = ZSTD_createDCtx();
	ZSTD_outBuffer to = { out, out_bytes, 0 };
	ZSTD_inBuffer from = { in, in_bytes, 0 };
	size_t ret, before;

	if (!dctx) {
		*reason = "no memory";
		return -1;
	}
	/* Kernels are packed with windows of up to 128 MiB (zstd --ultra). */
	ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, 27);
	do {
		before = to.pos + from.pos;
		ret = ZSTD_decompressStream(dctx, &to, &from);
		if (ZSTD_isError(ret)) {
			*reason = ZSTD_getErrorName(ret);
			break;
		}
		if (ret && to.pos + from.pos == before)
			*reason = UNPACK_WRONG_SIZE;
	} while (ret && to.pos + from.pos != before);
	ZSTD_freeDCtx(dctx);
	*got = to.pos;
	return ret ? -1 : 0;
}
