// SPDX-License-Identifier: GPL-2.0-only
/* places.c - where in a kernel that was linked before there is room. */
#include <string.h>

#include "places.h"

#define PAGE		4096u
#define LARGE_PAGE	0x200000u
#define INT3		0xcc
#define NOWHERE		UINT64_MAX

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static bool is_padding(const uint8_t *at, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes; i++)
		if (at[i] && at[i] != INT3)
			return false;
	return true;
}

static bool is_zero(const uint8_t *at, uint64_t bytes)
{
	return !bytes || (!at[0] && !memcmp(at, at + 1, bytes - 1));
}

static int no_room(const struct image *image, const char *what,
		   const struct place *place, struct problem *problem)
{
	return problem_set(problem, image->path, "no room for %llu bytes of "
			   "%s (the largest place has %llu)",
			   (unsigned long long)place->need, what,
			   (unsigned long long)place->room);
}

/* ---- text ---- */

static void offer(struct place *place, uint64_t from, uint64_t to,
		  const char *what)
{
	from = round_up(from, PAGE);
	to &= ~(uint64_t)(PAGE - 1);
	if (to <= from || to - from <= place->room)
		return;
	place->gva = from;
	place->room = to - from;
	place->what = what;
}

/* The gap behind .text, which is of its segment, is padding alone. */
static void offer_gap(struct place *place, const struct image *image)
{
	uint64_t from = round_up(image->text_end, PAGE), to = 0;
	const uint8_t *at;

	if (kallsyms_find(&image->symbols, "__start_rodata", &to) !=
	    KALLSYMS_ONE || to <= from)
		return;
	at = image_at(image, from, to - from);
	if (at && is_padding(at, to - from))
		offer(place, from, to, "gap behind .text");
}

/*
 * Padding in .text, whole pages of it.  Rather not in the entry code's 2 MiB:
 * user mode's page tables map those.
 */
static void offer_padding(struct place *place, const struct image *image,
			  uint64_t entry_large)
{
	uint64_t bytes = image->text_end - image->text, at, begin;
	const uint8_t *text = image_at(image, image->text, bytes);

	for (at = 0; text && at + PAGE <= bytes; at += PAGE) {
		for (begin = at; at + PAGE <= bytes &&
		     is_padding(text + at, PAGE); at += PAGE)
			if (((image->text + at) & ~(LARGE_PAGE - 1ull)) ==
			    entry_large)
				break;
		offer(place, image->text + begin, image->text + at,
		      "padding in .text");
	}
}

static int find_text(struct places *places, const struct image *image,
		     uint64_t entry_end, struct problem *problem)
{
	struct place *text = &places->text;

	offer_gap(text, image);
	if (text->room < text->need)
		offer_padding(text, image,
			      (entry_end - 1) & ~(LARGE_PAGE - 1ull));
	if (text->room < text->need)
		offer_padding(text, image, NOWHERE);
	if (text->room < text->need)
		return no_room(image, "the platform's text", text, problem);
	places->text_begin = text->gva;
	places->text_end = round_up(text->gva + text->need, PAGE);
	return 0;
}

/*
 * Behind the kernel's own entry text, in the same large page: page-table
 * isolation maps that for user mode, as one.  In front of the platform's text
 * if that is what is there.
 */
static int find_entry(struct places *places, const struct image *image,
		      uint64_t entry_end, struct problem *problem)
{
	struct place *entry = &places->entry, *text = &places->text;
	uint64_t limit = round_up(entry_end, LARGE_PAGE);
	const uint8_t *at;

	entry->what = "behind .entry.text";
	entry->gva = round_up(entry_end, entry->align);
	if (!entry->need)
		return 0;
	if (entry->gva < text->gva && limit > text->gva &&
	    entry->gva + entry->need > text->gva) {
		entry->gva = text->gva;
		text->gva = round_up(entry->gva + entry->need, PAGE);
		text->room -= text->gva - entry->gva;
		places->text_end = round_up(text->gva + text->need, PAGE);
		if (text->room < text->need)
			return no_room(image, "the platform's text", text,
				       problem);
	}
	entry->room = limit > entry->gva ? limit - entry->gva : 0;
	at = image_at(image, entry->gva, entry->need);
	if (entry->room < entry->need || !at || !is_padding(at, entry->need))
		return no_room(image, "entry code", entry, problem);
	return 0;
}

/* ---- data ---- */

static int find_data(struct places *places, const struct image *image,
		     struct problem *problem)
{
	struct place *data = &places->data;
	uint64_t from = image_symbol(image, "__end_rodata", problem);
	uint64_t to = from ? image_symbol(image, "_sdata", problem) : 0;
	const uint8_t *at;

	if (!from || !to)
		return -1;
	from = round_up(from, PAGE);
	data->what = "gap behind .rodata";
	data->gva = from;
	data->room = to > from ? to - from : 0;
	at = image_room(image, from, data->need);
	if (data->room < data->need || !at || !is_zero(at, data->need))
		return no_room(image, "the platform's data", data, problem);
	places->data_begin = from;
	places->data_end = round_up(from + data->need, PAGE);
	return 0;
}

/* Xen's buffer of multicalls; counters, which are the host's. */
static int find_percpu(struct places *places, const struct image *image,
		       struct problem *problem)
{
	static const char *const unused[] = { "mc_buffer", "cpu_hw_events" };
	struct place *place = &places->percpu;
	uint64_t from, to, most = 0;
	const uint8_t *at;
	size_t i;

	for (i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		if (kallsyms_find(&image->symbols, unused[i], &from) !=
		    KALLSYMS_ONE)
			continue;
		to = kallsyms_after(&image->symbols, from);
		from = round_up(from, place->align);
		if (to <= from || to - from > LARGE_PAGE)
			continue;
		at = image_at(image, from, to - from);
		if (!at || !is_zero(at, to - from))
			continue;
		most = to - from > most ? to - from : most;
		place->gva = from;
		place->room = to - from;
		place->what = unused[i];
		if (place->room >= place->need)
			return 0;
	}
	place->room = most;
	return no_room(image, "per-CPU data", place, problem);
}

int places_find(struct places *places, const struct image *image,
		struct problem *problem)
{
	uint64_t entry_end = image_symbol(image, "__entry_text_end", problem);

	if (!entry_end)
		return -1;
	if (find_text(places, image, entry_end, problem) ||
	    find_entry(places, image, entry_end, problem) ||
	    find_data(places, image, problem))
		return -1;
	return find_percpu(places, image, problem);
}
