/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * count.c - what the driver holds, and what it may be refused.
 *
 * Every kind of thing that a driver can take is counted when it is taken and
 * when it comes back.  Every call that may fail by its contract is counted
 * too, and the nth of them fails.
 */
#include "bed.h"
#include "ke.h"

#define FALLIBLE	32

struct bed_count bed_counts[BED_KINDS];
uint64_t bed_fail_at, bed_fail_calls;

static struct fallible {
	const char *name;
	uint64_t calls, failed;
} fallible[FALLIBLE];

/* ---- taken and returned ---------------------------------------------- */

const char *bed_kind(uint32_t kind)
{
	static const char *const name[] = {
#define BED_COUNTER(kind) #kind,
		BED_COUNTERS(BED_COUNTER)
#undef BED_COUNTER
	};

	return kind < BED_KINDS ? name[kind] : "nothing";
}

void bed_take(uint32_t kind, uint64_t n)
{
	uint64_t flags = bed_lock();

	bed_counts[kind].taken += n;
	bed_unlock(flags);
}

void bed_give(uint32_t kind, uint64_t n)
{
	uint64_t flags = bed_lock();

	bed_counts[kind].returned += n;
	bed_unlock(flags);
}

int64_t bed_held(uint32_t kind)
{
	return (int64_t)(bed_counts[kind].taken - bed_counts[kind].returned);
}

int bed_counters_zero(const char *when)
{
	int zero = 1;
	uint32_t i;

	for (i = 0; i < BED_KINDS; i++) {
		if (!bed_held(i))
			continue;
		bare_printf("%s: %lld %s left\n", when,
			    (long long)bed_held(i), bed_kind(i));
		zero = 0;
	}
	return zero;
}

void bed_counters_forget(void)
{
	uint32_t i;

	for (i = 0; i < BED_KINDS; i++)
		bed_counts[i].returned = bed_counts[i].taken;
}

/* bare_printf() knows no widths. */
static void column(uint64_t n)
{
	uint64_t limit;

	for (limit = 10; limit < 10000000000000ull; limit *= 10)
		if (n < limit)
			bare_puts(" ");
	bare_printf("%llu", (unsigned long long)n);
}

static void name_column(const char *name)
{
	size_t i;

	bare_puts(name);
	for (i = strlen(name); i < 40; i++)
		bare_puts(" ");
}

void bed_counters_table(void)
{
	uint32_t i;

	name_column("TABLE what");
	bare_puts("         taken      returned          left\n");
	for (i = 0; i < BED_KINDS; i++) {
		bare_puts("TABLE ");
		name_column(bed_kind(i));
		column(bed_counts[i].taken);
		column(bed_counts[i].returned);
		column((uint64_t)bed_held(i));
		bare_puts("\n");
	}
}

/* ---- refused --------------------------------------------------------- */

static struct fallible *find(const char *name)
{
	struct fallible *f;

	for (f = fallible; f < fallible + FALLIBLE; f++) {
		if (f->name && strlen(f->name) == strlen(name) &&
		    !strncmp(f->name, name, strlen(name)))
			return f;
		if (f->name)
			continue;
		f->name = name;
		return f;
	}
	bare_panic("no room to count calls of %s", name);
}

int bed_fails(const char *name)
{
	struct fallible *f;
	uint64_t flags;
	int now;

	if (!bed_may_fail(name))
		bare_panic("%s fails, but exports.c says that it cannot",
			   name);
	flags = bed_lock();
	f = find(name);
	f->calls++;
	now = ++bed_fail_calls == bed_fail_at;
	f->failed += (uint64_t)now;
	bed_unlock(flags);
	return now;
}

void bed_fail_table(void)
{
	const struct fallible *f;
	uint32_t i = 0;
	const char *name;

	name_column("TABLE may fail");
	bare_puts("         calls        failed\n");
	while ((name = bed_next_fallible(&i)) != NULL) {
		f = find(name);
		bare_puts("TABLE ");
		name_column(name);
		column(f->calls);
		column(f->failed);
		bare_puts("\n");
	}
}
