// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsyncer.c - writes numbered records to a disk, one after the other, and says
 * "N\n" on stdout once the N-th is promised to be there.
 *
 *	fsyncer DISK		write for ever
 *	fsyncer check IMAGE	how many records an image has, from the first
 *				on without a gap
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD	4096u
#define WORDS	(RECORD / sizeof(uint64_t))

/* Every word depends on number and place: a torn record is none. */
static void fill(uint64_t *record, uint64_t number)
{
	uint64_t x = number * 0x9e3779b97f4a7c15ull + 1;
	uint32_t i;

	record[0] = number;
	for (i = 1; i < WORDS; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		record[i] = x * 0x2545f4914f6cdd1dull;
	}
}

static int failed(const char *what)
{
	fprintf(stderr, "fsyncer: %s: %s\n", what, strerror(errno));
	return 1;
}

static int write_all(const char *path)
{
	static uint64_t record[WORDS];
	int fd = open(path, O_WRONLY);
	uint64_t n;

	if (fd < 0)
		return failed(path);
	for (n = 1;; n++) {
		fill(record, n);
		if (pwrite(fd, record, RECORD, (off_t)(n * RECORD)) != RECORD)
			return failed("write");
		if (fdatasync(fd))
			return failed("fdatasync");
		printf("%llu\n", (unsigned long long)n);
		fflush(stdout);
	}
}

static int check(const char *path)
{
	static uint64_t record[WORDS], right[WORDS];
	int fd = open(path, O_RDONLY);
	uint64_t n;

	if (fd < 0)
		return failed(path);
	for (n = 1;; n++) {
		fill(right, n);
		if (pread(fd, record, RECORD, (off_t)(n * RECORD)) != RECORD ||
		    memcmp(record, right, RECORD))
			break;
	}
	printf("%llu\n", (unsigned long long)(n - 1));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "check"))
		return check(argv[2]);
	if (argc == 2)
		return write_all(argv[1]);
	fprintf(stderr, "usage: fsyncer DISK | fsyncer check IMAGE\n");
	return 2;
}
