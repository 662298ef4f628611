// SPDX-License-Identifier: GPL-2.0-only
/* config_table.c - the table of keys, and readers of the plain ones. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/boot.h>

#include "config_impl.h"

/* ---- readers of plain values ---- */

static void *member(const struct config_reading *r)
{
	return (char *)r->config + r->value->key->off;
}

int config_read_text(struct config_reading *r)
{
	char **place = member(r);

	*place = config_copy(r, r->text, strlen(r->text));
	return *place ? 0 : -1;
}

int config_read_path(struct config_reading *r)
{
	char **place = member(r);

	*place = config_path(r, r->text);
	return *place ? 0 : -1;
}

int config_read_name(struct config_reading *r)
{
	if (good_name(r->text))
		return config_read_text(r);
	return config_fail(r, "not a name (" NAME_RULE ")", CVM_NAME_MAX - 1);
}

/* Memory is granted in large pages. */
int config_read_mem(struct config_reading *r)
{
	uint64_t *place = member(r);

	if (!read_size(r->text, 1ull << 20, place))
		return config_fail(r, "not a size (a number of MiB, or one "
				   "with K, M or G)");
	if (!*place)
		return config_fail(r, "memory size too small");
	if (*place > UINT64_MAX / 2)
		return config_fail(r, "memory size too large");
	*place = (*place + CVM_LARGE_PAGE - 1) &
		 ~(uint64_t)(CVM_LARGE_PAGE - 1);
	return 0;
}

int config_read_address(struct config_reading *r)
{
	uint64_t *place = member(r);

	if (!read_size(r->text, 1, place))
		return config_fail(r, "not an address (a number, or one with "
				   "K, M or G)");
	if (*place > UINT64_MAX / 2)
		return config_fail(r, "address too high");
	return 0;
}

int config_read_grace(struct config_reading *r)
{
	if (read_seconds(r->text, member(r)))
		return 0;
	return config_fail(r, "not a number of seconds (1 .. %u)",
			   SECONDS_MAX);
}

/* ---- the table ---- */

static const struct config_key keys[] = {
#define KEY(name, reader, member, place, metavar, preset, may_be_empty, help) \
	{ name, SUFFIX_NONE, 0, config_read_##reader, \
	  offsetof(struct config, member), help, place, metavar, preset, \
	  may_be_empty },
#define DEVICE(name, suffix, count, reader, help) \
	{ name, suffix, count, config_read_##reader, 0, help, PLACE_WORDS, \
	  NULL, NULL, 0 },
#include "config_keys.def"
#undef KEY
#undef DEVICE
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

_Static_assert(KEYS <= CONFIG_OPTIONS, "all of them may be options");

const struct config_key *config_key_at(size_t i)
{
	return i < KEYS ? &keys[i] : NULL;
}

/* ---- is it a key, mistyped? ---- */

/*
 * Words of the kernel's own are no mistakes.  Many are near to a key of two
 * letters, and pci= and video= without a number are the kernel's.
 */
static int suspicious(const struct config_key *key, const char *name,
		      size_t stem, size_t len)
{
	size_t bytes = strlen(key->name);

	if (bytes <= 2 || !nearly(name, stem, key->name, bytes))
		return 0;
	return key->read != config_read_unused || stem < len;
}

static int is_key(const struct config_key *key, const char *name, size_t len,
		  size_t stem)
{
	size_t bytes = strlen(key->name);

	if (stem < bytes || memcmp(key->name, name, bytes))
		return 0;
	switch (key->suffix) {
	case SUFFIX_NONE:
		return len == bytes;
	case SUFFIX_NUMBER:
		return stem == bytes && stem < len;
	default:
		return stem == bytes + 1 && len <= bytes + 4 &&
		       (unsigned char)(name[bytes] - 'a') < key->count;
	}
}

enum config_match config_key_find(const char *name, size_t len,
				  const struct config_key **key,
				  unsigned long *number)
{
	size_t i, stem = len;

	*key = NULL;
	while (stem && isdigit((unsigned char)name[stem - 1]))
		stem--;
	*number = stem < len ? strtoul(name + stem, NULL, 10) : 0;
	for (i = 0; i < KEYS; i++) {
		if (keys[i].place == PLACE_OPTION)
			continue;
		if (is_key(&keys[i], name, len, stem)) {
			*key = &keys[i];
			return MATCH_KEY;
		}
		if (!*key && suspicious(&keys[i], name, stem, len))
			*key = &keys[i];
	}
	return *key ? MATCH_NEARLY : MATCH_NONE;
}

/* ---- keys that are options ---- */

const struct config_key *config_option_find(const char *name)
{
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (keys[i].place != PLACE_WORDS &&
		    !strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

size_t config_option_rows(struct opt *opts, struct config_given *given)
{
	size_t i, n = 0;

	for (i = 0; i < KEYS; i++) {
		if (keys[i].place == PLACE_WORDS)
			continue;
		given[n] = (struct config_given){ keys[i].name, NULL };
		opts[n] = (struct opt){
			keys[i].name, OPT_TEXT, keys[i].metavar,
			&given[n].text, keys[i].help
		};
		n++;
	}
	given[n].key = NULL;
	return n;
}

/* ---- help ---- */

#define HELP_COLUMN	16

static void print_key(const struct config_key *key)
{
	static const char *const suffix[] = {
		[SUFFIX_NONE] = "", [SUFFIX_NUMBER] = "N",
		[SUFFIX_DRIVE] = "XN",
	};
	const char *line, *end;
	char name[32];

	snprintf(name, sizeof(name), "  %s%s", key->name,
		 suffix[key->suffix]);
	for (line = key->help; line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		printf("%-*s%.*s\n", HELP_COLUMN, line == key->help ? name : "",
		       end ? (int)(end - line) : (int)strlen(line), line);
	}
}

void config_help(void)
{
	size_t i;

	printf("\nKeys of a configuration file (the rest of it is the guest's "
	       "command line;\nall of them: docs/configuration.md):\n");
	for (i = 0; i < KEYS; i++)
		if (keys[i].place != PLACE_OPTION)
			print_key(&keys[i]);
}
