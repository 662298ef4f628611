/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * string.c - what this host itself needs besides hosts/freestanding.c.
 */
#include "bare.h"

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}
