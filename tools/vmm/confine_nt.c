// SPDX-License-Identifier: GPL-2.0-only
/*
 * confine_nt.c - nothing to give up on Windows.
 *
 * A process that may open the driver is an administrator's, and Windows lets
 * nobody exchange the token it was started with.
 */
#include "confine.h"

int confine_check(const struct confine_args *args, struct problem *problem)
{
	if (args->user)
		return problem_set(problem, "user", "%s: on Windows a VM runs "
				   "as whoever starts it", args->user);
	return 0;
}

int confine(const struct confine_args *args, struct problem *problem)
{
	return confine_check(args, problem);
}
