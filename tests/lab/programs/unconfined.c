// SPDX-License-Identifier: GPL-2.0-only
/*
 * unconfined.c - preloaded, it keeps cvmctl from taking system calls away from
 * itself: at its end a leak detector looks around in the process.
 */
#include <seccomp.h>

int seccomp_load(const scmp_filter_ctx filter)
{
	(void)filter;
	return 0;
}
