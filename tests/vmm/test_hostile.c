// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_hostile.c - drivers that break the rules.  Each ends in a broken queue
 * with a reason that says what and where, and the sanitizer sees that nothing
 * outside guest memory is touched.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_guest.h"
#include "fake_memory.h"
#include "virtio/core/virtqueue.h"

#define SIZE	8u
#define BUFFERS	FAKE_MEMORY_C
#define TABLE	(FAKE_MEMORY_C + 0x8000)
#define PACKED	VIRTIO_F_RING_PACKED
#define IN_TABLE (VIRTIO_F_INDIRECT_DESC)

struct fixture {
	struct fake_memory t;
	struct fake_queue drv;
	struct vq vq;
	struct os_iov iov[32];
	struct vq_chain chain;
};

static void setup(struct fixture *f, uint64_t features)
{
	struct vq_config config = {
		.mem = &f->t.mem,
		.features = features,
		.size = SIZE,
		.chain_max = 16,
	};

	fake_memory_init(&f->t);
	fake_guest_init(&f->drv, &f->t.mem, FAKE_MEMORY_A, SIZE, features);
	config.desc_gpa = f->drv.desc_gpa;
	config.driver_gpa = f->drv.driver_gpa;
	config.device_gpa = f->drv.device_gpa;
	f->chain = (struct vq_chain){ .iov = f->iov, .space = 32 };
	assert_int_equal(vq_start(&f->vq, &config), 0);
}

static void expect_broken(struct fixture *f, const char *reason)
{
	assert_int_equal(vq_pop(&f->vq, &f->chain), -1);
	assert_string_equal(f->vq.reason, reason);
	/* For good, and quietly. */
	assert_int_equal(vq_pop(&f->vq, &f->chain), -1);
	assert_false(vq_enable_notification(&f->vq));
	fake_memory_free(&f->t);
}

/* One request with this buffer. */
static void one(uint64_t features, uint64_t gpa, uint32_t bytes,
		const char *reason)
{
	struct fake_buffer buf = { gpa, bytes, true };
	struct fixture f;

	setup(&f, features);
	fake_guest_add(&f.drv, &buf, 1);
	expect_broken(&f, reason);
}

static void test_buffers(void **state)
{
	uint64_t kind;

	(void)state;
	for (kind = 0; kind <= PACKED; kind += PACKED) {
		one(kind, BUFFERS, 0, "descriptor 0 has no bytes");
		one(kind, 0x1000, 16, "descriptor 0: 16 bytes up to 0x1010 "
		    "are not all guest memory");
		one(kind, FAKE_MEMORY_C + FAKE_MEMORY_BYTES - 8, 9,
		    "descriptor 0: 9 bytes up to 0x80100001 are not all "
		    "guest memory");
		one(kind, FAKE_MEMORY_C - 8, 16, "descriptor 0: 16 bytes up to "
		    "0x80000008 are not all guest memory");
		one(kind, UINT64_MAX - 7, 16, "descriptor 0: 16 bytes up to "
		    "0x8 are not all guest memory");
		one(kind, UINT64_MAX, UINT32_MAX, "descriptor 0: 4294967295 "
		    "bytes up to 0xfffffffe are not all guest memory");
	}
}

/* Part lengths whose sum passes 32 bits; memory has to be large enough. */
static void test_too_long(void **state)
{
	struct fake_buffer buf[2] = {
		{ 0x100000000, 0x80000000, false },
		{ 0x100000000, 0x80000000, true },
	};
	static uint8_t nothing[1];
	struct fixture f;
	uint64_t kind;

	(void)state;
	for (kind = 0; kind <= PACKED; kind += PACKED) {
		setup(&f, kind);
		/* Looked up, never touched. */
		virtio_memory_add(&f.t.mem, 0x100000000, 0x80000000, nothing);
		fake_guest_add(&f.drv, buf, 2);
		expect_broken(&f, "descriptor 1: a request of 4 GiB and "
			      "more");
	}
}

static void test_order(void **state)
{
	struct fake_buffer buf[3] = {
		{ BUFFERS, 16, false }, { BUFFERS + 32, 16, true },
		{ BUFFERS + 64, 16, false },
	};
	struct fixture f;
	uint64_t kind;

	(void)state;
	for (kind = 0; kind <= PACKED; kind += PACKED) {
		setup(&f, kind);
		fake_guest_add(&f.drv, buf, 3);
		expect_broken(&f, "descriptor 2: a readable part behind a "
			      "writable one");
	}
}

static void test_pieces(void **state)
{
	struct fake_buffer buf[16];
	struct fixture f;
	uint64_t kind;
	uint32_t i;

	(void)state;
	for (i = 0; i < 16; i++)
		buf[i] = (struct fake_buffer){ BUFFERS + i * 64, 8, true };
	for (kind = 0; kind <= PACKED; kind += PACKED) {
		setup(&f, kind | IN_TABLE);
		f.chain.space = 15;
		fake_guest_add_indirect(&f.drv, &f.t.mem, TABLE, buf, 16);
		expect_broken(&f, "indirect descriptor 15: a request of more "
			      "than 15 pieces");
	}
}

static void test_loops(void **state)
{
	struct fake_buffer buf[3] = {
		{ BUFFERS, 16, false }, { BUFFERS + 32, 16, false },
		{ BUFFERS + 64, 16, false },
	};
	struct virtq_desc *table;
	struct fixture f;

	(void)state;
	setup(&f, 0);
	fake_guest_add(&f.drv, buf, 3);
	table = f.drv.desc;
	table[2].flags = VIRTQ_DESC_F_NEXT;
	table[2].next = 1;
	expect_broken(&f, "descriptor 2: the chain does not end");
	setup(&f, 0);
	fake_guest_add(&f.drv, buf, 3);
	table = f.drv.desc;
	table[0].next = 0;
	expect_broken(&f, "descriptor 0: the chain does not end");
	setup(&f, 0);
	fake_guest_add(&f.drv, buf, 3);
	table = f.drv.desc;
	table[1].next = SIZE;
	expect_broken(&f, "descriptor 8 of a table of 8");
	/* In an indirect table. */
	setup(&f, IN_TABLE);
	fake_guest_add_indirect(&f.drv, &f.t.mem, TABLE, buf, 3);
	table = (void *)fake_memory_at(&f.t, TABLE);
	table[2].flags = VIRTQ_DESC_F_NEXT;
	table[2].next = 0;
	expect_broken(&f, "indirect descriptor 0: the chain does not end");
	setup(&f, IN_TABLE);
	fake_guest_add_indirect(&f.drv, &f.t.mem, TABLE, buf, 3);
	table = (void *)fake_memory_at(&f.t, TABLE);
	table[1].next = 3;
	expect_broken(&f, "indirect descriptor 3 of a table of 3");
}

static void test_split_ring(void **state)
{
	struct fake_buffer buf = { BUFFERS, 16, false };
	struct virtq_avail *avail;
	struct fixture f;

	(void)state;
	setup(&f, 0);
	avail = f.drv.driver;
	avail->idx = SIZE + 1;
	expect_broken(&f, "available index 9: 9 requests in a queue of 8");
	/* Backwards. */
	setup(&f, 0);
	avail = f.drv.driver;
	avail->idx = UINT16_MAX;
	expect_broken(&f, "available index 65535: 65535 requests in a queue "
		      "of 8");
	/* With requests under way there is room for fewer. */
	setup(&f, 0);
	fake_guest_add(&f.drv, &buf, 1);
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	avail = f.drv.driver;
	avail->idx = SIZE + 1;
	expect_broken(&f, "available index 9: 9 requests in a queue of 8");
	setup(&f, 0);
	fake_guest_add(&f.drv, &buf, 1);
	avail = f.drv.driver;
	avail->ring[0] = SIZE;
	expect_broken(&f, "available entry 0: descriptor 8 of a table of 8");
}

static void indirect(uint64_t features, uint64_t gpa, uint32_t bytes,
		     const char *reason)
{
	struct fake_buffer buf = { gpa, bytes, false };
	struct pvirtq_desc *packed;
	struct virtq_desc *split;
	struct fixture f;

	setup(&f, features);
	fake_guest_add(&f.drv, &buf, 1);
	packed = f.drv.desc;
	split = f.drv.desc;
	if (features & PACKED)
		packed->flags |= VIRTQ_DESC_F_INDIRECT;
	else
		split->flags |= VIRTQ_DESC_F_INDIRECT;
	expect_broken(&f, reason);
}

static void test_indirect(void **state)
{
	uint64_t kind;

	(void)state;
	for (kind = 0; kind <= PACKED; kind += PACKED) {
		indirect(kind, TABLE, 16, "descriptor 0: indirect, which was "
			 "not negotiated");
		indirect(kind | IN_TABLE, TABLE, 0, "descriptor 0: an "
			 "indirect table of 0 bytes");
		indirect(kind | IN_TABLE, TABLE, 24, "descriptor 0: an "
			 "indirect table of 24 bytes");
		indirect(kind | IN_TABLE, TABLE, 17 * 16, "descriptor 0: an "
			 "indirect table of 272 bytes");
		indirect(kind | IN_TABLE, TABLE, 0xfffffff0, "descriptor 0: "
			 "an indirect table of 4294967280 bytes");
		indirect(kind | IN_TABLE,
			 FAKE_MEMORY_C + FAKE_MEMORY_BYTES - 16, 32,
			 "descriptor 0: an indirect table at 0x800ffff0, "
			 "which is not guest memory");
		indirect(kind | IN_TABLE, UINT64_MAX - 15, 32, "descriptor "
			 "0: an indirect table at 0xfffffffffffffff0, which "
			 "is not guest memory");
		/* Zeroes at an odd address: read, and found empty. */
		indirect(kind | IN_TABLE, TABLE + 3, 32, "indirect "
			 "descriptor 0 has no bytes");
	}
}

static void test_indirect_twice(void **state)
{
	struct fake_buffer buf[2] = {
		{ BUFFERS, 16, false }, { TABLE + 0x100, 16, false },
	};
	struct pvirtq_desc *ring;
	struct virtq_desc *table;
	struct fixture f;

	(void)state;
	setup(&f, IN_TABLE);
	fake_guest_add_indirect(&f.drv, &f.t.mem, TABLE, buf, 2);
	table = (void *)fake_memory_at(&f.t, TABLE);
	table[1].flags = VIRTQ_DESC_F_INDIRECT;
	expect_broken(&f, "indirect descriptor 1: indirect, in a table or "
		      "before a next descriptor");
	setup(&f, IN_TABLE);
	fake_guest_add(&f.drv, buf, 2);
	table = f.drv.desc;
	table[0].flags |= VIRTQ_DESC_F_INDIRECT;
	expect_broken(&f, "descriptor 0: indirect, in a table or before a "
		      "next descriptor");
	setup(&f, PACKED | IN_TABLE);
	fake_guest_add(&f.drv, buf, 2);
	ring = f.drv.desc;
	ring[1].flags |= VIRTQ_DESC_F_INDIRECT;
	expect_broken(&f, "descriptor 1: indirect, in a list");
	setup(&f, PACKED | IN_TABLE);
	fake_guest_add(&f.drv, buf, 2);
	ring = f.drv.desc;
	ring[0].flags |= VIRTQ_DESC_F_INDIRECT;
	expect_broken(&f, "descriptor 0: indirect, in a list");
	/* 2.8.7: in a packed table every flag but WRITE is ignored. */
	setup(&f, PACKED | IN_TABLE);
	fake_guest_add_indirect(&f.drv, &f.t.mem, TABLE, buf, 2);
	ring = (void *)fake_memory_at(&f.t, TABLE);
	ring[0].flags = VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT;
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	assert_int_equal(f.chain.read_bytes, 32);
	fake_memory_free(&f.t);
}

static void test_packed_ring(void **state)
{
	struct fake_buffer buf[8];
	struct pvirtq_desc *ring;
	struct fixture f;
	uint32_t i;

	(void)state;
	for (i = 0; i < 8; i++)
		buf[i] = (struct fake_buffer){ BUFFERS + i * 64, 8, false };
	/* A list that never ends comes round to its own start. */
	setup(&f, PACKED);
	fake_guest_add(&f.drv, buf, 8);
	ring = f.drv.desc;
	ring[7].flags |= VIRTQ_DESC_F_NEXT;
	expect_broken(&f, "descriptor 0 is available while it is in use");
	/* A list over entries that are not given back. */
	setup(&f, PACKED);
	fake_guest_add(&f.drv, buf, 6);
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	fake_guest_add(&f.drv, buf, 2);
	ring = f.drv.desc;
	ring[7].flags |= VIRTQ_DESC_F_NEXT;
	expect_broken(&f, "descriptor 0 is available while it is in use");
	/* One more than there are. */
	setup(&f, PACKED);
	fake_guest_add(&f.drv, buf, 8);
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	ring = f.drv.desc;
	ring[0].flags = VIRTQ_DESC_F_USED;
	expect_broken(&f, "descriptor 0 is available while it is in use");
	/* A list whose second part is missing. */
	setup(&f, PACKED);
	fake_guest_add(&f.drv, buf, 2);
	ring = f.drv.desc;
	ring[1].flags = 0;
	expect_broken(&f, "descriptor 1 continues a list but is not "
		      "available");
}

/* Events far outside the ring wait for anything and touch nothing. */
static void test_events(void **state)
{
	struct fake_buffer buf = { BUFFERS, 16, true };
	struct fixture f;

	(void)state;
	setup(&f, PACKED | VIRTIO_F_EVENT_IDX);
	*(uint32_t *)f.drv.driver = PVIRTQ_EVENT(0x7fff, 1,
						 RING_EVENT_FLAGS_DESC);
	fake_guest_add(&f.drv, &buf, 1);
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	vq_push(&f.vq, &f.chain, 16);
	assert_true(vq_publish(&f.vq));
	fake_memory_free(&f.t);
}

/* ---- a driver that changes its mind while it is looked at ---------------- */

struct flipper {
	struct fixture *f;
	int stop;
};

/*
 * Length, address and flags of descriptor 0 go from good to bad and back.  A
 * guest does as it likes, so ThreadSanitizer is not to watch it.
 */
__attribute__((no_sanitize("thread")))
static void *flip(void *arg)
{
	struct flipper *flipper = arg;
	struct pvirtq_desc *packed = flipper->f->drv.desc;
	struct virtq_desc *split = flipper->f->drv.desc;
	bool is_packed = flipper->f->drv.packed;
	uint32_t n = 0;

	while (!__atomic_load_n(&flipper->stop, __ATOMIC_RELAXED)) {
		n++;
		__atomic_store_n(&split->len, n & 1 ? 0x7fffffff : 64,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&split->addr, n & 2 ? 0 : BUFFERS,
				 __ATOMIC_RELAXED);
		if (!is_packed)
			__atomic_store_n(&split->next, n & 4 ? 0xffff : 1,
					 __ATOMIC_RELAXED);
		else
			__atomic_store_n(&packed->id, (uint16_t)n,
					 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void race(uint64_t features)
{
	struct fake_buffer buf = { BUFFERS, 64, true };
	struct vq_config config = { .features = features, .size = SIZE };
	struct flipper flipper;
	uint32_t n, good = 0, bad = 0;
	struct fixture f;
	pthread_t thread;

	setup(&f, features);
	fake_guest_add(&f.drv, &buf, 1);
	config.mem = &f.t.mem;
	config.desc_gpa = f.drv.desc_gpa;
	config.driver_gpa = f.drv.driver_gpa;
	config.device_gpa = f.drv.device_gpa;
	flipper = (struct flipper){ .f = &f };
	assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
	/* Where CPUs are scarce the other one needs its turns. */
	for (n = 0; !good || !bad || n < 200000; n++) {
		if (n % 1024 == 0)
			sched_yield();
		vq_start(&f.vq, &config);
		if (vq_pop(&f.vq, &f.chain) == 1) {
			good++;
			/* Checked length and address are those in use. */
			assert_int_equal(f.chain.write_bytes, 64);
			assert_ptr_equal(f.iov[0].base, f.t.block[2]);
			memset(f.iov[0].base, 1, f.iov[0].bytes);
		} else {
			bad++;
		}
	}
	__atomic_store_n(&flipper.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fake_memory_free(&f.t);
}

static void test_race(void **state)
{
	(void)state;
	race(0);
	race(PACKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_split_ring),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_indirect_twice),
		cmocka_unit_test(test_packed_ring),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
