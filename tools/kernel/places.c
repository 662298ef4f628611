// SPDX-License-Identifier: GPL-2.0-only
/* places.c - where in a kernel that was linked before there is room. */
#include <string.h>

#include "places.h"

#define PAGE		4096u
#define LARGE_PAGE	0x200000u
#define INT3		0xcc

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
		   uint64_t bytes, uint64_t room, struct problem *problem)
{
	return problem_set(problem, image->path, "no room for %llu bytes of "
			   "%s (the largest place has %llu)",
			   (unsigned long long)bytes, what,
			   (unsigned long long)room);
}

/* ---- text and data ---- */

/* Whole pages of nothing, from one symbol to another. */
static void find_gap(struct place *gap, const struct image *image,
		     uint64_t from, uint64_t to, const char *what,
		     bool (*nothing)(const uint8_t *at, uint64_t bytes))
{
	const uint8_t *at;

	gap->gva = round_up(from, PAGE);
	gap->what = what;
	to &= ~(uint64_t)(PAGE - 1);
	if (to <= gap->gva)
		return;
	at = image_room(image, gap->gva, to - gap->gva);
	if (at && nothing(at, to - gap->gva))
		gap->room = to - gap->gva;
}

/*
 * Text behind the kernel's, or in front of the data.  Not in padding of .text:
 * the unwinder has tables of its own for all of that.
 */
static int find_text_and_data(struct places *places, const struct image *image,
			      struct problem *problem)
{
	uint64_t rodata = image_symbol(image, "__start_rodata", problem);
	uint64_t from = image_symbol(image, "__end_rodata", problem);
	uint64_t to = image_symbol(image, "_sdata", problem);
	struct place *text = &places->text, *data = &places->data;
	uint64_t pages = round_up(text->need, PAGE);

	if (!rodata || !from || !to)
		return -1;
	find_gap(text, image, image->text_end, rodata, "gap behind .text",
		 is_padding);
	find_gap(data, image, from, to, "gap behind .rodata", is_zero);
	if (text->room < text->need) {
		if (data->room < pages || data->room - pages < data->need)
			return no_room(image, "the platform's text and data",
				       pages + data->need, data->room,
				       problem);
		*text = (struct place){
			.gva = data->gva, .need = text->need,
			.align = text->align, .room = pages,
			.what = data->what,
		};
		data->gva += pages;
		data->room -= pages;
	}
	if (data->room < data->need)
		return no_room(image, "the platform's data", data->need,
			       data->room, problem);
	places->text_begin = text->gva;
	places->text_end = text->gva + pages;
	places->data_begin = data->gva;
	places->data_end = round_up(data->gva + data->need, PAGE);
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
			return no_room(image, "the platform's text",
				       text->need, text->room, problem);
	}
	entry->room = limit > entry->gva ? limit - entry->gva : 0;
	at = image_at(image, entry->gva, entry->need);
	if (entry->room < entry->need || !at || !is_padding(at, entry->need))
		return no_room(image, "entry code", entry->need, entry->room,
			       problem);
	return 0;
}

/* ---- per-CPU data ---- */

/* The longest run of zeroes of [from, from + bytes), aligned. */
static void longest_zeroes(struct place *place, const uint8_t *at,
			   uint64_t from, uint64_t bytes, const char *what)
{
	uint64_t i, begin = 0, gva;

	for (i = 0; i <= bytes; i++) {
		if (i < bytes && !at[i])
			continue;
		gva = round_up(from + begin, place->align);
		if (from + i > gva && from + i - gva > place->room) {
			place->gva = gva;
			place->room = from + i - gva;
			place->what = what;
		}
		begin = i + 1;
	}
}

/* Xen's buffer of multicalls; counters, which are the host's. */
static int find_percpu(struct places *places, const struct image *image,
		       struct problem *problem)
{
	static const char *const unused[] = { "mc_buffer", "cpu_hw_events" };
	struct place *place = &places->percpu;
	uint64_t from, to;
	const uint8_t *at;
	size_t i;

	for (i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		if (kallsyms_find(&image->symbols, unused[i], &from) !=
		    KALLSYMS_ONE)
			continue;
		to = kallsyms_after(&image->symbols, from);
		if (to <= from || to - from > LARGE_PAGE)
			continue;
		at = image_at(image, from, to - from);
		if (at)
			longest_zeroes(place, at, from, to - from, unused[i]);
		if (place->room >= place->need)
			return 0;
	}
	return no_room(image, "per-CPU data", place->need, place->room,
		       problem);
}

int places_find(struct places *places, const struct image *image,
		struct problem *problem)
{
	uint64_t entry_end = image_symbol(image, "__entry_text_end", problem);

	if (!entry_end)
		return -1;
	if (find_text_and_data(places, image, problem) ||
	    find_entry(places, image, entry_end, problem))
		return -1;
	return find_percpu(places, image, problem);
}
