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
#include "platform.h"
#include "visible.h"

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

void say(const char *fmt, ...)
{
	char line[2048], out[VISIBLE_GROWS * sizeof(line)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	visible(out, sizeof(out) - 1, line, sizeof(line));
	strcat(out, "\n");
	plat_say(out);
}

void problem_print(const struct problem *problem)
{
	say("cvmctl: %s", problem->text);
}

const char *reason(int result)
{
	static const struct {
		int error;
		const char *text;
	} reasons[] = {
		{ CVM_EPERM, "refused on this host; cvmctl check tells why" },
		{ CVM_ENOENT, "no such VM" },
		{ CVM_EINTR, "interrupted" },
		{ CVM_EIO, "the VM has ended already" },
		{ CVM_E2BIG, "more than the driver has room for" },
		{ CVM_ENOMEM, "the host has no memory for it" },
		{ CVM_EFAULT, "an address outside what was granted" },
		{ CVM_EBUSY, "in use, or done already" },
		{ CVM_EINVAL, "the driver does not accept the request" },
		{ CVM_ENOTTY, "the driver does not know this operation; it is "
		  "older than this cvmctl" },
		{ CVM_ENOSYS, "the CPU or the host lacks the feature" },
		{ CVM_EPROTO, "the driver speaks another ABI version" },
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].error == -result)
			return reasons[i].text;
	return plat_error_text(result);
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
	say("cvmctl: stdout: %s", strerror(errno));
	return EXIT_REFUSED;
}

void put_text(const char *text, size_t max)
{
	char out[VISIBLE_GROWS * 128 + 1];
	size_t n;

	/* In parts that end where a character does. */
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
