/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - from files, words and options to what a VM is to be.
 *
 * Words, separated by blanks and line ends; key=value for the keys of
 * config_keys.def, everything else is the guest's command line.
 * docs/configuration.md has the rules.
 *
 *   config_values	where a value stands, and what may be said of it
 *   config_disk, _net, _tty, _exec, _colinux	readers: what a value means
 *   config_keys.def	the keys: a row each, with its reader
 *   config_table	which key is meant, and its option
 *   config_parser	from files, words and options to values
 *   config		from values to a struct config
 *
 * Each knows those above it.  This room includes cli/ for numbers and typing
 * mistakes, os/ for files, and vmm/config.h, which it fills.
 */
#ifndef CVMCTL_CONFIG_CONFIG_H
#define CVMCTL_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "cvmctl/cli/cvmctl.h"
#include "vmm/config.h"

#define CONFIG_FILES	16
#define CONFIG_SOURCES	(CONFIG_FILES + 3)	/* words, options, defaults */
#define CONFIG_OPTIONS	32

struct config_value;
struct config_string;

enum config_source_kind {
	SOURCE_FILE,
	SOURCE_WORDS,		/* of the command line */
	SOURCE_OPTIONS,
	SOURCE_DEFAULTS
};

/*
 * What was read: files, then words, then options; what comes later wins.  Set
 * up by zeroes; config_free() in every case.
 */
struct config_sources {
	struct config_value *value;
	unsigned int values, room;
	struct config_source {
		enum config_source_kind kind;
		const char *path;	/* of a file, else NULL */
	} source[CONFIG_SOURCES];
	unsigned int sources;
	struct config_string *strings; /* all that others point to */
	char *notes;		/* what is ignored, a line each; or NULL */
	int usage;		/* the problem is in an option */
};

/* A key that was an option of the command line. */
struct config_given {
	const char *key;
	const char *text;	/* NULL: it was not given */
};

/* All of them -1 with a problem, which names file, line and key. */
int config_file(struct config_sources *s, const char *path,
		struct problem *problem);
/* The same of a text; path is for paths and messages. */
int config_text(struct config_sources *s, const char *path, const char *text,
		size_t bytes, struct problem *problem);
/* Words of the command line, each as the shell has it. */
int config_words(struct config_sources *s, const char *const *words, int count,
		 struct problem *problem);
/* Options of the command line, up to a key of NULL. */
int config_options(struct config_sources *s, const struct config_given *given,
		   struct problem *problem);

/*
 * config_read - make a struct config of zeroes the one that the sources
 * describe, with presets for the rest; kernel and name may still be NULL.  It
 * points into the sources.
 */
int config_read(struct config *config, struct config_sources *s,
		struct problem *problem);
void config_free(struct config_sources *s);

/*
 * config_option_rows - fill in a row for each key that is an option too, and
 * the member of given that its text goes to; returns how many.  opts has room
 * for CONFIG_OPTIONS rows, given for one more, which ends it.
 */
size_t config_option_rows(struct opt *opts, struct config_given *given);

/* config_help - the keys, a line each, for --help. */
void config_help(void);

#endif /* CVMCTL_CONFIG_CONFIG_H */
