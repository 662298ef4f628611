/* SPDX-License-Identifier: GPL-2.0-only */
/* config_impl.h - between the files that read a configuration. */
#ifndef CVMCTL_CONFIG_CONFIG_IMPL_H
#define CVMCTL_CONFIG_CONFIG_IMPL_H

#include "config.h"

#define CONFIG_PATH_ROOM	4096

/* struct config's disks: first cobds, then scsis. */
#define CONFIG_COBDS	32
#define CONFIG_SCSIS	(CONFIG_DISKS - CONFIG_COBDS)

struct config_reading;

/* What follows a key's name. */
enum config_suffix {
	SUFFIX_NONE,
	SUFFIX_NUMBER,		/* cobd0: below count */
	SUFFIX_DRIVE		/* hda, hda1: a letter, below count, a number */
};

/* Where it can be said. */
enum config_place {
	PLACE_WORDS,		/* in files, and by words */
	PLACE_OPTION,		/* as --NAME alone */
	PLACE_BOTH
};

/* A key: one row of config_keys.def. */
struct config_key {
	const char *name;
	enum config_suffix suffix;
	unsigned int count;
	/* Fills struct config from a value: -1 with a problem. */
	int (*read)(struct config_reading *r);
	size_t off;		/* the reader's: a member of struct config */
	const char *help;	/* NULL: not worth a line of --help */

	enum config_place place;
	const char *metavar;	/* of an option's value */
	const char *preset;	/* its value if nobody says one, or NULL */
	int may_be_empty;
};

/* A word: a key's value, or with no key one of the guest's command line. */
struct config_value {
	const struct config_key *key;
	const char *name;	/* "cobd0" */
	unsigned int number;
	const char *text;	/* as it was written, quotes included */
	unsigned int source, line;
};

/* A value being read. */
struct config_reading {
	struct config *config;
	struct config_sources *sources;
	const struct config_value *value;
	const char *text;	/* without its quotes */
	struct problem *problem;
};

/* ---- config_values.c ---- */

/* config_fail - -1 with a problem that says where, and of which key. */
int config_fail(const struct config_reading *r, const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 2, 3)));

/* config_note - a line of the same form that refuses nothing; 0 or -1. */
int config_note(struct config_reading *r, const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 2, 3)));

/*
 * config_copy - a copy of so many bytes, with a NUL, that lasts as long as the
 * sources; NULL with a problem when there is no memory.  config_path - the
 * same of a path, which is relative to the directory of the value's file.
 */
char *config_copy(const struct config_reading *r, const char *text,
		  size_t bytes);
char *config_path(const struct config_reading *r, const char *path);

/*
 * config_part - the next part of a value as written, up to a comma that is not
 * in quotes; without them.  PART_FAILED with a problem: it is too long.
 */
enum config_part { PART_FAILED = -1, PART_NONE, PART_THERE };
enum config_part config_part(const struct config_reading *r, const char **at,
			     char *part, size_t size);

/* config_number - decimal, at most max; -1 when it is none. */
long config_number(const char *text, long max);

/* ---- config_table.c ---- */

/* config_key_at - the keys in their order, NULL behind the last. */
const struct config_key *config_key_at(size_t i);

/* config_key_find - which key does a name of len bytes mean? */
enum config_match {
	MATCH_NONE,
	MATCH_NEARLY,		/* this key, mistyped */
	MATCH_KEY
};
enum config_match config_key_find(const char *name, size_t len,
				  const struct config_key **key,
				  unsigned long *number);

/* config_option_find - the key of an option; NULL. */
const struct config_key *config_option_find(const char *name);

/* ---- readers: config_read_NAME, one for each row's ---- */

#define KEY(name, reader, ...) \
	int config_read_##reader(struct config_reading *r);
#define DEVICE(name, suffix, count, reader, help) KEY(name, reader)
#include "config_keys.def"
#undef KEY
#undef DEVICE

/*
 * config_disk_name - what the guest calls the device that a word of its
 * command line names in coLinux's way.  NAME_KEPT: the word names none, and
 * stays as it is.  NAME_FAILED with a problem: there is no such disk.
 */
enum config_disk_name { NAME_FAILED = -1, NAME_KEPT, NAME_CHANGED };
enum config_disk_name config_disk_name(const struct config_reading *r,
				       const char *word, char *name,
				       size_t size);

/*
 * config_disk_find - the disk of this name (cobd0, scsi1), or of this alias
 * (hda1); *partition is the rest of "hda1" if only "hda" is an alias.  NULL.
 */
const struct config_disk *config_disk_find(const struct config *config,
					   const char *name,
					   const char **partition);

/* config_boot_both - kernel=cobd0: alone stands for an initrd too. */
void config_boot_both(struct config *config);

#endif /* CVMCTL_CONFIG_CONFIG_IMPL_H */
