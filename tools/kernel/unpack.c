// SPDX-License-Identifier: GPL-2.0-only
/*
 * unpack.c - the compression methods of kernel images.
 *
 * Each method knows its own end; a kernel's build appends four bytes of size
 * that belong to none of them.
 */
#include <string.h>

#include <zlib.h>

#include "kernel_file.h"

/* Lengths are bounded by the loader: a payload's length has 32 bits. */
static int gzip(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason)
{
	z_stream z;
	int ret;

	memset(&z, 0, sizeof(z));
	z.next_in = (uint8_t *)(uintptr_t)in;
	z.avail_in = (uInt)in_bytes;
	z.next_out = out;
	z.avail_out = (uInt)out_bytes;
	/* 16 selects the gzip format. */
	if (inflateInit2(&z, 15 + 16) != Z_OK) {
		*reason = "no memory";
		return -1;
	}
	ret = inflate(&z, Z_FINISH);
	*got = z.total_out;
	inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return 0;
	*reason = ret == Z_BUF_ERROR ? UNPACK_WRONG_SIZE : UNPACK_CORRUPT;
	return -1;
}

int unpack(uint32_t kind, const uint8_t *in, uint64_t in_bytes, uint8_t *out,
	   uint64_t out_bytes, uint64_t *got, const char **reason)
{
	switch (kind) {
	case CVM_PACK_GZIP:
		return gzip(in, in_bytes, out, out_bytes, got, reason);
	case CVM_PACK_ZSTD:
		return unpack_zstd(in, in_bytes, out, out_bytes, got, reason);
	case CVM_PACK_LZ4:
		return unpack_lz4(in, in_bytes, out, out_bytes, got, reason);
	case CVM_PACK_XZ:
	case CVM_PACK_LZMA:
		return unpack_lzma(in, in_bytes, out, out_bytes, got, reason);
	default:
		*reason = "only gzip, zstd, xz, lzma and lz4 are known here; "
			  "give the vmlinux file instead";
		return -1;
	}
}
