// SPDX-License-Identifier: GPL-2.0-only
/* image_create_nt.c - on Windows there is no mmdebstrap. */
#include "image.h"

int image_create(const struct image_wish *wish, struct problem *problem)
{
	return problem_set(problem, wish->path, "Debian's programs make images "
			   "on Linux only; run this command there, in WSL or "
			   "in a guest for instance, and copy the file");
}
