/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.h - read, poison and compare every row of the CPU-state table.
 *
 * Compiled into both worlds.  Readers are this file's own, not libcvm's, so
 * that a wrong reader there cannot hide a wrong switch; the list of rows is
 * libcvm's, so that a row without a poison does not compile.
 */
#ifndef RING0_ROWS_H
#define RING0_ROWS_H

#include "x86/passage.h"

/* Every row has a number, in the table's order. */
enum {
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_XST(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_OFF(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_EQL(name, arg, when, hazard, sdm, apm)	ROW_##name,
#define CVM_ROW_REF(name, arg, when, hazard, sdm, apm)	ROW_##name,
#include "x86/rows.h"
	ROWS
};

_Static_assert(ROWS <= 128, "rows fit two words");

#define XST_BYTES	8192u

/* A snapshot. */
struct rows {
	struct cvm_cpu_state s;
	uint32_t xst_bytes;
	uint8_t xst[XST_BYTES] __attribute__((aligned(64)));
};

/* What a side may be poisoned with; filled by rows_init(). */
struct rows_side {
	uint64_t rng;
	int guest;
	int xsave;		/* CR4.OSXSAVE possible */
	uint64_t xcr0_max;
	uint32_t xst_bytes;	/* of the area that this CPU uses */
	uint64_t cr0_flip, cr4_flip;	/* bits that may change */
	uint64_t cr4_full;	/* CR4 under which rows are read */
	uint64_t cr3[2];	/* equivalent roots; [1] may be 0 */
	uint64_t skip[2];	/* rows this side does not own */
	uint64_t keep[2];	/* rows not to be poisoned, but compared */
	uint64_t moved[2];	/* rows seen with different values */
	uint64_t gdt[2], idt[2];	/* copies; two TSSs in each GDT */
	uint32_t msr_absent;	/* bit per MSR row: faults here */
	uint64_t rounds;
	struct rows last;
};

/*
 * The running side's descriptor tables are copied into these pages.  cr3: a
 * root that means the same as the one in use, or 0.
 */
struct rows_pages {
	uint8_t gdt[2][4096], idt[2][4096];
} __attribute__((aligned(4096)));

void rows_init(struct rows_side *side, int guest, uint64_t seed,
	       struct rows_pages *pages, uint64_t cr3);

/* Give every row another legal value and read back what the CPU kept. */
void rows_poison(struct rows_side *side, struct rows *kept);

/* Read every row.  Restores CR0 and CR4 to what it found. */
void rows_read(struct rows_side *side, struct rows *now);

/* Back to a state ordinary C code can live in. */
void rows_calm(struct rows_side *side);

/* The rows that nobody may write, by row number; 0 where it faults. */
void rows_read_equal(uint64_t value[ROWS]);

/* 1 when the row differs; the two values (or pieces) to *va and *vb. */
int rows_differ(uint32_t row, const struct rows *a, const struct rows *b,
		uint64_t *va, uint64_t *vb);

/* Number of the first row of this side's that differs, ROWS if none. */
uint32_t rows_diff(const struct rows_side *side, const struct rows *want,
		   const struct rows *got, uint64_t *a, uint64_t *b);

const char *rows_name(uint32_t row);
/* "swapped", "kept equal" or "refused". */
const char *rows_class(uint32_t row);

/*
 * rows_call - call fn(arg) with patterns in the callee-saved registers and
 * the status flags; returns a mask of those that did not survive.
 */
uint64_t rows_call(int (*fn)(void *arg), void *arg, int *ret);

/* Provided by each world: RDMSR/WRMSR that report a fault as nonzero. */
int rows_rdmsr(uint32_t msr, uint64_t *value);
int rows_wrmsr(uint32_t msr, uint64_t value);

uint64_t rows_random(struct rows_side *side);

#endif /* RING0_ROWS_H */
