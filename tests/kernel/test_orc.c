// SPDX-License-Identifier: GPL-2.0-only
/* test_orc.c - rows of an object among those of a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/orc.h"

#include "made_kernel.h"

#define FUNCTIONS	40u
#define OBJECT_ROWS	3u
#define ALL_ROWS	(OBJECT_ROWS + 1)	/* one is an end */

static struct made_kernel made;
static struct image image;
static struct object object;
static struct elf_section sections[2];
static struct object_section where[2];
static struct orc orc;
static struct problem problem;
static uint64_t gva[FUNCTIONS], hole;
static uint8_t tables[ALL_ROWS * (4 + ORC_BYTES)];

static const uint8_t nothing[ORC_BYTES];

/* Rows of a function's type i, so that each can be told from the others. */
static void type_of(uint8_t *entry, unsigned int i)
{
	memset(entry, 0, ORC_BYTES);
	entry[0] = (uint8_t)(i + 1);
	entry[4] = 5;
}

static void add_row(uint64_t at, const uint8_t *entry, uint8_t *entries,
		    unsigned int *rows)
{
	int32_t far = (int32_t)(at - made_here(&made, MADE_RODATA));

	made_add(&made, MADE_RODATA, &far, sizeof(far));
	memcpy(entries + *rows * ORC_BYTES, entry, ORC_BYTES);
	++*rows;
}

/* Functions of 3 bytes and 13 of padding, with a hole in the middle. */
static void make_functions(void)
{
	static const char code[] = "\x90\x90\xc3";
	uint8_t room[256];
	char name[16];
	unsigned int i;

	memset(room, 0xcc, sizeof(room));
	for (i = 0; i < FUNCTIONS; i++) {
		snprintf(name, sizeof(name), "function%u", i);
		gva[i] = made_function(&made, name, code, 3);
		if (i == FUNCTIONS / 2)
			hole = made_function(&made, "hole", room,
					     sizeof(room));
	}
	made_function(&made, "last", code, 3);
	made_symbol(&made, "_etext", made_here(&made, MADE_TEXT_PART));
}

static void make_kernel(bool padding)
{
	uint8_t entries[(2 * FUNCTIONS + 1) * ORC_BYTES], entry[ORC_BYTES];
	unsigned int i, rows = 0;

	made_begin(&made);
	make_functions();
	made_symbol(&made, "__start_orc_unwind_ip",
		    made_here(&made, MADE_RODATA));
	for (i = 0; i < FUNCTIONS; i++) {
		type_of(entry, i);
		add_row(gva[i], entry, entries, &rows);
		if (padding)
			add_row(gva[i] + 3, nothing, entries, &rows);
	}
	made_symbol(&made, "__stop_orc_unwind_ip",
		    made_here(&made, MADE_RODATA));
	made_symbol(&made, "__start_orc_unwind",
		    made_add(&made, MADE_RODATA, entries, rows * ORC_BYTES));
	made_symbol(&made, "__stop_orc_unwind",
		    made_here(&made, MADE_RODATA));
	made_end(&made);
	if (image_open(&image, "made", made.file, made.bytes, &problem))
		fail_msg("%s", problem.text);
	image.text_end = gva[FUNCTIONS - 1] + 16;
}

/* An object whose text is 64 bytes of the hole, with three rows. */
static void make_object(void)
{
	const uint64_t data = hole + 0x100000;
	unsigned int i;
	int32_t far;

	memset(&object, 0, sizeof(object));
	for (i = 0; i < OBJECT_ROWS; i++) {
		/* The table need not be sorted: a linker joins sections. */
		far = (int32_t)(hole + 64 + 16 * (OBJECT_ROWS - 1 - i) -
				(data + 4 * i));
		memcpy(tables + 4 * i, &far, 4);
		memset(tables + 4 * ALL_ROWS + ORC_BYTES * i,
		       (int)(0xa0 + OBJECT_ROWS - 1 - i), ORC_BYTES);
	}
	/* Where the second row begins, the section of the first one ends. */
	far = (int32_t)(hole + 64 + 16 - (data + 4 * i));
	memcpy(tables + 4 * i, &far, 4);
	memset(tables + 4 * ALL_ROWS + ORC_BYTES * i, 0, ORC_BYTES);
	sections[0] = (struct elf_section){ .name = ".orc_unwind_ip",
					    .bytes = 4 * ALL_ROWS };
	sections[1] = (struct elf_section){ .name = ".orc_unwind",
					    .bytes = ORC_BYTES * ALL_ROWS };
	where[0] = (struct object_section){ OBJECT_DATA, 0 };
	where[1] = (struct object_section){ OBJECT_DATA, 4 * ALL_ROWS };
	object.path = "made object";
	object.elf.section = sections;
	object.elf.sections = 2;
	object.place = where;
	object.group[OBJECT_DATA] = (struct object_group){
		.gva = data, .bytes = sizeof(tables), .data = tables };
	object.group[OBJECT_TEXT] = (struct object_group){
		.gva = hole + 64, .bytes = 64 };
}

static int end(void **state)
{
	(void)state;
	orc_free(&orc);
	image_close(&image);
	memset(&problem, 0, sizeof(problem));
	return 0;
}

/* What the kernel's unwinder finds: the last row that is not above at. */
static const uint8_t *found(uint64_t at)
{
	uint64_t ip, entry, slot, last = 0;
	const uint8_t *row = NULL;
	unsigned int i;
	int32_t far;

	kallsyms_find(&image.symbols, "__start_orc_unwind_ip", &ip);
	kallsyms_find(&image.symbols, "__start_orc_unwind", &entry);
	for (i = 0; i < orc.rows; i++) {
		slot = ip + 4 * i;
		memcpy(&far, image_at(&image, slot, 4), 4);
		slot += (uint64_t)(int64_t)far;
		assert_true(slot >= last);
		last = slot;
		if (slot <= at)
			row = image_at(&image, entry + ORC_BYTES * i,
				       ORC_BYTES);
	}
	return row;
}

static void test_merged(void **state)
{
	uint8_t entry[ORC_BYTES];
	unsigned int i;

	(void)state;
	make_kernel(true);
	make_object();
	assert_int_equal(orc_plan(&orc, &image, &object, &problem), 0);
	assert_int_equal(orc.added, ALL_ROWS + 1);
	assert_memory_equal(found(hole + 64), nothing, ORC_BYTES);
	orc_lay(&orc, &image);
	for (i = 0; i < OBJECT_ROWS; i++) {
		memset(entry, (int)(0xa0 + i), ORC_BYTES);
		assert_memory_equal(found(hole + 64 + 16 * i + 15), entry,
				    ORC_BYTES);
	}
	assert_memory_equal(found(hole + 128), nothing, ORC_BYTES);
	for (i = 0; i < FUNCTIONS; i++) {
		type_of(entry, i);
		assert_memory_equal(found(gva[i] + 2), entry, ORC_BYTES);
	}
}

static void test_no_room(void **state)
{
	(void)state;
	make_kernel(false);
	make_object();
	assert_int_equal(orc_plan(&orc, &image, &object, &problem), -1);
	assert_non_null(strstr(problem.text, "have 0 rows of padding, and "
			       "the platform needs 5"));
}

/* A module's text is where its rows are looked for: in its own tables. */
static void test_elsewhere(void **state)
{
	(void)state;
	make_kernel(true);
	make_object();
	object.group[OBJECT_TEXT].gva = 0;
	assert_int_equal(orc_plan(&orc, &image, &object, &problem), 0);
	assert_int_equal(orc.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_merged, end),
		cmocka_unit_test_teardown(test_no_room, end),
		cmocka_unit_test_teardown(test_elsewhere, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
