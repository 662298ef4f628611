// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_uring.c - io_uring as it is when it fails: it cannot be set up, takes
 * nothing, or completes with what a disk or a full machine makes of it.
 *
 * The library's functions are wrapped by the linker.  What it has inline, the
 * look at a completion, is replaced in the engine, which is compiled here.
 */
#include <dirent.h>
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int test_peek_cqe(struct io_uring *ring, struct io_uring_cqe **cqe);

#define io_uring_peek_cqe test_peek_cqe
#include "virtio/blk/blk_uring.c"
#undef io_uring_peek_cqe

#include "blk_rig.h"

/* ---- what fails ---------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {		/* under the lock, once there is a thread */
	/* completions of these requests, in this step of theirs */
	uint32_t type, step;
	bool doorbells;		/* or of the doorbell */
	uint32_t times;
	int res;		/* are this; */
	bool half;		/* or done by half */
	uint32_t done;		/* so often it was so */

	int enter;		/* what io_uring_enter() returns */
	uint32_t enters;	/* so often */
	uint32_t after;		/* when it was called so often */
	bool fail_all;

	int setup[8], enable, restricted;	/* each call's result */
	uint32_t setups;
	bool no_probe;
} plan;

static bool meant(const struct blk_request *req)
{
	if (!plan.times)
		return false;
	return req ? !plan.doorbells && req->type == plan.type &&
		     req->step == plan.step : plan.doorbells;
}

/* What was read by half, or not, is not what the host's file has. */
static void spoil(struct blk_request *req, uint64_t from)
{
	static const uint8_t bad = 0xbd;
	uint64_t at;

	if (req->type == VIRTIO_BLK_T_IN)
		for (at = from; at < req->bytes; at++)
			os_iov_put(req->data, req->pieces, at, &bad, 1);
}

static int test_peek_cqe(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	struct blk_request *req;
	int ret = io_uring_peek_cqe(ring, cqe);

	if (ret)
		return ret;
	req = io_uring_cqe_get_data(*cqe);
	pthread_mutex_lock(&lock);
	if (meant(req)) {
		plan.times--;
		plan.done++;
		(*cqe)->res = plan.half ? (*cqe)->res / 2 : plan.res;
		if (req)
			spoil(req, plan.half ? (uint64_t)(*cqe)->res : 0);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

/* The result, or 0: it is the kernel's. */
static int enter_fails(void)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (plan.after) {
		plan.after--;
	} else if (plan.enters) {
		plan.enters -= !plan.fail_all;
		plan.done++;
		ret = plan.enter;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static uint32_t done(void)
{
	uint32_t count;

	pthread_mutex_lock(&lock);
	count = plan.done;
	pthread_mutex_unlock(&lock);
	return count;
}

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned int nr);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int nr);
int __real_io_uring_queue_init(unsigned int entries, struct io_uring *ring,
			       unsigned int flags);
int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring,
			       unsigned int flags);
int __real_io_uring_register(unsigned int fd, unsigned int opcode,
			     const void *arg, unsigned int nr);
int __wrap_io_uring_register(unsigned int fd, unsigned int opcode,
			     const void *arg, unsigned int nr);
struct io_uring_probe *__real_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring);

/* As the library does: it is in the ring, and the kernel was not entered. */
static int not_entered(struct io_uring *ring, int ret)
{
	struct io_uring_sq *sq = &ring->sq;

	sq->sqe_head = sq->sqe_tail;
	__atomic_store_n(sq->ktail, sq->sqe_tail, __ATOMIC_RELEASE);
	return ret;
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
	int ret = enter_fails();

	return ret ? not_entered(ring, ret) : __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int nr)
{
	int ret = enter_fails();

	return ret ? not_entered(ring, ret) :
	       __real_io_uring_submit_and_wait(ring, nr);
}

int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring,
			       unsigned int flags)
{
	int ret = plan.setup[plan.setups++ % 8];

	return ret ? ret : __real_io_uring_queue_init(entries, ring, flags);
}

int __wrap_io_uring_register(unsigned int fd, unsigned int opcode,
			     const void *arg, unsigned int nr)
{
	int ret = opcode == IORING_REGISTER_RESTRICTIONS ? plan.restricted :
		  opcode == IORING_REGISTER_ENABLE_RINGS ? plan.enable : 0;

	return ret ? ret : __real_io_uring_register(fd, opcode, arg, nr);
}

struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring)
{
	return plan.no_probe ? NULL : __real_io_uring_get_probe_ring(ring);
}

/* ---- helpers ------------------------------------------------------------- */

static uint32_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int fresh(void **state)
{
	(void)state;
	memset(&plan, 0, sizeof(plan));
	return 0;
}

static void open_uring(struct disk *d)
{
	memset(d, 0, sizeof(*d));
	d->args.engine = VIRTIO_BLK_ENGINE_URING;
	open_disk(d);
	start(d, USUAL);
}

static void read_well(struct disk *d, uint64_t sector, uint32_t bytes)
{
	uint32_t i;

	assert_int_equal(request(d, VIRTIO_BLK_T_IN, sector, bytes),
			 VIRTIO_BLK_S_OK);
	for (i = 0; i < bytes / 512; i++)
		assert_int_equal(number_at(data(d) + i * 512), sector + i);
}

static void write_well(struct disk *d, uint64_t sector, uint8_t byte,
		       uint32_t bytes)
{
	memset(data(d), byte, bytes);
	assert_int_equal(request(d, VIRTIO_BLK_T_OUT, sector, bytes),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(on_file(d, sector), 0x0101010101010101u * byte);
	assert_int_equal(on_file(d, sector + bytes / 512 - 1),
			 0x0101010101010101u * byte);
}

/* The next completion of such a request is this. */
static void next(uint32_t type, uint32_t step, int res)
{
	pthread_mutex_lock(&lock);
	plan.type = type;
	plan.step = step;
	plan.res = res;
	plan.half = false;
	plan.times = 1;
	plan.done = 0;
	pthread_mutex_unlock(&lock);
}

/* It does half of what it was to do. */
static void next_half(uint32_t type)
{
	next(type, 0, 0);
	pthread_mutex_lock(&lock);
	plan.half = true;
	pthread_mutex_unlock(&lock);
}

static void expect_said(struct disk *d, uint32_t lines, const char *what,
			int error)
{
	char line[300];

	assert_int_equal(done(), 1);
	assert_int_equal(d->vm.lines, lines);
	snprintf(line, sizeof(line), "blk in slot 0: %s: the host cannot %s: "
		 "%s", d->path, what, strerror(error));
	assert_string_equal(d->vm.line, line);
}

/* ---- setting it up ------------------------------------------------------- */

/* With nothing left open, and served by threads. */
static void no_ring(uint32_t queues)
{
	struct disk d = { .args.queues = queues };
	struct virtio_blk_args args = {
		.engine = VIRTIO_BLK_ENGINE_URING, .readonly = true,
		.queues = queues,
	};
	struct problem problem = { "" };
	uint32_t before;

	open_disk(&d);
	assert_string_equal(word(&d, "engine"), "threads");
	start(&d, USUAL);
	read_well(&d, 7, 4096);
	assert_int_equal(virtio_devices_remove(d.vm.devs, 0), 0);
	before = descriptors();
	plan.setups = 0;
	args.path = d.path;
	assert_int_equal(virtio_blk_add(d.vm.devs, &args, &problem),
			 -1);
	assert_non_null(strstr(problem.text, ": this host has no io_uring"));
	assert_int_equal(descriptors(), before);
	close_disk(&d);
}

static void test_no_setup(void **state)
{
	static const int errors[] = { -ENOSYS, -EPERM, -ENOMEM, -EMFILE };
	uint32_t i, n;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (n = 0; n < 8; n++)
			plan.setup[n] = errors[i];
		plan.setups = 0;
		no_ring(1);
	}
	/* The third of four: those before it are closed again. */
	fresh(NULL);
	plan.setup[2] = plan.setup[3] = -ENOMEM;
	no_ring(4);
}

static void test_older_kernel(void **state)
{
	struct disk d;

	(void)state;
	plan.setup[0] = -EINVAL;	/* IORING_SETUP_COOP_TASKRUN */
	open_uring(&d);
	assert_int_equal(plan.setups, 2);
	assert_string_equal(word(&d, "engine"), "io_uring");
	read_well(&d, 3, 512);
	close_disk(&d);
}

/* What nobody may see through a filter is restricted, or not used. */
static void test_no_restrictions(void **state)
{
	(void)state;
	plan.no_probe = true;
	no_ring(1);
	fresh(NULL);
	plan.restricted = -EINVAL;
	no_ring(2);
	fresh(NULL);
	plan.enable = -EBADFD;
	no_ring(1);
}

/* ---- completions --------------------------------------------------------- */

/* What the host's disk says is said to the guest. */
static void test_final(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT, EBADF };
	struct disk d;
	uint32_t i;

	(void)state;
	open_uring(&d);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		next(VIRTIO_BLK_T_IN, 0, -errors[i]);
		assert_int_equal(request(&d, VIRTIO_BLK_T_IN, 8, 4096),
				 VIRTIO_BLK_S_IOERR);
		expect_said(&d, 2 * i + 1, "read 4096 bytes at 4096",
			    errors[i]);
		next(VIRTIO_BLK_T_OUT, 0, -errors[i]);
		assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 0, 512),
				 VIRTIO_BLK_S_IOERR);
		expect_said(&d, 2 * i + 2, "write 512 bytes at 0", errors[i]);
	}
	assert_int_equal(counter(&d, "failed"), 2 * i);
	read_well(&d, 9, 512);
	close_disk(&d);
}

/* Errors of the ring's way, and less than was asked for: another way has it. */
static void test_another_way(void **state)
{
	static const int errors[] = {
		EAGAIN, EINTR, EINVAL, EFAULT, EOPNOTSUPP
	};
	struct disk d;
	uint32_t i;

	(void)state;
	open_uring(&d);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		next(VIRTIO_BLK_T_IN, 0, -errors[i]);
		read_well(&d, 100, 65536);
		assert_int_equal(done(), 1);
		next(VIRTIO_BLK_T_OUT, 0, -errors[i]);
		write_well(&d, 3000, (uint8_t)(0x11 * (i + 1)), 8192);
		assert_int_equal(done(), 1);
	}
	next(VIRTIO_BLK_T_IN, 0, 0);
	read_well(&d, 100, 65536);	/* nothing */
	next_half(VIRTIO_BLK_T_IN);
	read_well(&d, 100, 65536);
	next_half(VIRTIO_BLK_T_OUT);
	write_well(&d, 3000, 0x99, 8192);
	assert_int_equal(done(), 1);
	assert_int_equal(d.vm.lines, 0);
	close_disk(&d);
}

static void test_sync(void **state)
{
	struct disk d;

	(void)state;
	open_uring(&d);
	next(VIRTIO_BLK_T_FLUSH, 0, -EIO);
	assert_int_equal(request(&d, VIRTIO_BLK_T_FLUSH, 0, 0),
			 VIRTIO_BLK_S_IOERR);
	expect_said(&d, 1, "flush it", EIO);
	assert_int_equal(counter(&d, "syncs"), 0);
	/* By fdatasync(). */
	next(VIRTIO_BLK_T_FLUSH, 0, -EINVAL);
	assert_int_equal(request(&d, VIRTIO_BLK_T_FLUSH, 0, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(done(), 1);
	assert_int_equal(counter(&d, "syncs"), 1);
	/* A write that is to be stable is not, then. */
	fake_vm_command(&d.vm, 0, CVM_VIRTIO_RESET, 0);
	start(&d, VIRTIO_F_VERSION_1);
	next(VIRTIO_BLK_T_OUT, 1, -EIO);
	assert_int_equal(request(&d, VIRTIO_BLK_T_OUT, 0, 512),
			 VIRTIO_BLK_S_IOERR);
	expect_said(&d, 2, "write 512 bytes at 0", EIO);
	assert_int_equal(counter(&d, "syncs"), 1);
	next(VIRTIO_BLK_T_OUT, 1, -EAGAIN);
	write_well(&d, 5, 0x44, 512);
	assert_int_equal(done(), 1);
	assert_int_equal(counter(&d, "syncs"), 2);
	close_disk(&d);
}

static void test_ranges(void **state)
{
	struct disk d;

	(void)state;
	open_uring(&d);
	put_range(&d, 0, 8, 8, 0);
	put_range(&d, 1, 32, 64, 1);
	/* The second fails, and the first is done. */
	next(VIRTIO_BLK_T_WRITE_ZEROES, 1, -EIO);
	assert_int_equal(request(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32),
			 VIRTIO_BLK_S_IOERR);
	expect_said(&d, 1, "empty a part of it", EIO);
	assert_int_equal(on_file(&d, 8), 0);
	next(VIRTIO_BLK_T_WRITE_ZEROES, 0, -EOPNOTSUPP);
	put_range(&d, 0, 100, 8, 0);
	put_range(&d, 1, 200, 8, 1);
	assert_int_equal(request(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(done(), 1);
	assert_int_equal(on_file(&d, 100), 0);
	assert_int_equal(on_file(&d, 207), 0);
	next(VIRTIO_BLK_T_DISCARD, 0, -EOPNOTSUPP);
	put_range(&d, 0, 300, 8, 0);
	assert_int_equal(request(&d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_OK);
	next(VIRTIO_BLK_T_DISCARD, 0, -ENOSPC);
	assert_int_equal(request(&d, VIRTIO_BLK_T_DISCARD, 0, 16),
			 VIRTIO_BLK_S_IOERR);
	expect_said(&d, 2, "empty a part of it", ENOSPC);
	close_disk(&d);
}

/* ---- entering the kernel ------------------------------------------------- */

/* So many requests at once, all of which are answered well. */
static void crowd(struct disk *d, uint32_t count)
{
	struct fake_buffer buf[3] = {
		{ HEADER, 16, false }, { DATA, 512, true },
		{ STATUS, 1, true },
	};
	uint64_t at;
	uint32_t i, len;

	for (i = 0; i < count; i++) {
		at = HEADER + i * 0x40;
		put_header(d, VIRTIO_BLK_T_IN, i);
		memcpy(fake_vm_at(&d->vm, at + 0x1000, 16),
		       fake_vm_at(&d->vm, HEADER, 16), 16);
	}
	for (i = 0; i < count; i++) {
		buf[0].gpa = HEADER + i * 0x40 + 0x1000;
		buf[1].gpa = DATA + 0x10000 + i * 512;
		assert_true(fake_guest_add(&d->drv, buf, 3) >= 0);
	}
	fake_vm_ring(&d->vm, 0, 0, &d->drv);
	for (i = 0; i < count; i++)
		assert_true(fake_vm_get(&d->vm, 0, &d->drv, &len) >= 0);
	for (i = 0; i < count; i++)
		assert_int_equal(number_at(data(d) + 0x10000 + i * 512), i);
}

/* No memory, or no room: it is tried again. */
static void test_passes(void **state)
{
	static const int errors[] = { EAGAIN, EBUSY, EINTR, ENOMEM };
	struct disk d;
	uint32_t i;

	(void)state;
	open_uring(&d);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		pthread_mutex_lock(&lock);
		plan.done = 0;
		plan.enter = -errors[i];
		plan.enters = 5;
		pthread_mutex_unlock(&lock);
		crowd(&d, 16);
		write_well(&d, 2000, (uint8_t)(0x11 * (i + 1)), 4096);
		assert_int_equal(request(&d, VIRTIO_BLK_T_FLUSH, 0, 0),
				 VIRTIO_BLK_S_OK);
		assert_int_equal(done(), 5);
	}
	assert_int_equal(d.vm.lines, 0);
	assert_string_equal(word(&d, "engine"), "io_uring");
	close_disk(&d);
}

static bool said(struct disk *d)
{
	return __atomic_load_n(&d->vm.lines, __ATOMIC_ACQUIRE);
}

static void said_alone(struct disk *d, int error)
{
	char line[200];

	assert_int_equal(d->vm.lines, 1);
	snprintf(line, sizeof(line), "blk in slot 0: queue 0: io_uring: %s; "
		 "requests are carried out one after the other from now on",
		 strerror(error));
	assert_string_equal(d->vm.line, line);
}

/* Everything there is, without a ring; also after a reset. */
static void works_alone(struct disk *d)
{
	uint32_t i;

	for (i = 0; i < 2; i++) {
		read_well(d, 5, 4096);
		write_well(d, 1000, (uint8_t)(0x61 + i), 1024);
		assert_int_equal(request(d, VIRTIO_BLK_T_FLUSH, 0, 0),
				 VIRTIO_BLK_S_OK);
		put_range(d, 0, 1000, 2, 1);
		assert_int_equal(request(d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16),
				 VIRTIO_BLK_S_OK);
		assert_int_equal(on_file(d, 1001), 0);
		crowd(d, 16);
		fake_vm_command(&d->vm, 0, CVM_VIRTIO_RESET, 0);
		start(d, USUAL);
	}
	assert_int_equal(request(d, VIRTIO_BLK_T_IN, SECTORS, 512),
			 VIRTIO_BLK_S_IOERR);
}

/* The ring is of no use any more: at once, or with requests in the kernel. */
static void test_dead(void **state)
{
	static const int errors[] = { EBADF, ENXIO, EOPNOTSUPP };
	struct disk d;
	uint32_t i, after;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (after = 0; after < 6; after++) {
			fresh(NULL);
			plan.after = after;
			plan.enter = -errors[i];
			plan.enters = 1;
			plan.fail_all = true;
			open_uring(&d);
			/* (Its thread has slept in the kernel since.) */
			while (!said(&d))
				crowd(&d, 16);
			said_alone(&d, errors[i]);
			works_alone(&d);
			assert_int_equal(done(), 1);
			assert_int_equal(d.vm.lines, 1);
			close_disk(&d);
		}
	}
}

/* The doorbell cannot be read. */
static void test_doorbell(void **state)
{
	static const int errors[] = { EIO, EAGAIN, EINVAL };
	struct disk d;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fresh(NULL);
		plan.doorbells = true;
		plan.res = -errors[i];
		plan.times = 1;
		open_uring(&d);
		read_well(&d, 5, 4096);
		while (!said(&d))
			read_well(&d, 5, 4096);
		said_alone(&d, errors[i]);
		works_alone(&d);
		close_disk(&d);
	}
	/* Interrupted, it is read again. */
	fresh(NULL);
	plan.doorbells = true;
	plan.res = -EINTR;
	plan.times = 3;
	open_uring(&d);
	while (done() < 3)
		read_well(&d, 5, 4096);
	crowd(&d, 16);
	assert_int_equal(d.vm.lines, 0);
	close_disk(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_setup, fresh),
		cmocka_unit_test_setup(test_older_kernel, fresh),
		cmocka_unit_test_setup(test_no_restrictions, fresh),
		cmocka_unit_test_setup(test_final, fresh),
		cmocka_unit_test_setup(test_another_way, fresh),
		cmocka_unit_test_setup(test_sync, fresh),
		cmocka_unit_test_setup(test_ranges, fresh),
		cmocka_unit_test_setup(test_passes, fresh),
		cmocka_unit_test_setup(test_dead, fresh),
		cmocka_unit_test_setup(test_doorbell, fresh),
	};

	return cmocka_run_group_tests_name("uring", tests, NULL, NULL);
}
