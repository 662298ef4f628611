// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_boot.c - kernel= and initrd=: a file of the host, or one in the file
 * system of a guest's disk.
 *
 *	DISK:[PARTITION]/PATH	this file
 *	DISK:[PARTITION]	of kernel=: both, where distributions have them
 *
 * A file of the host whose name looks like that has a directory: ./cobd0:
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

#define PARTITION_MAX	1024

static struct config_inside *inside(const struct config_reading *r)
{
	return r->value->key->off == offsetof(struct config, kernel) ?
	       &r->config->kernel_in : &r->config->initrd_in;
}

/* cobd0:, scsi1:, hda1: - where the colon is, or NULL. */
static const char *disk_end(const char *text)
{
	const char *c = text;

	if (!strncmp(c, "cobd", 4) || !strncmp(c, "scsi", 4)) {
		c += 4;
		if (!isdigit((unsigned char)*c))
			return NULL;
	} else if ((c[0] == 'h' || c[0] == 's') && c[1] == 'd' &&
		   islower((unsigned char)c[2])) {
		c += 3;
	} else {
		return NULL;
	}
	while (isdigit((unsigned char)*c))
		c++;
	return *c == ':' ? c : NULL;
}

/* Digits up to the path, or the end; what the disk's own name said, if none. */
static int read_partition(struct config_reading *r, struct config_inside *in,
			  const char *of_name, const char *text)
{
	const char *path = strchr(text, '/');
	size_t bytes = path ? (size_t)(path - text) : strlen(text);
	char digits[16] = "";
	long number;

	if (!bytes && !*of_name)
		return 0;
	if (bytes && *of_name)
		return config_fail(r, "a partition of a partition");
	if (bytes < sizeof(digits))
		memcpy(digits, bytes ? text : of_name,
		       bytes ? bytes : strlen(of_name));
	number = config_number(digits, PARTITION_MAX);
	if (number < 1)
		return config_fail(r, "%.32s: neither a path (/vmlinuz) nor "
				   "the number of a partition", text);
	in->partition = (uint32_t)number;
	return 0;
}

static int read_inside(struct config_reading *r, const char *end)
{
	struct config_inside *in = inside(r);
	char name[CONFIG_NAME] = "";
	const char *partition = "";
	size_t bytes = (size_t)(end - r->text);

	if (bytes < sizeof(name))
		memcpy(name, r->text, bytes);
	in->disk = config_disk_find(r->config, name, &partition);
	if (!in->disk)
		return config_fail(r, "no disk %.*s is defined", (int)bytes,
				   r->text);
	if (read_partition(r, in, partition, end + 1))
		return -1;
	in->path = strchr(end, '/');
	if (in->path)
		return 0;
	if (in == &r->config->initrd_in)
		return config_fail(r, "no path given, as in initrd=%.*s:"
				   "/initrd.img; kernel=%.*s: means both",
				   (int)bytes, r->text, (int)bytes, r->text);
	return 0;
}

int config_read_boot_file(struct config_reading *r)
{
	const char **place = (void *)((char *)r->config + r->value->key->off);
	const char *end = disk_end(r->text);

	/* "cobd0:" is called cobd0. */
	*place = end ? config_copy(r, r->text, end[1] ? strlen(r->text) :
				   (size_t)(end - r->text)) :
		 config_path(r, r->text);
	return !*place || (end && read_inside(r, end)) ? -1 : 0;
}

void config_boot_both(struct config *config)
{
	const struct config_inside *in = &config->kernel_in;

	if (in->disk && !in->path && !config->initrd) {
		config->initrd = config->kernel;
		config->initrd_in = *in;
	}
}
