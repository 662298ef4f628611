// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_btf.c - types of a kernel: found by name, and never believed blindly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/btf.h"
#include "kernel/btf_type.h"
#include "kernel/fields.h"

#define STRUCT(n)	((uint32_t)BTF_STRUCT << 24 | (n))
#define BITS		(1u << 31)

/* A .BTF section that grows, and an ELF file that holds nothing else. */
static struct {
	uint32_t words[6 + 256];
	uint32_t count;		/* of words behind the header */
	uint32_t types;
	char strings[512];
	uint32_t string_bytes;
} made;

static uint32_t name(const char *text)
{
	uint32_t at = made.string_bytes;

	if (!*text)
		return 0;
	strcpy(made.strings + at, text);
	made.string_bytes += (uint32_t)strlen(text) + 1;
	return at;
}

static void word(uint32_t value)
{
	made.words[6 + made.count++] = value;
}

static uint32_t type(const char *text, uint32_t info, uint32_t size)
{
	word(name(text));
	word(info);
	word(size);
	return ++made.types;
}

static uint32_t kind(const char *text, enum btf_kind k, uint32_t size)
{
	return type(text, (uint32_t)k << 24, size);
}

static void member(const char *text, uint32_t of, uint32_t bit)
{
	word(name(text));
	word(of);
	word(bit);
}

static uint32_t integer(const char *text, uint32_t bytes)
{
	uint32_t number = kind(text, BTF_INT, bytes);

	word(bytes * 8);
	return number;
}

static uint32_t array(uint32_t of, uint32_t elements)
{
	uint32_t number = kind("", BTF_ARRAY, 0);

	word(of);
	word(of);
	word(elements);
	return number;
}

static void begin(void)
{
	memset(&made, 0, sizeof(made));
	made.string_bytes = 1;
}

/* The section's bytes, on the heap so that a look past them is seen. */
static uint8_t *section(size_t *bytes)
{
	size_t types = made.count * 4;
	uint8_t *all;

	made.words[0] = 0x0001eb9f;
	made.words[1] = 24;
	made.words[2] = 0;
	made.words[3] = (uint32_t)types;
	made.words[4] = (uint32_t)types;
	made.words[5] = made.string_bytes;
	*bytes = 24 + types + made.string_bytes;
	all = malloc(*bytes);
	assert_non_null(all);
	memcpy(all, made.words, 24 + types);
	memcpy(all + 24 + types, made.strings, made.string_bytes);
	return all;
}

static int read_it(struct btf *btf, const uint8_t *data, size_t bytes,
		   struct problem *problem)
{
	struct elf_section all[] = {
		{ .name = "" },
		{ .name = ".BTF", .bytes = bytes, .file_bytes = bytes },
	};
	struct elf elf = { .file = data, .bytes = bytes, .section = all,
			   .sections = 2 };

	memset(problem, 0, sizeof(*problem));
	return btf_read(btf, &elf, "kernel", problem);
}

/*
 * struct outer { int a; union { long b; struct { char x, y; } in; };
 *		  int low : 3, high : 5; int row[4]; pair_t pair; };
 */
static void make_outer(void)
{
	uint32_t i, l, c, in, u, row, pair;

	begin();
	i = integer("int", 4);
	l = integer("long int", 8);
	c = integer("char", 1);
	in = type("", STRUCT(2), 2);
	member("x", c, 0);
	member("y", c, 8);
	u = type("", (uint32_t)BTF_UNION << 24 | 2, 8);
	member("b", l, 0);
	member("in", in, 0);
	row = array(i, 4);
	pair = type("", STRUCT(2), 8);
	member("first", i, 0);
	member("second", i, 32);
	pair = kind("", BTF_CONST, kind("pair_t", BTF_TYPEDEF, pair));
	type("outer", STRUCT(6) | BITS, 48);
	member("a", i, 0);
	member("", u, 64);
	member("low", i, 128 | 3u << 24);
	member("high", i, 131 | 5u << 24);
	member("row", row, 160);
	member("pair", pair, 288);
}

struct world {
	struct btf btf;
	struct problem problem;
	uint8_t *data;
};

static void open_world(struct world *w)
{
	size_t bytes;

	w->data = section(&bytes);
	assert_int_equal(read_it(&w->btf, w->data, bytes, &w->problem), 0);
}

static void close_world(struct world *w)
{
	btf_free(&w->btf);
	free(w->data);
}

static void expect(const struct btf *btf, const char *structure,
		   const char *path, uint32_t offset, uint32_t bytes)
{
	uint32_t at = ~0u, size = ~0u;

	assert_true(btf_member(btf, structure, path, &at, &size));
	assert_int_equal(at, offset);
	assert_int_equal(size, bytes);
}

static void members_are_found(void **state)
{
	uint32_t at, size;
	struct world w;

	(void)state;
	make_outer();
	open_world(&w);
	expect(&w.btf, "outer", "a", 0, 4);
	expect(&w.btf, "outer", "b", 8, 8);
	expect(&w.btf, "outer", "in.y", 9, 1);
	expect(&w.btf, "outer", "low", 128, 0);
	expect(&w.btf, "outer", "high", 131, 0);
	expect(&w.btf, "outer", "row", 20, 16);
	expect(&w.btf, "outer", "pair.second", 40, 4);
	expect(&w.btf, "pair_t", "second", 4, 4);
	assert_true(btf_size(&w.btf, "outer", &size));
	assert_int_equal(size, 48);
	assert_false(btf_member(&w.btf, "outer", "y", &at, &size));
	assert_false(btf_member(&w.btf, "outer", "a.x", &at, &size));
	assert_false(btf_member(&w.btf, "outer", "", &at, &size));
	assert_false(btf_member(&w.btf, "inner", "a", &at, &size));
	close_world(&w);
}

/* Two files may each have a type of this name. */
static void what_differs_is_not_told(void **state)
{
	static const struct field first[] = {
		{ CVM_FIELD_SIZE, "twin", NULL, 8, 0 },
		{ CVM_FIELD_MEMBER, "twin", "moved", 4, 4 },
		{ CVM_FIELD_MEMBER, "twin", "same", 0, 4 },
	}, second[] = {
		{ CVM_FIELD_MEMBER, "twin", "moved", 8, 8 },
		{ CVM_FIELD_MEMBER, "twin", "same", 0, 4 },
	}, mixed[] = {
		{ CVM_FIELD_MEMBER, "twin", "moved", 4, 4 },
		{ CVM_FIELD_MEMBER, "twin", "moved", 8, 8 },
	};
	struct problem problem = { "" };
	struct image image = { .path = "vmlinuz" };
	uint32_t i, p, at, size;
	struct world w;

	(void)state;
	begin();
	i = integer("int", 4);
	p = kind("", BTF_PTR, i);
	type("twin", STRUCT(2), 8);
	member("same", i, 0);
	member("moved", i, 32);
	type("twin", STRUCT(2), 8);
	member("same", i, 0);
	member("moved", p, 64);
	/* A structure goes before a typedef of its name. */
	kind("twin", BTF_TYPEDEF, i);
	open_world(&w);
	image.btf = w.btf;
	expect(&w.btf, "twin", "same", 0, 4);
	assert_false(btf_member(&w.btf, "twin", "moved", &at, &size));
	assert_int_equal(field_check(&image, first, 3, &problem), 0);
	assert_int_equal(field_check(&image, second, 2, &problem), 0);
	assert_int_equal(field_check(&image, mixed, 2, &problem), -1);
	assert_non_null(strstr(problem.text, "twin.moved"));
	assert_true(btf_size(&w.btf, "twin", &size));
	assert_int_equal(size, 8);
	close_world(&w);
}

/* A typedef of itself, a structure without a name that holds itself. */
static void rings_end(void **state)
{
	uint32_t at, size;
	struct world w;
	char text[64];

	(void)state;
	begin();
	kind("ring", BTF_TYPEDEF, 1);
	type("holder", STRUCT(1), 8);
	member("in", 1, 0);
	type("", STRUCT(2), 8);
	member("", 3, 0);
	member("", 3, 0);
	kind("self", BTF_TYPEDEF, 3);
	kind("endless", BTF_FUNC, 6);
	kind("", BTF_PTR, 6);
	assert_int_equal(made.types, 6);
	open_world(&w);
	assert_false(btf_size(&w.btf, "ring", &size));
	assert_false(btf_member(&w.btf, "holder", "in", &at, &size));
	assert_false(btf_member(&w.btf, "self", "x", &at, &size));
	assert_false(btf_prototype(&w.btf, "endless", text, sizeof(text)));
	close_world(&w);
}

static void parameter(const char *text, uint32_t of)
{
	word(name(text));
	word(of);
}

#define TAKE	"int (struct pt_regs *, void (*)(char *), int, ...)"

/*
 * int take(struct pt_regs *regs, void (*handler)(const char *const),
 *	    const number_t number, ...);
 */
static void make_functions(void)
{
	uint32_t i, regs, chars, handler, number, proto;

	i = integer("int", 4);
	number = kind("", BTF_CONST, kind("number_t", BTF_TYPEDEF, i));
	regs = kind("", BTF_PTR, type("pt_regs", STRUCT(0), 0));
	chars = kind("", BTF_CONST, integer("char", 1));
	chars = kind("", BTF_CONST, kind("", BTF_PTR, chars));
	handler = type("", (uint32_t)BTF_FUNC_PROTO << 24 | 1, 0);
	parameter("", chars);
	handler = kind("", BTF_PTR, handler);
	proto = type("", (uint32_t)BTF_FUNC_PROTO << 24 | 4, i);
	parameter("regs", regs);
	parameter("handler", handler);
	parameter("number", number);
	parameter("", 0);
	kind("take", BTF_FUNC, proto);
	kind("nothing", BTF_FUNC,
	     type("", (uint32_t)BTF_FUNC_PROTO << 24, 0));
}

static void prototypes_read_as_c(void **state)
{
	struct world w;
	char text[100];

	(void)state;
	begin();
	make_functions();
	open_world(&w);
	assert_true(btf_prototype(&w.btf, "take", text, sizeof(text)));
	assert_string_equal(text, "int (struct pt_regs *, "
			    "void (*)(const char *const), const number_t, "
			    "...)");
	assert_true(btf_signature(&w.btf, "take", text, sizeof(text)));
	assert_string_equal(text, TAKE);
	assert_true(btf_prototype(&w.btf, "nothing", text, sizeof(text)));
	assert_string_equal(text, "void (void)");
	assert_false(btf_prototype(&w.btf, "take", text, 10));
	assert_false(btf_prototype(&w.btf, "int", text, sizeof(text)));
	close_world(&w);
}

static void make_enums(void)
{
	begin();
	type("", (uint32_t)BTF_ENUM << 24 | 2 | BITS, 4);
	parameter("MINUS", (uint32_t)-2);
	parameter("TWICE", 1);
	type("", (uint32_t)BTF_ENUM64 << 24 | 1, 8);
	member("HUGE", 5, 1);
	type("", (uint32_t)BTF_ENUM << 24 | 2, 4);
	parameter("TOP", 1u << 31);
	parameter("TWICE", 2);
}

static void enumerators_are_found(void **state)
{
	struct world w;
	int64_t value;

	(void)state;
	make_enums();
	open_world(&w);
	assert_true(btf_enumerator(&w.btf, "MINUS", &value));
	assert_int_equal(value, -2);
	assert_true(btf_enumerator(&w.btf, "HUGE", &value));
	assert_true(value == 0x100000005);
	assert_true(btf_enumerator(&w.btf, "TOP", &value));
	assert_true(value == 1ll << 31);
	assert_false(btf_enumerator(&w.btf, "TWICE", &value));
	assert_false(btf_enumerator(&w.btf, "NONE", &value));
	close_world(&w);
}

static int look_up(const struct world *w, struct field field,
		   struct problem *problem)
{
	struct image image = { .path = "vmlinuz", .btf = w->btf };

	memset(problem, 0, sizeof(*problem));
	return field_check(&image, &field, 1, problem);
}

static void fits(const struct world *w, struct field field)
{
	struct problem problem;

	assert_int_equal(look_up(w, field, &problem), 0);
}

/* Each that differs is refused by its name and both values. */
static void refused(const struct world *w, struct field field, const char *text)
{
	struct problem problem;

	assert_int_equal(look_up(w, field, &problem), -1);
	assert_string_equal(problem.text, text);
}

static void members_are_compared(void **state)
{
	struct world w;

	(void)state;
	make_outer();
	open_world(&w);
	fits(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "in.y", 9, 1 });
	fits(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "row", 20,
				  CVM_FIELD_ANY_SIZE });
	fits(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "high", 131, 0 });
	fits(&w, (struct field) { CVM_FIELD_SIZE, "outer", NULL, 48, 0 });
	refused(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "in.y", 8, 1 },
		"vmlinuz: outer.in.y is at byte 9, and at 8 to the platform "
		"object");
	refused(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "row", 0,
				     CVM_FIELD_ANY_SIZE },
		"vmlinuz: outer.row is at byte 20, and at 0 to the platform "
		"object");
	refused(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "b", 8, 4 },
		"vmlinuz: outer.b has 8 bytes, and 4 to the platform object");
	refused(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "high", 16, 1 },
		"vmlinuz: outer.high is at bit 131, and at 16 to the platform "
		"object");
	refused(&w, (struct field) { CVM_FIELD_MEMBER, "outer", "c", 8, 4 },
		"vmlinuz: its BTF has no outer.c, which the platform object "
		"uses");
	refused(&w, (struct field) { CVM_FIELD_SIZE, "outer", NULL, 40, 0 },
		"vmlinuz: outer has 48 bytes, and 40 to the platform object");
	refused(&w, (struct field) { CVM_FIELD_SIZE, "inner", NULL, 40, 0 },
		"vmlinuz: its BTF has no type inner, which the platform "
		"object uses");
	refused(&w, (struct field) { CVM_FIELD_SYMBOL, "smp_ops", "CONFIG_SMP",
				     0, 0 },
		"vmlinuz: it is configured without CONFIG_SMP (its kallsyms "
		"have no symbol smp_ops), unlike the platform object");
	refused(&w, (struct field) { 77, "outer", NULL, 40, 0 },
		"vmlinuz: the platform object says of outer what this cvmctl "
		"does not understand");
	close_world(&w);
}

static void values_and_functions_are_compared(void **state)
{
	struct world w;

	(void)state;
	make_enums();
	make_functions();
	open_world(&w);
	fits(&w, (struct field) { CVM_FIELD_ENUMERATOR, "MINUS", NULL,
				  (uint32_t)-2, 0 });
	fits(&w, (struct field) { CVM_FIELD_FUNCTION, "take", TAKE, 0, 0 });
	fits(&w, (struct field) { CVM_FIELD_NO_SYMBOL, "lock_acquire",
				  "CONFIG_LOCKDEP", 0, 0 });
	refused(&w, (struct field) { CVM_FIELD_ENUMERATOR, "MINUS", NULL, 2,
				     0 },
		"vmlinuz: MINUS is -2, and 2 to the platform object");
	refused(&w, (struct field) { CVM_FIELD_ENUMERATOR, "NONE", NULL, 2,
				     0 },
		"vmlinuz: its BTF has no NONE, which the platform object "
		"uses");
	refused(&w, (struct field) { CVM_FIELD_FUNCTION, "nothing",
				     "void (int)", 0, 0 },
		"vmlinuz: nothing is void (void), and void (int) to the "
		"platform object");
	refused(&w, (struct field) { CVM_FIELD_FUNCTION, "gone", "void (int)",
				     0, 0 },
		"vmlinuz: its BTF has no one function gone, which the platform "
		"object calls");
	close_world(&w);
}

/* A section without types is a kernel without them. */
static void none_is_none(void **state)
{
	struct elf elf = { 0 };
	struct problem problem = { "" };
	uint32_t size;
	struct btf btf;

	(void)state;
	assert_int_equal(btf_read(&btf, &elf, "kernel", &problem), 0);
	assert_int_equal(btf.types, 0);
	assert_false(btf_size(&btf, "outer", &size));
	btf_free(&btf);
}

/* Cut anywhere, any byte anything: an answer or a refusal, and no harm. */
static void look_at_all(const uint8_t *data, size_t bytes)
{
	uint32_t at, size;
	struct problem problem;
	struct btf btf;
	int64_t value;
	char text[64];

	if (!read_it(&btf, data, bytes, &problem)) {
		btf_member(&btf, "outer", "in.y", &at, &size);
		btf_member(&btf, "outer", "row", &at, &size);
		btf_size(&btf, "pair_t", &size);
		btf_enumerator(&btf, "TWICE", &value);
		btf_prototype(&btf, "take", text, sizeof(text));
	} else {
		assert_non_null(strstr(problem.text, "kernel: its type "));
	}
	btf_free(&btf);
}

static void damage_harms_nobody(void **state)
{
	static const uint8_t values[] = { 0, 1, 4, 5, 13, 0x7f, 0x80, 0xff };
	size_t bytes, i, j;
	uint8_t *data, *cut;

	(void)state;
	make_outer();
	data = section(&bytes);
	for (i = 1; i < bytes; i++) {
		cut = malloc(i);
		assert_non_null(cut);
		memcpy(cut, data, i);
		look_at_all(cut, i);
		free(cut);
	}
	for (i = 0; i < bytes; i++) {
		uint8_t old = data[i];

		for (j = 0; j < sizeof(values); j++) {
			data[i] = values[j];
			look_at_all(data, bytes);
		}
		data[i] = old;
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(what_differs_is_not_told),
		cmocka_unit_test(rings_end),
		cmocka_unit_test(prototypes_read_as_c),
		cmocka_unit_test(enumerators_are_found),
		cmocka_unit_test(members_are_compared),
		cmocka_unit_test(values_and_functions_are_compared),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(damage_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
