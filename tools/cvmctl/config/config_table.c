// SPDX-License-Identifier: GPL-2.0-only
/* config_table.c - the keys, and what reads their values. */
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

static int read_text(struct config_reading *r)
{
	char **place = member(r);

	*place = config_copy(r, r->text, strlen(r->text));
	return *place ? 0 : -1;
}

static int read_path(struct config_reading *r)
{
	char **place = member(r);

	*place = config_path(r, r->text);
	return *place ? 0 : -1;
}

static int read_name(struct config_reading *r)
{
	if (good_name(r->text))
		return read_text(r);
	return config_fail(r, "not a name (" NAME_RULE ")", CVM_NAME_MAX - 1);
}

/* Memory is granted in large pages. */
static int read_mem(struct config_reading *r)
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

static int read_address(struct config_reading *r)
{
	uint64_t *place = member(r);

	if (!read_size(r->text, 1, place))
		return config_fail(r, "not an address (a number, or one with "
				   "K, M or G)");
	if (*place > UINT64_MAX / 2)
		return config_fail(r, "address too high");
	return 0;
}

static int read_grace(struct config_reading *r)
{
	if (read_seconds(r->text, member(r)))
		return 0;
	return config_fail(r, "not a number of seconds (1 .. %u)",
			   SECONDS_MAX);
}

/* ---- the table ---- */

#define MEM		"256"
#define GRACE		"60"

#define PLAIN(name, read, member, help) \
	name, SUFFIX_NONE, 0, read, offsetof(struct config, member), help

/*
 * A new plain key is a row here and a member of struct config; one that is an
 * option too says so in its row.  They are read in this order, whatever the
 * files' is: an alias finds its disk, and what is said of a disk finds the
 * disk.
 */
static const struct config_key keys[] = {
	{ PLAIN("kernel", read_path, kernel,
		"ELF vmlinux or bzImage, built for libcvm"),
	  PLACE_BOTH, "FILE", NULL, 0 },
	{ PLAIN("initrd", read_path, initrd, "initial RAM file system"),
	  PLACE_BOTH, "FILE", NULL, 0 },
	{ PLAIN("mem", read_mem, mem_bytes,
		"memory of the guest in MiB, or with K, M, G\n"
		"(default " MEM ")"),
	  PLACE_BOTH, "MIB", MEM, 0 },
	{ PLAIN("cmdline", read_text, cmdline,
		"kernel command line (default console=hvc0)\n"
		"instead of the files' words; WORDs are added"),
	  PLACE_OPTION, "STRING", NULL, 1 },
	{ PLAIN("name", read_name, name,
		"name in lists and messages (default vm-PID)"),
	  PLACE_BOTH, "NAME", NULL, 0 },
	{ PLAIN("min-address", read_address, min_hpa,
		"take memory at or above this machine address\n"
		"only, for instance 4G"),
	  PLACE_OPTION, "ADDR", NULL, 0 },
	{ PLAIN("grace", read_grace, grace,
		"how long a guest that was asked to power off\n"
		"may take before it is ended (default " GRACE " s)"),
	  PLACE_BOTH, "SECONDS", GRACE, 0 },
	{ PLAIN("user", read_text, user,
		"user the VM's process becomes, by name or number"),
	  PLACE_WORDS, NULL, NULL, 0 },
#undef PLAIN
#define DEVICE(name, suffix, count, read, help) \
	{ name, suffix, count, read, 0, help, PLACE_WORDS, NULL, NULL, 0 }
	DEVICE("cobd", SUFFIX_NUMBER, CONFIG_COBDS, config_read_cobd,
	       "disk: a raw image, a disk or a partition of the host"),
	DEVICE("scsi", SUFFIX_NUMBER, CONFIG_SCSIS, config_read_scsi,
	       "the same: disk|cdrom,PATH[,MIB]"),
	DEVICE("hd", SUFFIX_DRIVE, 8, config_read_alias,
	       "the same by another name: hda1=PATH, hda1=:cobd0"),
	DEVICE("sd", SUFFIX_DRIVE, 16, config_read_alias, NULL),
	DEVICE("setcobd", SUFFIX_NONE, 0, config_read_setcobd_all,
	       "how disks work: sync, async, readonly, cached,\n"
	       "format=raw, queues=N, serial=TEXT"),
	DEVICE("setcobd", SUFFIX_NUMBER, CONFIG_COBDS, config_read_setcobd,
	       "the same of one disk"),
	DEVICE("setscsi", SUFFIX_NUMBER, CONFIG_SCSIS, config_read_setscsi,
	       NULL),
	DEVICE("eth", SUFFIX_NUMBER, CONFIG_NICS, config_read_eth,
	       "network: slirp[,MAC[,FORWARDS]] or tap,NAME[,MAC]"),
	DEVICE("ttys", SUFFIX_NUMBER, CONFIG_TTYS, config_read_ttys,
	       "tty: DEVICE[,MODE], pty, console, socket:PATH, file:PATH"),
	DEVICE("exec", SUFFIX_NUMBER, CONFIG_EXECS, config_read_exec,
	       "program of the host to run beside it: PROGRAM[,ARGS]"),
	DEVICE("cofs", SUFFIX_NUMBER, 32, config_read_cofs, NULL),
	DEVICE("cocon", SUFFIX_NONE, 0, config_read_cocon, NULL),
	DEVICE("cursor", SUFFIX_NONE, 0, config_read_cursor, NULL),
	DEVICE("color", SUFFIX_NONE, 0, config_read_color, NULL),
	DEVICE("pci", SUFFIX_NUMBER, 32, config_read_unused, NULL),
	DEVICE("video", SUFFIX_NUMBER, 16, config_read_unused, NULL),
	DEVICE("audio", SUFFIX_NUMBER, 16, config_read_unused, NULL),
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
