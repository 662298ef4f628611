// SPDX-License-Identifier: GPL-2.0-only
/* config_values.c - what the readers of values share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "os/os.h"

char *config_copy(const struct config_reading *r, const char *text)
{
	char *copy = malloc(strlen(text) + 1);

	if (copy)
		return strcpy(copy, text);
	config_fail(r, "no memory");
	return NULL;
}

char *config_path(const struct config_reading *r, const char *path)
{
	const char *file = r->config->source[r->value->source];
	char full[CONFIG_PATH_ROOM];

	if (plat_foreign_path(path)) {
		config_fail(r, "%.128s: a path of Windows, not of this host",
			    path);
		return NULL;
	}
	if (plat_beside(file ? file : "", path, full, sizeof(full))) {
		config_fail(r, "this path is too long");
		return NULL;
	}
	return config_copy(r, full);
}

/* coLinux's quotes: they keep commas and blanks; two are one that is meant. */
int config_part(const struct config_reading *r, const char **at, char *part,
		size_t size)
{
	const char *c = *at;
	int quoted = 0;
	size_t n = 0;

	if (!c)
		return 0;
	for (; *c && (quoted || *c != ','); c++) {
		if (*c == '"' && *++c != '"') {
			quoted = !quoted;
			c--;
			continue;
		}
		if (n + 1 == size)
			return config_fail(r, "\"%.32s...\" is too long",
					   *at);
		part[n++] = *c;
	}
	part[n] = '\0';
	*at = *c ? c + 1 : NULL;
	return 1;
}

long config_number(const char *text, long max)
{
	long value = 0;
	const char *c;

	for (c = text; *c >= '0' && *c <= '9' && value <= max; c++)
		value = 10 * value + (*c - '0');
	return c == text || *c || value > max ? -1 : value;
}
