// SPDX-License-Identifier: GPL-2.0-only
/* decode_none.c - of a build without Zydis. */
#include <string.h>

#include "decode.h"

const char *decode_missing(void)
{
	return "this build has no decoder of instructions (Zydis)";
}

void decode(const uint8_t *at, size_t left, struct insn *insn)
{
	(void)at;
	(void)left;
	memset(insn, 0, sizeof(*insn));
	insn->bytes = 1;
	insn->class = INSN_UNKNOWN;
}

enum insn_ecx decode_ecx(const uint8_t *at, size_t left, uint32_t *constant)
{
	(void)at;
	(void)left;
	(void)constant;
	return ECX_LOST;
}
