// SPDX-License-Identifier: GPL-2.0-only
/* config.c - the keys, and what becomes of their values. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

/* ---- readers of plain values ---- */

static void *member(const struct config_reading *r)
{
	return (char *)r->config + r->key->off;
}

static int read_text(struct config_reading *r)
{
	char **place = (char **)member(r) + r->number;

	*place = config_copy(r, r->text);
	return *place ? 0 : -1;
}

static int read_path(struct config_reading *r)
{
	char **place = (char **)member(r) + r->number;

	*place = config_path(r, r->text);
	return *place ? 0 : -1;
}

static int read_mib(struct config_reading *r)
{
	uint64_t *place = member(r);

	if (read_size(r->text, 1ull << 20, place) && *place)
		return 0;
	return config_fail(r, "not a size (a number of MiB, or one with K, M "
			   "or G)");
}

static int read_grace(struct config_reading *r)
{
	if (read_seconds(r->text, member(r)))
		return 0;
	return config_fail(r, "not a number of seconds (1 .. %u)",
			   SECONDS_MAX);
}

/* ---- the table ---- */

/*
 * A new key is a row here, and what its reader fills.  They are read in this
 * order, whatever the files' is: an alias finds its disk, and what is said of
 * a disk finds the disk.
 */
static const struct config_key keys[] = {
	{ "kernel", SUFFIX_NONE, 0, read_path,
	  offsetof(struct config, kernel),
	  "ELF vmlinux or bzImage, built for libcvm" },
	{ "initrd", SUFFIX_NONE, 0, read_path,
	  offsetof(struct config, initrd),
	  "initial RAM file system" },
	{ "mem", SUFFIX_NONE, 0, read_mib,
	  offsetof(struct config, mem_bytes),
	  "memory in MiB, or with K, M, G" },
	{ "name", SUFFIX_NONE, 0, read_text,
	  offsetof(struct config, name),
	  "name in lists and messages" },
	{ "grace", SUFFIX_NONE, 0, read_grace,
	  offsetof(struct config, grace),
	  "seconds to power off in, when asked to" },
	{ "user", SUFFIX_NONE, 0, read_text,
	  offsetof(struct config, user),
	  "user the VM's process becomes, by name or number" },
	{ "cobd", SUFFIX_NUMBER, CONFIG_COBDS, config_read_cobd, 0,
	  "disk: a raw image, a disk or a partition of the host" },
	{ "scsi", SUFFIX_NUMBER, CONFIG_SCSIS, config_read_scsi, 0,
	  "the same: disk|cdrom,PATH[,MIB]" },
	{ "hd", SUFFIX_DRIVE, 8, config_read_alias, 0,
	  "the same by another name: hda1=PATH, hda1=:cobd0" },
	{ "sd", SUFFIX_DRIVE, 16, config_read_alias, 0, NULL },
	{ "setcobd", SUFFIX_NONE, 0, config_read_setcobd_all, 0,
	  "how disks work: sync, async, readonly, cached,\n"
	  "queues=N, serial=TEXT" },
	{ "setcobd", SUFFIX_NUMBER, CONFIG_COBDS, config_read_setcobd, 0,
	  "the same of one disk" },
	{ "setscsi", SUFFIX_NUMBER, CONFIG_SCSIS, config_read_setscsi, 0,
	  NULL },
	{ "eth", SUFFIX_NUMBER, CONFIG_NICS, config_read_eth, 0,
	  "network: slirp[,MAC[,FORWARDS]] or tap,NAME[,MAC]" },
	{ "ttys", SUFFIX_NUMBER, CONFIG_TTYS, config_read_ttys, 0,
	  "tty: DEVICE[,MODE], pty, console, socket:PATH, file:PATH" },
	{ "exec", SUFFIX_NUMBER, CONFIG_EXECS, config_read_exec, 0,
	  "program of the host to run beside it: PROGRAM[,ARGS]" },
	{ "cofs", SUFFIX_NUMBER, 32, config_read_cofs, 0, NULL },
	{ "cocon", SUFFIX_NONE, 0, config_read_cocon, 0, NULL },
	{ "cursor", SUFFIX_NONE, 0, config_read_cursor, 0, NULL },
	{ "color", SUFFIX_NONE, 0, config_read_color, 0, NULL },
	{ "pci", SUFFIX_NUMBER, 32, config_read_unused, 0, NULL },
	{ "video", SUFFIX_NUMBER, 16, config_read_unused, 0, NULL },
	{ "audio", SUFFIX_NUMBER, 16, config_read_unused, 0, NULL },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* ---- is it a key, mistyped? ---- */

/*
 * What the kernel itself takes is no mistake: of two letters anything could
 * be one, and there are pci= and video= without a number.
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

const struct config_key *config_key_find(const char *name, size_t len,
					 int *exact, unsigned long *number)
{
	const struct config_key *near = NULL;
	size_t i, stem = len;

	while (stem && isdigit((unsigned char)name[stem - 1]))
		stem--;
	*number = stem < len ? strtoul(name + stem, NULL, 10) : 0;
	*exact = 0;
	for (i = 0; i < KEYS && !*exact; i++) {
		*exact = is_key(&keys[i], name, len, stem);
		if (*exact || (!near &&
			       suspicious(&keys[i], name, stem, len)))
			near = &keys[i];
	}
	return near;
}

/* ---- from values to what they mean ---- */

static int by_number(const void *a, const void *b)
{
	const struct config_value *const *x = a, *const *y = b;

	if ((*x)->number != (*y)->number)
		return (*x)->number < (*y)->number ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static void start_reading(struct config_reading *r, struct config *config,
			  const struct config_value *value,
			  struct problem *problem)
{
	memset(r, 0, sizeof(*r));
	r->config = config;
	r->value = value;
	r->key = value->key;
	r->name = value->name;
	r->number = value->number;
	r->problem = problem;
}

static int read_value(struct config *config, const struct config_value *value,
		      struct problem *problem)
{
	struct config_reading r;
	const char *c;
	size_t n = 0;
	int ret;

	start_reading(&r, config, value, problem);
	r.text = malloc(strlen(value->text) + 1);
	if (!r.text)
		return config_fail(&r, "no memory");
	for (c = value->text; *c; c++)
		if (*c != '"' || *++c == '"')
			r.text[n++] = *c;
		else
			c--;
	r.text[n] = '\0';
	ret = *r.text ? value->key->read(&r) :
	      config_fail(&r, "empty value");
	free(r.text);
	return ret;
}

/* All values of one key, by their numbers. */
static int read_key(struct config *config, const struct config_key *key,
		    const struct config_value **room, struct problem *problem)
{
	unsigned int i, n = 0;

	for (i = 0; i < config->values; i++)
		if (config->value[i].key == key)
			room[n++] = &config->value[i];
	/* Aliases take free disks in the order in which they are written. */
	if (n && key->suffix == SUFFIX_NUMBER)
		qsort(room, n, sizeof(*room), by_number);
	for (i = 0; i < n; i++)
		if (read_value(config, room[i], problem))
			return -1;
	return 0;
}

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

/* One word of the guest's command line. */
static int add_word(struct config *config, const struct config_value *value,
		    struct problem *problem)
{
	const char *word = value->text;
	size_t keep = strlen(word);
	struct config_reading r;
	char name[64];
	int found;

	start_reading(&r, config, value, problem);
	r.name = value->text;
	found = config_disk_name(&r, word, name, sizeof(name));
	if (found < 0)
		return -1;
	if (found)
		keep = strcspn(word, "=") + 1;
	else
		name[0] = '\0';
	if (append(&config->cmdline, word, keep, name) ||
	    (!config->source[value->source] &&
	     append(&config->words, word, keep, name)))
		return config_fail(&r, "no memory");
	return 0;
}

int config_finish(struct config *config, struct problem *problem)
{
	const struct config_value **room;
	unsigned int i;
	int ret = 0;

	room = malloc((config->values + 1) * sizeof(*room));
	if (!room)
		return problem_set(problem, "configuration", "no memory");
	for (i = 0; i < KEYS && !ret; i++)
		ret = read_key(config, &keys[i], room, problem);
	free(room);
	for (i = 0; i < config->values && !ret; i++)
		if (!config->value[i].key)
			ret = add_word(config, &config->value[i], problem);
	return ret;
}

/* ---- the end of it ---- */

void config_free(struct config *config)
{
	unsigned int i;

	free(config->kernel);
	free(config->initrd);
	free(config->name);
	free(config->user);
	free(config->cmdline);
	free(config->words);
	free(config->notes);
	for (i = 0; i < CONFIG_DISKS; i++)
		free(config->disk[i].path);
	for (i = 0; i < CONFIG_EXECS; i++) {
		free(config->exec[i].program);
		free(config->exec[i].args);
	}
	for (i = 0; i < CONFIG_TTYS; i++) {
		free(config->tty[i].path);
		free(config->tty[i].mode);
	}
	for (i = 0; i < CONFIG_NICS; i++)
		free(config->eth[i]);
	for (i = 0; i < config->values; i++) {
		free(config->value[i].name);
		free(config->value[i].text);
	}
	free(config->value);
	for (i = 0; i < config->sources; i++)
		free(config->source[i]);
	memset(config, 0, sizeof(*config));
}

#define HELP_COLUMN	16

void config_help(void)
{
	static const char *const suffix[] = {
		[SUFFIX_NONE] = "", [SUFFIX_NUMBER] = "N",
		[SUFFIX_DRIVE] = "XN",
	};
	const char *line, *end;
	char name[32];
	size_t i;

	printf("\nKeys of a configuration file (the rest of it is the guest's "
	       "command line;\nall of them: docs/configuration.md):\n");
	for (i = 0; i < KEYS; i++) {
		snprintf(name, sizeof(name), "  %s%s", keys[i].name,
			 suffix[keys[i].suffix]);
		for (line = keys[i].help; line; line = end ? end + 1 : NULL) {
			end = strchr(line, '\n');
			printf("%-*s%.*s\n", HELP_COLUMN,
			       line == keys[i].help ? name : "",
			       end ? (int)(end - line) : (int)strlen(line),
			       line);
		}
	}
}
