// SPDX-License-Identifier: GPL-2.0-only
/* unpack_lzma_none.c - no liblzma in this build. */
#include "kernel_file.h"

int unpack_lzma(const uint8_t *in, uint64_t in_bytes, uint8_t *out,
		uint64_t out_bytes, uint64_t *got, const char **reason)
{
	(void)in, (void)in_bytes, (void)out, (void)out_bytes, (void)got;
	*reason = "this cvmctl was built without liblzma; give the vmlinux "
		  "file instead";
	return -1;
}
