/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - what describes a VM: files and words of the command line.
 *
 * Words, separated by blanks and line ends; key=value for the keys of
 * config.c, everything else is the guest's command line.  docs/configuration.md
 * has the rules.
 *
 * Set up by zeroes; then files and words, in the order of their weight; then
 * config_finish().  A problem names file, line and key.
 */
#ifndef CVMCTL_CONFIG_CONFIG_H
#define CVMCTL_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "config_disk.h"
#include "config_exec.h"
#include "config_tty.h"
#include "cvmctl/cli/cvmctl.h"

#define CONFIG_NICS	8
#define CONFIG_SOURCES	16

struct config_value;

struct config {
	/* What they say; NULL or 0 where they say nothing. */
	char *kernel;		/* paths: seen from their file's directory */
	char *initrd;
	char *name;
	char *user;		/* to become before the guest runs */
	uint64_t mem_bytes;
	uint32_t grace;		/* seconds */
	struct config_disk disk[CONFIG_DISKS];	/* unused: no path */
	struct config_exec exec[CONFIG_EXECS];	/* unused: no program */
	struct config_tty tty[CONFIG_TTYS];	/* unused: no name */
	char *eth[CONFIG_NICS];	/* network cards (net_value.h) */
	char *cmdline;		/* words that are no key, blanks between */
	char *words;		/* those of them of the command line */
	char *notes;		/* what is not taken as it is meant; lines */

	/* parser.c's: what was read, in its order */
	struct config_value *value;
	unsigned int values, room;
	char *source[CONFIG_SOURCES];	/* files; NULL: the command line */
	unsigned int sources;
};

/* All of them -1 with a problem; config_free() in every case. */
int config_file(struct config *config, const char *path,
		struct problem *problem);
/* The same of a text; path is for paths and messages. */
int config_text(struct config *config, const char *path, const char *text,
		size_t bytes, struct problem *problem);
/* Words of the command line, each as the shell has it. */
int config_words(struct config *config, const char *const *words, int count,
		 struct problem *problem);

/* config_finish - make the above of what was read. */
int config_finish(struct config *config, struct problem *problem);
void config_free(struct config *config);

/* config_help - the keys, a line each, for --help. */
void config_help(void);

#endif /* CVMCTL_CONFIG_CONFIG_H */
