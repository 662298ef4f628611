/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * poison.h - the host's half of a poisoned run: every row of the CPU-state
 * table gets another value before the guest is entered, and is compared after
 * it.  The guest's half is G_MODE_ROWS.
 */
#ifndef RING0_POISON_H
#define RING0_POISON_H

#include "mini.h"
#include "rows.h"

struct g_poison {
	struct rows_side side;	/* rows_init() */
	struct rows before, after;
	uint64_t rounds;
	uint64_t bad, bad_gpr, bad_tlb;
	uint64_t first_at, first_a, first_b;	/* the first mismatch */
	uint32_t first_row;
};

/* Poison every row and remember what the CPU kept. */
void g_poison(struct g_poison *p);
/* Compare; leaves a state that C code can live in. */
void g_poison_check(struct g_poison *p);
/* The verdict about both halves, and a line a row. */
void g_poison_report(const struct g_poison *p, const struct g_ctl *ctl);

#endif /* RING0_POISON_H */
