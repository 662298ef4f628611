// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqwork.c - what a kernel does by an interrupt that it sends itself.
 *
 * perf may not wake or signal anybody where it counts: it queues irq_work, and
 * the interrupt comes as soon as interrupts are on.  So each store to a watched
 * variable brings its signal before the next store, and /proc/interrupts has
 * them all under IWI.  Prints "ok ..." or "not ok ...", and "N failed" at last.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STORES	1000

static volatile long watched;
static volatile sig_atomic_t signals;
static int failed;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void check(int good, const char *what, long got, long want)
{
	printf("%s %s\n", good ? "ok" : "not ok", what);
	if (!good) {
		printf("# got %ld, want %ld\n", got, want);
		failed++;
	}
}

/* All CPUs' counts of a line of /proc/interrupts. */
static long interrupts(const char *name)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[4096], *at;
	long sum = 0, n;
	int used;

	while (f && fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " ");
		if (strncmp(at, name, strlen(name)))
			continue;
		for (at += strlen(name); sscanf(at, " %ld%n", &n, &used) == 1;
		     at += used)
			sum += n;
	}
	if (f)
		fclose(f);
	return sum;
}

static int watch(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)&watched,
		.bp_len = sizeof(watched),
		.sample_period = 1,
		.wakeup_events = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	if (fd < 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) ||
	    fcntl(fd, F_SETSIG, SIGIO) || fcntl(fd, F_SETOWN, getpid()))
		return -1;
	return fd;
}

int main(void)
{
	long before, late = 0, i;
	uint64_t count = 0;
	int fd;

	signal(SIGIO, on_signal);
	fd = watch();
	check(fd >= 0, "a breakpoint that counts", fd, 3);
	before = interrupts("IWI:");
	for (i = 1; fd >= 0 && i <= STORES; i++) {
		watched = i;
		late += signals != i;
	}
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		count = 0;
	check(count == STORES, "it counts each store", (long)count, STORES);
	check(signals == STORES, "each store brings a signal", signals,
	      STORES);
	check(!late, "before the next one", late, 0);
	i = interrupts("IWI:") - before;
	check(i >= STORES, "IWI has them", i, STORES);
	printf("%d failed\n", failed);
	return failed != 0;
}
