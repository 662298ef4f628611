// SPDX-License-Identifier: GPL-2.0-only
/* config.c - one file that describes a VM. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "file.h"
#include "platform.h"

#define PATH_ROOM	4096
#define TEXT_MAX	(1u << 20)	/* of a file that can be meant */

enum kind {
	KEY_PATH,		/* char *, seen from the file's directory */
	KEY_TEXT,		/* char * */
	KEY_MIB			/* uint64_t bytes, given in MiB or K/M/G */
};

/*
 * A new key is a row here and a member of struct config.  A numbered key is
 * written with a number below count behind its name and is an array there.
 */
static const struct key {
	const char *name;
	enum kind kind;
	size_t off;
	const char *help;
	unsigned int count;
} keys[] = {
	{ "kernel", KEY_PATH, offsetof(struct config, kernel),
	  "ELF vmlinux or bzImage, built for libcvm", 0 },
	{ "initrd", KEY_PATH, offsetof(struct config, initrd),
	  "initial RAM file system", 0 },
	{ "mem", KEY_MIB, offsetof(struct config, mem_bytes),
	  "memory in MiB, or with K, M, G", 0 },
	{ "name", KEY_TEXT, offsetof(struct config, name),
	  "name in lists and messages", 0 },
	{ "user", KEY_TEXT, offsetof(struct config, user),
	  "user the VM's process becomes, by name or number", 0 },
	{ "cobd", KEY_PATH, offsetof(struct config, cobd),
	  "disk: a raw image, a disk or a partition of the host",
	  CONFIG_DISKS },
	{ "eth", KEY_TEXT, offsetof(struct config, eth),
	  "network: slirp[,MAC[,FORWARDS]] or tap,NAME[,MAC]",
	  CONFIG_NICS },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct parser {
	struct config *config;
	const char *path;
	const char *at, *end;
	unsigned int line;
	unsigned int seen[KEYS];	/* line of each key, 0 = none */
	struct problem *problem;
};

/* One word as it stands, and what it means without its quotes. */
struct word {
	const char *raw;
	size_t bytes;
	char *text;
};

static int fail(struct parser *p, const char *key, const char *text)
{
	char where[400];

	snprintf(where, sizeof(where), "%.350s:%u", p->path, p->line);
	return problem_set(p->problem, where, "%.64s: %s", key, text);
}

/* ---- is it a key, mistyped? ---- */

/*
 * One mistake apart: a letter more, less or other, or two exchanged; upper
 * and lower case are the same.
 */
static int nearly(const char *a, size_t an, const char *b, size_t bn)
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

static const struct key *find_key(const char *name, size_t len, int *exact)
{
	const struct key *near = NULL;
	size_t i, stem = len;

	while (stem && isdigit((unsigned char)name[stem - 1]))
		stem--;
	for (i = 0; i < KEYS; i++) {
		*exact = strlen(keys[i].name) == stem &&
			 (stem < len) == (keys[i].count > 0) &&
			 !memcmp(keys[i].name, name, stem);
		if (*exact)
			return &keys[i];
		if (nearly(name, stem, keys[i].name, strlen(keys[i].name)))
			near = &keys[i];
	}
	return near;
}

/* Where the value of a key goes; NULL: there is no such number. */
static void *find_place(struct config *config, const struct key *key,
			const char *name)
{
	char *place = (char *)config + key->off;
	unsigned long number;

	if (!key->count)
		return place;
	number = strtoul(name + strlen(key->name), NULL, 10);
	return number < key->count ? place + number * sizeof(char *) : NULL;
}

/* ---- words ---- */

static int blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* To the next word: 1, or 0 at the end. */
static int next_start(struct parser *p)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '#')
			while (p->at + 1 < p->end && p->at[1] != '\n')
				p->at++;
		else if (*p->at == '\n')
			p->line++;
		else if (!blank(*p->at))
			return 1;
	}
	return 0;
}

/* 1 with a word, 0 at the end, -1 with a problem. */
static int next_word(struct parser *p, struct word *word)
{
	int quoted = 0;
	size_t n = 0;

	if (!next_start(p))
		return 0;
	word->raw = p->at;
	while (p->at < p->end && *p->at != '\n' &&
	       (quoted || !blank(*p->at))) {
		if (!*p->at)
			return fail(p, "NUL byte", "this is no text file");
		quoted ^= *p->at++ == '"';
	}
	word->bytes = (size_t)(p->at - word->raw);
	word->text = malloc(word->bytes + 1);
	if (!word->text)
		return fail(p, "word", "no memory");
	for (p->at = word->raw; p->at < word->raw + word->bytes; p->at++)
		if (*p->at != '"')
			word->text[n++] = *p->at;
	word->text[n] = '\0';
	return quoted ? fail(p, word->text, "the closing \" is missing") : 1;
}

static int add_to_cmdline(struct parser *p, const struct word *word)
{
	char **cmdline = &p->config->cmdline;
	size_t old = *cmdline ? strlen(*cmdline) : 0;
	char *more = realloc(*cmdline, old + word->bytes + 2);

	if (!more)
		return fail(p, word->text, "no memory");
	*cmdline = more;
	snprintf(more + old, word->bytes + 2, "%s%.*s", old ? " " : "",
		 (int)word->bytes, word->raw);
	return 0;
}

/* ---- values ---- */

static int store_text(struct parser *p, const char *name, char **place,
		      const char *value)
{
	char *copy = malloc(strlen(value) + 1);

	if (!copy)
		return fail(p, name, "no memory");
	strcpy(copy, value);
	*place = copy;
	return 0;
}

static int store(struct parser *p, const struct key *key, const char *name,
		 void *place, const char *value)
{
	char path[PATH_ROOM];

	if (!*value)
		return fail(p, name, "there is nothing behind the =");
	switch (key->kind) {
	case KEY_PATH:
		if (plat_beside(p->path, value, path, sizeof(path)))
			return fail(p, name, "this path is too long");
		return store_text(p, name, place, path);
	case KEY_TEXT:
		return store_text(p, name, place, value);
	case KEY_MIB:
		if (read_size(value, 1ull << 20, place) && *(uint64_t *)place)
			return 0;
		break;
	}
	return fail(p, name, "not a size (a number of MiB, or one with K, M "
		    "or G)");
}

/* Each key once; of a numbered one, each number once. */
static int first_time(struct parser *p, const struct key *key,
		      const char *name, const void *place)
{
	unsigned int *seen = &p->seen[key - keys];
	char text[100] = "given a second time";

	if (key->count ? *(char *const *)place != NULL : *seen) {
		if (!key->count)
			snprintf(text, sizeof(text), "given a second time, "
				 "first in line %u", *seen);
		return fail(p, name, text);
	}
	*seen = p->line;
	return 0;
}

static int take_word(struct parser *p, const struct word *word)
{
	size_t len = strcspn(word->text, "=");
	const struct key *key;
	char text[100];
	void *place;
	int exact;

	key = find_key(word->text, len, &exact);
	if (!key || (!exact && !word->text[len]))
		return add_to_cmdline(p, word);
	if (!exact) {
		snprintf(text, sizeof(text), "no such key; is %s%s meant?",
			 key->name, key->count ? "0" : "");
		word->text[len] = '\0';
		return fail(p, word->text, text);
	}
	if (!word->text[len])
		return fail(p, word->text, "= and a value are missing");
	word->text[len] = '\0';
	place = find_place(p->config, key, word->text);
	if (!place) {
		snprintf(text, sizeof(text), "the last one is %s%u", key->name,
			 key->count - 1);
		return fail(p, word->text, text);
	}
	if (first_time(p, key, word->text, place))
		return -1;
	return store(p, key, word->text, place, word->text + len + 1);
}

int config_parse(struct config *config, const char *path, const char *text,
		 size_t bytes, struct problem *problem)
{
	struct parser p = {
		.config = config, .path = path, .at = text,
		.end = text + bytes, .line = 1, .problem = problem,
	};
	struct word word = { 0 };
	int ret;

	memset(config, 0, sizeof(*config));
	/* Windows' editors mark UTF-8 files so. */
	if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		p.at += 3;
	do {
		word.text = NULL;
		ret = next_word(&p, &word);
		if (ret > 0 && take_word(&p, &word))
			ret = -1;
		free(word.text);
	} while (ret > 0);
	return ret;
}

int config_read(struct config *config, const char *path,
		struct problem *problem)
{
	struct file file;
	int ret;

	memset(config, 0, sizeof(*config));
	ret = file_map(&file, path, problem);
	if (!ret && file.bytes > TEXT_MAX)
		ret = problem_set(problem, path, "this is no configuration "
				  "file: it has %llu MiB",
				  (unsigned long long)file.bytes >> 20);
	if (!ret)
		ret = config_parse(config, path, (const char *)file.data,
				   (size_t)file.bytes, problem);
	file_close(&file);
	return ret;
}

void config_free(struct config *config)
{
	char **place;
	size_t i, k;

	for (i = 0; i < KEYS; i++) {
		place = (char **)((char *)config + keys[i].off);
		for (k = 0; keys[i].kind != KEY_MIB &&
		     k < keys[i].count + !keys[i].count; k++)
			free(place[k]);
	}
	free(config->cmdline);
	memset(config, 0, sizeof(*config));
}

void config_help(void)
{
	size_t i;

	printf("\nKeys of a configuration file (the rest of it is the guest's "
	       "command line):\n");
	for (i = 0; i < KEYS; i++)
		printf("  %s%-*s%s\n", keys[i].name,
		       22 - (int)strlen(keys[i].name),
		       keys[i].count ? "N" : "", keys[i].help);
}
