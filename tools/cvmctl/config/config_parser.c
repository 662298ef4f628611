// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_parser.c - from files, words and options to values, each of which
 * knows where it stood.
 *
 * What comes later replaces what an earlier file said of the same key; within
 * one file, or on the command line, a key is given once.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "os/file.h"
#include "os/os.h"

struct parser {
	struct config_sources *sources;
	const char *at, *end;
	unsigned int line;
	struct problem *problem;
};

/* What is being read now, as the readers of values see it. */
#define READING(p, key_name, key_text) \
	(&(struct config_reading){ \
		.sources = (p)->sources, \
		.problem = (p)->problem, \
		.value = &(struct config_value){ \
			.name = key_name, .text = key_text, \
			.source = (p)->sources->sources - 1, \
			.line = (p)->line, \
		}, \
	})

/* ---- values ---- */

static struct config_value *add_value(struct parser *p)
{
	struct config_sources *s = p->sources;
	unsigned int room = s->room ? 2 * s->room : 16;
	struct config_value *more;

	if (s->values == s->room) {
		more = realloc(s->value, room * sizeof(*more));
		if (!more)
			return NULL;
		s->value = more;
		s->room = room;
	}
	return &s->value[s->values++];
}

/* The value that this key has already, or NULL; cobd00 is cobd0. */
static struct config_value *old_value(struct config_sources *s,
				      const struct config_key *key,
				      unsigned long number, const char *name)
{
	struct config_value *value;
	unsigned int i;

	for (i = 0; i < s->values; i++) {
		value = &s->value[i];
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
	const struct config_reading *r = READING(p, name, text);
	unsigned int now = p->sources->sources - 1;
	struct config_value *value, said = {
		.key = key, .number = (unsigned int)number,
		.source = now, .line = p->line,
	};

	value = key ? old_value(p->sources, key, number, name) : NULL;
	if (value && value->source == now)
		return p->sources->source[now].path ?
		       config_fail(r, "given a second time, first in line %u",
				   value->line) :
		       config_fail(r, "given a second time");
	said.name = config_copy(r, name, strlen(name));
	said.text = config_copy(r, text, strlen(text));
	if (!said.name || !said.text)
		return -1;
	if (!value)
		value = add_value(p);
	if (!value)
		return config_fail(r, "no memory");
	*value = said;
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
	const struct config_reading *r = READING(p, name, "");

	if (key->suffix == SUFFIX_NUMBER && number >= key->count)
		return config_fail(r, "no such number; the last is "
				   "%s%u", key->name,
				   key->count - 1);
	if (!text)
		return config_fail(r, "no value given; write %s=VALUE", name);
	if (!*text)
		return config_fail(r, "empty value");
	return put_value(p, key, number, name, text);
}

/* word is ours to cut. */
static int take_word(struct parser *p, char *word)
{
	size_t len = strcspn(word, "=");
	int equals = word[len] == '=';
	const struct config_key *key;
	enum config_match match;
	unsigned long number;

	match = config_key_find(word, len, &key, &number);
	if (match == MATCH_NONE || (match == MATCH_NEARLY && !equals))
		return put_value(p, NULL, 0, word, word);
	word[len] = '\0';
	if (match == MATCH_KEY)
		return take_key(p, key, number, word,
				equals ? word + len + 1 : NULL);
	return config_fail(READING(p, word, ""), "unknown key; did you mean "
			   "%s%s?",
			   key->name, suffix_of(key));
}

static int blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* To the next word: is there one? */
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
static char *next_word(struct parser *p)
{
	const char *start = p->at;
	int quoted = 0;
	char *word;

	while (p->at < p->end && *p->at != '\n' &&
	       (quoted || (!blank(*p->at) && *p->at != '#'))) {
		if (!*p->at) {
			config_fail(READING(p, "NUL byte", ""), "not a text "
				    "file");
			return NULL;
		}
		quoted ^= *p->at++ == '"';
	}
	word = config_copy(READING(p, "word", ""), start,
			   (size_t)(p->at - start));
	if (!word || !quoted)
		return word;
	config_fail(READING(p, word, ""), "the closing \" is missing");
	return NULL;
}

/* ---- sources ---- */

static int add_source(struct config_sources *s, enum config_source_kind kind,
		      const char *path, struct problem *problem)
{
	struct parser p = { .sources = s, .problem = problem };
	char *copy = NULL;

	if (path && s->sources == CONFIG_FILES)
		return problem_set(problem, path, "too many configuration "
				   "files (at most %u)", CONFIG_FILES);
	s->source[s->sources++] = (struct config_source){ kind, NULL };
	if (!path)
		return 0;
	copy = config_copy(READING(&p, path, ""), path, strlen(path));
	s->source[s->sources - 1].path = copy;
	return copy ? 0 : -1;
}

int config_text(struct config_sources *s, const char *path, const char *text,
		size_t bytes, struct problem *problem)
{
	struct parser p = {
		.sources = s, .at = text, .end = text + bytes, .line = 1,
		.problem = problem,
	};
	char *word;

	if (add_source(s, SOURCE_FILE, path, problem))
		return -1;
	/* Windows' editors mark UTF-8 files so. */
	if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		p.at += 3;
	while (next_start(&p)) {
		word = next_word(&p);
		if (!word || take_word(&p, word))
			return -1;
	}
	return 0;
}

int config_file(struct config_sources *s, const char *path,
		struct problem *problem)
{
	static const struct file_kind kind = {
		"a configuration file", 1u << 20
	};
	struct file file;
	int ret;

	ret = file_map(&file, path, &kind, problem);
	if (!ret)
		ret = config_text(s, path, (const char *)file.data,
				  (size_t)file.bytes, problem);
	file_close(&file);
	return ret;
}

int config_words(struct config_sources *s, const char *const *words, int count,
		 struct problem *problem)
{
	struct parser p = { .sources = s, .problem = problem };
	char *word;
	int i;

	if (count && add_source(s, SOURCE_WORDS, NULL, problem))
		return -1;
	for (i = 0; i < count; i++) {
		word = config_copy(READING(&p, words[i], ""), words[i],
				   strlen(words[i]));
		if (!word || take_word(&p, word))
			return -1;
	}
	return 0;
}

int config_options(struct config_sources *s, const struct config_given *given,
		   struct problem *problem)
{
	struct parser p = { .sources = s, .problem = problem };

	if (add_source(s, SOURCE_OPTIONS, NULL, problem))
		return -1;
	for (; given->key; given++)
		if (given->text &&
		    put_value(&p, config_option_find(given->key), 0,
			      given->key, given->text))
			return -1;
	return 0;
}
