// SPDX-License-Identifier: GPL-2.0-only
/* config_values.c - where a value stands, and what its readers share. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "os/os.h"

/* ---- where it stands ---- */

static const struct config_source *source(const struct config_reading *r)
{
	return &r->sources->source[r->value->source];
}

/* "FILE:LINE: KEY", "command line: KEY", "--OPTION TEXT" */
static void place(const struct config_reading *r, char *to, size_t size)
{
	switch (source(r)->kind) {
	case SOURCE_FILE:
		snprintf(to, size, "%.350s:%u: %.64s", source(r)->path,
			 r->value->line, r->value->name);
		break;
	case SOURCE_OPTIONS:
		snprintf(to, size, "--%s%s%.200s", r->value->name,
			 *r->value->text ? " " : "", r->value->text);
		break;
	case SOURCE_WORDS:
	case SOURCE_DEFAULTS:
		snprintf(to, size, "command line: %.64s", r->value->name);
		break;
	}
}

int config_fail(const struct config_reading *r, const char *fmt, ...)
{
	char where[440], text[300];
	va_list ap;

	place(r, where, sizeof(where));
	r->sources->usage = source(r)->kind == SOURCE_OPTIONS;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return problem_set(r->problem, where, "%s", text);
}

int config_note(struct config_reading *r, const char *fmt, ...)
{
	char **notes = &r->sources->notes;
	size_t old = *notes ? strlen(*notes) : 0;
	char where[440], text[300], line[800];
	char *more;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	place(r, where, sizeof(where));
	snprintf(line, sizeof(line), "%s%s: %s", old ? "\n" : "", where, text);
	more = realloc(*notes, old + strlen(line) + 1);
	if (!more)
		return config_fail(r, "no memory");
	strcpy(more + old, line);
	*notes = more;
	return 0;
}

/* ---- copies ---- */

struct config_string {
	struct config_string *next;
	char text[];
};

char *config_copy(const struct config_reading *r, const char *text,
		  size_t bytes)
{
	struct config_string *copy = malloc(sizeof(*copy) + bytes + 1);

	if (!copy) {
		config_fail(r, "no memory");
		return NULL;
	}
	copy->next = r->sources->strings;
	r->sources->strings = copy;
	memcpy(copy->text, text, bytes);
	copy->text[bytes] = '\0';
	return copy->text;
}

char *config_path(const struct config_reading *r, const char *path)
{
	const char *file = source(r)->path;
	char full[CONFIG_PATH_ROOM];

	if (os_path_foreign(path)) {
		config_fail(r, "%.128s: a Windows path; give one of this host",
			    path);
		return NULL;
	}
	if (os_path_beside(file ? file : "", path, full, sizeof(full))) {
		config_fail(r, "path too long");
		return NULL;
	}
	return config_copy(r, full, strlen(full));
}

void config_free(struct config_sources *s)
{
	struct config_string *string, *next;

	for (string = s->strings; string; string = next) {
		next = string->next;
		free(string);
	}
	free(s->value);
	free(s->notes);
	memset(s, 0, sizeof(*s));
}

/* ---- parts of a value ---- */

/* coLinux's quotes keep commas and blanks; "" is a quote itself. */
enum config_part config_part(const struct config_reading *r, const char **at,
			     char *part, size_t size)
{
	const char *c = *at;
	int quoted = 0;
	size_t n = 0;

	if (!c)
		return PART_NONE;
	for (; *c && (quoted || *c != ','); c++) {
		if (*c == '"' && *++c != '"') {
			quoted = !quoted;
			c--;
			continue;
		}
		if (n + 1 == size) {
			config_fail(r, "\"%.32s...\" is too long", *at);
			return PART_FAILED;
		}
		part[n++] = *c;
	}
	part[n] = '\0';
	*at = *c ? c + 1 : NULL;
	return PART_THERE;
}

long config_number(const char *text, long max)
{
	long value = 0;
	const char *c;

	for (c = text; *c >= '0' && *c <= '9' && value <= max; c++)
		value = 10 * value + (*c - '0');
	return c == text || *c || value > max ? -1 : value;
}
