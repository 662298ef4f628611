// SPDX-License-Identifier: GPL-2.0-only
/* test_mem.c - guest memory: sizes, order, refusals, nothing kept. */
#include "core.h"

static void start(struct core *c)
{
	core_init(c);
	assert_int_equal(core_attach(c), 0);
	assert_int_equal(core_create(c, 1), 0);
}

static struct cvm_user_ranges ranges(struct core *c)
{
	struct cvm_user_ranges r;

	memset(&r, 0x5a, sizeof(r));
	assert_int_equal(core_request(c, CVM_USER_MEM_RANGES, &r), 0);
	return r;
}

static void one_piece(void **state)
{
	struct cvm_user_mem args = { .bytes = 256 * MIB };
	struct cvm_user_ranges r;
	struct core c;

	(void)state;
	start(&c);
	r = ranges(&c);
	assert_int_equal(r.count, 0);
	assert_int_equal(core_request(&c, CVM_USER_MEM_ADD, &args), 0);
	assert_int_equal(args.added, 256 * MIB);
	assert_int_equal(c.vm->mem_bytes, 256 * MIB);
	assert_int_equal(c.host.calls[FAKE_MEM_ALLOC], 1);
	r = ranges(&c);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.range[0].bytes, 256 * MIB);
	assert_int_equal(r.range[0].gpa % (2 * MIB), 0);
	core_end(&c);
}

/* A size that is no power of two takes one piece for each bit. */
static void odd_sizes(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_mem(&c, 2 * GIB + 86 * MIB, 0), 0);
	/* 1024 + 1024 + 64 + 16 + 4 + 2 MiB, side by side */
	assert_int_equal(c.host.calls[FAKE_MEM_ALLOC], 6);
	assert_int_equal(ranges(&c).count, 1);
	assert_int_equal(ranges(&c).range[0].bytes, 2 * GIB + 86 * MIB);
	core_end(&c);
}

/* After a refusal only smaller pieces are asked for. */
static void small_pieces(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.piece_max = 4 * MIB;
	assert_int_equal(core_mem(&c, 256 * MIB, 0), 0);
	/* 256, 128, .. 8 are refused once each. */
	assert_int_equal(c.host.calls[FAKE_MEM_ALLOC], 6 + 64);
	assert_int_equal(c.vm->chunks, 64);
	assert_int_equal(ranges(&c).count, 1);
	core_end(&c);
}

static void scattered(void **state)
{
	struct cvm_user_ranges r;
	uint64_t sum = 0;
	struct core c;
	uint32_t i;

	(void)state;
	start(&c);
	c.host.piece_max = 4 * MIB;
	c.host.gap = 6 * MIB;
	assert_int_equal(core_mem(&c, CVM_RANGES_MAX * 4 * MIB, 0), 0);
	r = ranges(&c);
	assert_int_equal(r.count, CVM_RANGES_MAX);
	for (i = 0; i < r.count; i++) {
		sum += r.range[i].bytes;
		if (i)
			assert_true(r.range[i].gpa > r.range[i - 1].gpa);
	}
	assert_int_equal(sum, CVM_RANGES_MAX * 4 * MIB);
	core_end(&c);
}

/* One range more than e820 has room for: refused, all given back. */
static void too_scattered(void **state)
{
	uint64_t left;
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_mem(&c, 64 * MIB, 0), 0);
	left = c.host.mem_left;
	c.host.piece_max = 4 * MIB;
	c.host.gap = 6 * MIB;
	/* (The first new piece joins the old one.) */
	assert_int_equal(core_mem(&c, (CVM_RANGES_MAX + 1) * 4 * MIB, 0),
			 -CVM_E2BIG);
	assert_int_equal(c.host.mem_left, left);
	/* What was there before is still there, in order. */
	assert_int_equal(c.vm->mem_bytes, 64 * MIB);
	assert_int_equal(ranges(&c).count, 1);
	assert_int_equal(ranges(&c).range[0].bytes, 64 * MIB);
	core_end(&c);
}

/* The kernel's piece is as long as asked, in the first range listed. */
static void first_piece(void **state)
{
	struct cvm_user_ranges r;
	struct core c;
	uint64_t hpa;

	(void)state;
	start(&c);
	c.host.piece_max = 38 * MIB;
	c.host.gap = 2 * MIB;
	assert_int_equal(core_mem(&c, 128 * MIB, 38 * MIB), 0);
	r = ranges(&c);
	assert_int_equal(r.range[0].bytes, 38 * MIB);
	hpa = r.range[0].gpa;

	/* More memory, now from below. */
	c.host.next_hpa = 1 * GIB;
	assert_int_equal(core_mem(&c, 32 * MIB, 0), 0);
	r = ranges(&c);
	assert_int_equal(r.range[0].gpa, hpa);
	assert_int_equal(r.range[1].gpa, 1 * GIB);
	core_end(&c);
}

static void first_piece_too_long(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.piece_max = 32 * MIB;
	assert_int_equal(core_mem(&c, 128 * MIB, 34 * MIB), -CVM_ENOMEM);
	assert_int_equal(c.vm->chunks, 0);
	core_end(&c);
}

/* Pieces below the wish are passed over and given back. */
static void min_address(void **state)
{
	struct cvm_user_mem args = {
		.bytes = 128 * MIB, .min_hpa = 4 * GIB,
	};
	struct cvm_user_ranges r;
	struct core c;
	uint32_t i;

	(void)state;
	start(&c);
	c.host.piece_max = 64 * MIB;
	c.host.next_hpa = 4 * GIB - 300 * MIB;
	assert_int_equal(core_request(&c, CVM_USER_MEM_ADD, &args), 0);
	r = ranges(&c);
	for (i = 0; i < r.count; i++)
		assert_true(r.range[i].gpa >= 4 * GIB);
	assert_int_equal(c.host.mem_left, 8 * GIB - 128 * MIB);
	core_end(&c);
}

/* The search for high memory ends before it has eaten the host's. */
static void min_address_unreachable(void **state)
{
	struct cvm_user_mem args = {
		.bytes = 128 * MIB, .min_hpa = 1ull << 45,
	};
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_request(&c, CVM_USER_MEM_ADD, &args),
			 -CVM_ENOMEM);
	assert_int_equal(c.host.mem_left, 8 * GIB);
	assert_in_range(c.host.calls[FAKE_MEM_ALLOC], 2, 9);
	core_end(&c);
}

static void not_enough(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_mem(&c, 9 * GIB, 0), -CVM_ENOMEM);
	assert_int_equal(c.host.mem_left, 8 * GIB);
	assert_int_equal(c.vm->mem_bytes, 0);
	core_end(&c);
}

static void bad_arguments(void **state)
{
	static const struct {
		uint64_t bytes, first;
		int ret;
	} cases[] = {
		{ 0, 0, -CVM_EINVAL },
		{ 3 * MIB, 0, -CVM_EINVAL },
		{ 4 * MIB, 1 * MIB, -CVM_EINVAL },
		{ 4 * MIB, 6 * MIB, -CVM_EINVAL },
		{ 1ull << 47, 0, -CVM_E2BIG },
		{ UINT64_MAX & ~(2 * MIB - 1), 0, -CVM_E2BIG },
	};
	struct core c;
	size_t i;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(core_mem(&c, cases[i].bytes, cases[i].first),
				 cases[i].ret);
	assert_int_equal(c.host.calls[FAKE_MEM_ALLOC], 0);
	c.vm->state = CVM_VM_RUNNING;
	assert_int_equal(core_mem(&c, 4 * MIB, 0), -CVM_EBUSY);
	core_end(&c);
}

/* A shim that breaks its contract is refused, not believed. */
static void crooked_host(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.skew = CVM_PAGE_SIZE;
	assert_int_equal(core_mem(&c, 4 * MIB, 0), -CVM_EINVAL);
	core_end(&c);
}

/* More chunks than one page of the table holds. */
static void long_table(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.piece_max = 2 * MIB;
	assert_int_equal(core_mem(&c, 800 * MIB, 0), 0);
	assert_int_equal(c.vm->chunks, 400);
	assert_int_equal(c.vm->chunk_pages, 4);
	assert_int_equal(ranges(&c).count, 1);
	core_end(&c);
}

/* Pieces that come in no order are found by address all the same. */
static void lookup(void **state)
{
	static const uint64_t at[] = { 7, 3, 9, 4, 1, 8 };
	const struct fake_block *chunk;
	struct core c;
	size_t i;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		c.host.next_hpa = at[i] * 64 * MIB;
		assert_int_equal(core_mem(&c, 64 * MIB, 0), 0);
	}
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		chunk = cvm_vm_chunk(c.vm, at[i] * 64 * MIB + 5000);
		assert_non_null(chunk);
		assert_int_equal(chunk->hpa, at[i] * 64 * MIB);
	}
	assert_null(cvm_vm_chunk(c.vm, 2 * 64 * MIB));
	assert_null(cvm_vm_chunk(c.vm, 10 * 64 * MIB));
	assert_null(cvm_vm_chunk(c.vm, 64 * MIB - 1));
	assert_null(cvm_vm_chunk(c.vm, UINT64_MAX));
	/* 3..4 and 7..9 are wholes, 5 and 6 are missing. */
	assert_true(cvm_mem_contains(c.vm, 3 * 64 * MIB, 128 * MIB));
	assert_false(cvm_mem_contains(c.vm, 3 * 64 * MIB, 128 * MIB + 1));
	assert_true(cvm_mem_contains(c.vm, 7 * 64 * MIB + 1, 192 * MIB - 1));
	assert_false(cvm_mem_contains(c.vm, 4 * 64 * MIB, 256 * MIB));
	assert_false(cvm_mem_contains(c.vm, UINT64_MAX - 10, 20));
	core_end(&c);
}

/* From the lowest address to the highest that a CPU can have. */
static void lookup_far(void **state)
{
	static const uint64_t at[] = {
		2 * MIB, GIB - 2 * MIB, 511 * GIB, (1ull << 48) - 4 * MIB,
		(1ull << 52) - 2 * MIB,
	};
	const struct fake_block *chunk;
	struct core c;
	size_t i;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		c.host.next_hpa = at[i];
		assert_int_equal(core_mem(&c, 2 * MIB, 0), 0);
	}
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		chunk = cvm_vm_chunk(c.vm, at[i] + 2 * MIB - 1);
		assert_non_null(chunk);
		assert_int_equal(chunk->hpa, at[i]);
		assert_null(cvm_vm_chunk(c.vm, at[i] + 2 * MIB));
		assert_null(cvm_vm_chunk(c.vm, at[i] - 1));
	}
	/* A host that says so has no such CPU. */
	c.host.next_hpa = 1ull << 52;
	assert_int_equal(core_mem(&c, 2 * MIB, 0), -CVM_EINVAL);
	core_end(&c);
}

/* A process that was killed does not go on to collect small pieces. */
static void ended_thread(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	c.host.mem_alloc_ret = -CVM_EINTR;
	assert_int_equal(core_mem(&c, GIB, 0), -CVM_EINTR);
	assert_int_equal(c.host.calls[FAKE_MEM_ALLOC], 1);
	assert_int_equal(ranges(&c).count, 0);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_piece),
		cmocka_unit_test(odd_sizes),
		cmocka_unit_test(small_pieces),
		cmocka_unit_test(scattered),
		cmocka_unit_test(too_scattered),
		cmocka_unit_test(first_piece),
		cmocka_unit_test(first_piece_too_long),
		cmocka_unit_test(min_address),
		cmocka_unit_test(min_address_unreachable),
		cmocka_unit_test(not_enough),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(crooked_host),
		cmocka_unit_test(long_table),
		cmocka_unit_test(lookup),
		cmocka_unit_test(lookup_far),
		cmocka_unit_test(ended_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
