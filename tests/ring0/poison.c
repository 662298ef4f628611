/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * poison.c - see poison.h.
 */
#include "poison.h"

#include "bare.h"

int rows_rdmsr(uint32_t msr, uint64_t *value)
{
	return bare_rdmsr_safe(msr, value);
}

int rows_wrmsr(uint32_t msr, uint64_t value)
{
	return bare_wrmsr_safe(msr, value);
}

void g_poison(struct g_poison *p)
{
	rows_poison(&p->side, &p->before);
}

void g_poison_check(struct g_poison *p)
{
	uint64_t a = 0, b = 0;
	uint32_t row;

	rows_read(&p->side, &p->after);
	rows_calm(&p->side);
	row = rows_diff(&p->side, &p->before, &p->after, &a, &b);
	if (row != ROWS && !p->bad++) {
		p->first_row = row;
		p->first_at = p->rounds;
		p->first_a = a;
		p->first_b = b;
	}
	if (g_tlb_check())
		p->bad_tlb++;
	p->rounds++;
}

static void report_rows(const struct g_poison *p, const struct g_ctl *c)
{
	uint32_t row, both = 0;

	for (row = 0; row < ROWS; row++) {
		int in_host = p->side.moved[row / 64] >> (row % 64) & 1;
		int in_guest = c->moved[row / 64] >> (row % 64) & 1;

		if (rows_class(row)[0] != 's') {
			bare_printf("ROW %s: %s\n", rows_name(row),
				    rows_class(row));
			continue;
		}
		bare_printf("ROW %s: poisoned in %s\n", rows_name(row),
			    in_host && in_guest ? "host and guest" :
			    in_host ? "host" : in_guest ? "guest" :
			    "neither");
		both += in_host && in_guest;
		if (!in_host && !in_guest && row != ROW_rsp &&
		    row != ROW_sel_pad)
			bare_skip("row %s: no side had another value there",
				  rows_name(row));
	}
	bare_report(both >= 20, "%u rows poisoned on both sides", both);
}

static void report_guest(const struct g_ctl *c)
{
	bare_report(!c->bad, "guest: every row survived (%llu mismatches)",
		    (unsigned long long)c->bad);
	if (c->bad)
		bare_printf("  first: switch %llu, row %s, was %llx, is %llx\n",
			    (unsigned long long)c->bad_at,
			    rows_name((uint32_t)c->bad_row),
			    (unsigned long long)c->bad_want,
			    (unsigned long long)c->bad_got);
	bare_report(!c->bad_gpr, "guest: callee-saved registers and flags");
	bare_report(!c->bad_tlb, "guest: no stale translation (%llu)",
		    (unsigned long long)c->bad_tlb);
}

static void report_host(const struct g_poison *p)
{
	bare_report(!p->bad, "host: every row survived (%llu mismatches)",
		    (unsigned long long)p->bad);
	if (p->bad)
		bare_printf("  first: slice %llu, row %s, was %llx, is %llx\n",
			    (unsigned long long)p->first_at,
			    rows_name(p->first_row),
			    (unsigned long long)p->first_a,
			    (unsigned long long)p->first_b);
	bare_report(!p->bad_gpr, "host: callee-saved registers and flags");
	bare_report(!p->bad_tlb, "host: no stale translation (%llu)",
		    (unsigned long long)p->bad_tlb);
}

void g_poison_report(const struct g_poison *p, const struct g_ctl *ctl)
{
	report_guest(ctl);
	report_host(p);
	report_rows(p, ctl);
}
