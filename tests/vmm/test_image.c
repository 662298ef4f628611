// SPDX-License-Identifier: GPL-2.0-only
/* test_image.c - what a disk image must hold, and who may have it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_vm.h"
#include "os/disk.h"
#include "virtio/blk/blk_image.h"
#include "image.h"

static uint8_t disk[IMAGE_SECTORS * 512];
static uint64_t readable;

static int read_disk(void *ctx, uint64_t offset, void *to, size_t bytes)
{
	(void)ctx;
	assert_true(bytes <= sizeof(disk) && offset <= sizeof(disk) - bytes);
	if (offset + bytes > readable)
		return OS_DISK_ENDED;
	memcpy(to, disk + offset, bytes);
	return 0;
}

static void clear(void)
{
	memset(disk, 0, sizeof(disk));
	readable = sizeof(disk);
}

static void accept(enum blk_table table, uint32_t partitions)
{
	struct blk_image image = {
		.read = read_disk, .bytes = sizeof(disk),
	};
	struct problem problem = { "" };

	if (blk_image_check(&image, "disk.img", &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(image.table, table);
	assert_int_equal(image.partitions, partitions);
}

static void refuse_bytes(uint64_t bytes, const char *text)
{
	struct blk_image image = {
		.read = read_disk, .bytes = bytes,
	};
	struct problem problem = { "" };

	assert_int_equal(blk_image_check(&image, "disk.img", &problem), -1);
	assert_string_equal(problem.text, text);
}

static void refuse(const char *text)
{
	refuse_bytes(sizeof(disk), text);
}

#define SHORTER	"disk.img: shorter than its partition table says: "

static void test_raw(void **state)
{
	(void)state;
	clear();
	accept(BLK_TABLE_NONE, 0);
	/* An ext4 file system, as coLinux had them: nothing in sector 0. */
	disk[0x438] = 0x53;
	disk[0x439] = 0xef;
	accept(BLK_TABLE_NONE, 0);
	/* A boot sector of FAT: the signature, and code where a table is. */
	memset(disk, 0x41, 512);
	disk[510] = 0x55;
	disk[511] = 0xaa;
	accept(BLK_TABLE_NONE, 0);
	/* The same without code. */
	memset(disk + 446, 0, 64);
	accept(BLK_TABLE_NONE, 0);
	refuse_bytes(511, "disk.img: too short for a disk: 511 bytes");
	refuse_bytes(0, "disk.img: too short for a disk: 0 bytes");
	readable = 100;
	refuse("disk.img: cannot be read at byte 0: the file ends before "
	       "that");
}

static void test_mbr(void **state)
{
	(void)state;
	clear();
	image_mbr(disk, 0, 0x83, 63, IMAGE_SECTORS - 63);
	disk[446] = 0x80;
	accept(BLK_TABLE_MBR, 1);
	image_mbr(disk, 3, 0x82, 1, 62);
	accept(BLK_TABLE_MBR, 2);
	image_mbr(disk, 2, 0x83, 63, IMAGE_SECTORS - 62);
	refuse(SHORTER "partition 3 ends with sector 2048, the image has 2048 "
	       "of 512 bytes");
	image_mbr(disk, 2, 0x83, UINT32_MAX, UINT32_MAX);
	refuse(SHORTER "partition 3 ends with sector 8589934589, the image "
	       "has 2048 of 512 bytes");
}

static void test_logical(void **state)
{
	uint32_t i;

	(void)state;
	clear();
	image_mbr(disk, 0, 0x05, 100, 1900);
	image_mbr(disk + 100 * 512, 0, 0x83, 10, 50);
	image_mbr(disk + 100 * 512, 1, 0x05, 200, 100);
	image_mbr(disk + 300 * 512, 0, 0x83, 10, 1738);
	accept(BLK_TABLE_MBR, 3);
	image_mbr(disk + 300 * 512, 0, 0x83, 10, 1739);
	refuse(SHORTER "partition 6 ends with sector 2048, the image has 2048 "
	       "of 512 bytes");
	/* A chain that bites its tail ends, at 128. */
	image_mbr(disk + 300 * 512, 0, 0x83, 10, 1);
	image_mbr(disk + 300 * 512, 1, 0x0f, 200, 1);
	accept(BLK_TABLE_MBR, 1 + 128);
	/* A chain that leaves the disk. */
	for (i = 0; i < 2; i++) {
		image_mbr(disk + 300 * 512, 1, 0x05, 0xffffffff - i, 1);
		accept(BLK_TABLE_MBR, 3);
	}
}

static void test_gpt(void **state)
{
	(void)state;
	clear();
	image_gpt(disk, 512, IMAGE_SECTORS, IMAGE_SECTORS - 34);
	accept(BLK_TABLE_GPT, 1);
	image_gpt(disk, 512, IMAGE_SECTORS, IMAGE_SECTORS);
	refuse(SHORTER "partition 1 ends with sector 2048, the image has 2048 "
	       "of 512 bytes");
	image_gpt(disk, 512, IMAGE_SECTORS + 1, IMAGE_SECTORS - 1);
	refuse(SHORTER "the second table ends with sector 2048, the image has "
	       "2048 of 512 bytes");
	/* Not by its own checksum: the guest may find the second one. */
	disk[512 + 40] ^= 1;
	accept(BLK_TABLE_NONE, 0);
	image_gpt(disk, 512, IMAGE_SECTORS, 100);
	image_put32(disk + 512 + 80, UINT32_MAX);
	image_gpt_seal(disk + 512);
	accept(BLK_TABLE_GPT, 0);
	image_put32(disk + 512 + 80, 128);
	image_put64(disk + 512 + 72, UINT64_MAX / 512);
	image_gpt_seal(disk + 512);
	refuse(SHORTER "the table ends with sector 36028797018963967, the "
	       "image has 2048 of 512 bytes");
	image_put64(disk + 512 + 72, IMAGE_SECTORS - 31);
	image_gpt_seal(disk + 512);
	refuse(SHORTER "the table ends with sector 2048, the image has 2048 "
	       "of 512 bytes");
}

static void test_gpt_4k(void **state)
{
	(void)state;
	clear();
	image_gpt(disk, 4096, IMAGE_SECTORS / 8, IMAGE_SECTORS / 8 - 6);
	accept(BLK_TABLE_GPT, 1);
	image_gpt(disk, 4096, IMAGE_SECTORS / 8, IMAGE_SECTORS / 8);
	refuse(SHORTER "partition 1 ends with sector 256, the image has 256 "
	       "of 4096 bytes");
}

/* ---- what is told about each partition ---- */

static struct blk_partition told[8];
static uint32_t tellings;

static void tell(void *ctx, const struct blk_partition *partition)
{
	(void)ctx;
	assert_true(tellings < 8);
	told[tellings++] = *partition;
}

static void expect_told(uint32_t n, uint32_t number, uint64_t start,
			uint64_t bytes, uint8_t type)
{
	assert_true(n < tellings);
	assert_int_equal(told[n].number, number);
	assert_int_equal(told[n].start, start);
	assert_int_equal(told[n].bytes, bytes);
	assert_int_equal(told[n].type[0], type);
}

/* All partitions are told, those after one that is not there too. */
static void test_found(void **state)
{
	struct blk_image image = {
		.read = read_disk, .bytes = sizeof(disk), .found = tell,
	};
	struct problem problem = { "" };

	(void)state;
	clear();
	image_mbr(disk, 0, 0x05, 100, 1900);
	image_mbr(disk, 2, 0x83, 63, IMAGE_SECTORS);
	image_mbr(disk, 3, 0x82, 1, 62);
	image_mbr(disk + 100 * 512, 0, 0x83, 10, 50);
	assert_int_equal(blk_image_check(&image, "disk.img", &problem), -1);
	assert_string_equal(problem.text, SHORTER "partition 3 ends with "
			    "sector 2110, the image has 2048 of 512 bytes");
	assert_int_equal(tellings, 4);
	expect_told(0, 1, 100 * 512, 1900 * 512, 0x05);
	expect_told(1, 5, 110 * 512, 50 * 512, 0x83);
	expect_told(2, 3, 63 * 512, IMAGE_SECTORS * 512, 0x83);
	expect_told(3, 4, 512, 62 * 512, 0x82);
	assert_true(told[0].extended && !told[1].extended);
	assert_int_equal(image.needed, (IMAGE_SECTORS + 63) * 512);
	tellings = 0;
	image_gpt(disk, 512, IMAGE_SECTORS, IMAGE_SECTORS - 34);
	assert_int_equal(blk_image_check(&image, "disk.img", &problem), 0);
	assert_int_equal(tellings, 1);
	expect_told(0, 1, 6 * 512, (IMAGE_SECTORS - 39) * 512, 0x11);
	assert_int_equal(image.needed, sizeof(disk));
}

/* ---- files --------------------------------------------------------------- */

static char dir[64];

static void enter(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/cvm-image-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
}

static void leave(void)
{
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void write_disk(size_t bytes)
{
	FILE *file = fopen("disk.img", "wb");

	assert_int_equal(fwrite(disk, 1, bytes, file), bytes);
	fclose(file);
}

static int add(struct fake_vm *vm, struct virtio_blk_args args,
	       const char *text)
{
	struct problem problem = { "" };
	int slot;

	if (!args.path)
		args.path = "disk.img";
	slot = virtio_blk_add(vm->devs, &args, &problem);
	assert_string_equal(problem.text, text);
	return slot;
}

static void test_files(void **state)
{
	struct fake_vm vm;

	(void)state;
	enter();
	fake_vm_init(&vm);
#define with(...) (struct virtio_blk_args){ __VA_ARGS__ }
	add(&vm, with(.queues = 0), "disk.img: No such file or directory");
	assert_int_equal(mkdir("disk.img", 0700), 0);
	add(&vm, with(.queues = 0), "disk.img: Is a directory");
	add(&vm, with(.readonly = true),
	    "disk.img: neither a file nor a disk");
	assert_int_equal(rmdir("disk.img"), 0);
	assert_int_equal(mkfifo("disk.img", 0600), 0);
	add(&vm, with(.readonly = true),
	    "disk.img: neither a file nor a disk");
	unlink("disk.img");
	clear();
	write_disk(300);
	add(&vm, with(.queues = 0),
	    "disk.img: too short for a disk: 300 bytes");
	write_disk(sizeof(disk));
	add(&vm, with(.queues = 17), "disk.img: 17 queues, at most 16 are "
	    "possible");
	add(&vm, with(.offset = 100), "disk.img: a disk begins and ends at "
	    "multiples of 512 bytes");
	add(&vm, with(.offset = 512, .bytes = sizeof(disk)), "disk.img: too "
	    "short: the disk is to be 1048576 bytes from 512 on, the file "
	    "has 1048576");
	add(&vm, with(.offset = UINT64_MAX - 511), "disk.img: too short: the "
	    "disk is to be 0 bytes from 18446744073709551104 on, the file "
	    "has 1048576");
	image_mbr(disk, 0, 0x83, 63, IMAGE_SECTORS);
	write_disk(sizeof(disk));
	add(&vm, with(.queues = 0), SHORTER "partition 1 ends with sector "
	    "2110, the image has 2048 of 512 bytes");
	/* Without its first 63 sectors it has no table: taken as it is. */
	assert_int_equal(add(&vm, with(.offset = 63 * 512), ""), 0);
	fake_vm_free(&vm);
	unlink("disk.img");
	leave();
}

static void test_busy(void **state)
{
	static const char busy[] =
		"disk.img: in use by another VM or program";
	struct fake_vm vm, other;
	int slot;

	(void)state;
	enter();
	clear();
	write_disk(sizeof(disk));
	fake_vm_init(&vm);
	fake_vm_init(&other);
	slot = add(&vm, with(.queues = 0), "");
	add(&other, with(.queues = 0), busy);
	add(&other, with(.readonly = true), busy);
	add(&vm, with(.queues = 0), busy);
	/* Readers may be many; a writer then is none of them. */
	assert_int_equal(virtio_devices_remove(vm.devs, (uint32_t)slot), 0);
	slot = add(&vm, with(.readonly = true), "");
	assert_true(add(&other, with(.readonly = true), "") >= 0);
	add(&other, with(.queues = 0), busy);
	virtio_devices_remove(vm.devs, (uint32_t)slot);
	virtio_devices_remove(other.devs, 0);
	/* Two parts of one file are two disks, unless they overlap. */
	assert_true(add(&vm, with(.offset = 512, .bytes = 5120), "") >= 0);
	assert_true(add(&other, with(.offset = 5632, .bytes = 512), "") >= 0);
	add(&other, with(.offset = 5120, .bytes = 512), busy);
	fake_vm_free(&vm);
	fake_vm_free(&other);
	unlink("disk.img");
	leave();
}

/* What is not raw by its first or last bytes. */
static void test_formats(void **state)
{
	static const struct {
		size_t at;
		const char *bytes, *message;
		size_t count;
	} kinds[] = {
#define image_of(at, bytes, name) \
	{ at, bytes, "an image of the format " name ", not a raw disk, and a " \
	  "guest would write over it; make a raw one of it: qemu-img " \
	  "convert -f " name " -O raw disk.img NEW.img", sizeof(bytes) - 1 }
#define packed_by(at, bytes, name, program) \
	{ at, bytes, "compressed by " name ", not a raw disk, and a guest " \
	  "would write over it; make a raw one of it: " program \
	  " disk.img >NEW.img", sizeof(bytes) - 1 }
		image_of(0, "QFI\xfb\0\0\0\3", "qcow2"),
		image_of(0, "QFI\xfb\0\0\0\1", "qcow"),
		image_of(0, "KDMV\1", "vmdk"),
		image_of(0, "# Disk DescriptorFile\n", "vmdk"),
		image_of(0, "vhdxfile", "vhdx"),
		image_of(0, "conectix", "vpc"),
		image_of(sizeof(disk) - 512, "conectix", "vpc"),
		image_of(64, "\x7f\x10\xda\xbe", "vdi"),
		image_of(sizeof(disk) - 512, "koly", "dmg"),
		packed_by(0, "\x1f\x8b\x08", "gzip", "gzip -dc"),
		packed_by(0, "\xfd" "7zXZ\0", "xz", "xz -dc"),
		packed_by(0, "\x28\xb5\x2f\xfd", "zstd", "zstd -dc"),
		packed_by(0, "BZh91AY&SY", "bzip2", "bzip2 -dc"),
		packed_by(0, "PK\3\4", "zip", "unzip -p"),
	};
	char text[300];
	struct fake_vm vm;
	size_t i;
	int slot;

	(void)state;
	enter();
	fake_vm_init(&vm);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		clear();
		memcpy(disk + kinds[i].at, kinds[i].bytes, kinds[i].count);
		write_disk(sizeof(disk));
		snprintf(text, sizeof(text), "disk.img: %s", kinds[i].message);
		add(&vm, with(.queues = 1), text);
		add(&vm, with(.readonly = true), text);
		/* Also where the disk is to be longer than the file is. */
		add(&vm, with(.bytes = 2u << 20, .grow = true), text);
		slot = add(&vm, with(.raw = true), "");
		virtio_devices_remove(vm.devs, (uint32_t)slot);
	}
	add(&vm, with(.insist = "setcobd1=format=raw"), "disk.img: compressed "
	    "by zip, not a raw disk, and a guest would write over it; say "
	    "setcobd1=format=raw to insist, or make a raw one of it: unzip -p "
	    "disk.img >NEW.img");
	fake_vm_free(&vm);
	unlink("disk.img");
	leave();
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A file that is to be longer is so when all is claimed, not before. */
static void test_grow(void **state)
{
	struct problem problem = { "" };
	struct fake_vm vm;
	int slot;

	(void)state;
	enter();
	clear();
	/* All of the table's partition will be there. */
	image_mbr(disk, 0, 0x83, 63, IMAGE_SECTORS);
	write_disk(sizeof(disk));
	fake_vm_init(&vm);
	add(&vm, with(.bytes = 2u << 20), "disk.img: too short: the disk is "
	    "to be 2097152 bytes from 0 on, the file has 1048576");
	slot = add(&vm, with(.bytes = 2u << 20, .grow = true), "");
	assert_int_equal(*(uint64_t *)fake_vm_slot(&vm, 0)->config, 4096);
	fake_vm_free(&vm);
	assert_int_equal(size_of("disk.img"), 1 << 20);
	fake_vm_init(&vm);
	slot = add(&vm, with(.bytes = 2u << 20, .grow = true), "");
	assert_int_equal(virtio_devices_commit(vm.devs, &problem), 0);
	assert_int_equal(size_of("disk.img"), 2 << 20);
	virtio_devices_remove(vm.devs, (uint32_t)slot);
	/* Longer already: it stays so, of whatever length by then. */
	slot = add(&vm, with(.bytes = 3u << 20, .grow = true), "");
	assert_int_equal(truncate("disk.img", 4 << 20), 0);
	assert_int_equal(virtio_devices_commit(vm.devs, &problem), 0);
	assert_int_equal(size_of("disk.img"), 4 << 20);
	virtio_devices_remove(vm.devs, (uint32_t)slot);
	add(&vm, with(.bytes = 2u << 20, .grow = true), "");
	assert_int_equal(virtio_devices_commit(vm.devs, &problem), 0);
	assert_int_equal(size_of("disk.img"), 4 << 20);
	fake_vm_free(&vm);
	unlink("disk.img");
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_mbr),
		cmocka_unit_test(test_logical),
		cmocka_unit_test(test_gpt),
		cmocka_unit_test(test_gpt_4k),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_grow),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
