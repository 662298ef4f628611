// SPDX-License-Identifier: GPL-2.0-only
/*
 * unconfined.c - preloaded, it keeps cvmctl from taking system calls and files
 * away from itself: at its end a leak detector looks around in the process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <sys/syscall.h>

int seccomp_load(const scmp_filter_ctx filter)
{
	(void)filter;
	return 0;
}

/* A kernel without Landlock. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long arg[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_landlock_create_ruleset) {
		errno = ENOSYS;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
