// SPDX-License-Identifier: GPL-2.0-only
/* net_slirp_none.c - no slirp in this build. */
#include "net_backend.h"

struct net_backend *net_slirp_open(const struct virtio_net_args *args,
				   struct problem *problem)
{
	(void)args;
	problem_set(problem, "slirp", "built without libslirp");
	return NULL;
}
