// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_wakeup.c - no doorbell and no interrupt is lost.
 *
 * Both sides sleep whenever there is nothing to do and are woken only by what
 * the other side sends: one lost notification, and the test stands still.
 * Requests are answered without I/O, so that falling asleep and being rung at
 * meet as often as they can.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "fake_vm.h"
#include "virtio/blk/blk.h"

#define REQUESTS	20000u
#define BURST		4u
#define AT(n)		(FAKE_VM_BUFFERS + (n) * 64ull)

static uint64_t seed = 1;

static uint32_t dice(uint32_t sides)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1dull) >> 32) % sides;
}

static void add(struct fake_vm *vm, struct fake_queue *drv, uint32_t n)
{
	struct fake_buffer buf[2] = {
		{ AT(n), 16, false }, { AT(n) + 16, 21, true },
	};

	*(uint32_t *)fake_vm_at(vm, AT(n), 16) = VIRTIO_BLK_T_GET_ID;
	*(uint8_t *)fake_vm_at(vm, AT(n) + 36, 1) = 0xee;
	assert_true(fake_guest_add(drv, buf, 2) >= 0);
}

/* Doorbells per request tell whether the device ever slept. */
static void run(const char *path, enum virtio_blk_engine engine,
		uint64_t features)
{
	struct virtio_blk_args args = { .path = path, .engine = engine };
	uint32_t sent = 0, got, burst, rung = 0, len;
	struct fake_queue drv;
	struct problem problem = { "" };
	struct fake_vm vm;

	fake_vm_init(&vm);
	assert_int_equal(virtio_blk_add(vm.devs, &args, &problem), 0);
	assert_int_equal(virtio_devices_commit(vm.devs, &problem), 0);
	assert_true(fake_vm_features(&vm, 0, VIRTIO_F_VERSION_1 | features));
	assert_int_equal(fake_vm_queue(&vm, 0, 0, &drv, 16, features), 0);
	fake_vm_driver_ok(&vm, 0);
	while (sent < REQUESTS) {
		burst = 1 + dice(BURST);
		for (got = 0; got < burst; got++) {
			add(&vm, &drv, got);
			/* Some are rung for together. */
			if (!dice(2) || got + 1 == burst) {
				if (fake_guest_needs_notification(&drv)) {
					rung++;
					fake_vm_doorbell(&vm, 0);
				}
			}
		}
		for (got = 0; got < burst; got++) {
			if (fake_vm_get(&vm, 0, &drv, &len) < 0)
				fail_msg("stands still after %u requests, %u "
					 "doorbells", sent + got, rung);
			assert_int_equal(len, 21);
		}
		sent += burst;
	}
	assert_true(rung && rung < sent);
	fake_vm_free(&vm);
}

static void test_wakeup(void **state)
{
	static const uint64_t kinds[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED,
	};
	char path[] = "/tmp/cvm-wakeup-XXXXXX";
	int fd = mkstemp(path);
	size_t i;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		run(path, VIRTIO_BLK_ENGINE_THREADS, kinds[i]);
#if HAVE_URING
		run(path, VIRTIO_BLK_ENGINE_URING, kinds[i]);
#endif
	}
	close(fd);
	unlink(path);
}

/* ---- the same in the smallest form --------------------------------------- */

/*
 * Two threads do "make available, look whether to ring" and "want doorbells,
 * look for requests" at the same moment.  When both look before the other's
 * write is seen, neither does anything and a request lies there for ever.
 * Interrupts are the same with the sides exchanged.
 */
#define ROUNDS	100000u
#define SECONDS	0.4		/* at most, where CPUs are scarce */

struct duel {
	struct fake_memory t;
	struct fake_queue drv;
	struct vq vq;
	struct os_iov iov[4];
	struct vq_chain chain;
	uint32_t round;			/* begun, written by the driver */
	uint32_t done;			/* by the device */
	uint32_t noticed[2];		/* who will act: device, driver */
	bool interrupts;
	bool stop;			/* before the last round begins */
};

static void wait_for(const uint32_t *word, uint32_t value)
{
	uint32_t spins = 0;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		if (!(++spins & 0xff))
			sched_yield();
}

/* So that each instruction of one side meets each of the other's. */
static void dawdle(uint32_t round)
{
	volatile uint32_t n;

	for (n = round % 61; n; n--)
		;
}

static void *device_main(void *arg)
{
	struct duel *d = arg;
	uint32_t round;

	for (round = 1;; round++) {
		if (d->interrupts) {
			if (vq_pop(&d->vq, &d->chain) != 1)
				abort();
			vq_push(&d->vq, &d->chain, 1);
		}
		__atomic_store_n(&d->done, 2 * round - 1, __ATOMIC_RELEASE);
		wait_for(&d->round, 2 * round - 1);
		if (d->stop)
			return NULL;
		dawdle(round);
		d->noticed[0] = d->interrupts ? vq_publish(&d->vq) :
				vq_enable_notification(&d->vq);
		__atomic_store_n(&d->done, 2 * round, __ATOMIC_RELEASE);
		wait_for(&d->round, 2 * round);
	}
}

/* Give back what was offered, so that the next round begins empty. */
static void clear(struct duel *d)
{
	uint32_t len;

	if (!d->interrupts) {
		assert_int_equal(vq_pop(&d->vq, &d->chain), 1);
		vq_push(&d->vq, &d->chain, 1);
		vq_publish(&d->vq);
		vq_disable_notification(&d->vq);
	}
	assert_true(fake_guest_get(&d->drv, &len) >= 0);
	fake_guest_disable_notification(&d->drv);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fight(struct duel *d)
{
	double end = now() + SECONDS;
	struct fake_buffer buf = { FAKE_MEMORY_C, 1, true };
	uint32_t round;
	pthread_t thread;

	if (d->interrupts)
		fake_guest_add(&d->drv, &buf, 1);
	assert_int_equal(pthread_create(&thread, NULL, device_main, d), 0);
	for (round = 1;; round++) {
		wait_for(&d->done, 2 * round - 1);
		d->stop = round == ROUNDS || now() > end;
		__atomic_store_n(&d->round, 2 * round - 1, __ATOMIC_RELEASE);
		if (d->stop)
			break;
		if (d->interrupts) {
			d->noticed[1] = fake_guest_enable_notification(&d->drv);
		} else {
			fake_guest_add(&d->drv, &buf, 1);
			d->noticed[1] = fake_guest_needs_notification(&d->drv);
		}
		wait_for(&d->done, 2 * round);
		if (!d->noticed[0] && !d->noticed[1])
			fail_msg("nobody noticed, round %u", round);
		clear(d);
		if (d->interrupts)
			fake_guest_add(&d->drv, &buf, 1);
		__atomic_store_n(&d->round, 2 * round, __ATOMIC_RELEASE);
	}
	pthread_join(thread, NULL);
}

static void test_duel(void **state)
{
	struct vq_config config = { .size = 16 };
	struct duel *d;
	uint32_t kind;

	(void)state;
	for (kind = 0; kind < 8; kind++) {
		d = calloc(1, sizeof(*d));
		fake_memory_init(&d->t);
		config.mem = &d->t.mem;
		config.features = (kind & 1 ? VIRTIO_F_EVENT_IDX : 0) |
				  (kind & 2 ? VIRTIO_F_RING_PACKED : 0);
		fake_guest_init(&d->drv, &d->t.mem, FAKE_MEMORY_A, 16,
				config.features);
		config.desc_gpa = d->drv.desc_gpa;
		config.driver_gpa = d->drv.driver_gpa;
		config.device_gpa = d->drv.device_gpa;
		assert_int_equal(vq_start(&d->vq, &config), 0);
		d->chain = (struct vq_chain){ .iov = d->iov, .space = 4 };
		d->interrupts = kind & 4;
		vq_disable_notification(&d->vq);
		fake_guest_disable_notification(&d->drv);
		fight(d);
		fake_memory_free(&d->t);
		free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duel),
		cmocka_unit_test(test_wakeup),
	};

	return cmocka_run_group_tests_name("wakeup", tests, NULL, NULL);
}
