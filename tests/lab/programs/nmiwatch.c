// SPDX-License-Identifier: GPL-2.0-only
/*
 * nmiwatch.c - print how many NMIs this machine has taken, whenever that
 * number changes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_US	500

/* The sum over all CPUs. */
static unsigned long nmis(int fd)
{
	static char text[65536];
	ssize_t n, have = 0;
	unsigned long sum = 0;
	char *p, *end;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, text + have,
			 sizeof(text) - 1 - (size_t)have)) > 0)
		have += n;
	text[have] = 0;
	p = strstr(text, "NMI:");
	if (!p)
		exit(1);
	for (p += 4; *p == ' ' && (p[1] == ' ' || (p[1] >= '0' &&
						   p[1] <= '9')); p = end) {
		unsigned long one = strtoul(p, &end, 10);

		if (end == p)
			break;
		sum += one;
	}
	return sum;
}

int main(void)
{
	int fd = open("/proc/interrupts", O_RDONLY);
	unsigned long now, before = ~0ul;

	if (fd < 0)
		return 1;
	for (;;) {
		now = nmis(fd);
		if (now != before) {
			printf("%lu\n", now);
			fflush(stdout);
			before = now;
		}
		usleep(PAUSE_US);
	}
}
