// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_blk.c - disks: requests against real files, with every engine and ring
 * format.  fdatasync() is wrapped, to be counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>
#include <cvm/error.h>

#include "blk_rig.h"

static uint32_t synced;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
	__atomic_add_fetch(&synced, 1, __ATOMIC_RELAXED);
	return __real_fdatasync(fd);
}

/* Every engine with both ring formats; kind 2 is a file in memory too. */
static void each(void (*fn)(struct disk *d, uint64_t features))
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
			fn(&d, !kind ? 0 : VIRTIO_F_EVENT_IDX |
			   (kind == 1 ? VIRTIO_F_RING_PACKED : 0));
			assert_int_equal(d.vm.lines, 0);
			close_disk(&d);
		}
	}
}

/* ---- one request --------------------------------------------------------- */

static void read_write(struct disk *d, uint64_t features)
{
	uint32_t i;

	start(d, USUAL | features);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 5, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 5);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 1000, 1 << 20),
			 VIRTIO_BLK_S_OK);
	for (i = 0; i < 2048; i++)
		assert_int_equal(number_at(data(d) + i * 512), 1000 + i);
	memset(data(d), 0x5a, 8192);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 8, 8192),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(d, 7), 7);
	assert_int_equal(on_file(d, 8), 0x5a5a5a5a5a5a5a5a);
	assert_int_equal(on_file(d, 23), 0x5a5a5a5a5a5a5a5a);
	assert_int_equal(on_file(d, 24), 24);
	memset(data(d), 0, 512);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 23, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 0x5a5a5a5a5a5a5a5a);
	assert_int_equal(counter(d, "reads"), 3);
	assert_int_equal(counter(d, "writes"), 1);
	assert_int_equal(counter(d, "failed"), 0);
	assert_int_equal(counter(d, "syncs"), 0);
}

static void test_read_write(void **state)
{
	(void)state;
	each(read_write);
}

static void refused(struct disk *d, uint64_t features)
{
	start(d, USUAL | features);
	memset(data(d), 0x77, 4096);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS - 1, 1024),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, SECTORS - 1, 1024),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, UINT64_MAX, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 1ull << 55, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 100),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 513),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_GET_ID, 0, 19),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, 2, 0, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(d, 14, 0, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(d, UINT32_MAX, 0, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS - 1, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), SECTORS - 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(d, SECTORS - 1), SECTORS - 1);
	assert_int_equal(counter(d, "failed"), 11);
}

static void test_refused(void **state)
{
	(void)state;
	each(refused);
}

/* Header, data and status in odd pieces, and many of them. */
static void framing(struct disk *d, uint64_t features)
{
	struct fake_buffer buf[256];
	uint32_t i, n = 0, len;

	start(d, USUAL | features);
	put_header(d, VIRTIO_BLK_T_IN, 3);
	buf[n++] = (struct fake_buffer){ HEADER, 7, false };
	buf[n++] = (struct fake_buffer){ HEADER + 7, 9, false };
	buf[n++] = (struct fake_buffer){ DATA + 1, 511, true };
	/* The last piece holds the last data byte and the status. */
	buf[n++] = (struct fake_buffer){ STATUS - 1, 2, true };
	assert_int_equal(wait_status(d, fake_guest_add(&d->drv, buf, n & 255),
				     &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 513);
	assert_int_equal(number_at(data(d) + 1), 3);
	/* Header and data in one piece; 254 more, apart from each other. */
	put_header(d, VIRTIO_BLK_T_OUT, 512);
	memcpy(data(d) + 1000, fake_vm_at(&d->vm, HEADER, 16), 16);
	for (i = 0; i < 255; i++) {
		memset(data(d) + 1016 + i * 1024, (int)i, 512);
		buf[i] = (struct fake_buffer){ DATA + 1016 + i * 1024, 512,
			false };
	}
	buf[0] = (struct fake_buffer){ DATA + 1000, 528, false };
	buf[255] = (struct fake_buffer){ STATUS, 1, true };
	assert_int_equal(wait_status(d, fake_guest_add_indirect(&d->drv,
				&d->vm.mem, FAKE_VM_HIGH, buf, 256), &len),
			 VIRTIO_BLK_S_OK);
	for (i = 0; i < 255; i++)
		assert_int_equal(on_file(d, 512 + i),
				 0x0101010101010101u * i);
	assert_int_equal(on_file(d, 512 + 255), 512 + 255);
}

static void test_framing(void **state)
{
	(void)state;
	each(framing);
}

static void broken(uint32_t type, const struct fake_buffer *buf,
		   uint16_t count, const char *line)
{
	struct disk d = { .args.engine = type ? VIRTIO_BLK_ENGINE_ANY :
			  VIRTIO_BLK_ENGINE_THREADS };

	open_disk(&d);
	start(&d, USUAL);
	fake_guest_add(&d.drv, buf, count);
	fake_vm_ring(&d.vm, 0, 0, &d.drv);
	assert_true(fake_vm_wait(&d.vm, 0, 1ull << CVM_VIRTIO_EVENT_BIT(0)));
	assert_int_equal(fake_vm_slot(&d.vm, 0)->status, 15 | 64);
	assert_string_equal(d.vm.line, line);
	/* A reset, and it works. */
	fake_vm_command(&d.vm, 0, CVM_VIRTIO_RESET, 0);
	start(&d, USUAL);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, 9, 512), VIRTIO_BLK_S_OK);
	close_disk(&d);
}

static void test_broken(void **state)
{
	struct fake_buffer none[2] = {
		{ HEADER, 15, false }, { STATUS, 1, true },
	};
	struct fake_buffer mute = { HEADER, 16, false };
	uint32_t engine;

	(void)state;
	for (engine = 0; engine < 2; engine++) {
		broken(engine, none, 2, "blk in slot 0: queue 0: a request "
		       "without a header: 15 bytes");
		broken(engine, &mute, 1, "blk in slot 0: queue 0: a request "
		       "without room for its status");
	}
}

static void serial(struct disk *d, uint64_t features)
{
	start(d, USUAL | features);
	memset(data(d), 1, 20);
	assert_int_equal(request(d, VIRTIO_BLK_T_GET_ID, 0, 20),
			 VIRTIO_BLK_S_OK);
	assert_memory_equal(data(d), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
			    20);
}

static void test_serial(void **state)
{
	struct disk d = { .args.serial = "twenty bytes and more" };

	(void)state;
	each(serial);
	open_disk(&d);
	start(&d, USUAL);
	assert_int_equal(request(&d, VIRTIO_BLK_T_GET_ID, 0, 20),
			 VIRTIO_BLK_S_OK);
	assert_memory_equal(data(&d), "twenty bytes and mor", 20);
	close_disk(&d);
}

/* ---- durability ---------------------------------------------------------- */

static void flush(struct disk *d, uint64_t features)
{
	bool counted = d->args.engine == VIRTIO_BLK_ENGINE_THREADS;

	synced = 0;
	start(d, USUAL | features);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(synced, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(counter(d, "syncs"), 1);
	assert_int_equal(counter(d, "flushes"), 1);
	/* With io_uring the kernel calls its own. */
	assert_int_equal(synced, counted);
}

static void test_flush(void **state)
{
	(void)state;
	each(flush);
}

/*
 * The disk's own descriptors become pipes, whose flush the kernel itself
 * refuses: whichever way an engine asks for it.
 */
static void spoil_flush(struct disk *d)
{
	char path[64], target[sizeof(d->path)];
	int fd, pipes[2];
	ssize_t got;

	assert_int_equal(pipe(pipes), 0);
	for (fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		got = readlink(path, target, sizeof(target));
		if (fd != d->fd && got == (ssize_t)strlen(d->path) &&
		    !memcmp(target, d->path, (size_t)got))
			assert_int_equal(dup2(pipes[0], fd), fd);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void flush_fails(struct disk *d, uint64_t features)
{
	char line[256];

	start(d, USUAL | features);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	spoil_flush(d);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(counter(d, "flushes"), 1);
	assert_int_equal(counter(d, "syncs"), 1);
	assert_int_equal(counter(d, "failed"), 2);
	assert_int_equal(d->vm.lines, 2);
	snprintf(line, sizeof(line), "blk in slot 0: %s: the host cannot flush "
		 "it: Invalid argument", d->path);
	assert_string_equal(d->vm.line, line);
	d->vm.lines = 0;
}

static void test_flush_fails(void **state)
{
	(void)state;
	each(flush_fails);
}

/* 5.2.6.2: writes are stable without flushes, or when writeback is off. */
static void write_through(struct disk *d, uint64_t features)
{
	struct cvm_virtio_slot *page = fake_vm_slot(&d->vm, 0);

	start(d, VIRTIO_F_VERSION_1 | F_ZEROES | features);
	assert_int_equal(page->config[32], 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(counter(d, "syncs"), 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(counter(d, "syncs"), 1);
	fake_vm_command(&d->vm, 0, CVM_VIRTIO_RESET, 0);

	start(d, USUAL | F_WCE | features);
	assert_int_equal(page->config[32], 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(counter(d, "syncs"), 1);
	page->config_in[0] = 0;
	assert_int_equal(fake_vm_command(&d->vm, 0, CVM_VIRTIO_CONFIG_WRITE,
					 32 << 16 | 1), 0);
	assert_int_equal(page->config[32], 0);
	assert_int_equal(page->config_pending, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(counter(d, "syncs"), 2);
	page->config_in[0] = 2;
	assert_int_equal(fake_vm_command(&d->vm, 0, CVM_VIRTIO_CONFIG_WRITE,
					 32 << 16 | 1), -CVM_EINVAL);
	assert_int_equal(fake_vm_command(&d->vm, 0, CVM_VIRTIO_CONFIG_WRITE,
					 0 << 16 | 1), -CVM_EINVAL);
}

static void test_write_through(void **state)
{
	(void)state;
	each(write_through);
}

/* ---- discard and write zeroes -------------------------------------------- */

static void zeroes(struct disk *d, uint64_t features)
{
	struct stat before, after;
	uint32_t i;

	start(d, USUAL | features);
	fsync(d->fd);
	fstat(d->fd, &before);
	put_range(d, 0, 8, 8, 0);
	put_range(d, 1, 32, 1024, 1);
	put_range(d, 2, 4096, 0, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 48),
			 VIRTIO_BLK_S_OK);
	for (i = 0; i < 2000; i++)
		assert_int_equal(on_file(d, i), (i >= 8 && i < 16) ||
				 (i >= 32 && i < 1056) ? 0 : i);
	put_range(d, 0, 2048, 2048, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_OK);
	fsync(d->fd);
	fstat(d->fd, &after);
	assert_true(after.st_blocks + 2048 <= before.st_blocks);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(on_file(d, 2047), 2047);
	assert_int_equal(on_file(d, 4096), 4096);
	assert_int_equal(counter(d, "zeroes"), 1);
	assert_int_equal(counter(d, "discards"), 1);
}

static void test_zeroes(void **state)
{
	(void)state;
	each(zeroes);
}

static void bad_ranges(struct disk *d, uint64_t features)
{
	start(d, USUAL | features);
	put_range(d, 0, 0, 8, 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_UNSUPP);
	put_range(d, 0, 0, 8, 2);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_UNSUPP);
	put_range(d, 0, SECTORS - 1, 2, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	put_range(d, 0, UINT64_MAX, 1, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	put_range(d, 0, 0, UINT32_MAX, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	/* The second one is bad: the first one is not begun. */
	put_range(d, 0, 1, 1, 0);
	put_range(d, 1, SECTORS, 1, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(on_file(d, 1), 1);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 17),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0,
				 (BLK_RANGES_MAX + 1) * 16),
			 VIRTIO_BLK_S_IOERR);
	fake_vm_command(&d->vm, 0, CVM_VIRTIO_RESET, 0);
	/* Not negotiated: not there. */
	start(d, VIRTIO_F_VERSION_1 | F_FLUSH | features);
	put_range(d, 0, 1, 1, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(on_file(d, 1), 1);
}

static void test_bad_ranges(void **state)
{
	(void)state;
	each(bad_ranges);
}

/* ---- which part, who else, how many -------------------------------------- */

static void test_readonly(void **state)
{
	struct disk d = { .args.readonly = true };

	(void)state;
	open_disk(&d);
	assert_true(fake_vm_slot(&d.vm, 0)->device_features & 1u << 5);
	assert_false(fake_vm_slot(&d.vm, 0)->device_features &
		     (F_DISCARD | F_ZEROES));
	start(&d, VIRTIO_F_VERSION_1 | F_FLUSH | 1u << 5);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, 4, 512), VIRTIO_BLK_S_OK);
	memset(data(&d), 0, 512);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 4, 512),
			 VIRTIO_BLK_S_IOERR);
	put_range(&d, 0, 4, 1, 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(&d, VIRTIO_BLK_T_FLUSH, 0, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(&d, 4), 4);
	close_disk(&d);
}

/* What the guest cannot see is said, once. */
static void test_tail(void **state)
{
	struct problem problem = { "" };
	struct disk d = { 0 };

	(void)state;
	open_disk(&d);
	assert_int_equal(d.vm.lines, 0);
	assert_int_equal(virtio_devices_remove(d.vm.devs, 0), 0);
	assert_int_equal(ftruncate(d.fd, DISK_BYTES + 100), 0);
	assert_int_equal(virtio_blk_add(d.vm.devs, &d.args, &problem),
			 0);
	assert_int_equal(virtio_devices_commit(d.vm.devs, &problem), 0);
	assert_int_equal(number_at(fake_vm_slot(&d.vm, 0)->config), SECTORS);
	assert_int_equal(d.vm.lines, 1);
	assert_non_null(strstr(d.vm.line, d.path));
	assert_non_null(strstr(d.vm.line, ": the last 100 bytes are no whole "
			       "sector, the guest does not see them"));
	start(&d, USUAL);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, SECTORS - 1, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, SECTORS, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(d.vm.lines, 1);
	/* Who asks for less knows. */
	assert_int_equal(virtio_devices_remove(d.vm.devs, 0), 0);
	d.args.bytes = DISK_BYTES;
	assert_int_equal(virtio_blk_add(d.vm.devs, &d.args, &problem),
			 0);
	assert_int_equal(d.vm.lines, 1);
	close_disk(&d);
}

static void view(struct disk *d, uint64_t features)
{
	struct problem problem = { "" };

	/* The first disk is the whole; take it away, take a part. */
	assert_int_equal(virtio_devices_remove(d->vm.devs, 0), 0);
	d->args.offset = 63 * 512;
	d->args.bytes = 100 * 512;
	assert_int_equal(virtio_blk_add(d->vm.devs, &d->args,
					&problem), 0);
	assert_int_equal(virtio_devices_commit(d->vm.devs, &problem), 0);
	assert_int_equal(number_at(fake_vm_slot(&d->vm, 0)->config), 100);
	start(d, USUAL | features);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 63);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 99, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(d)), 162);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, 100, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 99, 512),
			 VIRTIO_BLK_S_OK);
	put_range(d, 0, 98, 1, 0);
	assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(d, 98), 98);
	assert_int_equal(on_file(d, 161), 0);
	assert_int_equal(on_file(d, 163), 163);
}

static void test_view(void **state)
{
	(void)state;
	each(view);
}

/* A raw disk stays one, whatever its guest writes. */
static void written(struct disk *d, uint64_t features)
{
	static const char header[512] = "QFI\xfb\0\0\0\3";
	struct problem problem = { "" };

	start(d, USUAL | features);
	memcpy(data(d), header, sizeof(header));
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(virtio_devices_remove(d->vm.devs, 0), 0);
	if (virtio_blk_add(d->vm.devs, &d->args, &problem) < 0) {
		/* The host's files cannot remember it. */
		assert_int_equal(fsetxattr(d->fd, "user.test", "1", 1, 0), -1);
		assert_int_equal(errno, EOPNOTSUPP);
		print_message("left out: %s\n", problem.text);
		return;
	}
	assert_int_equal(virtio_devices_remove(d->vm.devs, 0), 0);
	/* Somebody puts another file in its place. */
	assert_int_equal(ftruncate(d->fd, DISK_BYTES / 2), 0);
	assert_int_equal(virtio_blk_add(d->vm.devs, &d->args,
					&problem), -1);
	assert_non_null(strstr(problem.text, "the format qcow2"));
	d->args.raw = true;
	assert_int_equal(virtio_blk_add(d->vm.devs, &d->args,
					&problem), 0);
}

static void test_written(void **state)
{
	(void)state;
	each(written);
}

/* Requests on many queues at once; each answer is the right one. */
static void test_queues(void **state)
{
	enum { QUEUES = 4, DEPTH = 16, ROUNDS = 60 };
	struct fake_buffer buf[3] = { { 0 } };
	struct fake_queue drv[QUEUES];
	struct disk d = { .args.queues = QUEUES };
	uint32_t q, i, round, len, sector, left, slot_of[QUEUES][64];
	uint64_t at;
	int id;

	(void)state;
	open_disk(&d);
	assert_int_equal(fake_vm_slot(&d.vm, 0)->queues, QUEUES);
	assert_int_equal(fake_vm_slot(&d.vm, 0)->config[34], QUEUES);
	fake_vm_features(&d.vm, 0, USUAL | F_MQ | VIRTIO_F_EVENT_IDX);
	for (q = 0; q < QUEUES; q++)
		assert_int_equal(fake_vm_queue(&d.vm, 0, q, &drv[q], 64,
					       VIRTIO_F_EVENT_IDX), 0);
	fake_vm_driver_ok(&d.vm, 0);
	for (round = 0; round < ROUNDS; round++) {
		for (q = 0; q < QUEUES; q++) {
			for (i = 0; i < DEPTH; i++) {
				at = DATA + (q * DEPTH + i) * 0x1000ull;
				sector = (round * 131 + q * 31 + i * 7) %
					 SECTORS;
				memset(fake_vm_at(&d.vm, at, 0x1000), 0xcc,
				       0x1000);
				((uint64_t *)fake_vm_at(&d.vm, at, 16))[0] =
					VIRTIO_BLK_T_IN;
				((uint64_t *)fake_vm_at(&d.vm, at, 16))[1] =
					sector;
				buf[0] = (struct fake_buffer){ at, 16, 0 };
				buf[1] = (struct fake_buffer){ at + 512,
					512, true };
				buf[2] = (struct fake_buffer){ at + 2048, 1,
					true };
				id = fake_guest_add(&drv[q], buf, 3);
				assert_true(id >= 0);
				slot_of[q][id] = i;
			}
			fake_vm_ring(&d.vm, 0, q, &drv[q]);
		}
		for (q = 0; q < QUEUES; q++) {
			for (left = DEPTH; left; left--) {
				id = fake_vm_get(&d.vm, 0, &drv[q], &len);
				assert_true(id >= 0);
				i = slot_of[q][id];
				at = DATA + (q * DEPTH + i) * 0x1000ull;
				assert_int_equal(number_at(fake_vm_at(&d.vm,
						 at + 512, 8)),
						 (round * 131 + q * 31 +
						  i * 7) % SECTORS);
				assert_int_equal(*(uint8_t *)fake_vm_at(
						 &d.vm, at + 2048, 1), 0);
			}
		}
	}
	assert_int_equal(counter(&d, "reads"), QUEUES * DEPTH * ROUNDS);
	close_disk(&d);
}

/* 2.4.1: after a reset no buffer is written any more. */
static void reset_under_load(struct disk *d, uint64_t features)
{
	uint32_t n, i, len, bytes = 64 << 10;
	struct fake_buffer buf[3] = {
		{ HEADER, 16, false }, { DATA, bytes, true },
		{ STATUS, 1, true },
	};

	for (n = 0; n < 10; n++) {
		d->vm.rings = FAKE_VM_RINGS;
		start(d, USUAL | features);
		put_header(d, VIRTIO_BLK_T_IN, 0);
		for (i = 0; i < 16; i++)
			fake_guest_add(&d->drv, buf, 3);
		fake_vm_ring(&d->vm, 0, 0, &d->drv);
		if (n & 1)
			fake_vm_get(&d->vm, 0, &d->drv, &len);
		assert_int_equal(fake_vm_command(&d->vm, 0, CVM_VIRTIO_RESET,
						 0), 0);
		memset(data(d), 0xab, bytes);
		usleep(2000);
		for (i = 0; i < bytes; i++)
			assert_int_equal(data(d)[i], 0xab);
	}
}

static void test_reset_under_load(void **state)
{
	(void)state;
	each(reset_under_load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_write),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_flush_fails),
		cmocka_unit_test(test_write_through),
		cmocka_unit_test(test_zeroes),
		cmocka_unit_test(test_bad_ranges),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_reset_under_load),
	};

	return cmocka_run_group_tests_name("blk", tests, NULL, NULL);
}
