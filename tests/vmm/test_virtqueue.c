// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_virtqueue.c - the device's side of a virtqueue against a driver that
 * keeps to the rules.  test_hostile.c has the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <cvm/error.h>

#include "fake_guest.h"
#include "fake_memory.h"
#include "virtio/core/virtqueue.h"

#define SIZE	8u
#define BUFFERS	FAKE_MEMORY_C

struct fixture {
	struct fake_memory t;
	struct fake_queue drv;
	struct vq vq;
	struct os_iov iov[64];
	struct vq_chain chain;
	uint64_t features;
};

/* The four kinds of queue. */
static const uint64_t kinds[] = {
	0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
	VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
};

static void setup_sized(struct fixture *f, uint64_t features, uint16_t size)
{
	struct vq_config config = {
		.mem = &f->t.mem,
		.features = features | VIRTIO_F_INDIRECT_DESC,
		.size = size,
		.chain_max = 32,
	};

	fake_memory_init(&f->t);
	fake_guest_init(&f->drv, &f->t.mem, FAKE_MEMORY_A, size, features);
	config.desc_gpa = f->drv.desc_gpa;
	config.driver_gpa = f->drv.driver_gpa;
	config.device_gpa = f->drv.device_gpa;
	f->features = features;
	f->chain = (struct vq_chain){ .iov = f->iov, .space = 64 };
	assert_int_equal(vq_start(&f->vq, &config), 0);
}

static void setup(struct fixture *f, uint64_t features)
{
	setup_sized(f, features, SIZE);
}

static void teardown(struct fixture *f)
{
	assert_false(f->vq.broken);
	fake_memory_free(&f->t);
}

/* Run a test for every kind of queue. */
static void each(void (*fn)(struct fixture *f))
{
	struct fixture f;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		setup(&f, kinds[i]);
		fn(&f);
		teardown(&f);
	}
}

static int add(struct fixture *f, uint32_t n, bool write)
{
	struct fake_buffer buf = { BUFFERS + n * 256, 256, write };

	return fake_guest_add(&f->drv, &buf, 1);
}

/* ---- requests ------------------------------------------------------------ */

static void empty_queue(struct fixture *f)
{
	assert_int_equal(vq_pop(&f->vq, &f->chain), 0);
	assert_false(vq_publish(&f->vq));
	assert_false(vq_enable_notification(&f->vq));
}

static void test_empty(void **state)
{
	(void)state;
	each(empty_queue);
}

static void one_request(struct fixture *f)
{
	struct fake_buffer buf[] = {
		{ BUFFERS, 16, false },
		{ BUFFERS + 0x100, 100, false },
		{ BUFFERS + 0x200, 50, true },
		{ BUFFERS + 0x300, 1, true },
	};
	uint32_t len = 0;
	int id = fake_guest_add(&f->drv, buf, 4);

	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 2);
	assert_int_equal(f->chain.read_bytes, 116);
	assert_int_equal(f->chain.write_bytes, 51);
	assert_ptr_equal(f->iov[0].base, fake_memory_at(&f->t, BUFFERS));
	assert_int_equal(f->iov[1].bytes, 100);
	assert_ptr_equal(f->iov[3].base,
			 fake_memory_at(&f->t, BUFFERS + 0x300));
	assert_int_equal(vq_pop(&f->vq, &f->chain), 0);
	assert_true(vq_in_flight(&f->vq));

	vq_push(&f->vq, &f->chain, 51);
	assert_int_equal(fake_guest_get(&f->drv, &len), -1);
	vq_publish(&f->vq);
	assert_int_equal(fake_guest_get(&f->drv, &len), id);
	assert_int_equal(len, 51);
	assert_int_equal(fake_guest_get(&f->drv, &len), -1);
	assert_int_equal(vq_in_flight(&f->vq), 0);
	assert_int_equal(f->drv.free, SIZE);
}

static void test_one(void **state)
{
	(void)state;
	each(one_request);
}

static void indirect_request(struct fixture *f)
{
	struct fake_buffer buf[20];
	uint32_t len, i;
	int id;

	/* More than the ring has entries; each piece apart from the next. */
	for (i = 0; i < 20; i++)
		buf[i] = (struct fake_buffer){ BUFFERS + i * 64, 32, i > 9 };
	id = fake_guest_add_indirect(&f->drv, &f->t.mem, BUFFERS + 0x8000, buf,
				     20);
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(f->chain.readable, 10);
	assert_int_equal(f->chain.writable, 10);
	for (i = 0; i < 20; i++)
		assert_ptr_equal(f->iov[i].base,
				 fake_memory_at(&f->t, buf[i].gpa));
	vq_push(&f->vq, &f->chain, 0);
	vq_publish(&f->vq);
	assert_int_equal(fake_guest_get(&f->drv, &len), id);
	assert_int_equal(len, 0);
}

static void test_indirect(void **state)
{
	(void)state;
	each(indirect_request);
}

/* 2.7.5.3.2: ordinary descriptors, then one that is indirect. */
static void test_chain_then_indirect(void **state)
{
	struct fake_buffer direct[2] = {
		{ BUFFERS, 16, false }, { BUFFERS + 0x8000, 32, false },
	};
	struct virtq_desc *ring, *table;
	struct fixture f;

	(void)state;
	setup(&f, 0);
	fake_guest_add(&f.drv, direct, 2);
	ring = f.drv.desc;
	/* The write flag beside INDIRECT is ignored. */
	ring[1].flags = VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE;
	table = (void *)fake_memory_at(&f.t, BUFFERS + 0x8000);
	table[0] = (struct virtq_desc){ BUFFERS + 64, 8,
		VIRTQ_DESC_F_NEXT, 1 };
	table[1] = (struct virtq_desc){ BUFFERS + 128, 8,
		VIRTQ_DESC_F_WRITE, 0 };
	assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
	assert_int_equal(f.chain.readable, 2);
	assert_int_equal(f.chain.read_bytes, 24);
	assert_int_equal(f.chain.writable, 1);
	teardown(&f);
}

static void pieces(struct fixture *f)
{
	/* Across two ranges that are neighbours by address alone. */
	struct fake_buffer cross = { FAKE_MEMORY_B - 100, 300, false };
	struct fake_buffer joined[2] = {
		{ BUFFERS, 256, true }, { BUFFERS + 256, 256, true },
	};
	struct fake_buffer parts[2] = {
		{ BUFFERS, 256, false }, { BUFFERS + 256, 256, true },
	};

	fake_guest_add(&f->drv, &cross, 1);
	fake_guest_add(&f->drv, joined, 2);
	fake_guest_add(&f->drv, parts, 2);
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->iov[0].bytes, 100);
	assert_int_equal(f->iov[1].bytes, 200);
	assert_ptr_equal(f->iov[1].base, f->t.block[1]);
	/* Neighbours in one part join, across the parts they do not. */
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(f->chain.writable, 1);
	assert_int_equal(f->iov[0].bytes, 512);
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 1);
}

static void test_pieces(void **state)
{
	(void)state;
	each(pieces);
}

/* Many turns, several requests under way, given back in another order. */
static void turns(struct fixture *f)
{
	struct vq_chain chain[4];
	struct os_iov iov[4][4];
	struct fake_buffer buf[2];
	uint32_t len, round, i;
	int id[4];

	for (round = 0; round < 40000; round++) {
		for (i = 0; i < 4; i++) {
			buf[0] = (struct fake_buffer){ BUFFERS + i * 512,
				16 + round % 16, false };
			buf[1] = (struct fake_buffer){ BUFFERS + i * 512 +
				256, 1, true };
			id[i] = fake_guest_add(&f->drv, buf,
					       (uint16_t)(1 + (round + i) % 2));
			assert_true(id[i] >= 0);
			chain[i] = (struct vq_chain){ .iov = iov[i],
				.space = 4 };
			assert_int_equal(vq_pop(&f->vq, &chain[i]), 1);
			assert_ptr_equal(iov[i][0].base,
					 fake_memory_at(&f->t, buf[0].gpa));
			assert_int_equal(iov[i][0].bytes, buf[0].bytes);
		}
		for (i = 0; i < 4; i++)
			vq_push(&f->vq, &chain[i ^ 1], i + 1);
		vq_publish(&f->vq);
		for (i = 0; i < 4; i++) {
			assert_int_equal(fake_guest_get(&f->drv, &len),
					 id[i ^ 1]);
			assert_int_equal(len, i + 1);
		}
		assert_int_equal(fake_guest_get(&f->drv, &len), -1);
	}
	assert_int_equal(f->drv.free, SIZE);
}

static void test_turns(void **state)
{
	(void)state;
	each(turns);
}

/* 2.8 allows any size, 2.7 powers of 2. */
static void test_odd_size(void **state)
{
	struct fixture f;
	uint32_t len, n;

	(void)state;
	setup_sized(&f, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX, 7);
	for (n = 0; n < 100; n++) {
		assert_true(add(&f, 0, true) >= 0);
		assert_true(add(&f, 1, true) >= 0);
		assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
		vq_push(&f.vq, &f.chain, 7);
		assert_int_equal(vq_pop(&f.vq, &f.chain), 1);
		vq_push(&f.vq, &f.chain, 8);
		assert_int_equal(vq_pop(&f.vq, &f.chain), 0);
		vq_publish(&f.vq);
		assert_true(fake_guest_get(&f.drv, &len) >= 0);
		assert_int_equal(len, 7);
		assert_true(fake_guest_get(&f.drv, &len) >= 0);
		assert_int_equal(len, 8);
	}
	teardown(&f);
}

/* ---- notifications ------------------------------------------------------- */

static void doorbells(struct fixture *f)
{
	uint32_t n;

	/* A new queue wants doorbells; one that is awake does not. */
	add(f, 0, true);
	assert_true(fake_guest_needs_notification(&f->drv));
	vq_disable_notification(&f->vq);
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	for (n = 1; n < 4; n++) {
		add(f, n, true);
		assert_false(fake_guest_needs_notification(&f->drv));
	}
	/* Falling asleep with work left says so. */
	assert_true(vq_enable_notification(&f->vq));
	vq_disable_notification(&f->vq);
	while (vq_pop(&f->vq, &f->chain) > 0)
		;
	assert_false(vq_enable_notification(&f->vq));
	add(f, 4, true);
	assert_true(fake_guest_needs_notification(&f->drv));
	assert_true(vq_enable_notification(&f->vq));
}

static void test_doorbells(void **state)
{
	(void)state;
	each(doorbells);
}

static bool give_back(struct fixture *f, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		assert_true(add(f, i, true) >= 0);
		assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
		vq_push(&f->vq, &f->chain, 1);
	}
	return vq_publish(&f->vq);
}

static void interrupts(struct fixture *f)
{
	uint32_t len, n;

	assert_false(fake_guest_enable_notification(&f->drv));
	assert_true(give_back(f, 1));
	/* Asked once for each: nothing new, nothing to say. */
	assert_false(vq_publish(&f->vq));
	fake_guest_disable_notification(&f->drv);
	for (n = 0; n < 30; n++) {
		assert_true(fake_guest_get(&f->drv, &len) >= 0);
		assert_false(give_back(f, 1));
	}
	assert_true(fake_guest_enable_notification(&f->drv));
	assert_true(fake_guest_get(&f->drv, &len) >= 0);
	assert_false(fake_guest_enable_notification(&f->drv));
	/* A batch that goes past the event. */
	assert_true(give_back(f, 3));
}

static void test_interrupts(void **state)
{
	(void)state;
	each(interrupts);
}

/* The event stands at each place of the ring in turn. */
static void event_places(struct fixture *f)
{
	uint32_t len, n, i;

	for (n = 0; n < 70000; n++) {
		fake_guest_enable_notification(&f->drv);
		assert_true(give_back(f, 1 + n % 3));
		assert_false(give_back(f, 2));
		for (i = 0; i < 3 + n % 3; i++)
			assert_true(fake_guest_get(&f->drv, &len) >= 0);
	}
}

static void test_event_places(void **state)
{
	struct fixture f;
	int i;

	(void)state;
	for (i = 1; i < 4; i += 2) {
		setup(&f, kinds[i]);
		event_places(&f);
		teardown(&f);
	}
}

/* ---- pieces -------------------------------------------------------------- */

static void test_iov(void **state)
{
	char a[] = "abc", b[] = "defg", c[] = "h", buf[16];
	struct os_iov iov[3] = { { a, 3 }, { b, 4 }, { c, 1 } };

	(void)state;
	assert_int_equal(os_iov_get(iov, 3, 2, buf, 16), 6);
	assert_memory_equal(buf, "cdefgh", 6);
	assert_int_equal(os_iov_put(iov, 3, 6, "XY", 2), 2);
	assert_memory_equal(b, "defX", 4);
	assert_memory_equal(c, "Y", 1);
	assert_int_equal(os_iov_put(iov, 3, 8, "Z", 1), 0);
	assert_int_equal(os_iov_cut(iov, 3, 3, 4), 1);
	assert_ptr_equal(iov[0].base, b);
	assert_int_equal(iov[0].bytes, 4);
	assert_int_equal(os_iov_cut(iov, 1, 1, 2), 1);
	assert_int_equal(iov[0].bytes, 2);
	assert_int_equal(os_iov_cut(iov, 1, 2, 5), 0);
}

static void test_memory(void **state)
{
	struct virtio_memory mem = { 0 };
	static uint8_t place[64];	/* b is not right before a */
	uint8_t *a = place, *b = place + 32;
	void *hva;

	(void)state;
	assert_int_equal(virtio_memory_add(&mem, 0x1000, 16, a), 0);
	assert_int_equal(virtio_memory_add(&mem, 0x100f, 16, b), -CVM_EINVAL);
	assert_int_equal(virtio_memory_add(&mem, 0xff1, 16, b), -CVM_EINVAL);
	assert_int_equal(virtio_memory_add(&mem, UINT64_MAX - 14, 16, b),
			 -CVM_EINVAL);
	assert_int_equal(virtio_memory_add(&mem, 0x2000, 0, b), -CVM_EINVAL);
	assert_int_equal(virtio_memory_add(&mem, 0xff0, 16, b), 0);
	assert_int_equal(virtio_memory_piece(&mem, 0xff8, 16, &hva), 8);
	assert_ptr_equal(hva, b + 8);
	assert_int_equal(virtio_memory_piece(&mem, 0xfef, 1, &hva), 0);
	assert_int_equal(virtio_memory_piece(&mem, 0x1010, 1, &hva), 0);
	assert_ptr_equal(virtio_memory_at(&mem, 0x100f, 1), a + 15);
	assert_null(virtio_memory_at(&mem, 0x100f, 2));
	assert_null(virtio_memory_at(&mem, 0xff8, 16));
	assert_null(virtio_memory_at(&mem, UINT64_MAX, 16));
}

static void test_refused(void **state)
{
	struct vq_config good, config;
	struct fixture f;

	(void)state;
	setup(&f, 0);
	good = (struct vq_config){
		.mem = &f.t.mem, .size = SIZE,
		.desc_gpa = f.drv.desc_gpa, .driver_gpa = f.drv.driver_gpa,
		.device_gpa = f.drv.device_gpa,
	};
#define refuse(change, text) do { \
	config = good; \
	change; \
	assert_int_equal(vq_start(&f.vq, &config), -CVM_EINVAL); \
	assert_non_null(strstr(f.vq.reason, text)); \
	assert_int_equal(vq_pop(&f.vq, &f.chain), -1); \
} while (0)
	refuse(config.size = 0, "split queue cannot have 0 entries");
	refuse(config.size = 6, "split queue cannot have 6 entries");
	refuse((config.size = 32769,
		config.features = VIRTIO_F_RING_PACKED),
	       "packed queue cannot have 32769 entries");
	refuse(config.desc_gpa += 8, "descriptor area at 0x40000008 is not");
	refuse(config.driver_gpa += 1, "driver area");
	refuse(config.device_gpa += 2, "device area");
	refuse(config.desc_gpa = FAKE_MEMORY_A - 16, "is not guest memory");
	refuse(config.desc_gpa = FAKE_MEMORY_C + FAKE_MEMORY_BYTES - 112,
	       "128 bytes at 0x800fff90");
	refuse(config.device_gpa = UINT64_MAX - 3, "is not guest memory");
	/* Neighbours by address that lie apart are no place for a ring. */
	refuse(config.desc_gpa = FAKE_MEMORY_B - 64, "is not guest memory");
	assert_int_equal(vq_start(&f.vq, &good), 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_iov),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_chain_then_indirect),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_odd_size),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_event_places),
	};

	return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
