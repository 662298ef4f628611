// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_disk.c - disks: cobdN, their aliases, scsiN, and what is said of
 * them.
 *
 * The guest has virtio disks, /dev/vda and so on: first the cobds, by their
 * numbers, then the scsis.  coLinux's names of them are translated where the
 * guest's command line names its root.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

#define SCSI_MIB_MAX	1048576		/* coLinux's limit */

static int set_path(struct config_reading *r, struct config_disk *disk,
		    const char *path)
{
	unsigned int index = (unsigned int)(disk - r->config->disk);

	snprintf(disk->name, sizeof(disk->name), "%s%u",
		 index < CONFIG_COBDS ? "cobd" : "scsi",
		 index % CONFIG_COBDS % 100);
	disk->path = config_path(r, path);
	return disk->path ? 0 : -1;
}

int config_read_cobd(struct config_reading *r)
{
	return set_path(r, &r->config->disk[r->value->number], r->text);
}

/* ---- scsiN=TYPE,PATH[,MIB] ---- */

int config_read_scsi(struct config_reading *r)
{
	struct config_disk *disk = &r->config->disk[CONFIG_COBDS +
						    r->value->number];
	char type[16], path[CONFIG_PATH_ROOM], size[16], rest[2];
	const char *at = r->value->text;
	enum config_part got;
	long mib;

	if (config_part(r, &at, type, sizeof(type)) == PART_FAILED)
		return -1;
	disk->cdrom = !strcmp(type, "cdrom");
	disk->readonly = disk->cdrom;
	if (!disk->cdrom && strcmp(type, "disk"))
		return config_fail(r, "%s: not supported; use disk or "
				   "cdrom", type);
	got = config_part(r, &at, path, sizeof(path));
	if (got == PART_FAILED)
		return -1;
	if (got == PART_NONE || !*path)
		return config_fail(r, "no path given (%s,PATH)", type);
	got = config_part(r, &at, size, sizeof(size));
	if (got == PART_FAILED)
		return -1;
	if (got == PART_THERE) {
		mib = config_number(size, SCSI_MIB_MAX);
		if (mib < 0)
			return config_fail(r, "%s: not a size (a number of "
					   "MiB)", size);
		disk->grow_bytes = (uint64_t)mib << 20;
	}
	if (config_part(r, &at, rest, sizeof(rest)) != PART_NONE)
		return config_fail(r, "unexpected text after the size");
	return set_path(r, disk, path);
}

/* ---- hda1=PATH, hda1=:cobd0 ---- */

static struct config_disk *free_cobd(struct config *config)
{
	unsigned int i;

	for (i = 0; i < CONFIG_COBDS; i++)
		if (!config->disk[i].path)
			return &config->disk[i];
	return NULL;
}

int config_read_alias(struct config_reading *r)
{
	struct config_disk *disk;
	long number;

	if (!strncmp(r->text, ":cobd", 5)) {
		number = config_number(r->text + 5, CONFIG_COBDS - 1);
		if (number < 0)
			return config_fail(r, "%.32s: no such disk (:cobd0 .. "
					   ":cobd%u)", r->text,
					   CONFIG_COBDS - 1);
		disk = &r->config->disk[number];
		if (!disk->path)
			return config_fail(r, "no disk cobd%ld is "
					   "defined", number);
		if (*disk->alias)
			return config_fail(r, "cobd%ld is called %s "
					   "already", number,
					   disk->alias);
	} else {
		disk = free_cobd(r->config);
		if (!disk)
			return config_fail(r, "too many disks (at most %u)",
					   CONFIG_COBDS);
		if (set_path(r, disk, r->text))
			return -1;
	}
	snprintf(disk->alias, sizeof(disk->alias), "%.7s", r->value->name);
	return 0;
}

/* ---- setcobd=OPTION,... ---- */

static int set_number(struct config_reading *r, struct config_disk *disk,
		      const char *text)
{
	long queues = config_number(text, 16);

	if (queues < 1)
		return config_fail(r, "%.32s: not a number of queues (1 .. "
				   "16)", text);
	disk->queues = (uint32_t)queues;
	return 0;
}

static int set_serial(struct config_reading *r, struct config_disk *disk,
		      const char *text)
{
	if (!*text || strlen(text) >= sizeof(disk->serial))
		return config_fail(r, "%.32s: a serial number has 1 to %u "
				   "characters", text,
				   (unsigned int)sizeof(disk->serial) - 1);
	strcpy(disk->serial, text);
	return 0;
}

/* The subject of an option, which can be given once. */
static const char *subject(const char *option)
{
	static const char *const about[] = { "queues=", "serial=" };
	size_t i;

	for (i = 0; i < sizeof(about) / sizeof(about[0]); i++)
		if (!strncmp(option, about[i], strlen(about[i])))
			return about[i];
	return !strcmp(option, "sync") ? "async" : option;
}

/* Has an option before start, where this one begins, its subject? */
static int said_before(const struct config_reading *r, const char *option,
		       const char *start)
{
	const char *at = r->value->text;
	char other[64];

	while (at && at < start &&
	       config_part(r, &at, other, sizeof(other)) == PART_THERE)
		if (!strcmp(subject(other), subject(option)))
			return 1;
	return 0;
}

static int set_option(struct config_reading *r, struct config_disk *disk,
		      const char *option)
{
	/* The second name is coLinux's: many requests at once, or one. */
	if (!strcmp(option, "async"))
		disk->engine = VIRTIO_BLK_ENGINE_ANY;
	else if (!strcmp(option, "sync"))
		disk->engine = VIRTIO_BLK_ENGINE_THREADS;
	else if (!strcmp(option, "readonly"))
		disk->readonly = 1;
	else if (!strcmp(option, "cached"))
		disk->cached = 1;
	else if (!strcmp(option, "format=raw"))
		disk->raw = 1;
	else if (!strncmp(option, "format=", 7))
		return config_fail(r, "%.32s: a guest's disk is raw; cvmctl "
				   "image info tells how to make one of "
				   "another", option + 7);
	else if (!strncmp(option, "queues=", 7))
		return set_number(r, disk, option + 7);
	else if (!strncmp(option, "serial=", 7))
		return set_serial(r, disk, option + 7);
	else
		return config_fail(r, "%.32s: unknown option (sync, async, "
				   "readonly, cached, format=raw, queues=N, "
				   "serial=TEXT)", option);
	return 0;
}

static int set_options(struct config_reading *r, struct config_disk *disk)
{
	const char *at = r->value->text, *start = at;
	enum config_part got;
	char option[64];

	for (; (got = config_part(r, &at, option, sizeof(option))) ==
	     PART_THERE; start = at) {
		if (said_before(r, option, start))
			return config_fail(r, "%.32s: it repeats or "
					   "contradicts an option before it",
					   option);
		if (set_option(r, disk, option))
			return -1;
	}
	return got == PART_FAILED ? -1 : 0;
}

int config_read_setcobd_all(struct config_reading *r)
{
	unsigned int i, disks = 0;

	for (i = 0; i < CONFIG_DISKS; i++) {
		if (set_options(r, &r->config->disk[i]))
			return -1;
		disks += r->config->disk[i].path != NULL;
	}
	return disks ? 0 : config_note(r, "ignored: no disk is defined");
}

static int set_one(struct config_reading *r, const char *kind,
		   unsigned int first)
{
	struct config_disk *disk = &r->config->disk[first +
						    r->value->number];

	if (!disk->path)
		return config_fail(r, "no disk %s%u is defined", kind,
				   r->value->number);
	return set_options(r, disk);
}

int config_read_setcobd(struct config_reading *r)
{
	return set_one(r, "cobd", 0);
}

int config_read_setscsi(struct config_reading *r)
{
	return set_one(r, "scsi", CONFIG_COBDS);
}

/* ---- names in the guest ---- */

/* The nth scsi that is (or is not) a CD-ROM, or NULL. */
static const struct config_disk *nth_scsi(const struct config *config,
					  int cdrom, long n)
{
	const struct config_disk *disk = config->disk + CONFIG_COBDS;
	unsigned int i;

	for (i = 0; i < CONFIG_SCSIS; i++, disk++)
		if (disk->path && disk->cdrom == cdrom && !n--)
			return disk;
	return NULL;
}

/* An alias is a disk's name; without a number, its partitions' too. */
static const struct config_disk *by_alias(const struct config *config,
					  const char *device,
					  const char **partition)
{
	const struct config_disk *disk;
	size_t bytes;

	for (disk = config->disk; disk < config->disk + CONFIG_DISKS; disk++) {
		bytes = strlen(disk->alias);
		if (!bytes || strncmp(device, disk->alias, bytes))
			continue;
		*partition = device + bytes;
		if (!**partition || (bytes == 3 &&
				     config_number(*partition, 255) > 0))
			return disk;
	}
	return NULL;
}

const struct config_disk *config_disk_find(const struct config *config,
					   const char *name,
					   const char **partition)
{
	const struct config_disk *disk = config->disk;
	int scsi = !strncmp(name, "scsi", 4);
	long number;

	*partition = "";
	if (!scsi && strncmp(name, "cobd", 4))
		return by_alias(config, name, partition);
	number = config_number(name + 4, scsi ? CONFIG_SCSIS - 1 :
			       CONFIG_COBDS - 1);
	if (number < 0)
		return NULL;
	disk += scsi ? CONFIG_COBDS + number : number;
	return disk->path ? disk : NULL;
}

/* /dev/sda1 is of the first scsi, /dev/sr0 the first CD-ROM. */
static const struct config_disk *by_scsi(const struct config *config,
					 const char *device,
					 const char **partition)
{
	int letter = device[0] && device[1] ? device[2] - 'a' : -1;

	*partition = "";
	if (!strncmp(device, "sr", 2))
		return nth_scsi(config, 1, config_number(device + 2, 31));
	if (!strncmp(device, "scd", 3))
		return nth_scsi(config, 1, config_number(device + 3, 31));
	if (strncmp(device, "sd", 2) || letter < 0 || letter > 25)
		return NULL;
	*partition = device + 3;
	if (**partition && config_number(*partition, 255) <= 0)
		return NULL;
	return nth_scsi(config, 0, letter);
}

/* vda, ..., vdz, vdaa, ... as the driver counts them. */
static void put_name(const struct config *config,
		     const struct config_disk *disk, const char *partition,
		     char *name, size_t size)
{
	const struct config_disk *other;
	unsigned int index = 0;
	char first[2] = "";

	for (other = config->disk; other < disk; other++)
		index += other->path != NULL;
	if (index >= 26)
		first[0] = (char)('a' + index / 26 - 1);
	snprintf(name, size, "/dev/vd%s%c%s", first, 'a' + (int)(index % 26),
		 partition);
}

enum config_disk_name config_disk_name(const struct config_reading *r,
				       const char *word, char *name,
				       size_t size)
{
	const struct config_disk *disk;
	const char *device, *partition = "";
	long number;

	if (strncmp(word, "root=/dev/", 10) &&
	    strncmp(word, "resume=/dev/", 12))
		return NAME_KEPT;
	device = strchr(word, '/') + 5;
	if (!strncmp(device, "cobd", 4)) {
		device += device[4] == '/' ? 5 : 4;
		number = config_number(device, CONFIG_COBDS - 1);
		disk = number < 0 ? NULL : &r->config->disk[number];
		if (!disk || !disk->path) {
			config_fail(r, "no such disk is defined");
			return NAME_FAILED;
		}
	} else {
		disk = by_alias(r->config, device, &partition);
		if (!disk)
			disk = by_scsi(r->config, device, &partition);
		if (!disk && !strncmp(device, "hd", 2)) {
			config_fail(r, "no disk has this name; add %s=PATH or "
				    "%s=:cobd0", device, device);
			return NAME_FAILED;
		}
	}
	if (!disk)
		return NAME_KEPT;
	put_name(r->config, disk, partition, name, size);
	return NAME_CHANGED;
}
