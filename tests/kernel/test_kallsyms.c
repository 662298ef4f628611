// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_kallsyms.c - symbols in each order and form that kernels have had them
 * in, and files that are damaged or end too early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/kallsyms.h"

#define COUNT	700u		/* three markers */
#define PERCPU	40u		/* of them, where they are absolute */
#define TEXT	0xffffffff81000000ull
#define GVA	0xffffffff82000000ull
#define SECTIONS 3u

enum order { ORDER_6_1, ORDER_6_1_SEQUENCES, ORDER_6_4 };
enum form { ABSOLUTE_PERCPU, RELATIVE, PLACE };

static const struct kind {
	const char *name;
	enum order order;
	enum form form;
	uint32_t align;
} kinds[] = {
	{ "6.1", ORDER_6_1, ABSOLUTE_PERCPU, 8 },
	{ "6.1.57", ORDER_6_1_SEQUENCES, ABSOLUTE_PERCPU, 8 },
	{ "6.12", ORDER_6_4, ABSOLUTE_PERCPU, 8 },
	{ "6.15", ORDER_6_4, RELATIVE, 8 },
	{ "7.2", ORDER_6_4, PLACE, 4 },
};

static uint8_t file[128 << 10];
static size_t at;		/* where the next byte goes */
static uint64_t base_at;
static struct elf elf;
static struct kallsyms symbols;
static struct problem problem;

/* ---- a file with them: headers, .rodata, .text ---- */

#define RODATA_AT	4096u
#define TEXT_AT		(RODATA_AT + (64u << 10))
#define TEXT_BYTES	(16u << 10)

static void put(const void *bytes, size_t n)
{
	memcpy(file + at, bytes, n);
	at += n;
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void align(uint32_t to)
{
	while (at % to)
		file[at++] = 0;
}

/* 40 per-CPU ones from 0 on; then functions; the last two have one name. */
static uint64_t gva_of(const struct kind *kind, uint32_t i)
{
	if (i < PERCPU)
		return kind->form == ABSOLUTE_PERCPU ? 16 * i : TEXT + i;
	return TEXT + 16 * i;
}

static void name_of(uint32_t i, char *to, size_t size)
{
	snprintf(to, size, "symbol_%u", i == COUNT - 1 ? i - 1 : i);
}

static void put_names(const struct kind *kind)
{
	uint32_t marks[3], i;
	uint8_t length[2];
	size_t begin, bytes;
	char name[160];

	align(kind->align);
	put32(COUNT);
	align(kind->align);
	begin = at;
	for (i = 0; i < COUNT; i++) {
		if (!(i % 256))
			marks[i / 256] = (uint32_t)(at - begin);
		name[0] = 't';
		name_of(i, name + 1, sizeof(name) - 1);
		/* One is so long that its length takes two bytes. */
		if (i == 300)
			memset(name + 1 + strlen(name + 1), 'x', 150 -
			       strlen(name));
		bytes = i == 300 ? 150 : strlen(name);
		length[0] = (uint8_t)(bytes > 127 ? bytes % 128 | 128 : bytes);
		length[1] = (uint8_t)(bytes / 128);
		put(length, bytes > 127 ? 2 : 1);
		put(name, bytes);
	}
	align(kind->align);
	for (i = 0; i < 3; i++)
		put32(marks[i]);
	align(kind->align);
}

static void put_sequences(const struct kind *kind)
{
	uint32_t i;

	for (i = 0; i < COUNT; i++)
		put((uint8_t[]){ 0, (uint8_t)(i >> 8), (uint8_t)i }, 3);
	align(kind->align);
}

static void put_tokens(const struct kind *kind)
{
	uint16_t index[256];
	size_t begin = at;
	char token[2] = { 0 };
	uint32_t i;

	for (i = 0; i < 256; i++) {
		index[i] = (uint16_t)(at - begin);
		token[0] = (char)(i > ' ' && i < 127 ? i : 0);
		put(token, token[0] ? 2 : 1);
	}
	align(kind->align);
	put(index, sizeof(index));
}

static void put_addresses(const struct kind *kind)
{
	const uint64_t base = TEXT;
	uint64_t gva;
	uint32_t i;

	align(kind->align);
	for (i = 0; i < COUNT; i++) {
		gva = gva_of(kind, i);
		if (kind->form == PLACE)
			put32((uint32_t)(gva - (GVA + at - RODATA_AT)));
		else if (kind->form == RELATIVE)
			put32((uint32_t)(gva - base));
		else
			put32((uint32_t)(gva < base ? gva : base - 1 - gva));
	}
	align(kind->align);
	base_at = at;
	if (kind->form != PLACE)
		put(&base, sizeof(base));
}

static void put_headers(void)
{
	const struct elf64_ehdr eh = {
		.ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_LSB, 1 },
		.type = ELF_ET_EXEC, .machine = ELF_EM_X86_64,
		.phoff = sizeof(eh), .shoff = 1024, .phnum = 2,
		.phentsize = sizeof(struct elf64_phdr), .shnum = SECTIONS,
		.shentsize = sizeof(struct elf64_shdr), .shstrndx = 2,
	};
	const struct elf64_phdr ph[] = {
		{ .type = ELF_PT_LOAD, .offset = RODATA_AT, .vaddr = GVA,
		  .filesz = TEXT_AT - RODATA_AT, .memsz = TEXT_AT - RODATA_AT },
		{ .type = ELF_PT_LOAD, .offset = TEXT_AT, .vaddr = TEXT,
		  .filesz = TEXT_BYTES, .memsz = TEXT_BYTES },
	};
	const struct elf64_shdr sh[SECTIONS] = {
		{ .type = ELF_SHT_NULL },
		{ .type = 1, .name = 1, .flags = ELF_SHF_ALLOC, .addr = GVA,
		  .offset = RODATA_AT, .size = TEXT_AT - RODATA_AT },
		{ .type = 3, .offset = 2048, .size = 16 },
	};

	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), ph, sizeof(ph));
	memcpy(file + 1024, sh, sizeof(sh));
	memcpy(file + 2048, "\0.rodata", 9);
}

static void make(const struct kind *kind)
{
	memset(file, 0, sizeof(file));
	put_headers();
	at = RODATA_AT;
	put("read-only data before it", 24);
	if (kind->order != ORDER_6_4)
		put_addresses(kind);
	put_names(kind);
	if (kind->order == ORDER_6_1_SEQUENCES)
		put_sequences(kind);
	put_tokens(kind);
	if (kind->order == ORDER_6_4) {
		put_addresses(kind);
		put_sequences(kind);
	}
	assert_true(at < TEXT_AT);
}

static int read_them(size_t bytes)
{
	memset(&problem, 0, sizeof(problem));
	if (elf_open(&elf, file, bytes, "made", &problem)) {
		memset(&symbols, 0, sizeof(symbols));
		return -1;
	}
	return kallsyms_read(&symbols, &elf, "made", &problem);
}

static void forget(void)
{
	kallsyms_free(&symbols);
	elf_close(&elf);
}

/* ---- found ---- */

static void check(const struct kind *kind)
{
	uint64_t gva;
	char name[160];
	uint32_t i;

	assert_int_equal(symbols.count, COUNT);
	for (i = 0; i < COUNT - 2; i++) {
		assert_int_equal(symbols.sym[i].gva, gva_of(kind, i));
		assert_int_equal(symbols.sym[i].type, 't');
		if (i == 300)
			continue;
		name_of(i, name, sizeof(name));
		assert_string_equal(symbols.sym[i].name, name);
		assert_int_equal(kallsyms_find(&symbols, name, &gva),
				 KALLSYMS_ONE);
		assert_int_equal(gva, gva_of(kind, i));
	}
	assert_int_equal(strlen(symbols.sym[300].name), 149);
	name_of(COUNT - 1, name, sizeof(name));
	assert_int_equal(kallsyms_find(&symbols, name, &gva),
			 KALLSYMS_SEVERAL);
	assert_int_equal(gva, gva_of(kind, COUNT - 2));
	assert_int_equal(kallsyms_find(&symbols, "none", &gva),
			 KALLSYMS_ABSENT);
	assert_string_equal(kallsyms_at(&symbols, TEXT + 16 * 100 + 15)->name,
			    "symbol_100");
	assert_int_equal(kallsyms_after(&symbols, TEXT + 16 * 100),
			 TEXT + 16 * 101);
	assert_int_equal(kallsyms_after(&symbols, UINT64_MAX), UINT64_MAX);
}

static void test_found(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make(&kinds[i]);
		if (read_them(sizeof(file)))
			fail_msg("%s: %s", kinds[i].name, problem.text);
		check(&kinds[i]);
		forget();
	}
}

/* ---- refused ---- */

static void test_truncated(void **state)
{
	size_t i, bytes;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make(&kinds[i]);
		for (bytes = 0; bytes < TEXT_AT; bytes += 97) {
			assert_int_equal(read_them(bytes), -1);
			assert_true(problem.text[0]);
			forget();
		}
	}
}

/* No byte of what tells of the others may lie unnoticed, or hurt. */
static void test_damaged(void **state)
{
	size_t i, where;
	uint8_t was;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make(&kinds[i]);
		for (where = RODATA_AT; where < at; where += 53) {
			was = file[where];
			file[where] ^= 0xff;
			if (read_them(sizeof(file)))
				assert_true(problem.text[0]);
			else
				assert_int_equal(symbols.count, COUNT);
			forget();
			file[where] = was;
		}
	}
}

static void refused(const char *text)
{
	assert_int_equal(read_them(sizeof(file)), -1);
	assert_string_equal(problem.text, text);
	forget();
}

static void test_none(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	put_headers();
	refused("made: it has no kallsyms (CONFIG_KALLSYMS), so nothing can "
		"be found in it");
}

static void test_no_base(void **state)
{
	(void)state;
	make(&kinds[2]);
	memset(file + base_at, 0, 8);
	refused("made: its kallsyms are damaged, or in an order that is not "
		"known here");
}

static void test_stripped(void **state)
{
	(void)state;
	make(&kinds[2]);
	memset(file + 2048, 0, 9);
	refused("made: stripped of its sections: there is no .rodata to find "
		"symbols in; give the file as its package has it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_no_base),
		cmocka_unit_test(test_stripped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
