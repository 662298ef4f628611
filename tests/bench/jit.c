// SPDX-License-Identifier: GPL-2.0-only
/*
 * jit.c - how late a sleeper wakes.
 *
 * Sleeps about 1 ms (absolute deadlines) again and again and prints how much
 * later than asked it ran, from the clock: nanoseconds, which under QEMU's
 * icount are instructions.  It runs under SCHED_FIFO, so that neither timer
 * slack nor the fair scheduler's choice is measured.
 *
 * Who wakes while a tick is served waits for it.  Ticks are 4 ms apart, and
 * 4000 deadlines with 1.001 ms between them meet each microsecond of that once:
 * as many of them a tick in one run as in any other, wherever it begins.
 *
 *	jit TIMES	print "jit p50 P p99 P p99.9 P max M times N"
 *	jit spin	use the CPU for ever
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERIOD_NS	1001000

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

int main(int argc, char **argv)
{
	const struct sched_param fifo = { .sched_priority = 50 };
	struct timespec next, now;
	long times, i;
	int64_t *late;

	if (argc == 2 && !strcmp(argv[1], "spin"))
		for (;;)
			asm volatile("");
	times = argc == 2 ? atol(argv[1]) : 0;
	late = times > 0 ? calloc((size_t)times, sizeof(*late)) : NULL;
	if (!late) {
		fprintf(stderr, "usage: jit TIMES | jit spin\n");
		return 2;
	}
	if (sched_setscheduler(0, SCHED_FIFO, &fifo)) {
		perror("jit: SCHED_FIFO");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (i = 0; i < times; i++) {
		next.tv_nsec += PERIOD_NS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		late[i] = ns(&now) - ns(&next);
	}
	qsort(late, (size_t)times, sizeof(*late), by_size);
	printf("jit p50 %lld p99 %lld p99.9 %lld max %lld times %ld\n",
	       (long long)late[times / 2], (long long)late[times * 99 / 100],
	       (long long)late[times * 999 / 1000],
	       (long long)late[times - 1], times);
	return 0;
}
