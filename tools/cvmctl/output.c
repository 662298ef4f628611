// SPDX-License-Identifier: GPL-2.0-only
/* output.c - problems, colours and names. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>

#include "cvmctl.h"
#include "platform.h"

int problem_set(struct problem *problem, const char *thing,
		const char *fmt, ...)
{
	size_t len;
	va_list ap;

	if (problem->text[0])
		return -1;
	snprintf(problem->text, sizeof(problem->text), "%.300s: ", thing);
	len = strlen(problem->text);
	va_start(ap, fmt);
	vsnprintf(problem->text + len, sizeof(problem->text) - len, fmt, ap);
	va_end(ap);
	return -1;
}

void problem_print(const struct problem *problem)
{
	fprintf(stderr, "cvmctl: %s\n", problem->text);
}

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

	if (!plat_colours() || (no_color && *no_color))
		return "";
	return codes[which];
}

int print_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	fprintf(stderr, "cvmctl: stdout: %s\n", strerror(errno));
	return EXIT_REFUSED;
}

void put_text(const char *text, size_t max)
{
	size_t i;

	for (i = 0; i < max && text[i]; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			printf("\\x%02x", (unsigned char)text[i]);
		else
			putchar(text[i]);
	}
}

const char *host_name(uint32_t host)
{
	static const char *const names[] = {
		[CVM_HOST_UNKNOWN] = "unknown",
		[CVM_HOST_LINUX] = "linux",
		[CVM_HOST_NT] = "nt",
		[CVM_HOST_BARE] = "bare",
		[CVM_HOST_FAKE] = "fake",
	};

	return host < sizeof(names) / sizeof(names[0]) ? names[host] :
	       "unknown";
}

const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[CVM_VM_NEW] = "new",
		[CVM_VM_RUNNING] = "running",
		[CVM_VM_ENDED] = "ended",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] :
	       "unknown";
}
