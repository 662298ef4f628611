// SPDX-License-Identifier: GPL-2.0-only
/*
 * parser.c - from files and words to values, each of which knows where
 * it stood.
 *
 * What comes later replaces what an earlier file said of the same key; within
 * one file, or on the command line, a key is given once.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "os/file.h"
#include "os/os.h"

struct parser {
	struct config *config;
	const char *at, *end;
	unsigned int line;
	unsigned int first;	/* value of this source */
	struct problem *problem;
};

/* ---- where ---- */

void config_place(const struct config_reading *r, char *to, size_t size)
{
	const char *path = r->config->source[r->value->source];

	if (path)
		snprintf(to, size, "%.350s:%u", path, r->value->line);
	else
		snprintf(to, size, "command line");
}

int config_fail(const struct config_reading *r, const char *fmt, ...)
{
	char where[400], text[300];
	va_list ap;

	config_place(r, where, sizeof(where));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return problem_set(r->problem, where, "%.64s: %s", r->name, text);
}

int config_note(struct config_reading *r, const char *fmt, ...)
{
	char **notes = &r->config->notes;
	size_t old = *notes ? strlen(*notes) : 0;
	char where[400], text[300], line[800];
	char *more;
	va_list ap;

	config_place(r, where, sizeof(where));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s%s: %.64s: %s", old ? "\n" : "", where,
		 r->name, text);
	more = realloc(*notes, old + strlen(line) + 1);
	if (!more)
		return config_fail(r, "no memory");
	strcpy(more + old, line);
	*notes = more;
	return 0;
}

static int fail(const struct parser *p, const char *name, const char *text)
{
	struct config_value here = {
		.line = p->line, .source = p->config->sources - 1,
	};
	struct config_reading r = {
		.config = p->config, .value = &here, .name = name,
		.problem = p->problem,
	};

	return config_fail(&r, "%s", text);
}

/* ---- values ---- */

static struct config_value *add_value(struct parser *p)
{
	struct config *config = p->config;
	unsigned int room = config->room ? 2 * config->room : 16;
	struct config_value *more;

	if (config->values == config->room) {
		more = realloc(config->value, room * sizeof(*more));
		if (!more)
			return NULL;
		config->value = more;
		config->room = room;
	}
	more = &config->value[config->values];
	memset(more, 0, sizeof(*more));
	config->values++;
	return more;
}

/* The value that this key has already, or NULL; cobd00 is cobd0. */
static struct config_value *old_value(struct config *config,
				      const struct config_key *key,
				      unsigned long number, const char *name)
{
	struct config_value *value;
	unsigned int i;

	for (i = 0; i < config->values; i++) {
		value = &config->value[i];
		if (value->key == key && (key->suffix == SUFFIX_NUMBER ?
					  value->number == number :
					  !strcmp(value->name, name)))
			return value;
	}
	return NULL;
}

static int put_value(struct parser *p, const struct config_key *key,
		     unsigned long number, const char *name, const char *text)
{
	struct config_value *value;
	char first[64];

	value = key ? old_value(p->config, key, number, name) : NULL;
	if (value && value->source == p->config->sources - 1) {
		snprintf(first, sizeof(first), "given a second time, first in "
			 "line %u", value->line);
		return fail(p, name, p->config->source[value->source] ?
			    first : "given a second time");
	}
	if (value) {
		free(value->name);
		free(value->text);
	} else {
		value = add_value(p);
	}
	if (!value)
		return fail(p, name, "no memory");
	value->key = key;
	value->number = (unsigned int)number;
	value->source = p->config->sources - 1;
	value->line = p->line;
	value->name = malloc(strlen(name) + 1);
	value->text = malloc(strlen(text) + 1);
	if (!value->name || !value->text)
		return fail(p, name, "no memory");
	strcpy(value->name, name);
	strcpy(value->text, text);
	return 0;
}

/* ---- words ---- */

static const char *suffix_of(const struct config_key *key)
{
	return key->suffix == SUFFIX_NONE ? "" :
	       key->suffix == SUFFIX_NUMBER ? "0" : "a1";
}

static int take_key(struct parser *p, const struct config_key *key,
		    unsigned long number, const char *name, const char *text)
{
	char last[64];

	if (key->suffix == SUFFIX_NUMBER && number >= key->count) {
		snprintf(last, sizeof(last), "the last one is %s%u", key->name,
			 key->count - 1);
		return fail(p, name, last);
	}
	if (!text)
		return fail(p, name, "= and a value are missing");
	if (!*text)
		return fail(p, name, "empty value");
	return put_value(p, key, number, name, text);
}

/* word is ours to cut. */
static int take_word(struct parser *p, char *word)
{
	size_t len = strcspn(word, "=");
	const struct config_key *key;
	unsigned long number = 0;
	int exact, equals = word[len] == '=';
	char text[100];

	key = config_key_find(word, len, &exact, &number);
	if (!key || (!exact && !equals))
		return put_value(p, NULL, 0, "", word);
	word[len] = '\0';
	if (exact)
		return take_key(p, key, number, word,
				equals ? word + len + 1 : NULL);
	snprintf(text, sizeof(text), "no such key; is %s%s meant?", key->name,
		 suffix_of(key));
	return fail(p, word, text);
}

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

/* One word of a text, up to a blank or a # outside of quotes. */
static int next_word(struct parser *p, char **word)
{
	const char *start = p->at;
	size_t bytes;
	int quoted = 0;

	while (p->at < p->end && *p->at != '\n' &&
	       (quoted || (!blank(*p->at) && *p->at != '#'))) {
		if (!*p->at)
			return fail(p, "NUL byte", "this is no text file");
		quoted ^= *p->at++ == '"';
	}
	bytes = (size_t)(p->at - start);
	*word = malloc(bytes + 1);
	if (!*word)
		return fail(p, "word", "no memory");
	memcpy(*word, start, bytes);
	(*word)[bytes] = '\0';
	return quoted ? fail(p, *word, "the closing \" is missing") : 0;
}

/* ---- sources ---- */

static int add_source(struct config *config, const char *path,
		      struct problem *problem)
{
	char *copy = NULL;

	if (config->sources == CONFIG_SOURCES)
		return problem_set(problem, path ? path : "command line",
				   "more than %u files", CONFIG_SOURCES - 1);
	if (path) {
		copy = malloc(strlen(path) + 1);
		if (!copy)
			return problem_set(problem, path, "no memory");
		strcpy(copy, path);
	}
	config->source[config->sources++] = copy;
	return 0;
}

int config_text(struct config *config, const char *path, const char *text,
		size_t bytes, struct problem *problem)
{
	struct parser p = {
		.config = config, .at = text, .end = text + bytes, .line = 1,
		.problem = problem,
	};
	char *word;
	int ret = add_source(config, path, problem);

	/* Windows' editors mark UTF-8 files so. */
	if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		p.at += 3;
	while (!ret && next_start(&p)) {
		word = NULL;
		ret = next_word(&p, &word);
		if (!ret)
			ret = take_word(&p, word);
		free(word);
	}
	return ret;
}

int config_file(struct config *config, const char *path,
		struct problem *problem)
{
	static const struct file_kind kind = {
		"a configuration file", 1u << 20
	};
	struct file file;
	int ret;

	ret = file_map(&file, path, &kind, problem);
	if (!ret)
		ret = config_text(config, path, (const char *)file.data,
				  (size_t)file.bytes, problem);
	file_close(&file);
	return ret;
}

int config_words(struct config *config, const char *const *words, int count,
		 struct problem *problem)
{
	struct parser p = { .config = config, .problem = problem };
	int i, ret = count ? add_source(config, NULL, problem) : 0;
	char *word;

	for (i = 0; i < count && !ret; i++) {
		word = malloc(strlen(words[i]) + 1);
		if (!word)
			return fail(&p, words[i], "no memory");
		strcpy(word, words[i]);
		ret = take_word(&p, word);
		free(word);
	}
	return ret;
}
