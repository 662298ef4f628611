// SPDX-License-Identifier: GPL-2.0-only
/* test_blk_size.c - disks whose file becomes longer or shorter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <cvm/error.h>

#include "blk_rig.h"

#define EVENT	(1ull << CVM_VIRTIO_EVENT_BIT(0))

/* Every engine, past the host's cache, through it, and in memory. */
static void each(void (*fn)(struct disk *d))
{
	static const enum virtio_blk_engine engine[] = {
		VIRTIO_BLK_ENGINE_THREADS,
#if HAVE_URING
		VIRTIO_BLK_ENGINE_URING,
#endif
	};
	struct disk d;
	uint32_t i, kind;

	for (i = 0; i < sizeof(engine) / sizeof(engine[0]); i++) {
		for (kind = 0; kind < 3; kind++) {
			memset(&d, 0, sizeof(d));
			d.args.engine = engine[i];
			d.args.cached = kind == 1;
			d.where = kind == 2 ? IN_MEMORY : NULL;
			open_disk(&d);
			fn(&d);
			close_disk(&d);
		}
	}
}

static uint64_t length(struct disk *d)
{
	struct stat st;

	assert_int_equal(fstat(d->fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void set_length(struct disk *d, uint64_t sectors)
{
	assert_int_equal(ftruncate(d->fd, (off_t)sectors * 512), 0);
}

static uint64_t capacity(struct disk *d)
{
	return number_at(fake_vm_slot(&d->vm, 0)->config);
}

/* The driver was told: so many sectors there are now. */
static void told(struct disk *d, uint64_t sectors, uint64_t before)
{
	struct cvm_virtio_slot *page = fake_vm_slot(&d->vm, 0);
	char line[256];

	assert_int_equal(capacity(d), sectors);
	assert_int_equal(__atomic_exchange_n(&page->config_pending, 0,
					     __ATOMIC_SEQ_CST), 1);
	snprintf(line, sizeof(line), "blk in slot 0: %s: %llu bytes are the "
		 "disk now, %llu before; the guest is told", d->path,
		 (unsigned long long)sectors * 512,
		 (unsigned long long)before * 512);
	assert_string_equal(d->vm.line, line);
}

static void rescan(struct disk *d, uint64_t sectors, uint64_t before)
{
	struct virtio_blk_size size = { 0, 0 };

	assert_int_equal(virtio_blk_rescan(d->vm.devs, 0, &size), 0);
	assert_int_equal(size.bytes, sectors * 512);
	assert_int_equal(size.before, before * 512);
}

static void grown(struct disk *d)
{
	start(d, USUAL);
	rescan(d, SECTORS, SECTORS);
	assert_int_equal(d->vm.lines, 0);
	set_length(d, SECTORS * 2 + 1);
	d->vm.events[0] = 0;
	rescan(d, SECTORS * 2 + 1, SECTORS);
	assert_int_equal(fake_vm_wait(&d->vm, 0, EVENT), EVENT);
	told(d, SECTORS * 2 + 1, SECTORS);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS * 2, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 0);
	memset(data(d), 0x5a, 8192);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, SECTORS - 1, 8192),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS + 14, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(data(d)[0], 0x5a);
	put_range(d, 0, SECTORS, 64, 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(d, SECTORS + 2), 0);
	put_range(d, 0, SECTORS - 8, 64, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, SECTORS * 2 + 1, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(length(d), DISK_BYTES * 2 + 512);
}

static void test_grown(void **state)
{
	(void)state;
	each(grown);
}

/* Without anybody who says so. */
static void noticed(struct disk *d)
{
	start(d, USUAL);
	set_length(d, SECTORS + 8);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(capacity(d), SECTORS);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	told(d, SECTORS + 8, SECTORS);
	set_length(d, SECTORS + 16);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS + 15, 512),
			 VIRTIO_BLK_S_OK);
	told(d, SECTORS + 16, SECTORS + 8);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(d->vm.lines, 2);
}

static void test_noticed(void **state)
{
	(void)state;
	each(noticed);
}

/* The end is where somebody put it, whatever the guest writes there. */
static void shrunk(struct disk *d)
{
	const uint64_t half = SECTORS / 2;

	start(d, USUAL);
	set_length(d, half);
	memset(data(d), 0x77, 4096);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, SECTORS - 8, 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(length(d), half * 512);
	told(d, half, SECTORS);
	assert_non_null(strstr(d->vm.before, ": the host cannot write 4096 "
			       "bytes at 4190208: the file ends before that"));
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, half - 1, 1024),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, half, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, half - 8, 4096),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(length(d), half * 512);
	/* Of it and longer again, nothing is what it was. */
	set_length(d, SECTORS);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS - 1, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 0);
	told(d, SECTORS, half);
}

static void test_shrunk(void **state)
{
	(void)state;
	each(shrunk);
}

/* Each kind of write is the first to find out; also one that spans the end. */
static void first_to_know(struct disk *d, uint32_t type, uint32_t flags)
{
	const uint64_t half = SECTORS / 2;

	rescan(d, SECTORS, half);
	set_length(d, half);
	memset(data(d), 0, 512);
	put_range(d, 0, half - 1, 16, flags);
	assert_int_equal(request(d, type, half - 1,
				 type == VIRTIO_BLK_T_OUT ? 8192 : 16),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(length(d), half * 512);
	assert_int_equal(capacity(d), half);
	set_length(d, SECTORS);
}

static void every_write(struct disk *d)
{
	uint32_t stable;

	for (stable = 0; stable < 2; stable++) {
		start(d, stable ? USUAL & ~F_FLUSH : USUAL);
		set_length(d, SECTORS / 2);
		rescan(d, SECTORS / 2, SECTORS);
		set_length(d, SECTORS);
		first_to_know(d, VIRTIO_BLK_T_OUT, 0);
		first_to_know(d, VIRTIO_BLK_T_WRITE_ZEROES, 0);
		first_to_know(d, VIRTIO_BLK_T_WRITE_ZEROES, 1);
		rescan(d, SECTORS, SECTORS / 2);
		fake_vm_command(&d->vm, 0, CVM_VIRTIO_RESET, 0);
	}
}

static void test_every_write(void **state)
{
	(void)state;
	each(every_write);
}

/* Between two lengths, nobody is told; nor before the driver is ready. */
static void quiet(struct disk *d)
{
	struct cvm_virtio_slot *page = fake_vm_slot(&d->vm, 0);

	set_length(d, SECTORS + 1);
	rescan(d, SECTORS + 1, SECTORS);
	assert_int_equal(page->config_pending, 0);
	start(d, USUAL);
	assert_int_equal(capacity(d), SECTORS + 1);
	assert_int_equal(ftruncate(d->fd, (off_t)(SECTORS + 1) * 512 + 511),
			 0);
	rescan(d, SECTORS + 1, SECTORS + 1);
	assert_int_equal(page->config_pending, 0);
	set_length(d, 0);
	rescan(d, 0, SECTORS + 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(length(d), 0);
}

static void test_quiet(void **state)
{
	(void)state;
	each(quiet);
}

/* A disk that is a part of its file ends there, however long that is. */
static void part(struct disk *d)
{
	struct problem problem = { "" };

	assert_int_equal(virtio_devices_remove(d->vm.devs, 0), 0);
	d->args.offset = 64 * 512;
	d->args.bytes = 100 * 512;
	assert_int_equal(virtio_blk_add(d->vm.devs, &d->args,
					&problem), 0);
	assert_int_equal(virtio_devices_commit(d->vm.devs, &problem), 0);
	set_length(d, 2 * SECTORS);
	rescan(d, 100, 100);
	set_length(d, 65);
	rescan(d, 1, 100);
	set_length(d, 63);
	rescan(d, 0, 1);
	set_length(d, 1000);
	rescan(d, 100, 0);
}

static void test_part(void **state)
{
	(void)state;
	each(part);
}

/* What a disk grows by is claimed already. */
static void test_claimed(void **state)
{
	struct problem problem = { "" };
	struct virtio_blk_args args;
	struct fake_vm other;
	struct disk d = { 0 };

	(void)state;
	open_disk(&d);
	set_length(&d, 2 * SECTORS);
	fake_vm_init(&other);
	args = (struct virtio_blk_args){ .path = d.path, .offset = DISK_BYTES };
	assert_int_equal(virtio_blk_add(other.devs, &args, &problem),
			 -1);
	assert_non_null(strstr(problem.text, "in use by another VM"));
	fake_vm_free(&other);
	assert_int_equal(virtio_blk_rescan(d.vm.devs, 1, NULL),
			 -CVM_ENOENT);
	close_disk(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grown),
		cmocka_unit_test(test_noticed),
		cmocka_unit_test(test_shrunk),
		cmocka_unit_test(test_every_write),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_claimed),
	};

	return cmocka_run_group_tests_name("blk_size", tests, NULL, NULL);
}
