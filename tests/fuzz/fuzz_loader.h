/* SPDX-License-Identifier: GPL-2.0-only */
/* fuzz_loader.h - between the fuzz target and whoever feeds it. */
#ifndef CVM_FUZZ_LOADER_H
#define CVM_FUZZ_LOADER_H

#include <stddef.h>
#include <stdint.h>

/* How far inputs came, to see that the fuzzer reaches everything. */
struct fuzz_count {
	unsigned long runs;
	unsigned long parsed;	/* complete kernels by the parser's word */
	unsigned long loaded;	/* planned and written */
};

extern struct fuzz_count fuzz_count;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* CVM_FUZZ_LOADER_H */
