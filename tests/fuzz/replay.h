/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h - between a fuzz target and whoever feeds it, libFuzzer or
 * replay.c.  For the latter a target makes good inputs, which replay.c then
 * spoils, and tells how far they came.
 */
#ifndef CVM_FUZZ_REPLAY_H
#define CVM_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a target brings. */
struct fuzz_target {
	const char *name;
	size_t max;		/* bytes of its longest good input */

	/* Write a good input; its size. */
	size_t (*seed)(uint8_t *data);

	/* A place in the last one where something matters. */
	void (*hot)(uint32_t *at, uint32_t *bytes);

	/*
	 * Say on stdout how far inputs came; 0 when that is far enough: a
	 * fuzzer that never gets past the first check tests nothing.
	 */
	int (*report)(unsigned long inputs);
};

extern const struct fuzz_target fuzz_target;

/* fuzz_dice - 0 .. sides - 1; the same everywhere for the same state. */
extern uint64_t fuzz_state;
uint32_t fuzz_dice(uint32_t sides);

#define require(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} \
} while (0)

#endif /* CVM_FUZZ_REPLAY_H */
