/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h - what the bench programs share: instructions, marks, batches.
 *
 * Under QEMU's icount the TSC counts instructions, so a difference of two
 * RDTSC is the number of instructions between them, exactly, in every world of
 * the machine.  A batch that a tick fell into costs more, so a row is the
 * cheapest of several batches.
 *
 * Around each batch stand two marker instructions (a long NOP with a number
 * in it) from which the opmix plugin knows what to count.
 */
#ifndef CVM_BENCH_H
#define CVM_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* nopl 0x4d420000+n(%rax,%rax): opmix reads n (begin: row, end: 0x80). */
#define MARK(n)	asm volatile(".byte 0x0f,0x1f,0x84,0x00\n\t" \
			     ".long 0x4d420000 + %c0" :: "i"(n) : "memory")
#define MARK_DEVICE	32	/* rows of devices: their order tells which */
#define MARK_END	0x80

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

#define BENCH_BATCHES_MAX	64

/* A row of a device: its operations are in flight outside the program too. */
struct bench_row {
	const char *name;
	void (*run)(unsigned int ops);
	unsigned int ops;
	unsigned int batches;
};

/*
 * bench_run - measure a row: "PROGRAM ROW BATCH OPS TSC" for each batch, then
 * "PROGRAM total ROW N", the operations done with those of the first batch,
 * which is not measured.
 */
static inline void bench_run(const char *program, const struct bench_row *row)
{
	static uint64_t cost[BENCH_BATCHES_MAX];
	unsigned int b;

	row->run(row->ops);	/* warm */
	for (b = 0; b < row->batches; b++) {
		uint64_t begin;

		MARK(MARK_DEVICE);
		begin = rdtsc();
		row->run(row->ops);
		cost[b] = rdtsc() - begin;
		MARK(MARK_END);
	}
	for (b = 0; b < row->batches; b++)
		printf("%s %s %u %u %llu\n", program, row->name, b, row->ops,
		       (unsigned long long)cost[b]);
	printf("%s total %s %u\n", program, row->name,
	       row->ops * (row->batches + 1));
}

/* bench_fail - say what failed, and end. */
static inline void bench_fail(const char *program, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", program);
	perror(what);
	exit(1);
}

#endif /* CVM_BENCH_H */
