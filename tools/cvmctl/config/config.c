// SPDX-License-Identifier: GPL-2.0-only
/* config.c - from values to what they mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

#define CONSOLE		"console=hvc0"

struct making {
	struct config *config;
	struct config_sources *sources;
	struct problem *problem;
};

static struct config_reading reading(const struct making *m,
				     const struct config_value *value)
{
	return (struct config_reading){
		.config = m->config, .sources = m->sources, .value = value,
		.text = value->text, .problem = m->problem,
	};
}

/* ---- keys ---- */

/* Of a word's value; an option is taken as the shell has it. */
static char *without_quotes(const struct config_reading *r)
{
	char *text = config_copy(r, r->value->text, strlen(r->value->text));
	const char *c;
	size_t n = 0;

	if (!text)
		return NULL;
	for (c = r->value->text; *c; c++)
		if (*c != '"' || *++c == '"')
			text[n++] = *c;
		else
			c--;
	text[n] = '\0';
	return text;
}

static int read_value(const struct making *m, const struct config_value *value)
{
	struct config_reading r = reading(m, value);
	enum config_source_kind kind = m->sources->source[value->source].kind;

	if (kind == SOURCE_FILE || kind == SOURCE_WORDS)
		r.text = without_quotes(&r);
	if (!r.text)
		return -1;
	if (!*r.text && !value->key->may_be_empty)
		return config_fail(&r, "empty value");
	return value->key->read(&r);
}

static int by_number(const void *a, const void *b)
{
	const struct config_value *const *x = a, *const *y = b;

	if ((*x)->number != (*y)->number)
		return (*x)->number < (*y)->number ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

/* All values of one key, by their numbers; what is preset if there are none. */
static int read_key(const struct making *m, const struct config_key *key,
		    const struct config_value **room)
{
	const struct config_value preset = {
		.key = key, .name = key->name, .text = key->preset,
		.source = m->sources->sources - 1,
	};
	unsigned int i, n = 0;

	for (i = 0; i < m->sources->values; i++)
		if (m->sources->value[i].key == key)
			room[n++] = &m->sources->value[i];
	if (!n && key->preset)
		return read_value(m, &preset);
	/* Aliases take free disks in the order in which they are written. */
	if (n && key->suffix == SUFFIX_NUMBER)
		qsort(room, n, sizeof(*room), by_number);
	for (i = 0; i < n; i++)
		if (read_value(m, room[i]))
			return -1;
	return 0;
}

static int read_keys(const struct making *m)
{
	const struct config_value **room;
	const struct config_key *key;
	int ret = 0, in_disks;
	size_t i;

	room = malloc((m->sources->values + 1) * sizeof(*room));
	if (!room)
		return problem_set(m->problem, "configuration", "no memory");
	for (in_disks = 0; in_disks < 2; in_disks++)
		for (i = 0; !ret && (key = config_key_at(i)) != NULL; i++)
			if ((key->read == config_read_boot_file) == in_disks)
				ret = read_key(m, key, room);
	free(room);
	config_boot_both(m->config);
	return ret;
}

/* ---- the guest's command line ---- */

/* The first keep bytes of a word, and what follows them. */
static int append(char **words, const char *word, size_t keep,
		  const char *rest)
{
	size_t old = *words ? strlen(*words) : 0;
	size_t bytes = old + keep + strlen(rest) + 2;
	char *more = realloc(*words, bytes);

	if (!more)
		return -1;
	*words = more;
	snprintf(more + old, bytes - old, "%s%.*s%s", old ? " " : "",
		 (int)keep, word, rest);
	return 0;
}

static int add_word(const struct making *m, const struct config_value *value,
		    char **words)
{
	struct config_reading r = reading(m, value);
	const char *word = value->text;
	size_t keep = strlen(word);
	char name[64] = "";

	switch (config_disk_name(&r, word, name, sizeof(name))) {
	case NAME_FAILED:
		return -1;
	case NAME_CHANGED:
		keep = strcspn(word, "=") + 1;
		break;
	case NAME_KEPT:
		break;
	}
	return append(words, word, keep, name) ?
	       config_fail(&r, "no memory") : 0;
}

/* All the guest's words, and those of the command line; NULL: none. */
static int join_words(const struct making *m, char **all, char **beside)
{
	const struct config_sources *s = m->sources;
	size_t i;

	/* Without a value there is no array to point into. */
	for (i = 0; i < s->values; i++) {
		const struct config_value *value = &s->value[i];

		if (value->key)
			continue;
		if (add_word(m, value, all) ||
		    (s->source[value->source].kind == SOURCE_WORDS &&
		     add_word(m, value, beside)))
			return -1;
	}
	return 0;
}

/* --cmdline stands for the files' words; those beside it are added. */
static int put_cmdline(const struct making *m, const char *all,
		       const char *beside)
{
	const struct config_value here = {
		.name = "cmdline", .source = m->sources->sources - 1,
	};
	struct config_reading r = reading(m, &here);
	const char *first = m->config->cmdline, *rest = beside;
	size_t bytes;
	char *line;

	if (!first) {
		/* coLinux's files have no console=. */
		first = all && strstr(all, "console=") ? "" : CONSOLE;
		rest = all;
	}
	rest = rest ? rest : "";
	bytes = strlen(first) + strlen(rest) + 2;
	line = malloc(bytes);
	if (!line)
		return config_fail(&r, "no memory");
	snprintf(line, bytes, "%s%s%s", first, *first && *rest ? " " : "",
		 rest);
	m->config->cmdline = config_copy(&r, line, strlen(line));
	free(line);
	return m->config->cmdline ? 0 : -1;
}

static int make_cmdline(const struct making *m)
{
	char *all = NULL, *beside = NULL;
	int ret = join_words(m, &all, &beside);

	if (!ret)
		ret = put_cmdline(m, all, beside);
	free(all);
	free(beside);
	return ret;
}

/* ---- all of it ---- */

int config_read(struct config *config, struct config_sources *s,
		struct problem *problem)
{
	const struct making m = { config, s, problem };

	s->source[s->sources++].kind = SOURCE_DEFAULTS;
	config->vcpus = 1;
	return read_keys(&m) || make_cmdline(&m) ? -1 : 0;
}
