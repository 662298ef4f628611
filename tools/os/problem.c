// SPDX-License-Identifier: GPL-2.0-only
/* problem.c - what went wrong: the first thing is kept. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "problem.h"

int problem_set(struct problem *problem, const char *thing,
		const char *fmt, ...)
{
	size_t len = 0;
	va_list ap;

	if (problem->text[0])
		return -1;
	if (thing) {
		snprintf(problem->text, sizeof(problem->text), "%.300s: ",
			 thing);
		len = strlen(problem->text);
	}
	va_start(ap, fmt);
	vsnprintf(problem->text + len, sizeof(problem->text) - len, fmt, ap);
	va_end(ap);
	return -1;
}
