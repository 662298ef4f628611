// SPDX-License-Identifier: GPL-2.0-only
/*
 * options.c - read options, and describe them.
 *
 * One table gives both the parser and the help, so that neither can forget
 * an option.  "--name value" and "--name=value" are the same.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cvmctl.h"

#define HELP_COLUMN	24

int usage_error(const struct command *cmd, const char *fmt, ...)
{
	const char *name = cmd ? cmd->name : "";
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	say("cvmctl: %s%s%s (see cvmctl %s%s--help)", name, cmd ? ": " : "",
	    what, name, cmd ? " " : "");
	return EXIT_USAGE;
}

static void print_option(const struct opt *opt)
{
	const char *line = opt->help;
	const char *end;
	int width;

	width = printf("  --%s%s%s", opt->name, opt->metavar ? " " : "",
		       opt->metavar ? opt->metavar : "");
	for (;;) {
		if (width >= HELP_COLUMN) {
			putchar('\n');
			width = 0;
		}
		end = strchr(line, '\n');
		printf("%*s%.*s\n", HELP_COLUMN - width, "",
		       end ? (int)(end - line) : (int)strlen(line), line);
		if (!end)
			return;
		line = end + 1;
		width = 0;
	}
}

static int print_help(const struct command *cmd, const struct opt *opts)
{
	static const struct opt help = {
		"help", OPT_FLAG, NULL, NULL, "show this"
	};

	printf("Usage: cvmctl %s%s%s\n\n%s", cmd->name, *cmd->args ? " " : "",
	       cmd->args, cmd->text);
	printf("\nOptions:\n");
	for (; opts->name; opts++)
		print_option(opts);
	print_option(&help);
	if (cmd->more)
		cmd->more();
	return print_flush();
}

int read_size(const char *text, uint64_t unit, uint64_t *bytes)
{
	uint64_t value = 0;
	const char *c;

	for (c = text; *c >= '0' && *c <= '9'; c++) {
		if (value > (UINT64_MAX - 9) / 10)
			return 0;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	if (c == text)
		return 0;
	switch (*c) {
	case 'k': case 'K':
		unit = 1ull << 10;
		c++;
		break;
	case 'm': case 'M':
		unit = 1ull << 20;
		c++;
		break;
	case 'g': case 'G':
		unit = 1ull << 30;
		c++;
		break;
	}
	if (*c || value > UINT64_MAX / unit)
		return 0;
	*bytes = value * unit;
	return 1;
}

int read_seconds(const char *text, uint32_t *seconds)
{
	uint64_t value;

	if (!read_size(text, 1, &value) || !value || value > SECONDS_MAX ||
	    text[strspn(text, "0123456789")])
		return 0;
	*seconds = (uint32_t)value;
	return 1;
}

int read_detach_key(const char *text, int *key)
{
	size_t prefix = text[0] == '^' ? 1 : 5;
	int c;

	if (!strcmp(text, "none")) {
		*key = -1;
		return 0;
	}
	if (prefix == 5 && strncmp(text, "ctrl-", 5))
		return -1;
	c = (unsigned char)text[prefix];
	if (!c || text[prefix + 1])
		return -1;
	if (c >= 'a' && c <= 'z')
		c -= 'a' - 'A';
	if (c < '@' || c > '_')
		return -1;
	*key = c & 0x1f;
	return 0;
}

int nearly(const char *a, size_t an, const char *b, size_t bn)
{
	while (an && bn && tolower((unsigned char)*a) ==
	       tolower((unsigned char)*b))
		a++, an--, b++, bn--;
	while (an && bn && tolower((unsigned char)a[an - 1]) ==
	       tolower((unsigned char)b[bn - 1]))
		an--, bn--;
	return (an <= 1 && bn <= 1) ||
	       (an == 2 && bn == 2 && a[0] == b[1] && a[1] == b[0]);
}

static const struct opt *find_option(const struct opt *opts, const char *name,
				     size_t len)
{
	for (; opts->name; opts++)
		if (strlen(opts->name) == len && !memcmp(opts->name, name, len))
			return opts;
	return NULL;
}

static int no_option(const struct command *cmd, const struct opt *opts,
		     const char *word, size_t len)
{
	for (; opts->name; opts++)
		if (nearly(word + 2, len, opts->name, strlen(opts->name)))
			return usage_error(cmd, "%s: unknown option; did you "
					   "mean --%s?", word, opts->name);
	return usage_error(cmd, "%s: unknown option", word);
}

static int store(const struct command *cmd, const struct opt *opt,
		 const char *value)
{
	switch (opt->kind) {
	case OPT_FLAG:
		*(int *)opt->to = 1;
		break;
	case OPT_TEXT:
		*(const char **)opt->to = value;
		break;
	case OPT_MIB:
		if (!read_size(value, 1ull << 20, opt->to))
			return usage_error(cmd, "--%s %s: not a size (a "
					   "number of MiB, or one with K, M "
					   "or G)", opt->name, value);
		if (!*(uint64_t *)opt->to)
			return usage_error(cmd, "--%s %s: size too small",
					   opt->name, value);
		break;
	case OPT_SECONDS:
		if (!read_seconds(value, opt->to))
			return usage_error(cmd, "--%s %s: not a number of "
					   "seconds (1 .. %u)", opt->name,
					   value, SECONDS_MAX);
		break;
	}
	return PARSE_GO_ON;
}

/*
 * One option at argv[*at]; *at is moved to the last word it used.  *given: a
 * bit for each that was there before.
 */
static int parse_one(const struct command *cmd, const struct opt *opts,
		     int argc, char **argv, int *at, uint32_t *given)
{
	const char *name = argv[*at] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *opt = find_option(opts, name, len);

	if (!opt)
		return no_option(cmd, opts, argv[*at], len);
	if (*given >> (opt - opts) & 1)
		return usage_error(cmd, "--%s: given a second time",
				   opt->name);
	*given |= 1u << (opt - opts);
	if (opt->kind == OPT_FLAG) {
		if (equals)
			return usage_error(cmd, "--%s takes no value",
					   opt->name);
		return store(cmd, opt, NULL);
	}
	if (equals)
		return store(cmd, opt, equals + 1);
	if (*at + 1 >= argc)
		return usage_error(cmd, "--%s: %s is missing", opt->name,
				   opt->metavar);
	return store(cmd, opt, argv[++*at]);
}

int parse_options(const struct command *cmd, const struct opt *opts,
		  int argc, char **argv, const char **words, int max)
{
	int i, ret, count = 0, only_words = 0;
	uint32_t given = 0;

	for (i = 0; i < argc; i++) {
		if (only_words || argv[i][0] != '-' || !argv[i][1]) {
			if (count == max)
				return usage_error(cmd, "%s: unexpected "
						   "argument",
						   argv[i]);
			words[count++] = argv[i];
		} else if (!strcmp(argv[i], "--")) {
			only_words = 1;
		} else if (!strcmp(argv[i], "--help") ||
			   !strcmp(argv[i], "-h")) {
			return print_help(cmd, opts);
		} else if (argv[i][1] != '-') {
			return usage_error(cmd, "%s: unknown option", argv[i]);
		} else {
			ret = parse_one(cmd, opts, argc, argv, &i, &given);
			if (ret != PARSE_GO_ON)
				return ret;
		}
	}
	return PARSE_GO_ON;
}
