// SPDX-License-Identifier: GPL-2.0-only
/* say.c - problems and results in words, made visible, on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cvm/error.h>

#include "os.h"
#include "say.h"
#include "visible.h"

void say(const char *fmt, ...)
{
	char line[2048], out[VISIBLE_GROWS * sizeof(line)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	visible(out, sizeof(out) - 1, line, sizeof(line));
	strcat(out, "\n");
	os_say(out);
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
	return os_error_text(result);
}
