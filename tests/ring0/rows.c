/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.c - see rows.h.
 *
 * Order matters when reading: CR0.TS and CR4.OSXSAVE decide whether extended
 * state can be read at all, so these two are read first and put to a working
 * value meanwhile.  Poisoning goes the other way round.
 */
#include "rows.h"

#include "bare.h"
#include "x86.h"

#define SEL_CODE	0x10
#define SEL_DATA	0x18
#define SEL_USER	0x2b		/* data, RPL and DPL 3 */
#define SEL_TSS0	0x40
#define SEL_LDT		0x50
#define SEL_TSS1	0x60
#define GDT_LIMIT	0x7f		/* libcvm's private GDT ends here */

#define CR4_MAY_FLIP	(X86_CR4_DE | X86_CR4_PGE | X86_CR4_OSXMMEXCPT | \
			 X86_CR4_UMIP | X86_CR4_FSGSBASE | X86_CR4_SMEP | \
			 X86_CR4_SMAP | X86_CR4_PKE)

#define XCR0_AVX	(1ull << 2)
#define XCR0_MPX	(3ull << 3)
#define XCR0_AVX512	(7ull << 5)
#define XCR0_PKRU	(1ull << 9)
#define PKRU_OFFSET	0xa80u

uint64_t rows_random(struct rows_side *side)
{
	uint64_t x = side->rng;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	side->rng = x;
	return x * 0x2545f4914f6cdd1dull;
}

static uint64_t canonical(struct rows_side *side)
{
	return (uint64_t)((int64_t)(rows_random(side) << 17) >> 17);
}

/* ---- rows without a number in memory --------------------------- */

const char *rows_name(uint32_t row)
{
	static const char *const name[] = {
#define CVM_ROW_U16(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_DTR(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_U64(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_MSR(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_XST(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_OFF(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_EQL(n, arg, when, hazard, sdm, apm)	#n,
#define CVM_ROW_REF(n, arg, when, hazard, sdm, apm)	#n,
#include "x86/rows.h"
	};

	return row < ROWS ? name[row] : "none";
}

const char *rows_class(uint32_t row)
{
	switch (row) {
#define CVM_ROW_OFF(n, arg, when, hazard, sdm, apm)	case ROW_##n:
#define CVM_ROW_EQL(n, arg, when, hazard, sdm, apm)	case ROW_##n:
#include "x86/rows.h"
		return "kept equal";
#define CVM_ROW_REF(n, arg, when, hazard, sdm, apm)	case ROW_##n:
#include "x86/rows.h"
		return "refused";
	default:
		return "swapped";
	}
}

/* ---- reading --------------------------------------------------- */

#define READ_SEL(name, insn)						\
static uint16_t read_##name(void)					\
{									\
	uint16_t v;							\
									\
	__asm__ volatile(insn : "=r"(v));				\
	return v;							\
}
READ_SEL(ds, "mov %%ds, %0")
READ_SEL(es, "mov %%es, %0")
READ_SEL(fs, "mov %%fs, %0")
READ_SEL(gs, "mov %%gs, %0")
READ_SEL(ss, "mov %%ss, %0")
READ_SEL(ldtr, "sldt %0")
READ_SEL(tr, "str %0")
READ_SEL(sel_pad, "xor %k0, %k0")

static void read_gdtr(struct cvm_dtr *d)
{
	struct x86_dtr v;

	x86_sgdt(&v);
	d->limit = v.limit;
	d->base = v.base;
}

static void read_idtr(struct cvm_dtr *d)
{
	struct x86_dtr v;

	x86_sidt(&v);
	d->limit = v.limit;
	d->base = v.base;
}

#define read_cr0	x86_cr0
#define read_cr2	x86_cr2
#define read_cr3	x86_cr3
#define read_cr4	x86_cr4
#define read_cr8	x86_cr8
#define read_dr0	x86_dr0
#define read_dr1	x86_dr1
#define read_dr2	x86_dr2
#define read_dr3	x86_dr3
#define read_dr6	x86_dr6
#define read_dr7	x86_dr7

/* rows_call() returned to the right place, or nobody would ask. */
static uint64_t read_rsp(void)
{
	return 0;
}

static uint64_t read_fs_base(void)
{
	return x86_rdmsr(MSR_FS_BASE);
}

static uint64_t read_gs_base(void)
{
	return x86_rdmsr(MSR_GS_BASE);
}

static uint64_t read_kernel_gs_base(void)
{
	return x86_rdmsr(MSR_KERNEL_GS_BASE);
}

static uint64_t read_xcr0(void)
{
	return x86_cr4() & X86_CR4_OSXSAVE ? x86_xgetbv(0) : 0;
}

static void read_xst(struct rows_side *side, uint8_t *area)
{
	memset(area, 0, side->xst_bytes);
	if (side->xsave)
		__asm__ volatile("xsave64 (%0)"
				 : : "r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void rows_read(struct rows_side *side, struct rows *now)
{
	uint64_t cr0 = x86_cr0(), cr4 = x86_cr4();

	if (cr4 != side->cr4_full)
		x86_set_cr4(side->cr4_full);
	__asm__ volatile("clts");
	read_xst(side, now->xst);
	now->xst_bytes = side->xst_bytes;
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm) \
	now->s.name = read_##name();
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm) \
	read_##name(&now->s.name);
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm) \
	now->s.name = read_##name();
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	now->s.name = side->msr_absent & 1u << CVM_MSR_ROW_##name ? 0 : \
		      x86_rdmsr(arg);
#include "x86/rows.h"
	now->s.cr0 = cr0;
	now->s.cr4 = cr4;
	if (cr4 != side->cr4_full)
		x86_set_cr4(cr4);
	if (cr0 & X86_CR0_TS)
		x86_set_cr0(cr0);
}

void rows_read_equal(uint64_t value[ROWS])
{
#define CVM_ROW_EQL(name, arg, when, hazard, sdm, apm) \
	if (rows_rdmsr(arg, &value[ROW_##name])) \
		value[ROW_##name] = 0;
#define CVM_ROW_OFF(name, arg, when, hazard, sdm, apm) \
	CVM_ROW_EQL(name, arg, when, hazard, sdm, apm)
#include "x86/rows.h"
}

/* ---- comparing ------------------------------------------------- */

static int areas_differ(const struct rows *a, const struct rows *b,
			uint32_t from, uint32_t to, uint64_t *va, uint64_t *vb)
{
	const uint64_t *x = (const uint64_t *)a->xst;
	const uint64_t *y = (const uint64_t *)b->xst;
	uint32_t i;

	for (i = from / 8; i < to / 8; i++) {
		if (x[i] != y[i]) {
			*va = x[i];
			*vb = y[i];
			return 1;
		}
	}
	return 0;
}

/* The standard form's fixed places; the rest lies where CPUID says. */
#define DIFFER_x87(a, b, va, vb) \
	(areas_differ(a, b, 0, 24, va, vb) || \
	 areas_differ(a, b, 32, 160, va, vb))
#define DIFFER_sse(a, b, va, vb) \
	(areas_differ(a, b, 24, 32, va, vb) || \
	 areas_differ(a, b, 160, 416, va, vb))
#define DIFFER_avx(a, b, va, vb) \
	areas_differ(a, b, 576, 832, va, vb)
#define DIFFER_xstate_rest(a, b, va, vb) \
	(areas_differ(a, b, 512, 576, va, vb) || \
	 areas_differ(a, b, 832, (a)->xst_bytes, va, vb))

static int differ(uint64_t x, uint64_t y, uint64_t *va, uint64_t *vb)
{
	*va = x;
	*vb = y;
	return x != y;
}

int rows_differ(uint32_t row, const struct rows *a, const struct rows *b,
		uint64_t *va, uint64_t *vb)
{
	switch (row) {
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm) \
	case ROW_##name: \
		return differ(a->s.name, b->s.name, va, vb);
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm) \
	case ROW_##name: \
		return differ(a->s.name.base, b->s.name.base, va, vb) || \
		       differ(a->s.name.limit, b->s.name.limit, va, vb);
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm) \
	case ROW_##name: \
		return differ(a->s.name, b->s.name, va, vb);
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	case ROW_##name: \
		return differ(a->s.name, b->s.name, va, vb);
#define CVM_ROW_XST(name, arg, when, hazard, sdm, apm) \
	case ROW_##name: \
		return DIFFER_##name(a, b, va, vb);
#include "x86/rows.h"
	default:
		return 0;
	}
}

uint32_t rows_diff(const struct rows_side *side, const struct rows *want,
		   const struct rows *got, uint64_t *a, uint64_t *b)
{
	uint32_t row;

	for (row = 0; row < ROWS; row++)
		if (!(side->skip[row / 64] >> (row % 64) & 1) &&
		    rows_differ(row, want, got, a, b))
			break;
	return row;
}

/* ---- poisoning ------------------------------------------------- */

static int may(struct rows_side *side, uint32_t row)
{
	uint64_t not = side->skip[row / 64] | side->keep[row / 64];

	return !(not >> (row % 64) & 1);
}

/* One of the bits' legal settings: flip some of those that may flip. */
static uint64_t flip(struct rows_side *side, uint64_t value, uint64_t bits)
{
	return value ^ (rows_random(side) & bits);
}

static uint64_t value_efer(struct rows_side *side)
{
	return flip(side, x86_rdmsr(MSR_EFER), 1);	/* SCE */
}

static uint64_t value_star(struct rows_side *side)
{
	return rows_random(side);
}

static uint64_t value_sfmask(struct rows_side *side)
{
	return rows_random(side) & 0xffffffff;
}

static uint64_t value_sysenter_cs(struct rows_side *side)
{
	return rows_random(side) & 0xffff;
}

static uint64_t value_pat(struct rows_side *side)
{
	static const uint8_t type[] = { 0, 1, 4, 5, 6, 7 };
	uint64_t v = 6;		/* entry 0, the one in use, stays WB */
	uint32_t i;

	for (i = 1; i < 8; i++)
		v |= (uint64_t)type[rows_random(side) % 6] << (8 * i);
	return v;
}

static uint64_t value_debugctl(struct rows_side *side)
{
	return rows_random(side) & 3;	/* LBR, BTF; BTF needs TF to act */
}

static uint64_t value_spec_ctrl(struct rows_side *side)
{
	return rows_random(side) & 7;
}

/* Split locks, and TSX: nothing here makes or uses them. */
static uint64_t value_test_ctrl(struct rows_side *side)
{
	return rows_random(side) & 1u << 29;
}

static uint64_t value_tsx_ctrl(struct rows_side *side)
{
	return rows_random(side) & 3;
}

static uint64_t value_mcu_opt_ctrl(struct rows_side *side)
{
	return rows_random(side) & 3;	/* RNGDS_MITG_DIS, RTM_ALLOW */
}

static uint64_t value_xss(struct rows_side *side)
{
	return rows_random(side) & 1u << 8;	/* processor trace */
}

static uint64_t value_u_cet(struct rows_side *side)
{
	return rows_random(side) & 2;	/* WR_SHSTK_EN alone acts on nothing */
}

static uint64_t value_pl3_ssp(struct rows_side *side)
{
	return canonical(side) & ~7ull;
}

#define value_lstar		canonical
#define value_cstar		canonical
#define value_sysenter_esp	canonical
#define value_sysenter_eip	canonical
#define value_tsc_aux		value_sfmask
#define value_s_cet		value_u_cet

static void poison_msrs(struct rows_side *side)
{
	uint64_t old;

#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm)			\
	if (may(side, ROW_##name) &&					\
	    !(side->msr_absent & 1u << CVM_MSR_ROW_##name)) {		\
		old = value_##name(side);				\
		if (rows_wrmsr(arg, old))				\
			side->keep[ROW_##name / 64] |=			\
				1ull << (ROW_##name % 64);		\
	}
#include "x86/rows.h"
}

/* Random registers in the area, in a form XRSTOR accepts. */
static void random_area(struct rows_side *side, uint8_t *area, uint64_t bv)
{
	static const uint16_t fcw[] = { 0x37f, 0x27f, 0xb7f, 0xe7f };
	uint64_t *word = (uint64_t *)area;
	uint32_t i;

	memset(area, 0, 576);
	for (i = 576 / 8; i < side->xst_bytes / 8; i++)
		word[i] = rows_random(side);
	*(uint16_t *)area = fcw[rows_random(side) % 4];
	*(uint16_t *)(area + 2) = rows_random(side) & 0x3800;	/* TOP */
	area[4] = (uint8_t)rows_random(side);			/* tags */
	for (i = 0; i < 8; i++) {
		word[4 + 2 * i] = rows_random(side) | 1ull << 63;
		word[5 + 2 * i] = rows_random(side) & 0xffff;
	}
	*(uint32_t *)(area + 24) = rows_random(side) & 0xffbf;	/* MXCSR */
	for (i = 0; i < 32; i++)
		word[20 + i] = rows_random(side);
	word[64] = bv;
	if (bv & XCR0_MPX) {
		uint32_t off = x86_cpuid(0xd, 4).b;

		memset(area + off, 0, 64);	/* BNDCFGU, BNDSTATUS */
	}
	/* Key 0 stays open: Bochs 2.7 applies its write-disable bit to the
	 * kernel's pages too, and does not say where PKRU lies. */
	if (bv & XCR0_PKRU) {
		uint32_t off = x86_cpuid(0xd, 9).b;

		area[off ? off : PKRU_OFFSET] &= 0xfc;
	}
}

/* A legal subset of what XCR0 may hold (SDM vol. 1, 13.3). */
static uint64_t legal_xcr0(struct rows_side *side)
{
	uint64_t v = (rows_random(side) & side->xcr0_max) | 1;

	if (!(v & 2))
		v &= ~(XCR0_AVX | XCR0_AVX512);
	if (!(v & XCR0_AVX) || (v & XCR0_AVX512) != XCR0_AVX512)
		v &= ~XCR0_AVX512;
	if ((v & XCR0_MPX) != XCR0_MPX)
		v &= ~XCR0_MPX;
	if (rows_random(side) & 1)
		v = side->xcr0_max;
	return v;
}

static void poison_xst(struct rows_side *side)
{
	static uint8_t area[XST_BYTES] __attribute__((aligned(64)));
	uint64_t xcr0;

	if (!side->xsave) {
		random_area(side, area, 0);
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
		return;
	}
	if (side->guest && may(side, ROW_xcr0))
		x86_xsetbv(legal_xcr0(side));
	xcr0 = x86_xgetbv(0);
	random_area(side, area, xcr0);
	__asm__ volatile("xrstor64 (%0)"
			 : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

static uint16_t data_selector(struct rows_side *side)
{
	static const uint16_t sel[] = { 0, SEL_DATA, SEL_USER, 0 };

	return sel[rows_random(side) % 4];
}

static void load_tr(uint64_t gdt, uint16_t sel)
{
	/* LTR takes an available TSS only. */
	((uint8_t *)gdt)[sel + 5] = 0x89;
	__asm__ volatile("ltr %w0" : : "r"((uint32_t)sel) : "memory");
}

static void poison_tables(struct rows_side *side)
{
	uint32_t n = rows_random(side) % 2;
	struct x86_dtr d = { GDT_LIMIT, side->gdt[n] };

	if (may(side, ROW_gdtr)) {
		d.limit = rows_random(side) & 1 ? GDT_LIMIT : 0x6f;
		x86_lgdt(&d);
		load_tr(d.base, rows_random(side) & 1 ? SEL_TSS0 : SEL_TSS1);
	}
	if (may(side, ROW_idtr)) {
		d.base = side->idt[rows_random(side) % 2];
		d.limit = rows_random(side) & 1 ? 0xfff : 0xfef;
		x86_lidt(&d);
	}
	if (may(side, ROW_ldtr))
		__asm__ volatile("lldt %w0" : :
				 "r"(rows_random(side) & 1 ? SEL_LDT : 0));
}

static void poison_segments(struct rows_side *side)
{
	uint64_t gs_base = x86_rdmsr(MSR_GS_BASE);

	if (may(side, ROW_ds)) {
		x86_set_ds(data_selector(side));
		x86_set_es(data_selector(side));
		x86_set_fs(data_selector(side));
		x86_set_gs(data_selector(side));
	}
	if (may(side, ROW_ss))
		x86_set_ss(rows_random(side) & 1 ? SEL_DATA : 0);
	/* The bases after the selectors, whose loading clears them. */
	if (may(side, ROW_fs_base))
		x86_wrmsr(MSR_FS_BASE, canonical(side));
	x86_wrmsr(MSR_GS_BASE, may(side, ROW_gs_base) ? canonical(side) :
							 gs_base);
	if (may(side, ROW_kernel_gs_base))
		x86_wrmsr(MSR_KERNEL_GS_BASE, canonical(side));
}

static void poison_debug(struct rows_side *side)
{
	if (!may(side, ROW_dr7))
		return;
	x86_set_dr7(0x400);
	x86_set_dr0(canonical(side));
	x86_set_dr1(canonical(side));
	x86_set_dr2(canonical(side));
	x86_set_dr3(canonical(side));
	x86_set_dr6(0xffff0ff0 | (rows_random(side) & 0xe00f));
	/* Enable bits and LE/GE; each one an instruction breakpoint at an
	 * address where nothing runs. */
	x86_set_dr7(0x400 | (rows_random(side) & 0x3ff));
}

/* Remember which rows can be told apart at all, from the first rounds. */
static void note_moved(struct rows_side *side, const struct rows *kept)
{
	uint64_t a, b;
	uint32_t row;

	if (side->rounds++ > 64)
		return;
	for (row = 0; side->rounds > 1 && row < ROWS; row++)
		if (rows_differ(row, &side->last, kept, &a, &b))
			side->moved[row / 64] |= 1ull << (row % 64);
	side->last = *kept;
}

void rows_poison(struct rows_side *side, struct rows *kept)
{
	rows_calm(side);
	poison_xst(side);
	poison_msrs(side);
	poison_tables(side);
	poison_segments(side);
	poison_debug(side);
	if (may(side, ROW_cr8))
		x86_set_cr8(rows_random(side) % 15);
	if (may(side, ROW_cr3) && side->cr3[1])
		x86_set_cr3(side->cr3[rows_random(side) % 2]);
	if (may(side, ROW_cr4))
		x86_set_cr4(flip(side, side->cr4_full, side->cr4_flip));
	if (may(side, ROW_cr2))
		x86_set_cr2(canonical(side));
	if (may(side, ROW_cr0))
		x86_set_cr0(flip(side, x86_cr0(), side->cr0_flip));
	rows_read(side, kept);
	note_moved(side, kept);
}

void rows_calm(struct rows_side *side)
{
	uint64_t cr0 = x86_cr0() & ~(X86_CR0_TS | side->cr0_flip);

	x86_set_cr0(cr0);
	if (x86_cr4() != side->cr4_full)
		x86_set_cr4(side->cr4_full);
	if (side->xsave && x86_xgetbv(0) != side->xcr0_max)
		x86_xsetbv(side->xcr0_max);
}

/* ---- setting up ------------------------------------------------ */

/* A copy of the running GDT with one more TSS, busy bits as they fall. */
static uint64_t copy_gdt(void *page)
{
	struct x86_dtr d;
	uint64_t *gdt = page;

	x86_sgdt(&d);
	memcpy(page, (void *)d.base,
	       d.limit + 1u < 0x80 ? d.limit + 1u : 0x80);
	gdt[SEL_TSS1 / 8] = gdt[SEL_TSS0 / 8];
	gdt[SEL_TSS1 / 8 + 1] = gdt[SEL_TSS0 / 8 + 1];
	return (uint64_t)page;
}

static uint64_t copy_idt(void *page)
{
	struct x86_dtr d;

	x86_sidt(&d);
	memcpy(page, (void *)d.base, 4096);
	return (uint64_t)page;
}

/* QEMU takes TSC_AUX on CPUs without RDTSCP and RDPID; libcvm does not. */
static int has_tsc_aux(void)
{
	return x86_cpuid(0x80000001, 0).d >> 27 & 1 ||
	       (x86_cpuid(0, 0).a >= 7 && x86_cpuid(7, 0).c >> 22 & 1);
}

static uint32_t absent_msrs(void)
{
	uint32_t absent = has_tsc_aux() ? 0 : 1u << CVM_MSR_ROW_tsc_aux;
	uint64_t v;

#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	if (rows_rdmsr(arg, &v) || rows_wrmsr(arg, v)) \
		absent |= 1u << CVM_MSR_ROW_##name;
#include "x86/rows.h"
	return absent;
}

void rows_init(struct rows_side *side, int guest, uint64_t seed,
	       struct rows_pages *pages, uint64_t cr3)
{
	uint32_t i;

	side->rng = seed * 2 + 1;
	side->guest = guest;
	side->cr4_full = x86_cr4();
	side->xsave = !!(side->cr4_full & X86_CR4_OSXSAVE);
	side->xcr0_max = side->xsave ? x86_xgetbv(0) : 0;
	side->xst_bytes = side->xsave ? (x86_cpuid(0xd, 0).b + 63) & ~63u : 576;
	if (side->xst_bytes > XST_BYTES)
		side->xst_bytes = XST_BYTES;
	side->cr4_flip = CR4_MAY_FLIP & side->cr4_full;
	side->cr4_flip |= X86_CR4_TSD | X86_CR4_PCE;
	side->cr0_flip = X86_CR0_AM | X86_CR0_MP;
	if (guest) {
		/* A host runs with TS clear and OSXSAVE set. */
		side->cr0_flip |= X86_CR0_TS;
		side->cr4_flip |= side->cr4_full & X86_CR4_OSXSAVE;
		/* The guest has no task priority of its own. */
		side->skip[ROW_cr8 / 64] |= 1ull << (ROW_cr8 % 64);
	}
	for (i = 0; i < 2; i++) {
		side->gdt[i] = copy_gdt(pages->gdt[i]);
		side->idt[i] = copy_idt(pages->idt[i]);
	}
	side->cr3[0] = x86_cr3();
	side->cr3[1] = cr3 | (side->cr4_full & X86_CR4_PCIDE ? 2 : 0);
	side->msr_absent = absent_msrs();
}
