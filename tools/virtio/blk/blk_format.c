// SPDX-License-Identifier: GPL-2.0-only
/* blk_format.c - is a disk image raw? */
#include <stdio.h>
#include <string.h>

#include "blk_format.h"

#define SECTOR	512

/* Fixed disks of VPC and images of macOS have their header at the end. */
static const struct {
	int at;			/* below 0: from the image's end */
	uint8_t bytes;
	const char *magic;
	struct blk_format format;
} kinds[] = {
	{ 0, 8, "QFI\xfb\0\0\0\1", { "qcow", NULL } },
	{ 0, 4, "QFI\xfb", { "qcow2", NULL } },
	{ 0, 4, "QED\0", { "qed", NULL } },
	{ 0, 4, "KDMV", { "vmdk", NULL } },
	{ 0, 4, "COWD", { "vmdk", NULL } },
	{ 0, 21, "# Disk DescriptorFile", { "vmdk", NULL } },
	{ 0, 8, "vhdxfile", { "vhdx", NULL } },
	{ 0, 8, "conectix", { "vpc", NULL } },
	{ -SECTOR, 8, "conectix", { "vpc", NULL } },
	{ 64, 4, "\x7f\x10\xda\xbe", { "vdi", NULL } },
	{ 0, 16, "WithoutFreeSpace", { "parallels", NULL } },
	{ 0, 16, "WithouFreSpacExt", { "parallels", NULL } },
	{ 0, 22, "Bochs Virtual HD Image", { "bochs", NULL } },
	{ -SECTOR, 4, "koly", { "dmg", NULL } },
	{ 0, 3, "\x1f\x8b\x08", { "gzip", "gzip -dc" } },
	{ 0, 6, "\xfd" "7zXZ\0", { "xz", "xz -dc" } },
	{ 0, 4, "\x28\xb5\x2f\xfd", { "zstd", "zstd -dc" } },
	{ 0, 4, "\x04\x22\x4d\x18", { "lz4", "lz4 -dc" } },
	{ 0, 9, "\x89LZO\0\r\n\x1a\n", { "lzop", "lzop -dc" } },
	{ 4, 6, "1AY&SY", { "bzip2", "bzip2 -dc" } },
	{ 0, 4, "PK\3\4", { "zip", "unzip -p" } },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", { "7z", "7z e -so" } },
};

const struct blk_format *blk_format(const struct blk_image *image)
{
	char head[SECTOR] = "", tail[SECTOR] = "";
	const char *at;
	size_t i;

	if (image->bytes < SECTOR || image->read(image->ctx, 0, head, SECTOR) ||
	    image->read(image->ctx, image->bytes - SECTOR, tail, SECTOR))
		return NULL;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		at = kinds[i].at < 0 ? tail + SECTOR + kinds[i].at :
		     head + kinds[i].at;
		if (!memcmp(at, kinds[i].magic, kinds[i].bytes))
			return &kinds[i].format;
	}
	return NULL;
}

void blk_format_command(const struct blk_format *format,
			const char *path, char *to, size_t size)
{
	if (format->unpack)
		snprintf(to, size, "%s %s >NEW.img", format->unpack, path);
	else
		snprintf(to, size, "qemu-img convert -f %s -O raw %s NEW.img",
			 format->name, path);
}
