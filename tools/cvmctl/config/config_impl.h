/* SPDX-License-Identifier: GPL-2.0-only */
/* config_impl.h - between the files that read a configuration. */
#ifndef CVMCTL_CONFIG_CONFIG_IMPL_H
#define CVMCTL_CONFIG_CONFIG_IMPL_H

#include "config.h"

#define CONFIG_PATH_ROOM	4096

struct config_reading;

/* What follows a key's name. */
enum config_suffix {
	SUFFIX_NONE,
	SUFFIX_NUMBER,		/* cobd0: below count */
	SUFFIX_DRIVE		/* hda, hda1: a letter, below count, a number */
};

/* A key: one row of the table in config.c. */
struct config_key {
	const char *name;
	enum config_suffix suffix;
	unsigned int count;
	/* Makes something of a value: -1 with a problem. */
	int (*read)(struct config_reading *r);
	size_t off;		/* the reader's: a member of struct config */
	const char *help;	/* NULL: not worth a line of --help */
};

/* A word: a key's value, or with no key one of the guest's command line. */
struct config_value {
	const struct config_key *key;
	char *name;		/* "cobd0" */
	unsigned int number;
	char *text;		/* as it was written, quotes included */
	unsigned int source, line;
};

/* A value being read. */
struct config_reading {
	struct config *config;
	const struct config_value *value;
	const struct config_key *key;
	const char *name;
	unsigned int number;
	char *text;		/* without its quotes */
	struct problem *problem;
};

/* config_place - "FILE:LINE", or "command line". */
void config_place(const struct config_reading *r, char *to, size_t size);

/* config_fail - -1 with a problem that says where. */
int config_fail(const struct config_reading *r, const char *fmt, ...)
	__attribute__((format(CVMCTL_PRINTF, 2, 3)));

/* config_note - a line of the same form that refuses nothing; 0 or -1. */
int config_note(struct config_reading *r, const char *fmt, ...)
	__attribute__((format(CVMCTL_PRINTF, 2, 3)));

/* config_path - a path as seen from the word's file; a copy, or NULL. */
char *config_path(const struct config_reading *r, const char *path);

/* config_copy - NULL with a problem when there is no memory. */
char *config_copy(const struct config_reading *r, const char *text);

/*
 * config_part - the next part of a value as written, up to a comma that is not
 * in quotes; without them.  1, 0 at the end, -1 with a problem: too long.
 */
int config_part(const struct config_reading *r, const char **at, char *part,
		size_t size);

/* config_number - decimal, at most max; -1 when it is none. */
long config_number(const char *text, long max);

/* ---- config.c ---- */

/*
 * config_key_find - the key of a name of len bytes; *exact is 0 when it is
 * only nearly one.  *number: of a numbered one.
 */
const struct config_key *config_key_find(const char *name, size_t len,
					 int *exact, unsigned long *number);

/* ---- readers ---- */

int config_read_cobd(struct config_reading *r);
int config_read_scsi(struct config_reading *r);
int config_read_alias(struct config_reading *r);
int config_read_setcobd(struct config_reading *r);
int config_read_setcobd_all(struct config_reading *r);
int config_read_setscsi(struct config_reading *r);
int config_read_ttys(struct config_reading *r);
int config_read_eth(struct config_reading *r);
int config_read_exec(struct config_reading *r);
int config_read_cofs(struct config_reading *r);
int config_read_cocon(struct config_reading *r);
int config_read_cursor(struct config_reading *r);
int config_read_color(struct config_reading *r);
int config_read_unused(struct config_reading *r);

/*
 * config_disk_name - what the guest calls the device that a word of its
 * command line names in coLinux's way.  1: it is in name; 0: the word stays as
 * it is; -1 with a problem.
 */
int config_disk_name(const struct config_reading *r, const char *word,
		     char *name, size_t size);

#endif /* CVMCTL_CONFIG_CONFIG_IMPL_H */
