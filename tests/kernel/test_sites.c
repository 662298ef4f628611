// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_sites.c - instructions that touch the machine: each is found, and none
 * is let through that nobody has judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/audit.h"
#include "kernel/sites.h"

#include "made_kernel.h"

static struct made_kernel made;
static struct image image;
static struct sites sites;
static struct problem problem;

#define BYTES(...)	(const uint8_t[]){ __VA_ARGS__ }, \
	sizeof((const uint8_t[]){ __VA_ARGS__ })
#define FUNCTION(name, ...)	made_function(&made, name, BYTES(__VA_ARGS__))
#define ECX(b)		0xb9, b, 0, 0, 0
#define GS_BASE		0xb9, 0x01, 0x01, 0x00, 0xc0
#define WRMSR		0x0f, 0x30
#define CR4_FROM_R9	0x41, 0x0f, 0x22, 0xe1
#define RET		0xc3

static int begin(void **state)
{
	(void)state;
	made_begin(&made);
	memset(&problem, 0, sizeof(problem));
	return 0;
}

static int end(void **state)
{
	(void)state;
	sites_free(&sites);
	image_close(&image);
	return 0;
}

static void find(const struct sites_hooks *hooks)
{
	made_end(&made);
	if (image_open(&image, "made", made.file, made.bytes, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(sites_find(&sites, &image, hooks, &problem), 0);
}

/* The only one of this verdict. */
static const struct site *only(enum site_verdict verdict)
{
	const struct site *site, *is = NULL;

	for (site = sites.list; site < sites.list + sites.count; site++) {
		if (site->verdict != verdict)
			continue;
		assert_null(is);
		is = site;
	}
	assert_non_null(is);
	return is;
}

static void refused(const char *text)
{
	assert_int_equal(sites_refusal(&sites, "made", &problem), -1);
	assert_string_equal(problem.text, text);
}

/* ---- the decoder ---- */

static const struct {
	uint8_t code[8], bytes, class, kind, operand;
} instructions[] = {
	{ { 0xe6, 0x80 }, 2, INSN_OUT, CVM_SITE_OUT, 0x80 },
	{ { 0x66, 0xef }, 2, INSN_OUT, CVM_SITE_OUT, 0 },
	{ { 0xf3, 0x6f }, 2, INSN_OUT, CVM_SITE_OUT, 0 },
	{ { 0xe4, 0x61 }, 2, INSN_IN, CVM_SITE_IN8, 0x61 },
	{ { 0x66, 0xed }, 2, INSN_IN, CVM_SITE_IN16, 0 },
	{ { 0xed }, 1, INSN_IN, CVM_SITE_IN32, 0 },
	{ { 0xf3, 0x66, 0x6d }, 3, INSN_INS, CVM_SITE_INS, 0 },
	{ { 0xf4 }, 1, INSN_HLT, CVM_SITE_HLT, 0 },
	{ { WRMSR }, 2, INSN_WRMSR, CVM_SITE_WRMSR, 0 },
	{ { 0x2e, WRMSR }, 3, INSN_WRMSR, CVM_SITE_WRMSR, 0 },
	{ { 0x0f, 0x32 }, 2, INSN_RDMSR, 0, 0 },
	{ { CR4_FROM_R9 }, 4, INSN_CR4, CVM_SITE_CR4, 9 },
	{ { 0x0f, 0x22, 0xe2 }, 3, INSN_CR4, CVM_SITE_CR4, 2 },
	{ { 0x44, 0x0f, 0x22, 0xc0 }, 4, INSN_CR8, 0, 0 },
	{ { 0x0f, 0x20, 0xd8 }, 3, INSN_CR_READ, 0, 0 },
	{ { 0x0f, 0x23, 0xf8 }, 3, INSN_DR, 0, 0 },
	{ { 0x0f, 0x01, 0x18 }, 3, INSN_LIDT, 0, 0 },
	{ { 0x0f, 0x01, 0xf8 }, 3, INSN_SWAPGS, 0, 0 },
	{ { 0x48, 0xcf }, 2, INSN_IRET, 0, 0 },
	{ { 0xf3, 0x0f, 0x01, 0xd9 }, 4, INSN_VMCALL, 0, 0 },
	{ { 0x0f, 0x01, 0xcf }, 3, INSN_SGX, 0, 0 },
	{ { 0xcd, 0x80 }, 2, INSN_INT, 0, 0 },
	{ { 0xf3, 0x90 }, 2, INSN_PAUSE, 0, 0 },
	/* What the library does not know, or takes for RDPRU. */
	{ { 0x0f, 0x01, 0xc6 }, 3, INSN_WRMSRNS, 0, 0 },
	{ { 0xf3, 0x0f, 0x01, 0xc6 }, 4, INSN_MSRLIST, 0, 0 },
	{ { 0xf3, 0x0f, 0x01, 0xca }, 4, INSN_FRED, 0, 0 },
	{ { 0xf2, 0x0f, 0x00, 0xf7 }, 4, INSN_LKGS, 0, 0 },
	{ { 0xf3, 0x0f, 0x01, 0xfd }, 4, INSN_SNP, 0, 0 },
	/* As in any program. */
	{ { 0xfa }, 1, INSN_PLAIN, 0, 0 },
	{ { 0x0f, 0xa2 }, 2, INSN_PLAIN, 0, 0 },
	{ { 0x0f, 0x01, 0xfd }, 3, INSN_PLAIN, 0, 0 },
	{ { 0xcc }, 1, INSN_PLAIN, 0, 0 },
	{ { 0xd6 }, 1, INSN_PLAIN, 0, 0 },
	/* No instruction of 64-bit code; one that is cut off. */
	{ { 0x06 }, 1, INSN_UNKNOWN, 0, 0 },
};

static void test_decode(void **state)
{
	struct insn insn;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(instructions) / sizeof(*instructions); i++) {
		decode(instructions[i].code, sizeof(instructions[i].code),
		       &insn);
		assert_int_equal(insn.class, instructions[i].class);
		assert_int_equal(insn.bytes, instructions[i].bytes);
		assert_int_equal(insn.kind, instructions[i].kind);
		assert_int_equal(insn.operand, instructions[i].operand);
	}
	decode(BYTES(0x0f), &insn);
	assert_int_equal(insn.class, INSN_UNKNOWN);
	decode(BYTES(0xf3), &insn);
	assert_int_equal(insn.class, INSN_UNKNOWN);
}

/* ---- sites ---- */

static void test_table(void **state)
{
	struct cvm_site *table;

	(void)state;
	FUNCTION("late", 0x90, 0xe4, 0x61, 0xf3, 0x90, RET);
	FUNCTION("later", 0x66, 0xef, RET);
	find(NULL);
	assert_int_equal(sites.int3s, 2);
	assert_int_equal(sites.pauses, 1);
	assert_int_equal(sites.counts[INSN_PAUSE][SITE_FREE], 1);
	assert_int_equal(sites.refused, 0);
	assert_int_equal(sites_refusal(&sites, "made", &problem), 0);
	table = sites_table(&sites);
	assert_non_null(table);
	assert_int_equal(table[0].at, 1);
	assert_int_equal(table[0].kind, CVM_SITE_IN8);
	assert_int_equal(table[0].bytes, 2);
	assert_int_equal(table[0].opcode, 0xe4);
	assert_int_equal(table[0].operand, 0x61);
	assert_int_equal(table[1].at, 16);
	assert_int_equal(table[1].opcode, 0x66);
	free(table);
}

/* Not found where they are the inside of another instruction. */
static void test_inside(void **state)
{
	(void)state;
	FUNCTION("moves", 0xb8, 0x0f, 0x30, 0xf4, 0xed, RET);
	find(NULL);
	assert_int_equal(sites.count, 0);
}

/* A symbol is where instructions begin anew. */
static void test_cut(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("cut", 0xb8, 0x0f, 0x30, 0xf4, 0xed, RET);
	made_symbol(&made, "inner", at + 3);
	find(NULL);
	assert_int_equal(only(SITE_REFUSED)->class, INSN_UNKNOWN);
	assert_int_equal(sites.int3s, 2);
}

static void test_not_judged(void **state)
{
	(void)state;
	FUNCTION("harmless", 0x0f, 0x32, 0x0f, 0x01, 0xf8, RET);
	FUNCTION("frobnicate", 0x90, 0x44, 0x0f, 0x22, 0xc0, RET);
	FUNCTION("guess", 0x06, RET);
	find(NULL);
	assert_int_equal(sites.refused, 2);
	assert_int_equal(sites.counts[INSN_RDMSR][SITE_FREE], 1);
	refused("made: mov to cr8 in function frobnicate at +0x1 is not known "
		"(the guest has no task priority), and 1 more: this kernel "
		"cannot be adapted");
}

/* What the compiler makes of one function is judged as that. */
static void test_folded(void **state)
{
	(void)state;
	FUNCTION("mwait_play_dead.cold", 0x0f, 0x01, 0xc9, RET);
	FUNCTION("__pi_hlt_play_dead.isra.0", 0xf4, RET);
	FUNCTION("mwait_idle_with_hints.constprop.0", 0x0f, 0x01, 0xc9, RET);
	find(NULL);
	assert_int_equal(sites.count, 3);
	assert_int_equal(sites.counts[INSN_MWAIT][SITE_UNREACHABLE], 2);
	assert_int_equal(sites.counts[INSN_HLT][SITE_UNREACHABLE], 1);
	assert_null(site_judge("mwait_play_deader", INSN_MWAIT));
	assert_null(site_judge("native_write_cr4", INSN_CR8));
}

/* Of several names of one place any is looked for. */
static void test_alias(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("also_so_named", 0x0f, 0x01, 0x18, RET);
	made_symbol(&made, "native_load_idt", at);
	find(NULL);
	assert_string_equal(only(SITE_NATIVE)->function, "native_load_idt");
}

/* ---- wrmsr ---- */

static void wrmsr_is(enum site_verdict verdict)
{
	find(NULL);
	assert_int_equal(only(verdict)->class, INSN_WRMSR);
	assert_int_equal(sites.count, 1);
}

static void test_constant(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, 0x48, 0x89, 0xc2, 0x48, 0xc1, 0xea, 0x20,
		 WRMSR, RET);
	wrmsr_is(SITE_FREE);
}

static void test_other_constant(void **state)
{
	(void)state;
	FUNCTION("power", ECX(0xe1), WRMSR, RET);
	wrmsr_is(SITE_INT3);
}

/* What only uses other registers, or memory, keeps it. */
static void test_constant_kept(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, 0x48, 0x03, 0x04, 0xfd, 0x40, 0xfb, 0x1e,
		 0x82, 0x65, 0x48, 0x89, 0x3d, 1, 2, 3, 4, 0x25, 2, 0, 0, 0,
		 WRMSR, RET);
	wrmsr_is(SITE_FREE);
}

/* FRED's stack, where there is none; also by the newer instruction. */
static void test_fred(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("to_user", 0xb9, 0xcc, 1, 0, 0, WRMSR, 0x90, RET);
	made_alternative(&made, at + 5, 3, BYTES(0x0f, 0x01, 0xc6));
	find(NULL);
	assert_int_equal(sites.count, 2);
	assert_int_equal(sites.counts[INSN_WRMSR][SITE_UNREACHABLE], 1);
	assert_int_equal(sites.counts[INSN_WRMSRNS][SITE_UNREACHABLE], 1);
}

static void test_constant_lost(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, 0x89, 0xc1, WRMSR, RET);
	wrmsr_is(SITE_INT3);
}

/* From this function, from another one, and from nobody knows where. */
static void test_jumped_into(void **state)
{
	(void)state;
	FUNCTION("base", 0x74, 5, GS_BASE, WRMSR, RET);
	wrmsr_is(SITE_INT3);
}

static void test_jumped_into_from_far(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, WRMSR, RET);
	FUNCTION("base.cold", 0xe9, 0xf0, 0xff, 0xff, 0xff);
	wrmsr_is(SITE_INT3);
}

static void test_jumped_to_the_constant(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, WRMSR, RET);
	FUNCTION("base.cold", 0xe9, 0xeb, 0xff, 0xff, 0xff);
	wrmsr_is(SITE_FREE);
}

static void test_indirect(void **state)
{
	(void)state;
	FUNCTION("base", GS_BASE, WRMSR, 0xff, 0xe0);
	wrmsr_is(SITE_INT3);
}

/* ---- hooks ---- */

static enum cvm_hook_kind hook;

static enum cvm_hook_kind hook_of(const void *arg, const char *function)
{
	assert_ptr_equal(arg, &hook);
	return strcmp(function, "common_startup_64") ? 0 : hook;
}

static const struct sites_hooks hooks = { hook_of, &hook };

static void start(enum cvm_hook_kind kind)
{
	hook = kind;
	FUNCTION("common_startup_64", CR4_FROM_R9, RET);
	find(&hooks);
}

static void test_hook_of_cr4(void **state)
{
	(void)state;
	start(CVM_HOOK_CR4);
	assert_int_equal(only(SITE_INT3)->row.kind, CVM_SITE_CR4);
	assert_int_equal(only(SITE_INT3)->row.operand, 9);
}

static void test_hook_of_entry(void **state)
{
	(void)state;
	start(CVM_HOOK_ENTRY);
	only(SITE_HOOKED);
}

static void test_no_hook(void **state)
{
	(void)state;
	start(0);
	refused("made: mov to cr4 in function common_startup_64 at +0x0 is not "
		"known (the platform object has no hook for it), and 0 more: "
		"this kernel cannot be adapted");
}

static void pv_ops_hold(uint64_t function)
{
	const uint64_t ops[3] = { 0, function, 0 };

	made_symbol(&made, "pv_ops", made_here(&made, MADE_DATA));
	made_add(&made, MADE_DATA, ops, sizeof(ops));
	made_symbol(&made, "behind_pv_ops", made_here(&made, MADE_DATA));
	made_add(&made, MADE_DATA, ops, sizeof(ops));
}

static void test_pv_ops(void **state)
{
	(void)state;
	pv_ops_hold(FUNCTION("native_write_msr", WRMSR, RET));
	wrmsr_is(SITE_HOOKED);
}

/* Without XEN_PV it is not called that way. */
static void test_no_pv_ops(void **state)
{
	(void)state;
	pv_ops_hold(FUNCTION("native_write_msr", WRMSR, RET) + 1);
	wrmsr_is(SITE_INT3);
}

/* ---- entry code, alternatives ---- */

static void test_entry(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("asm_exc_something", WRMSR, RET);
	made_symbol(&made, "__entry_text_start", at);
	made_symbol(&made, "__entry_text_end", at + 3);
	wrmsr_is(SITE_REFUSED);
}

static void test_entry_constant(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("asm_exc_something", ECX(0x48), WRMSR, RET);
	made_symbol(&made, "__entry_text_start", at);
	made_symbol(&made, "__entry_text_end", at + 8);
	wrmsr_is(SITE_FREE);
}

static void test_alternative(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("context_switch", ECX(0xe1), 0x90, 0x90, RET);
	made_alternative(&made, at + 5, 2, BYTES(WRMSR));
	wrmsr_is(SITE_REFUSED);
	assert_int_equal(sites.list[0].gva, at + 5);
	assert_int_not_equal(sites.list[0].replacement, 0);
}

static void test_alternative_constant(void **state)
{
	uint64_t at;

	(void)state;
	at = FUNCTION("context_switch", ECX(0x49), 0x90, 0x90, RET);
	made_alternative(&made, at + 5, 2, BYTES(WRMSR));
	wrmsr_is(SITE_FREE);
}

static void test_alternatives_of_another_form(void **state)
{
	(void)state;
	FUNCTION("nothing", RET);
	made_add(&made, MADE_ALTERNATIVES, BYTES(1, 2, 3, 4));
	made_end(&made);
	assert_int_equal(image_open(&image, "made", made.file, made.bytes,
				    &problem), 0);
	assert_int_equal(sites_find(&sites, &image, NULL, &problem), -1);
	assert_string_equal(problem.text, "made: the table of each alternative "
			    "is of a form that cvmctl does not know");
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		TEST(test_table),
		TEST(test_inside),
		TEST(test_cut),
		TEST(test_not_judged),
		TEST(test_folded),
		TEST(test_alias),
		TEST(test_constant),
		TEST(test_other_constant),
		TEST(test_constant_kept),
		TEST(test_fred),
		TEST(test_constant_lost),
		TEST(test_jumped_into),
		TEST(test_jumped_into_from_far),
		TEST(test_jumped_to_the_constant),
		TEST(test_indirect),
		TEST(test_hook_of_cr4),
		TEST(test_hook_of_entry),
		TEST(test_no_hook),
		TEST(test_pv_ops),
		TEST(test_no_pv_ops),
		TEST(test_entry),
		TEST(test_entry_constant),
		TEST(test_alternative),
		TEST(test_alternative_constant),
		TEST(test_alternatives_of_another_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
