// SPDX-License-Identifier: GPL-2.0-only
/* dice.c - xorshift64* (Vigna 2016): small, fast, the same everywhere. */
#include "replay.h"

uint64_t fuzz_state = 1;

uint32_t fuzz_dice(uint32_t sides)
{
	fuzz_state ^= fuzz_state >> 12;
	fuzz_state ^= fuzz_state << 25;
	fuzz_state ^= fuzz_state >> 27;
	return (uint32_t)((fuzz_state * 0x2545f4914f6cdd1dull) >> 32) % sides;
}
