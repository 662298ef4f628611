// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay.c - run a fuzz target without libFuzzer.
 *
 *	fuzz_NAME [-k] [-n MUTATIONS] [-s SEED] [FILE|DIRECTORY...]
 *	fuzz_NAME -w DIRECTORY [-n INPUTS] [-s SEED]
 *
 * Runs each file, then MUTATIONS changed copies of the target's own good
 * inputs.  The same numbers give the same inputs on every machine.  With -k
 * each input is written to fuzz-crash.bin before it is run, so a failing one
 * stays there.  -w writes good inputs, for libFuzzer to begin with.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

static unsigned long inputs;
static int keep;

static int save(const char *path, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	size_t done = file ? fwrite(data, 1, size, file) : 0;

	return !file || fclose(file) || done != size ? -1 : 0;
}

/* Copied into a block of its exact size, for the sanitizer. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (keep)
		save("fuzz-crash.bin", data, size);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	inputs++;
}

/* Most of what matters stands in headers and the like. */
static size_t place(size_t size, uint32_t width)
{
	uint32_t hot, bytes;
	size_t at;

	fuzz_target.hot(&hot, &bytes);
	at = fuzz_dice(4) && hot + bytes <= size ? hot + fuzz_dice(bytes) :
	     fuzz_dice((uint32_t)size);
	if (fuzz_dice(2))
		at &= ~(size_t)(width - 1);
	return at > size - width ? size - width : at;
}

static void mutate_once(uint8_t *data, size_t size)
{
	static const uint64_t special[] = {
		0, 1, 2, 3, 4, 7, 8, 0xfff, 0x1000, 0x1ff000, 0x200000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x40000000, 0x1000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000,
		0xffffffffffffffff, 0xfffffffffffffff8, 0xfffffffffffff000,
	};
	static const uint8_t widths[] = { 1, 2, 4, 8 };
	uint32_t width = widths[fuzz_dice(4)];
	uint64_t value = 0;
	size_t at;

	if (size < 8)
		return;
	at = place(size, width);
	switch (fuzz_dice(4)) {
	case 0:
		data[at] ^= (uint8_t)(1u << fuzz_dice(8));
		return;
	case 1:
		value = special[fuzz_dice(sizeof(special) /
					  sizeof(special[0]))];
		break;
	case 2:
		memcpy(&value, data + at, width);
		value += (uint64_t)fuzz_dice(65) - 32;
		break;
	default:
		value = fuzz_dice(UINT32_MAX);
		value = value << 32 | fuzz_dice(UINT32_MAX);
		break;
	}
	memcpy(data + at, &value, width);
}

static void mutate(unsigned long count)
{
	uint8_t *data = malloc(fuzz_target.max);
	uint32_t changes;
	size_t size;

	if (!data)
		abort();
	while (count--) {
		size = fuzz_target.seed(data);
		for (changes = fuzz_dice(4) + 1; changes; changes--)
			mutate_once(data, size);
		if (!fuzz_dice(8))
			size = fuzz_dice((uint32_t)size + 1);
		run(data, size);
	}
	free(data);
}

static int complain(const char *name)
{
	fprintf(stderr, "%s: %s: %s\n", fuzz_target.name, name,
		strerror(errno));
	return 1;
}

static int run_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;

	if (!file)
		return complain(name);
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

/* A file, or the files of a directory in their alphabetical order. */
static int run_path(const char *name)
{
	struct dirent **entry;
	char path[4096];
	int i, count, bad = 0;

	count = scandir(name, &entry, NULL, alphasort);
	if (count < 0)
		return errno == ENOTDIR ? run_file(name) : complain(name);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", name, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			bad |= run_file(path);
		free(entry[i]);
	}
	free(entry);
	return bad;
}

static int write_seeds(const char *directory, unsigned long count)
{
	uint8_t *data = malloc(fuzz_target.max);
	char path[4096];
	int bad = !data;

	while (count-- && !bad) {
		snprintf(path, sizeof(path), "%s/seed-%lu", directory, count);
		if (save(path, data, fuzz_target.seed(data)))
			bad = complain(path);
	}
	free(data);
	return bad;
}

static int usage(void)
{
	fprintf(stderr, "usage: %s [-k] [-n MUTATIONS] [-s SEED] [FILE|"
		"DIRECTORY...]\n       %s -w DIRECTORY [-n INPUTS] [-s "
		"SEED]\n", fuzz_target.name, fuzz_target.name);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long count = 20000;
	const char *seeds = NULL;
	int opt, bad = 0;

	while ((opt = getopt(argc, argv, "kn:s:w:")) != -1) {
		switch (opt) {
		case 'k':
			keep = 1;
			break;
		case 'n':
			count = strtoul(optarg, NULL, 0);
			break;
		case 's':
			fuzz_state = strtoull(optarg, NULL, 0) * 2 + 1;
			break;
		case 'w':
			seeds = optarg;
			break;
		default:
			return usage();
		}
	}
	if (seeds)
		return write_seeds(seeds, count);
	for (; optind < argc; optind++)
		bad |= run_path(argv[optind]);
	mutate(count);
	if (fuzz_target.report(inputs) && count >= 1000)
		bad = 1;
	return bad;
}
