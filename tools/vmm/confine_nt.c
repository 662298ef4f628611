// SPDX-License-Identifier: GPL-2.0-only
/*
 * confine_nt.c - nothing to give up on Windows.
 *
 * A process that may open the driver is an administrator's, and Windows lets
 * nobody exchange the token it was started with.
 */
#include "confine.h"

int confine_check(const struct config *config, struct problem *problem)
{
	if (config->user)
		return problem_set(problem, "user", "%s: on Windows a VM runs "
				   "as whoever starts it", config->user);
	return 0;
}

int confine(const struct config *config, struct problem *problem)
{
	return confine_check(config, problem);
}
