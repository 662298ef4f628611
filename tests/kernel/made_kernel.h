/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * made_kernel.h - a vmlinux of a few functions, with the symbols and tables of
 * a real one: for tests, and as what the fuzzer spoils.
 */
#ifndef CVM_MADE_KERNEL_H
#define CVM_MADE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define MADE_TEXT	0xffffffff81000000ull

enum made_part {
	MADE_TEXT_PART,
	MADE_RODATA,
	MADE_DATA,
	MADE_ALTERNATIVES,
	MADE_REPLACEMENTS,
	MADE_RETURNS,
	MADE_CALLS,
	MADE_LOCKS,
	MADE_PARTS
};

struct made_symbol {
	char name[64];
	uint64_t gva;
};

struct made_kernel {
	struct {
		uint8_t data[24576];
		size_t bytes;
	} part[MADE_PARTS];
	struct made_symbol symbol[512];
	uint32_t symbols;
	uint8_t file[131072];
	size_t bytes;
};

/* made_begin - an empty one, with _text. */
void made_begin(struct made_kernel *made);

/* made_function - code from a boundary of 16 on, after int3s; its address. */
uint64_t made_function(struct made_kernel *made, const char *name,
		       const void *code, size_t bytes);

/* made_symbol - of any place. */
void made_symbol(struct made_kernel *made, const char *name, uint64_t gva);

/* made_add - bytes at the end of a part; their address. */
uint64_t made_add(struct made_kernel *made, enum made_part part,
		  const void *data, size_t bytes);

/* made_here - the end of a part. */
uint64_t made_here(const struct made_kernel *made, enum made_part part);

/* made_alternative - an entry of 14 bytes, as of 6.3. */
void made_alternative(struct made_kernel *made, uint64_t gva, uint8_t bytes,
		      const void *replacement, uint8_t replacement_bytes);

/* made_place - an entry of 4 bytes that leads to gva. */
void made_place(struct made_kernel *made, enum made_part part, uint64_t gva);

/* made_end - symbols, headers: file and bytes are there then. */
void made_end(struct made_kernel *made);

#endif /* CVM_MADE_KERNEL_H */
