// SPDX-License-Identifier: GPL-2.0-only
/* adapt.c - make a distribution's kernel one that can be a guest, in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt.h"
#include "sites_cache.h"
#include "fields.h"

#define INT3		0xcc
#define TABLE_ALIGN	16u

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* ---- the object ---- */

/* It is for this kernel, or for all of its series. */
static int check_release(const struct adapt *a, struct problem *problem)
{
	const char *for_one = a->object.head.release;
	size_t len = strlen(for_one);
	bool series = a->object.head.flags & CVM_OBJECT_F_SERIES;

	if (!a->image.release[0] ||
	    (series ? !strncmp(a->image.release, for_one, len) &&
	     (a->image.release[len] == '.' || a->image.release[len] == '-' ||
	      !a->image.release[len]) :
	     !strcmp(a->image.release, for_one)))
		return 0;
	return problem_set(problem, a->image.path, "it is %s, and the platform "
			   "object %.200s is for %s%s", a->image.release,
			   a->object.path, series ? "the series " : "",
			   for_one);
}

static int take_object(struct adapt *a, const char *platform,
		       struct problem *problem)
{
	if (platform_open(&a->platform, &a->image, platform, problem) ||
	    object_open(&a->object, a->platform.path, a->platform.file.data,
			a->platform.file.bytes, problem) ||
	    hooks_read(&a->hooks, &a->object, problem) ||
	    check_release(a, problem))
		return -1;
	return fields_check(&a->image, &a->object, problem);
}

/* ---- sites ---- */

static int take_sites(struct adapt *a, enum adapt_how how,
		      struct problem *problem)
{
	const struct sites_hooks hooks = { hooks_of, &a->hooks };
	struct sites_key key;

	if (how == ADAPT_SWIFTLY) {
		sites_key(&key, &a->image, &a->object);
		a->table = sites_cache_read(&key, &a->image, &a->rows);
	}
	if (a->table)
		return 0;
	if (sites_find(&a->sites, &a->image, &hooks, problem) ||
	    sites_refusal(&a->sites, a->image.path, problem))
		return -1;
	a->rows = a->sites.int3s;
	a->table = sites_table(&a->sites);
	if (!a->table)
		return problem_set(problem, a->image.path, "no memory");
	if (how == ADAPT_SWIFTLY)
		sites_cache_write(&key, a->table, a->rows);
	return 0;
}

/* ---- places ---- */

static void need(struct place *place, const struct object_group *group,
		 uint64_t more)
{
	place->align = group->align;
	place->need = group->bytes + more;
}

static uint64_t table_off(const struct adapt *a)
{
	return round_up(a->object.group[OBJECT_DATA].bytes, TABLE_ALIGN);
}

static int take_places(struct adapt *a, struct problem *problem)
{
	struct object_group *group = a->object.group;
	struct places *places = &a->places;
	uint64_t text = round_up(group[OBJECT_TEXT].bytes, TABLE_ALIGN);

	need(&places->text, &group[OBJECT_TEXT],
	     text - group[OBJECT_TEXT].bytes + hooks_text_room(&a->hooks));
	need(&places->data, &group[OBJECT_DATA], table_off(a) -
	     group[OBJECT_DATA].bytes + a->rows * sizeof(struct cvm_site));
	need(&places->percpu, &group[OBJECT_PERCPU], 0);
	need(&places->entry, &group[OBJECT_ENTRY], 0);
	if (places_find(places, &a->image, problem))
		return -1;
	group[OBJECT_TEXT].gva = places->text.gva;
	group[OBJECT_DATA].gva = places->data.gva;
	group[OBJECT_PERCPU].gva = places->percpu.gva;
	group[OBJECT_ENTRY].gva = places->entry.gva;
	a->hooks.text.gva = places->text.gva + text;
	return 0;
}

static int link_object(struct adapt *a, struct problem *problem)
{
	const uint64_t table = a->places.data.gva + table_off(a);
	const struct object_extra extra = {
		.site_table = table,
		.site_table_end = table + a->rows * sizeof(struct cvm_site),
		.text_begin = a->places.text_begin,
		.text_end = a->places.text_end,
		.data_begin = a->places.data_begin,
		.data_end = a->places.data_end,
	};

	return object_link(&a->object, &a->image, &extra, problem);
}

/* ---- what is changed ---- */

static int by_gva(const void *a, const void *b)
{
	const struct image_change *x = a, *y = b;

	return (x->gva > y->gva) - (x->gva < y->gva);
}

static void add_hook(struct adapt *a, const struct hook *hook)
{
	if (hook->bytes)
		a->change[a->changes++] = (struct image_change){
			.gva = hook->at, .what = hook->target,
			.bytes = hook->moved ? hook->moved : hook->bytes,
			.code = hook->code, .code_bytes = hook->bytes,
			.mcount = hook->mcount };
}

static void add_site(struct adapt *a, const struct cvm_site *site)
{
	static const uint8_t int3[] = { INT3 };

	a->change[a->changes++] = (struct image_change){
		.gva = a->image.text + site->at, .what = "site",
		.bytes = site->bytes, .code = int3, .code_bytes = 1 };
}

/* All of them, and no two at one place. */
static int list_changes(struct adapt *a, struct problem *problem)
{
	uint32_t i;

	a->change = calloc(a->hooks.count + a->rows + 1u, sizeof(*a->change));
	if (!a->change)
		return problem_set(problem, a->image.path, "no memory");
	for (i = 0; i < a->hooks.count; i++)
		add_hook(a, &a->hooks.hook[i]);
	for (i = 0; i < a->rows; i++)
		add_site(a, &a->table[i]);
	qsort(a->change, a->changes, sizeof(*a->change), by_gva);
	for (i = 1; i < a->changes; i++)
		if (a->change[i - 1].gva + a->change[i - 1].bytes >
		    a->change[i].gva)
			return problem_set(problem, a->image.path, "in its "
					   "%.80s two changes meet (%.80s, "
					   "%.80s)",
					   image_function(&a->image,
							  a->change[i].gva),
					   a->change[i - 1].what,
					   a->change[i].what);
	return 0;
}

static void put_group(struct adapt *a, enum object_group_kind kind)
{
	const struct object_group *group = &a->object.group[kind];

	if (group->bytes)
		memcpy(image_grow(&a->image, group->gva, group->bytes),
		       group->data, group->bytes);
}

/* Nothing here can fail: every place was found to be there. */
static void change(struct adapt *a)
{
	const struct hook_text *text = &a->hooks.text;
	uint64_t bytes = a->rows * sizeof(struct cvm_site);
	uint32_t i;

	hooks_lay(&a->hooks, &a->image, &a->object);
	orc_lay(&a->orc, &a->image);
	for (i = 0; i < a->rows; i++)
		*image_at(&a->image, a->image.text + a->table[i].at, 1) = INT3;
	put_group(a, OBJECT_TEXT);
	put_group(a, OBJECT_DATA);
	put_group(a, OBJECT_PERCPU);
	put_group(a, OBJECT_ENTRY);
	if (text->bytes)
		memcpy(image_grow(&a->image, text->gva, text->bytes),
		       text->data, text->bytes);
	if (bytes)
		memcpy(image_grow(&a->image, a->places.data.gva + table_off(a),
				  bytes), a->table, bytes);
}

int adapt(struct adapt *a, const char *path, const void *elf, uint64_t bytes,
	  const char *platform, enum adapt_how how, struct problem *problem)
{
	const struct object_group *note = &a->object.group[OBJECT_NOTE];

	memset(a, 0, sizeof(*a));
	file_init(&a->platform.file);
	if (image_open(&a->image, path, elf, bytes, problem) ||
	    refuse_image(&a->image, problem))
		return -1;
	a->step = ADAPT_OBJECT;
	if (take_object(a, platform, problem))
		return -1;
	a->step = ADAPT_SITES;
	if (take_sites(a, how, problem))
		return -1;
	a->step = ADAPT_PLACES;
	if (take_places(a, problem))
		return -1;
	a->step = ADAPT_LINK;
	if (link_object(a, problem))
		return -1;
	a->step = ADAPT_HOOKS;
	if (hooks_plan(&a->hooks, &a->image, &a->object, a->table, a->rows,
		       problem) ||
	    orc_plan(&a->orc, &a->image, &a->object, problem) ||
	    list_changes(a, problem) ||
	    audit_image(&a->audit, &a->image, a->change, a->changes,
			problem) ||
	    audit_refusal(&a->audit, &a->image, problem) ||
	    image_finish(&a->image, note->data, note->bytes, problem))
		return -1;
	change(a);
	/* Segments have grown. */
	image_finish(&a->image, note->data, note->bytes, problem);
	a->step = ADAPT_DONE;
	return 0;
}

void adapt_close(struct adapt *a)
{
	audit_free(&a->audit);
	orc_free(&a->orc);
	free(a->change);
	free(a->table);
	sites_free(&a->sites);
	hooks_free(&a->hooks);
	object_close(&a->object);
	platform_close(&a->platform);
	image_close(&a->image);
}
