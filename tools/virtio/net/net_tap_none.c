// SPDX-License-Identifier: GPL-2.0-only
/* net_tap_none.c - no tap in this build. */
#include "net_backend.h"

struct net_backend *net_tap_open(const struct virtio_net_args *args,
				 struct problem *problem)
{
	(void)args;
	problem_set(problem, "tap", "only Linux hosts have these");
	return NULL;
}
