/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvmctl.h - what the commands share: options, and what is printed.
 *
 * This room includes os/ alone.  config/ and cmd/ include it, and main/ all.
 *
 * A command never exits by itself: it returns an exit status, and whatever
 * went wrong is said in one line, "cvmctl: <file or thing>: <reason>".
 */
#ifndef CVMCTL_CLI_CVMCTL_H
#define CVMCTL_CLI_CVMCTL_H

#include <stddef.h>
#include <stdint.h>

#include "os/problem.h"
#include "os/say.h"

/* ---- options ---- */

enum opt_kind {
	OPT_FLAG,		/* int, set to 1 */
	OPT_TEXT,		/* const char * */
	OPT_MIB,		/* uint64_t bytes, given in MiB or K/M/G */
	OPT_SECONDS		/* uint32_t, 1 .. SECONDS_MAX */
};

struct opt {
	const char *name;	/* without the dashes; NULL ends the table */
	enum opt_kind kind;
	const char *metavar;	/* of the argument, NULL for flags */
	void *to;
	const char *help;	/* lines separated by \n */
};

struct command {
	const char *name;
	int (*run)(const struct command *cmd, int argc, char **argv);
	const char *args;	/* synopsis behind the name */
	const char *summary;	/* one line for `cvmctl help` */
	const char *text;	/* the rest of `cvmctl NAME --help` */
	void (*more)(void);	/* prints its last part, or NULL */
};

#define PARSE_GO_ON		(-1)

/*
 * parse_options - take options and at most max words from argv (the command's
 * name already removed).  PARSE_GO_ON, or the exit status to return: 0 after
 * --help, 2 after a mistake, which was reported.
 */
int parse_options(const struct command *cmd, const struct opt *opts,
		  int argc, char **argv, const char **words, int max);

/*
 * read_size - bytes of a number of units, or of one with K, M or G; 0 when it
 * is none, else 1.
 */
int read_size(const char *text, uint64_t unit, uint64_t *bytes);

/* read_seconds - a number of them; 0 when it is none, else 1. */
#define SECONDS_MAX	2147483u	/* of milliseconds that an int holds */
int read_seconds(const char *text, uint32_t *seconds);

/* read_detach_key - "ctrl-x", "^x" or "none" (-1); -1 when it is no key. */
#define DEFAULT_DETACH_KEY	"ctrl-]"
int read_detach_key(const char *text, int *key);

/*
 * nearly - are two words of so many bytes one mistake apart: a letter more,
 * less or other, or two exchanged?  Upper and lower case are the same.
 */
int nearly(const char *a, size_t an, const char *b, size_t bn);

/* usage_error - print what is wrong with the command line; EXIT_USAGE. */
int usage_error(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 2, 3)));

/* ---- output ---- */

/* style - terminal sequences when stdout shows colours, else "". */
enum style { STYLE_OFF, STYLE_BOLD, STYLE_GOOD, STYLE_BAD, STYLE_NOTE };
const char *style(enum style style);

/* print_flush - 0, or EXIT_REFUSED when stdout could not be written. */
int print_flush(void);

/*
 * put_text - text of others on stdout, made visible (visible.h); put_column
 * fills up to a width, as text_width() counts it.
 */
void put_text(const char *text, size_t max);
void put_column(const char *text, size_t max, size_t width);
size_t text_width(const char *text, size_t max);

#endif /* CVMCTL_CLI_CVMCTL_H */
