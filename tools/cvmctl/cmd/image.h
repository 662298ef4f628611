/* SPDX-License-Identifier: GPL-2.0-only */
/* image.h - the parts of `cvmctl image`. */
#ifndef CVMCTL_CMD_IMAGE_H
#define CVMCTL_CMD_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "cvmctl/cli/cvmctl.h"

/* ---- info ---- */

/* image_info - print what this image holds; -1 with a problem. */
int image_info(const char *path, int json, struct problem *problem);

/* ---- create ---- */

struct image_wish {
	const char *path;
	const char *suite;
	const char *mirror;	/* NULL: mmdebstrap's own choice */
	const char *kernel;	/* its package, or NULL: none */
	const char *packages;	/* further ones, with commas; or NULL */
	const char *hostname;
	const char *keys;	/* text of authorized_keys, or NULL */
	const char *password;	/* of root, or NULL */
	uint64_t bytes;
};

/* image_create - the whole work, with its progress; -1 with a problem. */
int image_create(const struct image_wish *wish, struct problem *problem);

/* ---- how far it is: from what the programs print ---- */

struct image_progress {
	unsigned int step;	/* of the table in image_progress.c */
	unsigned int permille;
	unsigned int packages;	/* how many apt said it would install */
	unsigned int done;	/* packages of this step */
	const char *what;	/* the step in words; NULL: none yet */
	char item[48];		/* a package, or "" */
	char place[200];	/* the directory or file that is written to */
	char error[400];	/* why it failed, in one line; or "" */
};

/* image_progress_line - what a line of theirs means for whoever waits. */
enum image_news {
	NEWS_NONE,
	NEWS_STEP,		/* a new one has begun */
	NEWS_PACKAGE		/* the same is further */
};
enum image_news image_progress_line(struct image_progress *p,
				    const char *line);

#endif /* CVMCTL_CMD_IMAGE_H */
