// SPDX-License-Identifier: GPL-2.0-only
/* image_info.c - what a disk image holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "cvmctl/cli/json.h"
#include "kernel/from_image.h"
#include "os/disk.h"
#include "os/disk_fs.h"
#include "virtio/blk/blk_format.h"

#define PARTITIONS	64u	/* that are listed */

struct part {
	struct blk_partition at;
	struct os_disk_fs fs;
};

struct image {
	const char *path;
	const struct blk_format *format;	/* NULL: raw */
	struct os_disk file;
	uint64_t allocated;
	struct blk_image disk;
	struct problem short_by;	/* "" when the image is complete */
	struct os_disk_fs fs;		/* of an image without a table */
	struct part part[PARTITIONS];
	uint32_t parts;
	const struct part *root;	/* a root file system, or NULL */
	bool kernel;			/* kernel=cobd0: finds what it wants */
};

/* ---- find out ---- */

static int read_file(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	struct image *image = ctx;
	struct os_iov iov = { to, bytes };

	return os_disk_read(&image->file, &iov, 1, offset);
}

static void found(void *ctx, const struct blk_partition *partition)
{
	struct image *image = ctx;

	if (image->parts < PARTITIONS)
		image->part[image->parts++].at = *partition;
}

static void probe(struct image *image, struct part *part)
{
	if (part->at.extended || part->at.start > image->file.bytes ||
	    part->at.bytes > image->file.bytes - part->at.start)
		return;
	os_disk_fs(image->file.handle, part->at.start, part->at.bytes,
		   &part->fs);
	/* The largest is the system's, the others are boot and the like. */
	if (os_disk_fs_root(&part->fs) &&
	    (!image->root || part->at.bytes > image->root->at.bytes))
		image->root = part;
}

static bool has(const struct image *image, enum from_image_what what)
{
	const struct file_kind kind = { "a file", 2ull << 30 };
	const struct from_image from = {
		.disk = image->path, .raw = true, .name = "cobd0",
	};
	struct problem none = { "" };
	struct file file;
	int ret = from_image(&file, &from, what, &kind, &none);

	file_close(&file);
	return !ret;
}

static int look(struct image *image, struct problem *problem)
{
	uint32_t i;

	if (os_disk_open(&image->file, image->path, true, false, problem))
		return -1;
	image->allocated = os_disk_allocated(image->file.handle);
	image->disk = (struct blk_image){
		.read = read_file, .ctx = image, .found = found,
		.bytes = image->file.bytes,
	};
	if (!os_disk_was_raw(&image->file))
		image->format = blk_format(&image->disk);
	if (image->format)
		return 0;
	if (blk_image_check(&image->disk, image->path, &image->short_by) &&
	    image->disk.needed <= image->file.bytes)
		/* It is not that a part is missing. */
		return problem_set(problem, NULL, "%s", image->short_by.text);
	if (image->disk.table == BLK_TABLE_NONE)
		os_disk_fs(image->file.handle, 0, image->file.bytes,
			   &image->fs);
	for (i = 0; i < image->parts; i++)
		probe(image, &image->part[i]);
	image->kernel = !image->short_by.text[0] &&
			has(image, FROM_IMAGE_KERNEL) &&
			has(image, FROM_IMAGE_INITRD);
	return 0;
}

/* ---- tell ---- */

static const char *const tables[] = {
	[BLK_TABLE_NONE] = "none",
	[BLK_TABLE_MBR] = "mbr",
	[BLK_TABLE_GPT] = "gpt",
};

/* A partition's type: its name if it is a usual one, else its number. */
static const char *type_name(const struct image *image,
			     const struct blk_partition *part, char *to,
			     size_t size)
{
	static const struct {
		uint8_t mbr;
		const char *guid, *name;
	} types[] = {
		{ 0x83, "0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux" },
		{ 0x82, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "swap" },
		{ 0x00, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
		  "Linux root" },
		{ 0x8e, "e6d6d379-f507-44c2-a23c-238f2a3df928", "LVM" },
		{ 0xef, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI" },
		{ 0x00, "21686148-6449-6e6f-744e-656564454649",
		  "BIOS boot" },
		{ 0x07, "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Windows" },
		{ 0x0c, "", "FAT32" },
		{ 0x05, "", "extended" },
		{ 0x0f, "", "extended" },
	};
	const uint8_t *t = part->type;
	int gpt = image->disk.table == BLK_TABLE_GPT;
	size_t i;

	/* The first three fields are little endian, the rest big. */
	if (gpt)
		snprintf(to, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
			 "%02x%02x-%02x%02x%02x%02x%02x%02x", t[3], t[2], t[1],
			 t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10],
			 t[11], t[12], t[13], t[14], t[15]);
	else
		snprintf(to, size, "0x%02x", t[0]);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (gpt ? !strcmp(to, types[i].guid) : t[0] == types[i].mbr)
			return types[i].name;
	return to;
}

static const char *size_text(uint64_t bytes, char *to, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
					     "TiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(to, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return to;
}

/* root=, as the guest sees the disk when it is its first. */
static void root_text(const struct image *image, char *to, size_t size)
{
	to[0] = '\0';
	if (image->root)
		snprintf(to, size, "/dev/vda%u", image->root->at.number);
	else if (os_disk_fs_root(&image->fs))
		snprintf(to, size, "/dev/vda");
}

static void print_parts(const struct image *image)
{
	const struct part *part;
	char start[24], bytes[24], type[40];
	uint32_t i;

	printf("\n%s  partition  %11s  %11s  %-10s  %-11s  label%s\n",
	       style(STYLE_BOLD), "start", "size", "type", "file system",
	       style(STYLE_OFF));
	for (i = 0; i < image->parts; i++) {
		part = &image->part[i];
		size_text(part->at.start, start, sizeof(start));
		size_text(part->at.bytes, bytes, sizeof(bytes));
		printf("  %9u  %11s  %11s  %-10s  %-11s  ", part->at.number,
		       start, bytes, type_name(image, &part->at, type,
					       sizeof(type)),
		       part->fs.type[0] ? part->fs.type : "-");
		put_text(part->fs.label[0] ? part->fs.label : "-",
			 sizeof(part->fs.label));
		putchar('\n');
	}
	if (image->disk.partitions > image->parts)
		printf("  and %u more\n",
		       image->disk.partitions - image->parts);
}

static void print_missing(const struct image *image)
{
	char text[24];

	printf("\n%sThe last %s are missing%s: its partition table goes "
	       "further than the image.\nNo guest can be started with it.\n",
	       style(STYLE_BAD),
	       size_text(image->disk.needed - image->file.bytes, text,
			 sizeof(text)), style(STYLE_OFF));
}

static const char *kind(const struct image *image)
{
	return image->format ? image->format->name : "raw";
}

static int print_text(const struct image *image)
{
	char bytes[24], root[24], command[1024];

	printf("%s", style(STYLE_BOLD));
	put_text(image->path, SIZE_MAX);
	printf("%s: %s, %s", style(STYLE_OFF), kind(image),
	       size_text(image->file.bytes, bytes, sizeof(bytes)));
	if (image->allocated)
		printf(" (takes %s)", size_text(image->allocated, bytes,
						     sizeof(bytes)));
	putchar('\n');
	if (image->format) {
		blk_format_command(image->format, image->path, command,
				   sizeof(command));
		printf("\nA guest takes raw images only; this command makes "
		       "one:\n  ");
		put_text(command, sizeof(command));
		putchar('\n');
		return print_flush();
	}
	if (image->disk.table == BLK_TABLE_NONE) {
		printf("no partition table, file system: %s",
		       image->fs.type[0] ? image->fs.type : "unknown");
		if (image->fs.label[0])
			printf(", label ");
		put_text(image->fs.label, sizeof(image->fs.label));
		putchar('\n');
	} else {
		printf("partition table: %s, sectors of %u bytes\n",
		       tables[image->disk.table], image->disk.sector);
		print_parts(image);
	}
	if (image->short_by.text[0]) {
		print_missing(image);
		return print_flush();
	}
	root_text(image, root, sizeof(root));
	printf("\nIn a configuration file:\n  cobd0=");
	put_text(image->path, SIZE_MAX);
	putchar('\n');
	if (image->kernel)
		printf("  kernel=cobd0:\n");
	if (root[0])
		printf("  root=%s ro\n", root);
	return print_flush();
}

static void fs_json(struct json *json, const struct os_disk_fs *fs)
{
	if (fs->type[0])
		json_text(json, "filesystem", fs->type, sizeof(fs->type));
	else
		json_null(json, "filesystem");
	json_text(json, "label", fs->label, sizeof(fs->label));
	json_text(json, "uuid", fs->uuid, sizeof(fs->uuid));
}

static void parts_json(struct json *json, const struct image *image)
{
	const struct part *part;
	char type[40];
	uint32_t i;

	json_open(json, "partitions", '[');
	for (i = 0; i < image->parts; i++) {
		part = &image->part[i];
		json_open(json, NULL, '{');
		json_u64(json, "number", part->at.number);
		json_u64(json, "start", part->at.start);
		json_u64(json, "bytes", part->at.bytes);
		json_text(json, "type", type_name(image, &part->at, type,
						  sizeof(type)),
			  sizeof(type));
		fs_json(json, &part->fs);
		json_close(json);
	}
	json_close(json);
}

static int print_json(const struct image *image)
{
	char root[24];
	struct json json;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_text(&json, "file", image->path, SIZE_MAX);
	json_text(&json, "kind", kind(image), 16);
	json_u64(&json, "bytes", image->file.bytes);
	if (image->allocated)
		json_u64(&json, "allocated", image->allocated);
	if (!image->format) {
		json_text(&json, "table", tables[image->disk.table], 8);
		json_u64(&json, "sector", image->disk.sector);
		json_u64(&json, "missing", image->short_by.text[0] ?
			 image->disk.needed - image->file.bytes : 0);
		fs_json(&json, &image->fs);
		parts_json(&json, image);
		root_text(image, root, sizeof(root));
		if (root[0])
			json_text(&json, "root", root, sizeof(root));
		else
			json_null(&json, "root");
		json_bool(&json, "kernel", image->kernel);
	}
	json_close(&json);
	return json_print(&json);
}

int image_info(const char *path, int json, struct problem *problem)
{
	struct image *image = calloc(1, sizeof(*image));
	int ret;

	if (!image)
		return problem_set(problem, path, "no memory");
	image->path = path;
	image->file.handle = image->file.direct = -1;
	ret = look(image, problem);
	if (!ret)
		ret = (json ? print_json(image) : print_text(image)) ? -1 : 0;
	os_disk_close(&image->file);
	free(image);
	return ret;
}
