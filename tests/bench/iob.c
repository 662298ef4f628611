// SPDX-License-Identifier: GPL-2.0-only
/*
 * iob.c - what a request to a disk costs.
 *
 *	iob ROW DISK
 *
 * One static program, the same bytes in every world (bench.h).  All transfers
 * go past the cache (O_DIRECT), so each is one request to the disk; the kernel
 * interface for many at once is Linux AIO, which every world has.
 *
 * The disk is overwritten with what stands in the buffers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define KIB	1024u
#define MIB	(1024u * KIB)
#define SMALL	(4u * KIB)
#define DEPTH	32u

static int disk;
static uint64_t disk_bytes;
static unsigned char *buffer;		/* DEPTH small ones, or a large one */
static aio_context_t aio;

static void must(int good, const char *what)
{
	if (!good)
		bench_fail("iob", what);
}

/* A small block anywhere, in an order that repeats (Knuth's MMIX). */
static uint64_t anywhere(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % (disk_bytes / SMALL) * SMALL;
}

static uint64_t next_place(size_t bytes)
{
	static uint64_t place;

	if (place + bytes > disk_bytes)
		place = 0;
	place += bytes;
	return place - bytes;
}

static void random_4k(unsigned int ops)
{
	while (ops--)
		must(pread(disk, buffer, SMALL, (off_t)anywhere()) == SMALL,
		     "pread");
}

static void sequential(unsigned int ops, size_t bytes)
{
	while (ops--)
		must(pread(disk, buffer, bytes, (off_t)next_place(bytes)) ==
		     (ssize_t)bytes, "pread");
}

static void sequential_64k(unsigned int ops)
{
	sequential(ops, 64 * KIB);
}

static void sequential_1m(unsigned int ops)
{
	sequential(ops, MIB);
}

static void write_flush(unsigned int ops)
{
	while (ops--) {
		must(pwrite(disk, buffer, SMALL, (off_t)anywhere()) == SMALL,
		     "pwrite");
		must(!fdatasync(disk), "fdatasync");
	}
}

/* Always as many in flight as the depth says, while there are any to do. */
static void random_4k_deep(unsigned int ops)
{
	static struct iocb block[DEPTH];
	struct iocb *list[DEPTH];
	struct io_event done[DEPTH];
	unsigned int i, begun = 0, ended = 0;
	long n = DEPTH;

	for (i = 0; i < DEPTH; i++)
		done[i].data = i;
	while (ended < ops) {
		for (i = 0; i < (unsigned long)n && begun < ops; i++) {
			struct iocb *one = &block[done[i].data];

			one->aio_data = done[i].data;
			one->aio_lio_opcode = IOCB_CMD_PREAD;
			one->aio_fildes = (uint32_t)disk;
			one->aio_buf = (uintptr_t)buffer +
				       done[i].data * SMALL;
			one->aio_nbytes = SMALL;
			one->aio_offset = (int64_t)anywhere();
			list[i] = one;
			begun++;
		}
		must(!i || syscall(SYS_io_submit, aio, (long)i, list) ==
		     (long)i, "io_submit");
		n = syscall(SYS_io_getevents, aio, 1L, (long)DEPTH, done,
			    NULL);
		must(n > 0, "io_getevents");
		for (i = 0; i < (unsigned long)n; i++)
			must(done[i].res == SMALL, "a read by AIO");
		ended += (unsigned int)n;
	}
}

static const struct bench_row rows[] = {
	{ "block_4k", random_4k, 32, 16 },
	{ "block_4k_q32", random_4k_deep, 512, 8 },
	{ "block_64k", sequential_64k, 16, 16 },
	{ "block_1m", sequential_1m, 8, 8 },
	{ "block_flush", write_flush, 16, 16 },
};

static void open_disk(const char *path)
{
	disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	must(disk >= 0 && !ioctl(disk, BLKGETSIZE64, &disk_bytes), path);
	must(disk_bytes >= MIB, "a disk of 1 MiB");
	must(!posix_memalign((void **)&buffer, SMALL, MIB), "memory");
	memset(buffer, 0x5a, MIB);
	must(!syscall(SYS_io_setup, DEPTH, &aio), "io_setup");
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc != 3 || strcmp(argv[1], rows[i].name))
			continue;
		open_disk(argv[2]);
		bench_run("iob", &rows[i]);
		return 0;
	}
	fputs("usage: iob ROW DISK\n", stderr);
	return 2;
}
