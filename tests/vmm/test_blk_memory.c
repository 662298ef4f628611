// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_blk_memory.c - disks on files in memory: who serves them, and what
 * copying from a mapping must not do.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <cvm/error.h>

#include "blk_rig.h"

#define PAGE_SECTORS	8u

/* preadv() is wrapped: a read that was copied makes no system call. */
static uint32_t read_calls;

ssize_t __real_preadv64(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t at);

ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t at)
{
	__atomic_add_fetch(&read_calls, 1, __ATOMIC_RELAXED);
	return __real_preadv64(fd, iov, count, at);
}

/* pwritev() too: it fails with this, if it is not 0. */
static int write_error;

ssize_t __real_pwritev64(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t at);

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t at)
{
	if (!write_error)
		return __real_pwritev64(fd, iov, count, at);
	errno = write_error;
	return -1;
}

/*
 * A file in memory is served by the thread that rings, whenever the worker
 * sleeps; what it leaves, the worker serves.
 */
static void test_in_place(void **state)
{
	enum { ENOUGH = 50, TRIES = 50000, MANY = 60 };
	struct fake_buffer buf[3] = {
		{ HEADER, 16, false }, { DATA, 512, true },
		{ STATUS, 1, true },
	};
	struct disk d = { .where = IN_MEMORY };
	uint32_t i, len, at_once = 0;
	int id;

	(void)state;
	open_disk(&d);
	assert_string_equal(word(&d, "engine"), "threads");
	assert_string_equal(word(&d, "cache"), "host");
	start(&d, USUAL | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED);
	/* A worker that wants a CPU is not asleep. */
	for (i = 0; i < TRIES && at_once < ENOUGH; i++) {
		put_header(&d, VIRTIO_BLK_T_IN, i % SECTORS);
		assert_true(fake_guest_add_indirect(&d.drv, &d.vm.mem,
						    FAKE_VM_BUFFERS + 0x100,
						    buf, 3) >= 0);
		usleep(1000);
		fake_vm_ring(&d.vm, 0, 0, &d.drv);
		id = fake_guest_get(&d.drv, &len);
		at_once += id >= 0;
		if (id < 0)
			id = fake_vm_get(&d.vm, 0, &d.drv, &len);
		assert_true(id >= 0);
		assert_int_equal(number_at(data(&d)), i % SECTORS);
	}
	assert_int_equal(at_once, ENOUGH);
	for (i = 0; i < MANY; i++)
		fake_guest_add_indirect(&d.drv, &d.vm.mem,
					FAKE_VM_BUFFERS + 0x100, buf, 3);
	fake_vm_ring(&d.vm, 0, 0, &d.drv);
	for (i = 0; i < MANY; i++)
		assert_true(fake_vm_get(&d.vm, 0, &d.drv, &len) >= 0);
	close_disk(&d);
}

/* Of the vCPU that rings, an interrupt needs no call: RUN brings it. */
static void test_interrupt(void **state)
{
	enum { ENOUGH = 25, TRIES = 50000 };
	struct fake_buffer buf[3] = {
		{ HEADER, 16, false }, { DATA, 512, true },
		{ STATUS, 1, true },
	};
	uint64_t bit = 1ull << CVM_VIRTIO_EVENT_BIT(0);
	struct disk d = { .where = IN_MEMORY };
	uint32_t i, raises, runs, len;

	(void)state;
	open_disk(&d);
	start(&d, USUAL);
	/* A worker that is awake serves some. */
	for (i = 0; i < TRIES && d.vm.runs < ENOUGH; i++) {
		usleep(1000);
		runs = d.vm.runs;
		assert_int_equal(request(&d, VIRTIO_BLK_T_IN, i % SECTORS, 512),
				 VIRTIO_BLK_S_OK);
		if (d.vm.runs != runs)
			assert_true(fake_vm_wait(&d.vm, 0, bit));
		fake_vm_slot(&d.vm, 0)->queue_pending = 0;
	}
	assert_int_equal(d.vm.runs, ENOUGH);
	fake_vm_slot(&d.vm, 0)->queue[0].vcpu = 1;
	raises = d.vm.raises;
	put_header(&d, VIRTIO_BLK_T_IN, 1);
	assert_true(fake_guest_add(&d.drv, buf, 3) >= 0);
	fake_vm_ring(&d.vm, 0, 0, &d.drv);
	assert_true(fake_vm_wait(&d.vm, 1, bit));
	assert_true(fake_guest_get(&d.drv, &len) >= 0);
	assert_int_equal(d.vm.raises, raises + 1);
	assert_int_equal(d.vm.runs, ENOUGH);
	close_disk(&d);
}

/* ---- reading from a mapping ---------------------------------------------- */

/* The device anew, so that it finds the file as it is. */
static void reopen(struct disk *d)
{
	struct problem problem = { "" };

	assert_int_equal(virtio_devices_remove(d->vm.devs, 0), 0);
	if (virtio_blk_add(d->vm.devs, &d->args, &problem))
		fail_msg("%s", problem.text);
	virtio_devices_settle(d->vm.devs);
	assert_int_equal(virtio_devices_commit(d->vm.devs, &problem), 0);
	start(d, USUAL);
}

/* The number in the first sector read, and how it was read. */
static uint64_t read_one(struct disk *d, uint64_t sector, uint32_t bytes,
			 bool copied)
{
	uint32_t before = read_calls;

	memset(data(d), 0xcc, bytes);
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, sector, bytes),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(read_calls == before, copied);
	return number_at(data(d));
}

static uint64_t blocks(struct disk *d)
{
	struct stat st;

	assert_int_equal(fstat(d->fd, &st), 0);
	return (uint64_t)st.st_blocks;
}

static void punch(struct disk *d, uint64_t sector, uint64_t sectors)
{
	assert_int_equal(fallocate(d->fd, FALLOC_FL_PUNCH_HOLE |
				   FALLOC_FL_KEEP_SIZE, (off_t)sector * 512,
				   (off_t)sectors * 512), 0);
}

static void test_copied(void **state)
{
	struct disk d = { .where = IN_MEMORY };
	uint32_t i;

	(void)state;
	open_disk(&d);
	start(&d, USUAL);
	for (i = 0; i < SECTORS; i += 123)
		assert_int_equal(read_one(&d, i, 512, true), i);
	assert_int_equal(read_one(&d, 1001, 1 << 20, true), 1001);
	for (i = 0; i < 2048; i++)
		assert_int_equal(number_at(data(&d) + i * 512), 1001 + i);
	/* What is written, by us or others, is seen. */
	memset(data(&d), 0x5a, 1024);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 70, 1024),
			 VIRTIO_BLK_S_OK);
	assert_true(read_one(&d, 71, 512, true) == 0x5a5a5a5a5a5a5a5a);
	assert_int_equal(pwrite(d.fd, "otherwise", 8, 72 * 512), 8);
	read_one(&d, 72, 512, true);
	assert_memory_equal(data(&d), "otherwis", 8);
	close_disk(&d);
}

/* Looked at through the mapping, a hole would be filled. */
static void test_hole(void **state)
{
	struct disk d = { .where = IN_MEMORY };
	uint64_t before;

	(void)state;
	open_disk(&d);
	punch(&d, 1024, 2048);
	reopen(&d);
	before = blocks(&d);
	assert_int_equal(read_one(&d, 1024, 1 << 20, false), 0);
	assert_int_equal(read_one(&d, 1016, 1 << 20, false), 1016);
	assert_int_equal(read_one(&d, 3072, 1 << 19, true), 3072);
	assert_int_equal(read_one(&d, 512, 1 << 18, true), 512);
	assert_int_equal(blocks(&d), before);
	/* Written, it is no hole any more; the rest of it is one. */
	memset(data(&d), 0x11, 512);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 1033, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(blocks(&d), before + PAGE_SECTORS);
	assert_int_equal(read_one(&d, 1032, 4096, true), 0);
	assert_int_equal(data(&d)[512], 0x11);
	assert_int_equal(read_one(&d, 1040, 512, false), 0);
	assert_int_equal(blocks(&d), before + PAGE_SECTORS);
	close_disk(&d);
}

static void test_discarded(void **state)
{
	struct disk d = { .where = IN_MEMORY };
	uint64_t before;

	(void)state;
	open_disk(&d);
	start(&d, USUAL);
	put_range(&d, 0, 4, 508, 0);
	put_range(&d, 1, 1024, 1024, 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_DISCARD, 0, 32),
			 VIRTIO_BLK_S_OK);
	before = blocks(&d);
	assert_int_equal(read_one(&d, 0, 1 << 18, false), 0);
	assert_int_equal(number_at(data(&d) + 3 * 512), 3);
	assert_int_equal(number_at(data(&d) + 4 * 512), 0);
	assert_int_equal(read_one(&d, 511, 512, false), 0);
	assert_int_equal(read_one(&d, 512, 512, true), 512);
	assert_int_equal(read_one(&d, 1024, 1 << 19, false), 0);
	put_range(&d, 0, 2048, 8, 1);
	assert_int_equal(request(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(read_one(&d, 2048, 4096, false), 0);
	assert_int_equal(blocks(&d), before - PAGE_SECTORS);
	close_disk(&d);
}

/* ---- when a page is not to be had ---------------------------------------- */

/* What was said last: the file, what cannot be done to it, and why. */
static void expect_line(struct disk *d, const char *what)
{
	char line[256];

	snprintf(line, sizeof(line), "blk in slot 0: %s: the host cannot %s",
		 d->path, what);
	assert_string_equal(d->vm.line, line);
}

/* So often; then so many lines have been said. */
static void fail_writes(struct disk *d, int error, uint32_t times,
			uint32_t lines)
{
	write_error = error;
	while (times--)
		assert_int_equal(request(d, VIRTIO_BLK_T_OUT, 16, 512),
				 VIRTIO_BLK_S_IOERR);
	write_error = 0;
	assert_int_equal(d->vm.lines, lines);
}

/* One kind of failure hides no other. */
static void test_kinds(void **state)
{
	struct disk d = { .where = IN_MEMORY };

	(void)state;
	open_disk(&d);
	start(&d, USUAL);
	fail_writes(&d, ENOSPC, 7, 7);
	expect_line(&d, "write 512 bytes at 8192: No space left on device");
	fail_writes(&d, ENOSPC, 20, 8);
	expect_line(&d, "write 512 bytes at 8192: No space left on device "
		    "(while this stays so, it is said once in an hour)");
	fail_writes(&d, EIO, 1, 9);
	expect_line(&d, "write 512 bytes at 8192: Input/output error");
	fail_writes(&d, ENOSPC, 20, 10);
	fail_writes(&d, EDQUOT, 1, 11);
	expect_line(&d, "write 512 bytes at 8192: Disk quota exceeded");
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 16, 512),
			 VIRTIO_BLK_S_OK);
	close_disk(&d);
}

static void test_shortened(void **state)
{
	struct disk d = { .where = IN_MEMORY };

	(void)state;
	open_disk(&d);
	start(&d, USUAL);
	assert_int_equal(ftruncate(d.fd, DISK_BYTES / 2), 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, SECTORS - 8, 4096),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(d.vm.lines, 2);
	assert_non_null(strstr(d.vm.before, ": the host cannot read 4096 bytes "
			       "at 4190208: the file ends before that"));
	/* The beginning is there, the end is not. */
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, SECTORS / 2 - 8, 8192),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(d.vm.lines, 2);
	assert_int_equal(read_one(&d, SECTORS / 2 - 8, 4096, true),
			 SECTORS / 2 - 8);
	assert_int_equal(ftruncate(d.fd, DISK_BYTES), 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_IN, SECTORS - 8, 4096),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(number_at(data(&d)), 0);
	assert_int_equal(counter(&d, "failed"), 2);
	close_disk(&d);
}

/* A file system of our own, where that is allowed. */
static bool small_tmpfs(const char *path)
{
	int flags = geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS;

	return !unshare(flags) &&
	       !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", path, "tmpfs", 0, "size=4608k");
}

static int fill_up(const char *dir)
{
	static const char page[4096] = "full";
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	return fd;
}

/* Somebody else makes a hole, and nothing is left to fill it with. */
static void test_full(void **state)
{
	char dir[] = "/tmp/cvm-full-XXXXXX";
	struct disk d = { .where = dir };
	int filler;

	(void)state;
	assert_non_null(mkdtemp(dir));
	if (!small_tmpfs(dir)) {
		rmdir(dir);
		skip();
	}
	open_disk(&d);
	start(&d, USUAL);
	assert_int_equal(read_one(&d, 800, 4096, true), 800);
	punch(&d, 800, 2 * PAGE_SECTORS);
	filler = fill_up(dir);
	assert_int_equal(read_one(&d, 800, 4096, false), 0);
	assert_int_equal(read_one(&d, 816, 4096, true), 816);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 800, 4096),
			 VIRTIO_BLK_S_IOERR);
	expect_line(&d, "write 4096 bytes at 409600: No space left on "
		    "device");
	assert_int_equal(ftruncate(filler, 0), 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 800, 4096),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(d.vm.lines, 1);
	close(filler);
	close_disk(&d);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

static void not_ours(int sig)
{
	(void)sig;
	_exit(42);
}

/* A fault elsewhere goes to whoever was there before; first, for it counts
 * who was when the first disk came. */
static void test_other_faults(void **state)
{
	struct disk d = { .where = IN_MEMORY };
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		signal(SIGBUS, not_ours);
		open_disk(&d);
		unlink(d.path);
		raise(SIGBUS);
		raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_faults),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_discarded),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_shortened),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("blk_memory", tests, NULL, NULL);
}
