// SPDX-License-Identifier: GPL-2.0-only
/* from_image_none.c - built without libext2fs. */
#include "from_image.h"

int from_image(struct file *file, const struct from_image *from,
	       enum from_image_what what, const struct file_kind *kind,
	       struct problem *problem)
{
	(void)what;
	(void)kind;
	file_init(file);
	return problem_set(problem, from->name, "this cvmctl was built without "
			   "libext2fs and cannot look into a disk; give kernel "
			   "and initrd as files");
}
