// SPDX-License-Identifier: GPL-2.0-only
/* output.c - problems, colours and names. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/error.h>

#include "cvmctl.h"
#include "os/os.h"
#include "os/visible.h"

const char *style(enum style which)
{
	static const char *const codes[] = {
		[STYLE_OFF] = "\033[0m",
		[STYLE_BOLD] = "\033[1m",
		[STYLE_GOOD] = "\033[32m",
		[STYLE_BAD] = "\033[31m",
		[STYLE_NOTE] = "\033[33m",
	};
	const char *no_color = getenv("NO_COLOR");

	if (!os_colours() || (no_color && *no_color))
		return "";
	return codes[which];
}

int print_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	say("cvmctl: stdout: %s", strerror(errno));
	return EXIT_REFUSED;
}

void put_text(const char *text, size_t max)
{
	char out[VISIBLE_GROWS * 128 + 1];
	size_t n;

	/* In pieces that do not cut a character in two. */
	for (; max && *text; text += n, max -= n) {
		n = strnlen(text, max < 128 ? max : 128);
		while (n > 124 && n < max && (text[n] & 0xc0) == 0x80)
			n--;
		visible(out, sizeof(out), text, n);
		fputs(out, stdout);
	}
}

size_t text_width(const char *text, size_t max)
{
	char out[VISIBLE_GROWS * 128 + 1];

	return visible(out, sizeof(out), text, max);
}

void put_column(const char *text, size_t max, size_t width)
{
	size_t used = text_width(text, max);

	put_text(text, max);
	printf("%*s", used < width ? (int)(width - used) : 0, "");
}
