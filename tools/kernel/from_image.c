// SPDX-License-Identifier: GPL-2.0-only
/* from_image.c - kernel and initrd out of a disk's own file system. */
#include <stdio.h>
#include <string.h>

#include "ext4.h"
#include "from_image.h"
#include "os/disk.h"
#include "os/disk_fs.h"
#include "virtio/blk/blk_format.h"

/* Debian; Ubuntu and others since they merged /boot; SUSE. */
static const char *const usual[][4] = {
	[FROM_IMAGE_KERNEL] = { "/vmlinuz", "/boot/vmlinuz" },
	[FROM_IMAGE_INITRD] = { "/initrd.img", "/boot/initrd.img",
				"/boot/initrd" },
};

struct opened {
	const struct from_image *from;
	struct os_disk file;
	struct blk_image disk;
	uint64_t start, bytes;	/* the partition; bytes 0: none found */
	struct os_disk_fs fs;
};

static int read_disk(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	struct opened *o = ctx;
	struct os_iov iov = { to, bytes };

	return os_disk_read(&o->file, &iov, 1, offset);
}

static int read_part(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	struct opened *o = ctx;

	return read_disk(o, o->start + offset, to, bytes);
}

/* ---- which partition ----------------------------------------------------- */

static void take(struct opened *o, uint64_t start, uint64_t bytes,
		 const struct os_disk_fs *fs)
{
	o->start = start;
	o->bytes = bytes;
	o->fs = *fs;
}

/* The one that is named, or the largest that a Linux could be on. */
static void found(void *ctx, const struct blk_partition *part)
{
	struct opened *o = ctx;
	struct os_disk_fs fs;

	if (part->extended || part->start > o->file.bytes ||
	    part->bytes > o->file.bytes - part->start)
		return;
	if (o->from->partition ? part->number != o->from->partition :
	    part->bytes <= o->bytes)
		return;
	os_disk_fs(o->file.handle, part->start, part->bytes, &fs);
	if (o->from->partition || os_disk_fs_root(&fs))
		take(o, part->start, part->bytes, &fs);
}

static int find_part(struct opened *o, struct problem *problem)
{
	struct os_disk_fs fs;

	o->disk = (struct blk_image){
		.read = read_disk, .ctx = o, .found = found,
		.bytes = o->file.bytes,
	};
	if (!o->from->raw && !os_disk_was_raw(&o->file) &&
	    blk_format(&o->disk))
		return problem_set(problem, o->from->disk, "not a raw disk; "
				   "cvmctl image info tells how to make one");
	if (blk_image_check(&o->disk, o->from->disk, problem))
		return -1;
	if (o->disk.table == BLK_TABLE_NONE && !o->from->partition) {
		os_disk_fs(o->file.handle, 0, o->file.bytes, &fs);
		take(o, 0, o->file.bytes, &fs);
	}
	if (o->bytes)
		return 0;
	if (o->from->partition)
		return problem_set(problem, o->from->name, "%s has no "
				   "partition %u", o->from->disk,
				   o->from->partition);
	return problem_set(problem, o->from->name, "no partition of %s has a "
			   "file system that a Linux could be on",
			   o->from->disk);
}

/* ---- which file ---------------------------------------------------------- */

/* Between the name of one without a path, "cobd0" or "cobd0:1", and that. */
static const char *colon(const struct from_image *from)
{
	return strchr(from->name, ':') ? "" : ":";
}

static int not_there(const struct from_image *from, enum from_image_what what,
		     struct problem *problem)
{
	if (from->path)
		return problem_set(problem, from->name, "no such file in the "
				   "file system of %s", from->disk);
	if (what == FROM_IMAGE_KERNEL)
		return problem_set(problem, from->name, "%s has neither "
				   "/vmlinuz nor /boot/vmlinuz; name the file, "
				   "as in kernel=%s%s/boot/vmlinuz-VERSION",
				   from->disk, from->name, colon(from));
	return problem_set(problem, from->name, "%s has no /initrd.img nor "
			   "/boot/initrd.img; name it (initrd=%s%s/PATH), or "
			   "name the kernel if that needs none", from->disk,
			   from->name, colon(from));
}

static int read_file(struct opened *o, struct file *file,
		     enum from_image_what what, const struct file_kind *kind,
		     struct problem *problem)
{
	const struct ext4_source source = {
		.read = read_part, .ctx = o, .bytes = o->bytes,
			.thing = o->from->name,
	};
	const char *const named[] = { o->from->path, NULL };
	const char *const *path = o->from->path ? named : usual[what];
	struct ext4 *ext4 = ext4_open(&source, problem);
	enum ext4_file got = EXT4_NONE;
	char thing[400];
	uint8_t *data;

	if (!ext4)
		return -1;
	for (; got == EXT4_NONE && *path; path++) {
		snprintf(thing, sizeof(thing), "%s%s%s", o->from->name,
			 o->from->path ? "" : colon(o->from),
			 o->from->path ? "" : *path);
		got = ext4_file(ext4, thing, *path, kind->max, &data,
				&file->bytes, problem);
	}
	ext4_close(ext4);
	if (got == EXT4_NONE)
		return not_there(o->from, what, problem);
	if (got != EXT4_FILE)
		return -1;
	file->data = data;
	return 0;
}

static int check_fs(const struct opened *o, struct problem *problem)
{
	if (!strncmp(o->fs.type, "ext", 3))
		return 0;
	return problem_set(problem, o->from->name, "%s is %s%s, and only ext2, "
			   "ext3 and ext4 are read; give kernel and initrd as "
			   "files%s", o->from->disk, o->fs.type[0] ? "on " :
			   "no file system", o->fs.type,
			   o->disk.table == BLK_TABLE_NONE ? "" :
			   ", or name another partition");
}

int from_image(struct file *file, const struct from_image *from,
	       enum from_image_what what, const struct file_kind *kind,
	       struct problem *problem)
{
	struct opened o = { .from = from };
	int ret = -1;

	file_init(file);
	file->path = from->name;
	o.file.handle = o.file.direct = -1;
	if (os_disk_open(&o.file, from->disk, true, false, problem))
		goto out;
	/* Somebody who writes would change what is being read. */
	if (os_disk_claim(&o.file, 0, 0))
		problem_set(problem, from->disk, "in use by another VM or "
			    "program");
	else if (!find_part(&o, problem) && !check_fs(&o, problem))
		ret = read_file(&o, file, what, kind, problem);
out:
	os_disk_close(&o.file);
	return ret;
}
