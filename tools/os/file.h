/* SPDX-License-Identifier: GPL-2.0-only */
/* file.h - files to be read whole. */
#ifndef CVM_OS_FILE_H
#define CVM_OS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "problem.h"

struct file {
	const char *path;
	const uint8_t *data;	/* file_map() */
	uint64_t bytes;
	int mapped;		/* how to let go of data */
	intptr_t handle;	/* of the system, or OS_NO_FILE */
};

/*
 * -1 with a problem; file_close() in every case, and once file_init() was
 * called.
 */
void file_init(struct file *file);
/* What a file is to be ("a kernel"), and how many bytes one has at most. */
struct file_kind {
	const char *what;
	uint64_t max;
};

/* A whole file in memory; pipes too. */
int file_map(struct file *file, const char *path, const struct file_kind *kind,
	     struct problem *problem);
/*
 * To be read later: its size now, its bytes by file_read().  Only of a pipe,
 * which is read now, the size is compared.
 */
int file_open(struct file *file, const char *path,
	      const struct file_kind *kind, struct problem *problem);
int file_read(struct file *file, void *to, struct problem *problem);
void file_close(struct file *file);

#endif /* CVM_OS_FILE_H */
