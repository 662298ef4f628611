/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform.h - which platform object is a kernel's.
 *
 * The one that was asked for; else the one of its build ID, else the one of
 * its series ("6.12"), in $CVM_PLATFORM_DIR or where this program's are
 * installed.
 */
#ifndef CVM_KERNEL_PLATFORM_H
#define CVM_KERNEL_PLATFORM_H

#include "os/file.h"

#include "image.h"

#define PLATFORM_PATH	1024

struct platform {
	struct file file;
	char path[PLATFORM_PATH];
};

/*
 * platform_open - given: a path, or NULL.  -1 with a problem that says how to
 * make one; platform_close() in every case.
 */
int platform_open(struct platform *platform, const struct image *image,
		  const char *given, struct problem *problem);
void platform_close(struct platform *platform);

/* platform_build_id - as file names have it: hexadecimal, or "". */
#define BUILD_ID_TEXT	129
void platform_build_id(const struct image *image, char to[BUILD_ID_TEXT]);

#endif /* CVM_KERNEL_PLATFORM_H */
