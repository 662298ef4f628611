// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay.c - run the fuzz target without libFuzzer.
 *
 *	fuzz_loader [-k] [-n MUTATIONS] [-s SEED] [FILE...]
 *
 * Runs each file, then MUTATIONS changed copies of two built-in kernels.  The
 * same numbers give the same inputs on every machine.  With -k each input is
 * written to fuzz-crash.bin before it is run, so a failing one stays there.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/boot_image.h"
#include "fuzz_loader.h"

#define ELF_HOT		0x200u		/* ELF and program headers */

static uint64_t seed = 1;

/* xorshift64* (Vigna 2016): small, fast, the same everywhere. */
static uint32_t dice(uint32_t sides)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1dull) >> 32) % sides;
}

/* Copied into a block of its exact size, for the sanitizer. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void mutate_once(uint8_t *data, size_t size, uint32_t hot_at,
			uint32_t hot_bytes)
{
	static const uint64_t special[] = {
		0, 1, 2, 3, 4, 7, 8, 0xfff, 0x1000, 0x1ff000, 0x200000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x40000000, 0x1000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000,
		0xffffffffffffffff, 0xfffffffffffffff8, 0xfffffffffffff000,
	};
	static const uint8_t widths[] = { 1, 2, 4, 8 };
	uint32_t width = widths[dice(4)];
	uint64_t value = 0;
	size_t at;

	if (size < 8)
		return;
	/* Most of what matters stands in headers and notes. */
	at = dice(4) && hot_at + hot_bytes <= size ?
	     hot_at + dice(hot_bytes) : dice((uint32_t)size);
	if (dice(2))
		at &= ~(size_t)(width - 1);
	if (at > size - width)
		at = size - width;
	switch (dice(4)) {
	case 0:
		data[at] ^= (uint8_t)(1u << dice(8));
		return;
	case 1:
		value = special[dice(sizeof(special) / sizeof(special[0]))];
		break;
	case 2:
		memcpy(&value, data + at, width);
		value += (uint64_t)dice(65) - 32;
		break;
	default:
		value = (uint64_t)dice(UINT32_MAX) << 32 | dice(UINT32_MAX);
		break;
	}
	memcpy(data + at, &value, width);
}

static void save(const uint8_t *data, size_t size)
{
	FILE *file = fopen("fuzz-crash.bin", "wb");

	if (!file)
		return;
	fwrite(data, 1, size, file);
	fclose(file);
}

static void mutate(unsigned long count, int keep)
{
	static uint8_t elf[TEST_ELF_BYTES];
	static uint8_t data[TEST_BZ_PAYLOAD + TEST_ELF_BYTES];
	uint32_t base, hot, hot_bytes, changes;
	unsigned long n;
	size_t size;

	test_elf(elf);
	for (n = 0; n < count; n++) {
		base = dice(2) ? TEST_BZ_PAYLOAD : 0;
		size = base + sizeof(elf);
		if (base)
			test_bzimage(data, elf, sizeof(elf));
		else
			memcpy(data, elf, sizeof(elf));
		for (changes = dice(4) + 1; changes; changes--) {
			hot = base;
			hot_bytes = ELF_HOT;
			if (!dice(3)) {
				hot = base + TEST_NOTE_OFF;
				hot_bytes = 0x80;
			} else if (base && dice(2)) {
				hot = 0x1f1;
				hot_bytes = 0x7b;
			}
			mutate_once(data, size, hot, hot_bytes);
		}
		if (!dice(8))
			size = dice((uint32_t)size + 1);
		if (keep)
			save(data, size);
		run(data, size);
	}
}

static int run_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;

	if (!file) {
		fprintf(stderr, "fuzz_loader: %s: %s\n", name,
			strerror(errno));
		return 1;
	}
	do {
		data = realloc(data, size + 65536);
		if (!data)
			abort();
		got = fread(data + size, 1, 65536, file);
		size += got;
	} while (got);
	fclose(file);
	run(data, size);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long count = 20000;
	int opt, keep = 0, bad = 0;

	while ((opt = getopt(argc, argv, "kn:s:")) != -1) {
		switch (opt) {
		case 'k':
			keep = 1;
			break;
		case 'n':
			count = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0) * 2 + 1;
			break;
		default:
			fprintf(stderr, "usage: fuzz_loader [-k] [-n "
				"MUTATIONS] [-s SEED] [FILE...]\n");
			return 2;
		}
	}
	for (; optind < argc; optind++)
		bad |= run_file(argv[optind]);
	mutate(count, keep);
	printf("%lu inputs, %lu accepted, %lu loaded\n", fuzz_count.runs,
	       fuzz_count.parsed, fuzz_count.loaded);
	/* A fuzzer that never gets past the parser tests nothing. */
	if (count >= 1000 && fuzz_count.loaded < count / 100)
		bad = 1;
	return bad;
}
