/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - one file that describes a VM.
 *
 * Words, separated by blanks and line ends; key=value for the keys of
 * config.c, everything else is the guest's command line.  '#' at the start of
 * a word begins a comment, "..." keeps blanks together.
 */
#ifndef CVMCTL_CONFIG_H
#define CVMCTL_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "cvmctl.h"

#define CONFIG_DISKS	32
#define CONFIG_NICS	8

/* What the file says; NULL or 0 where it says nothing. */
struct config {
	char *kernel;		/* paths: seen from the file's directory */
	char *initrd;
	char *name;
	char *user;		/* to become before the guest runs */
	char *cobd[CONFIG_DISKS]; /* disks: images, disks, partitions */
	char *eth[CONFIG_NICS];	/* networks, see net_config.h */
	char *cmdline;		/* words that are no key, blanks between */
	uint64_t mem_bytes;
};

/* config_read - -1 with a problem; config_free() in every case. */
int config_read(struct config *config, const char *path,
		struct problem *problem);

/* config_parse - the same of a text; path is for paths and messages. */
int config_parse(struct config *config, const char *path, const char *text,
		 size_t bytes, struct problem *problem);
void config_free(struct config *config);

/* config_help - the keys, a line each, for --help. */
void config_help(void);

#endif /* CVMCTL_CONFIG_H */
