/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.c - results and command-line arguments of a test image.
 */
#include "bare.h"

char bare_cmdline[512];

static uint32_t passed, failed, skipped;

static void line(const char *verdict, const char *fmt, va_list args)
{
	bare_printf("%s: ", verdict);
	bare_vprintf(fmt, args);
	bare_puts("\n");
}

void bare_report(int pass, const char *fmt, ...)
{
	va_list args;

	if (pass)
		passed++;
	else
		failed++;
	va_start(args, fmt);
	line(pass ? "PASS" : "FAIL", fmt, args);
	va_end(args);
}

void bare_skip(const char *fmt, ...)
{
	va_list args;

	skipped++;
	va_start(args, fmt);
	line("SKIP", fmt, args);
	va_end(args);
}

void bare_summary(void)
{
	bare_printf("%u passed, %u failed, %u skipped\n", passed, failed,
		    skipped);
	bare_exit(failed || !passed ? BARE_EXIT_FAIL : BARE_EXIT_PASS);
}

/* The text after "name" where a word of the command line starts with it. */
static const char *find_word(const char *name)
{
	size_t n = strlen(name);
	const char *p = bare_cmdline;

	while (*p) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, name, n))
			return p + n;
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

uint64_t bare_arg(const char *name, uint64_t def)
{
	const char *p = find_word(name);
	uint64_t v = 0;

	if (!p || *p != '=')
		return def;
	for (p++; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

int bare_arg_is(const char *name, const char *value)
{
	const char *p = find_word(name);
	size_t n = strlen(value);

	return p && *p == '=' && !strncmp(p + 1, value, n) &&
	       (p[1 + n] == ' ' || !p[1 + n]);
}

int bare_arg_flag(const char *word)
{
	const char *p = find_word(word);

	return p && (*p == ' ' || !*p);
}
