// SPDX-License-Identifier: GPL-2.0-only
/* visible.c - text of others, made fit for a terminal. */
#include <stdio.h>
#include <string.h>

#include "visible.h"

uint32_t utf8_next(const char *text, size_t max, size_t *bytes)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t i, n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 :
		      c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
	uint32_t character = n == 1 ? c[0] : c[0] & 0x7fu >> n;

	*bytes = 0;
	if (!n || n > max)
		return 0;
	for (i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (c[i] & 0x3f);
	}
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	*bytes = n;
	return character;
}

int is_visible(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	return c != 0x061c && c != 0x200e && c != 0x200f &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t visible(char *to, size_t size, const char *text, size_t max)
{
	size_t len = 0, i, n, left = strnlen(text, max);
	uint32_t character;
	int good;

	to[0] = '\0';
	for (; left; text += n, left -= n) {
		character = utf8_next(text, left, &n);
		good = n && is_visible(character);
		n = n ? n : 1;
		if (len + (good ? 1 : VISIBLE_GROWS) * n >= size)
			break;
		for (i = 0; i < n; i++) {
			if (good)
				to[len++] = text[i];
			else
				len += (size_t)sprintf(to + len, "\\x%02x",
						(unsigned char)text[i]);
		}
		to[len] = '\0';
	}
	return len;
}
