// SPDX-License-Identifier: GPL-2.0-only
/*
 * mb.c - what system calls, processes and page faults cost.
 *
 * One static program, the same bytes in every world; how it counts is told in
 * bench.h.
 *
 * Output: "mb ROW BATCH OPS TSC" for each batch, then "mb done".
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PAGE	4096ul
#define PAGES	512ul

static const char *self;

static void do_getppid(unsigned int ops)
{
	while (ops--)
		asm volatile("syscall" :: "a"(SYS_getppid)
			     : "rcx", "r11", "memory");
}

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		puts("mb failed: child");
		exit(1);
	}
}

static void do_fork(unsigned int ops)
{
	while (ops--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		wait_for(pid);
	}
}

static void do_exec(unsigned int ops)
{
	while (ops--) {
		pid_t pid = vfork();

		if (!pid) {
			execl(self, self, "exit", (char *)NULL);
			_exit(1);
		}
		wait_for(pid);
	}
}

static void do_anon_fault(unsigned int ops)
{
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (p == MAP_FAILED || madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE)) {
		/* EINVAL: a kernel without huge pages, which is as good. */
		if (p == MAP_FAILED)
			exit(1);
	}
	for (i = 0; i < ops; i++)
		*(volatile char *)(p + i * PAGE) = 1;
	munmap(p, PAGES * PAGE);
}

/*
 * What begins and ends a batch is not the operation's.  Where it would show,
 * batches of twice the length are measured, less the cheapest of the length.
 */
struct row {
	const char *name;
	void (*run)(unsigned int ops);
	unsigned int ops;
	unsigned int batches;
	int difference;
};

static const struct row rows[] = {
	{ "getppid", do_getppid, 200, 20, 1 },
	{ "fork", do_fork, 2, 60, 0 },
	{ "exec", do_exec, 1, 60, 0 },
	{ "anon_fault", do_anon_fault, PAGES, 20, 0 },
};

#define ROWS	(sizeof(rows) / sizeof(rows[0]))

static void mark_begin(size_t row)
{
	switch (row) {
	case 0: MARK(0); break;
	case 1: MARK(1); break;
	case 2: MARK(2); break;
	default: MARK(3); break;
	}
}

static uint64_t measure(const struct row *row, unsigned int ops)
{
	uint64_t begin = rdtsc();

	row->run(ops);
	return rdtsc() - begin;
}

int main(int argc, char **argv)
{
	static uint64_t cost[ROWS][BENCH_BATCHES_MAX], less[ROWS];
	unsigned int b;
	size_t r;

	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;
	self = argv[0];
	for (r = 0; r < ROWS; r++) {
		rows[r].run(rows[r].ops);	/* warm */
		for (b = 0; b < rows[r].batches; b++) {
			mark_begin(r);
			cost[r][b] = measure(&rows[r], rows[r].ops);
			MARK(MARK_END);
			if (!rows[r].difference)
				continue;
			if (!b || cost[r][b] < less[r])
				less[r] = cost[r][b];
			cost[r][b] = measure(&rows[r], 2 * rows[r].ops);
		}
	}
	for (r = 0; r < ROWS; r++)
		for (b = 0; b < rows[r].batches; b++)
			printf("mb %s %u %u %llu\n", rows[r].name, b,
			       rows[r].ops,
			       (unsigned long long)(cost[r][b] - less[r]));
	puts("mb done");
	return 0;
}
