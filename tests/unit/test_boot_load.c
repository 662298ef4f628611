// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_boot_load.c - placing and loading a guest.
 *
 * The page tables are read back by an independent walk over every entry, so
 * that a mapping too many is found as surely as one that is missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cvm/boot.h>

#include "boot/params.h"
#include "boot_image.h"

#define MIB		0x100000ull
#define GIB		0x40000000ull
#define CODE_HPA	0x7fff1000ull
#define SHARED_HPA(n)	(0x100003000ull + (n) * 0x10000)
#define PRIV_HPA(n, i)	(0x200005000ull + (n) * 0x10000 + (i) * 0x3000)

static uint8_t elf[TEST_ELF_BYTES];
static struct cvm_image image;
static struct cvm_user_ranges ranges;
static struct cvm_user_vcpu vcpus[CVM_MAX_VCPUS];
static struct cvm_boot_args args;
static struct cvm_boot_plan plan;
static struct cvm_err err;

static int setup(void **state)
{
	uint32_t i;

	(void)state;
	test_elf(elf);
	memset(&ranges, 0, sizeof(ranges));
	memset(&err, 0, sizeof(err));
	ranges.count = 1;
	ranges.range[0].gpa = 64 * MIB;
	ranges.range[0].bytes = 32 * MIB;
	for (i = 0; i < CVM_MAX_VCPUS; i++) {
		vcpus[i].vcpu = i;
		vcpus[i].shared_hpa = SHARED_HPA(i);
		vcpus[i].priv_hpa[0] = PRIV_HPA(i, 0);
		vcpus[i].priv_hpa[1] = PRIV_HPA(i, 1);
	}
	args = (struct cvm_boot_args) {
		.image = &image,
		.ranges = &ranges,
		.cmdline = "console=hvc0 quiet",
		.initrd_bytes = 5000,
		.passage_code_hpa = CODE_HPA,
		.vcpu = vcpus,
		.vcpus = 1,
	};
	return cvm_image_parse(&image, elf, sizeof(elf), NULL, NULL);
}

static void add_range(uint64_t gpa, uint64_t bytes)
{
	ranges.range[ranges.count].gpa = gpa;
	ranges.range[ranges.count++].bytes = bytes;
}

/* ---- guest memory: sparse, only touched pages exist ---- */

struct fake_mem {
	uint64_t base, bytes;	/* one window of backed memory */
	uint8_t *data;
	unsigned int calls, fail_at;	/* the n-th at() fails, 0 = none */
};

static void *fake_at(void *ctx, uint64_t gpa, uint64_t bytes)
{
	struct fake_mem *mem = ctx;

	if (++mem->calls == mem->fail_at)
		return NULL;
	if (gpa < mem->base || bytes > mem->bytes ||
	    gpa - mem->base > mem->bytes - bytes)
		return NULL;
	return mem->data + (gpa - mem->base);
}

static struct cvm_guest_mem make_mem(struct fake_mem *mem)
{
	mem->base = plan.kernel_gpa;
	mem->bytes = 16 * MIB;
	mem->data = malloc(mem->bytes);
	assert_non_null(mem->data);
	memset(mem->data, 0xa5, mem->bytes);
	return (struct cvm_guest_mem) { fake_at, mem };
}

static void expect_plan(int code, uint32_t why, const char *text)
{
	int ret = cvm_boot_plan(&args, &plan, &err);

	if (err.why != why || !strstr(err.text, text))
		print_error("why %u (wanted %u): \"%s\"\n", err.why, why,
			    err.text);
	assert_int_equal(ret, -code);
	assert_int_equal(err.why, why);
	assert_non_null(strstr(err.text, text));
	assert_int_equal(cvm_boot_plan(&args, &plan, NULL), ret);
}

/* ---- an independent page walk ---- */

struct mapping {
	uint64_t va, pa, bytes, flags;
};

#define MAPPINGS_MAX 4096

struct walk {
	struct fake_mem *mem;
	struct mapping found[MAPPINGS_MAX];
	unsigned int count;
	unsigned int tables;
};

static void walk_table(struct walk *w, uint64_t gpa, unsigned int level,
		       uint64_t va)
{
	const uint64_t *table = fake_at(w->mem, gpa, 4096);
	uint64_t entry, at, span = 1ull << (12 + 9 * (level - 1));
	unsigned int i;

	assert_non_null(table);
	w->tables++;
	for (i = 0; i < 512; i++) {
		entry = table[i];
		if (!entry)
			continue;
		assert_int_equal(entry & 1, 1);
		assert_int_equal(entry & 0x100, 0);	/* never global */
		assert_int_equal(entry & 4, 0);		/* never user */
		at = va + i * span;
		if (level == 1 || entry & 0x80) {
			assert_true(w->count < MAPPINGS_MAX);
			w->found[w->count++] = (struct mapping) {
				at, entry & 0x000ffffffffff000ull, span,
				entry & ~0x000ffffffffff000ull };
		} else {
			walk_table(w, entry & 0x000ffffffffff000ull, level - 1,
				   at);
		}
	}
}

/* The walk meets the ranges first (lower half), then the passage. */
static void check_tables(struct fake_mem *mem, unsigned int levels)
{
	static struct walk w;
	uint64_t sign = levels == 5 ? 0xfe00000000000000ull :
			0xffff000000000000ull;
	const struct mapping *m = w.found;
	uint32_t i, n;
	uint64_t gpa, va;

	memset(&w, 0, sizeof(w));
	w.mem = mem;
	walk_table(&w, plan.tables_gpa, levels, 0);
	assert_int_equal(w.tables, plan.table_pages);
	for (i = 0; i < plan.ranges; i++) {
		for (gpa = plan.range[i].gpa;
		     gpa < plan.range[i].gpa + plan.range[i].bytes;
		     gpa += CVM_LARGE_PAGE, m++) {
			assert_int_equal(m->va, gpa);
			assert_int_equal(m->pa, gpa);
			assert_int_equal(m->bytes, CVM_LARGE_PAGE);
			assert_int_equal(m->flags, 0xe3);
		}
	}
	n = 1 + args.vcpus * CVM_VCPU_PAGES;
	for (i = 0; i < n; i++, m++) {
		va = TEST_PASSAGE_GVA + i * 4096ull;
		assert_int_equal(m->va | sign, va);
		assert_int_equal(m->bytes, 4096);
		assert_int_equal(m->flags, i ? 0x8000000000000063ull : 0x21);
	}
	assert_int_equal(m - w.found, w.count);
	m -= n;
	assert_int_equal(m[0].pa, CODE_HPA);
	for (i = 0; i < args.vcpus; i++) {
		assert_int_equal(m[1 + i * 3].pa, PRIV_HPA(i, 0));
		assert_int_equal(m[2 + i * 3].pa, PRIV_HPA(i, 1));
		assert_int_equal(m[3 + i * 3].pa, SHARED_HPA(i));
	}
}

/* ---- plan ---- */

static void check_inside(uint64_t gpa, uint64_t bytes)
{
	uint32_t i;

	for (i = 0; i < plan.ranges; i++)
		if (gpa >= plan.range[i].gpa && bytes <= plan.range[i].bytes &&
		    gpa - plan.range[i].gpa <= plan.range[i].bytes - bytes)
			return;
	fail_msg("0x%llx is outside the ranges", (unsigned long long)gpa);
}

static void check_apart(uint64_t a, uint64_t a_bytes, uint64_t b,
			uint64_t b_bytes)
{
	assert_true(a + a_bytes <= b || b + b_bytes <= a);
}

static void check_plan(void)
{
	const struct {
		uint64_t gpa, bytes;
	} piece[] = {
		{ plan.kernel_gpa, image.span },
		{ plan.initrd_gpa, args.initrd_bytes },
		{ plan.setup_gpa, args.setup_bytes },
		{ plan.tables_gpa, plan.table_pages * 4096ull },
		{ plan.params_gpa, 4096 },
		{ plan.cmdline_gpa, 4096 },
		{ plan.stack_gpa, 4096 },
	};
	unsigned int i, j, n = sizeof(piece) / sizeof(piece[0]);

	for (i = 0; i < n; i++) {
		assert_int_equal(piece[i].gpa & 4095, 0);
		if (!piece[i].bytes)
			continue;
		check_inside(piece[i].gpa, piece[i].bytes);
		for (j = i + 1; j < n; j++)
			check_apart(piece[i].gpa, piece[i].bytes, piece[j].gpa,
				    piece[j].bytes);
	}
	assert_int_equal(plan.kernel_gpa % image.align, 0);
	assert_int_equal(plan.entry.rip, plan.kernel_gpa + image.entry);
	assert_int_equal(plan.entry.rsi, plan.params_gpa);
	assert_int_equal(plan.entry.cr3, plan.tables_gpa);
	assert_int_equal(plan.entry.rsp, plan.stack_gpa + 4096 - 8);
	assert_int_equal(plan.entry.vcpu, 0);
}

static void plan_compact(void **state)
{
	(void)state;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	check_plan();
	assert_int_equal(plan.setup_gpa, 0);
	args.initrd_bytes = 0;
	args.setup_bytes = 49 * 4096;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	assert_int_equal(plan.initrd_gpa, 0);
	assert_int_not_equal(plan.setup_gpa, 0);
	check_plan();
}

/* What first_bytes promises: a range of that size is enough. */
static void plan_first_bytes(void **state)
{
	uint64_t initrd, mem;

	(void)state;
	for (initrd = 0; initrd < 9 * MIB; initrd += 77777) {
		args.initrd_bytes = initrd;
		args.setup_bytes = initrd / 5;
		mem = cvm_boot_first_bytes(&image, initrd, initrd / 5, 0);
		assert_int_equal(mem % CVM_LARGE_PAGE, 0);
		ranges.range[0].bytes = mem;
		assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
		check_plan();
	}
	args.setup_bytes = 0;
	/* Also where the memory straddles every boundary there is. */
	args.la57 = 1;
	args.vcpus = CVM_MAX_VCPUS;
	ranges.range[0].gpa = (1ull << 48) - 64 * MIB;
	ranges.range[0].bytes = 300 * GIB;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	assert_true(plan.table_pages <= 16 + 300);
	assert_int_equal(cvm_boot_first_bytes(&image, UINT64_MAX, 0, 0),
			 UINT64_MAX);
	assert_int_equal(cvm_boot_first_bytes(&image, 0, UINT64_MAX, 0),
			 UINT64_MAX);
	image.align = 0x1000000;
	args.initrd_bytes = 0;
	ranges.range[0].gpa = 0x1000000 + CVM_LARGE_PAGE;
	ranges.range[0].bytes = cvm_boot_first_bytes(&image, 0, 0, 0);
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	check_plan();
}

static void plan_scattered(void **state)
{
	uint64_t i;

	(void)state;
	ranges.count = 0;
	add_range(6 * GIB, 4 * MIB);
	for (i = 1; i < CVM_RANGES_MAX; i++)
		add_range(8 * GIB - i * 48 * MIB, 2 * MIB);
	args.initrd_bytes = 2 * MIB;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	check_plan();
	assert_int_equal(plan.kernel_gpa, 6 * GIB);
	assert_int_equal(plan.ranges, CVM_RANGES_MAX);
	for (i = 1; i < plan.ranges; i++)
		assert_true(plan.range[i - 1].gpa < plan.range[i].gpa);
}

static void plan_too_small(void **state)
{
	(void)state;
	ranges.range[0].bytes = 2 * MIB;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "the kernel needs 3 MiB "
		    "contiguous, the largest free piece has 2 MiB");
	ranges.range[0].bytes = 4 * MIB;
	args.initrd_bytes = 3 * MIB;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "the initrd needs 3 MiB");
	args.initrd_bytes = 4 * MIB - TEST_SPAN;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "page tables");
	args.initrd_bytes -= 5 * 4096;	/* tables go to the second range */
	add_range(128 * MIB, 2 * MIB);
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	ranges.count = 1;
	args.initrd_bytes -= 2 * 4096;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "boot parameters");
	args.initrd_bytes -= 2 * 4096;	/* 6 pages of tables, 3 of the rest */
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	check_plan();
	args.setup_bytes = 4096;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "boot parameters");
	args.setup_bytes = UINT64_MAX;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "setup data of");
	args.initrd_bytes = UINT64_MAX;
	expect_plan(CVM_ENOMEM, CVM_WHY_MEMORY, "an initrd of");
}

static void plan_bad_ranges(void **state)
{
	(void)state;
	ranges.count = 0;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "0 ranges");
	ranges.count = CVM_RANGES_MAX + 1;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "121 ranges");
	ranges.count = 1;
	ranges.range[0].bytes = 0;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "2 MiB pages");
	ranges.range[0].bytes = 32 * MIB + 4096;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "2 MiB pages");
	ranges.range[0].bytes = 32 * MIB;
	ranges.range[0].gpa = 64 * MIB + 4096;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "2 MiB pages");
	ranges.range[0].gpa = 0;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "address 0");
	ranges.range[0].gpa = (1ull << 46) - 2 * MIB;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "beyond");
	args.la57 = 1;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	ranges.range[0].gpa = UINT64_MAX - 2 * MIB + 1;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "beyond");
	ranges.range[0].gpa = 64 * MIB;
	add_range(62 * MIB, 4 * MIB);
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "overlap");
	ranges.range[1].gpa = 64 * MIB;
	expect_plan(CVM_EINVAL, CVM_WHY_RANGES, "overlap");
}

static void plan_bad_args(void **state)
{
	static char text[CVM_CMDLINE_MAX + 2];

	(void)state;
	memset(text, 'x', CVM_CMDLINE_MAX + 1);
	args.cmdline = text;
	expect_plan(CVM_EINVAL, CVM_WHY_CMDLINE,
		    "command line: 2048 characters, a kernel takes 2047");
	text[CVM_CMDLINE_MAX] = '\0';
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	args.cmdline = NULL;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	args.vcpus = 0;
	expect_plan(CVM_EINVAL, CVM_WHY_VCPUS, "0 vCPUs");
	args.vcpus = CVM_MAX_VCPUS + 1;
	expect_plan(CVM_EINVAL, CVM_WHY_VCPUS, "33 vCPUs");
	args.vcpus = 1;
	image.four_level = 1;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	args.la57 = 1;
	expect_plan(CVM_ENOSYS, CVM_WHY_PAGING, "5-level");
}

/* ---- load ---- */

static void check_params(struct fake_mem *mem)
{
	const struct cvm_boot_params *p = fake_at(mem, plan.params_gpa, 4096);
	const struct cvm_e820_entry *e = p->e820;
	uint32_t i;

	for (i = 0; i < sizeof(p->screen_info); i++)
		assert_int_equal(p->screen_info[i], 0);
	assert_int_equal(p->sentinel, 0);
	assert_int_equal(p->hdr.boot_flag, 0xaa55);
	assert_memory_equal(&p->hdr.header, "HdrS", 4);
	assert_int_equal(p->hdr.version, 0x020f);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.loadflags, 1);
	assert_int_equal(p->hdr.kernel_alignment, image.align);
	assert_int_equal(p->hdr.hardware_subarch, CVM_HARDWARE_SUBARCH);
	assert_int_equal(p->hdr.hardware_subarch_data, SHARED_HPA(0));
	assert_int_equal(p->hdr.cmd_line_ptr |
			 (uint64_t)p->ext_cmd_line_ptr << 32,
			 plan.cmdline_gpa);
	assert_int_equal(p->hdr.ramdisk_image |
			 (uint64_t)p->ext_ramdisk_image << 32,
			 plan.initrd_gpa);
	assert_int_equal(p->hdr.ramdisk_size |
			 (uint64_t)p->ext_ramdisk_size << 32,
			 args.initrd_bytes);
	assert_int_equal(p->e820_entries, plan.ranges + 1);
	assert_int_equal(e[0].addr, 0);
	assert_int_equal(e[0].size, 4096);
	assert_int_equal(e[0].type, 2);
	for (i = 0; i < plan.ranges; i++) {
		assert_int_equal(e[i + 1].addr, plan.range[i].gpa);
		assert_int_equal(e[i + 1].size, plan.range[i].bytes);
		assert_int_equal(e[i + 1].type, 1);
	}
	for (i = plan.ranges + 1; i < CVM_E820_MAX; i++)
		assert_int_equal(e[i].type, 0);
	assert_string_equal(fake_at(mem, plan.cmdline_gpa, 4096),
			    args.cmdline ? args.cmdline : "");
}

static void check_kernel(struct fake_mem *mem)
{
	const uint8_t *k = fake_at(mem, plan.kernel_gpa, image.span);
	const uint8_t *data = k + (TEST_DATA_PADDR - TEST_PADDR);
	uint32_t i, first = (TEST_PASSAGE_GVA >> 12) & 511;
	uint64_t pte;

	assert_memory_equal(k, elf + TEST_TEXT_OFF, TEST_TEXT_BYTES);
	assert_memory_equal(data, elf + TEST_DATA_OFF, 0x1000);
	for (i = 0; i < TEST_BSS_BYTES; i++)
		assert_int_equal(data[TEST_DATA_BYTES + i], 0);
	for (i = 0; i < 512; i++) {
		memcpy(&pte, data + 0x1000 + i * 8, 8);
		if (i < first || i > first + args.vcpus * CVM_VCPU_PAGES)
			assert_int_equal(pte, 0);
		else if (i == first)
			assert_int_equal(pte, CODE_HPA | 0x21);
		else
			assert_int_equal(pte & 0x8000000000000fffull,
					 0x8000000000000063ull);
	}
	memcpy(&pte, data + 0x1000 + (first + 3) * 8, 8);
	assert_int_equal(pte & 0x000ffffffffff000ull, SHARED_HPA(0));
}

static void load_and_check(unsigned int levels)
{
	struct fake_mem mem = { 0 };
	struct cvm_guest_mem guest;

	args.la57 = levels == 5;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	check_plan();
	guest = make_mem(&mem);
	assert_int_equal(cvm_boot_load(&args, &plan, &guest, &err), 0);
	check_kernel(&mem);
	check_params(&mem);
	check_tables(&mem, levels);
	free(mem.data);
}

static void load_compact(void **state)
{
	(void)state;
	load_and_check(4);
	load_and_check(5);
	args.cmdline = NULL;
	args.initrd_bytes = 0;
	load_and_check(4);
}

static void load_high(void **state)
{
	(void)state;
	ranges.range[0].gpa = 5 * GIB - 16 * MIB;
	add_range(4 * GIB, 2 * MIB);
	add_range(700 * GIB, 6 * MIB);
	load_and_check(4);
	load_and_check(5);
}

/* Ranges that begin or end at the boundaries of every table level. */
static void load_boundaries(void **state)
{
	(void)state;
	ranges.range[0].gpa = 512 * GIB - 16 * MIB;
	add_range(1 * GIB - 2 * MIB, 4 * MIB);
	add_range(3 * GIB, 2 * MIB);
	add_range(1024 * GIB - 2 * MIB, 2 * MIB);
	add_range(1024 * GIB, 2 * MIB);
	load_and_check(4);
	load_and_check(5);
	add_range((1ull << 48) - 2 * MIB, 4 * MIB);
	load_and_check(5);
}

static void load_many_vcpus(void **state)
{
	(void)state;
	args.vcpus = CVM_MAX_VCPUS;
	load_and_check(4);
	args.vcpus = 7;
	load_and_check(5);
}

/* The passage may straddle two page tables; the kernel keeps both. */
static void load_passage_straddles(void **state)
{
	struct cvm_note_desc desc;
	struct cvm_guest_mem guest;
	struct fake_mem mem = { 0 };

	(void)state;
	memcpy(&desc, elf + TEST_NOTE_DESC, sizeof(desc));
	desc.passage_gva = 0xffffffffff5f0000ull;
	desc.pte_gva = TEST_KERNEL_MAP + TEST_DATA_PADDR +
		       (desc.passage_gva >> 12 & 511) * 8;
	memcpy(elf + TEST_NOTE_DESC, &desc, sizeof(desc));
	assert_int_equal(cvm_image_parse(&image, elf, sizeof(elf), NULL, &err),
			 0);
	args.vcpus = CVM_MAX_VCPUS;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	/* root, 2 + 2 for the range and the passage, 2 leaves */
	assert_int_equal(plan.table_pages, 7);
	guest = make_mem(&mem);
	assert_int_equal(cvm_boot_load(&args, &plan, &guest, &err), 0);
	free(mem.data);
}

/* Each access in turn fails: a clean refusal, every time. */
static void load_unreachable(void **state)
{
	struct cvm_guest_mem guest;
	struct fake_mem mem = { 0 };
	unsigned int n, good;

	(void)state;
	assert_int_equal(cvm_boot_plan(&args, &plan, &err), 0);
	guest = make_mem(&mem);
	assert_int_equal(cvm_boot_load(&args, &plan, &guest, &err), 0);
	good = mem.calls;
	for (n = 1; n <= good; n++) {
		mem.calls = 0;
		mem.fail_at = n;
		memset(&err, 0, sizeof(err));
		assert_int_equal(cvm_boot_load(&args, &plan, &guest, &err),
				 -CVM_EFAULT);
		assert_int_equal(err.why, CVM_WHY_ACCESS);
		assert_non_null(strstr(err.text, "cannot be written"));
	}
	/* A plan with too few table pages is refused, not overrun. */
	mem.fail_at = 0;
	plan.table_pages--;
	assert_int_equal(cvm_boot_load(&args, &plan, &guest, &err),
			 -CVM_EFAULT);
	free(mem.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plan_compact, setup),
		cmocka_unit_test_setup(plan_first_bytes, setup),
		cmocka_unit_test_setup(plan_scattered, setup),
		cmocka_unit_test_setup(plan_too_small, setup),
		cmocka_unit_test_setup(plan_bad_ranges, setup),
		cmocka_unit_test_setup(plan_bad_args, setup),
		cmocka_unit_test_setup(load_compact, setup),
		cmocka_unit_test_setup(load_high, setup),
		cmocka_unit_test_setup(load_boundaries, setup),
		cmocka_unit_test_setup(load_many_vcpus, setup),
		cmocka_unit_test_setup(load_passage_straddles, setup),
		cmocka_unit_test_setup(load_unreachable, setup),
	};

	return cmocka_run_group_tests_name("boot_load", tests, NULL, NULL);
}
