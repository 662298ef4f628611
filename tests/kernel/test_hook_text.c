// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_hook_text.c - moved instructions, executed: they do what they did where
 * they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/hook_text.h"

#define BYTES	4096u
#define VALUE	0x1122334455667788ull

static uint8_t *pages;		/* "the kernel's text", data, ours */
static struct image image = { .path = "made" };
static struct hook_text text;
static struct problem problem;

static int begin(void **state)
{
	(void)state;
	pages = mmap(NULL, 3 * BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -1;
	memset(pages, 0xcc, 3 * BYTES);
	memset(&problem, 0, sizeof(problem));
	text.gva = (uintptr_t)pages + 2 * BYTES;
	text.data = pages + 2 * BYTES;
	text.bytes = 0;
	text.room = BYTES;
	return 0;
}

static int end(void **state)
{
	(void)state;
	munmap(pages, 3 * BYTES);
	return 0;
}

static void put32(uint8_t *at, uint64_t value)
{
	uint32_t low = (uint32_t)value;

	memcpy(at, &low, sizeof(low));
}

/* A displacement at `at` that leads from the instruction's end to `to`. */
static void way(uint8_t *at, const uint8_t *insn_end, const void *to)
{
	put32(at, (uint64_t)((uintptr_t)to - (uintptr_t)insn_end));
}

static uint64_t run(uint64_t gva, uint64_t arg)
{
	uint64_t (*function)(uint64_t) = (void *)(uintptr_t)gva;

	return function(arg);
}

/*
 * code is the function's, with endbr64; what was moved is then made int3, but
 * for what comes behind.
 */
static uint64_t moved(uint32_t bytes)
{
	struct hook_function f = {
		.name = "made", .gva = (uintptr_t)pages, .code = pages,
		.bytes = 64, .skip = 4,
	};
	uint64_t to;

	if (hook_text_move(&text, &image, &f, &to, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(f.moved, bytes);
	memset(pages, 0xcc, 4 + f.moved);
	return to;
}

static void code(const void *bytes, size_t n)
{
	memcpy(pages, "\xf3\x0f\x1e\xfa", 4);
	memcpy(pages + 4, bytes, n);
}

static void test_plain(void **state)
{
	(void)state;
	/* lea 1(%rdi), %rax; nop; add %rax, %rax; ret */
	code("\x48\x8d\x47\x01\x90\x48\x01\xc0\xc3", 9);
	assert_int_equal(run(moved(5), 20), 42);
}

static void test_rip(void **state)
{
	static const uint64_t value = VALUE;

	(void)state;
	/* mov data(%rip), %rax; ret */
	code("\x48\x8b\x05\0\0\0\0\xc3", 8);
	memcpy(pages + BYTES + 8, &value, 8);
	way(pages + 7, pages + 11, pages + BYTES + 8);
	assert_int_equal(run(moved(7), 0), VALUE);
}

/* A constant stands between the displacement and the instruction's end. */
static void test_rip_and_constant(void **state)
{
	(void)state;
	/* cmpb $7, data(%rip); sete %al; movzbl %al, %eax; ret */
	code("\x80\x3d\0\0\0\0\x07\x0f\x94\xc0\x0f\xb6\xc0\xc3", 14);
	way(pages + 6, pages + 11, pages + BYTES + 16);
	pages[BYTES + 16] = 7;
	assert_int_equal(run(moved(7), 0), 1);
}

static void test_call(void **state)
{
	(void)state;
	/* call data; inc %eax; ret; and there: mov $6, %eax; ret */
	code("\xe8\0\0\0\0\xff\xc0\xc3", 8);
	way(pages + 5, pages + 9, pages + BYTES);
	memcpy(pages + BYTES, "\xb8\x06\0\0\0\xc3", 6);
	assert_int_equal(run(moved(5), 0), 7);
}

static void test_jump(void **state)
{
	(void)state;
	code("\xe9\0\0\0\0", 5);
	way(pages + 5, pages + 9, pages + BYTES);
	memcpy(pages + BYTES, "\xb8\x05\0\0\0\xc3", 6);
	assert_int_equal(run(moved(5), 0), 5);
}

static void test_condition(void **state)
{
	uint64_t to;

	(void)state;
	/* test %rdi, %rdi; je data; mov $1, %eax; ret */
	code("\x48\x85\xff\x0f\x84\0\0\0\0\xb8\x01\0\0\0\xc3", 15);
	way(pages + 9, pages + 13, pages + BYTES);
	memcpy(pages + BYTES, "\xb8\x02\0\0\0\xc3", 6);
	to = moved(9);
	assert_int_equal(run(to, 1), 1);
	assert_int_equal(run(to, 0), 2);
}

static void not_moved(const void *bytes, size_t n, const char *words)
{
	struct hook_function f = {
		.name = "made", .gva = (uintptr_t)pages, .code = pages,
		.bytes = 64, .skip = 4,
	};
	uint64_t to;

	code(bytes, n);
	assert_int_equal(hook_text_move(&text, &image, &f, &to, &problem),
			 -1);
	assert_string_equal(problem.text, words);
}

/* nop; jmp *%rax */
static void test_indirect(void **state)
{
	(void)state;
	not_moved("\x90\xff\xe0\x90\x90\x90", 6, "made: its made begins with "
		  "what cannot be moved (at +0x5)");
}

static void test_short(void **state)
{
	(void)state;
	not_moved("\x90\x90\xeb\x02\x90\x90\xc3", 7, "made: its made begins "
		  "with what cannot be moved (at +0x6)");
}

static void test_no_instruction(void **state)
{
	(void)state;
	not_moved("\x90\x06\x90\x90\x90\x90\xc3", 7, "made: its made begins "
		  "with what cannot be moved (at +0x5)");
}

static void test_no_room(void **state)
{
	(void)state;
	text.room = 4;
	not_moved("\x90\x90\x90\x90\x90\xc3", 6, "made: no room for the way "
		  "from a hook to its original");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_plain), TEST(test_rip),
		TEST(test_rip_and_constant), TEST(test_call),
		TEST(test_jump), TEST(test_condition), TEST(test_indirect),
		TEST(test_short), TEST(test_no_instruction),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
