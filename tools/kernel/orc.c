// SPDX-License-Identifier: GPL-2.0-only
/* orc.c - rows of the object in the kernel's ORC tables. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "orc.h"

#define IP_BYTES	4u	/* from where it stands to the address */
#define INT3		0xccu
#define ALIGNMENT	16u	/* of functions */

static const uint8_t undefined[ORC_BYTES];

/* Row i of a table of addresses at gva. */
static uint64_t ip_of(const uint8_t *ip, uint64_t gva, uint32_t i)
{
	uint64_t off = (uint64_t)i * IP_BYTES;
	int32_t far;

	memcpy(&far, ip + off, sizeof(far));
	return gva + off + (uint64_t)(int64_t)far;
}

/*
 * Where one section ends and the next begins there are two rows for one
 * address; the kernel takes the later one, and the end is not meant.
 */
static int by_gva(const void *a, const void *b)
{
	const struct orc_row *x = a, *y = b;
	bool x_ends = !memcmp(x->entry, undefined, ORC_BYTES);
	bool y_ends = !memcmp(y->entry, undefined, ORC_BYTES);

	if (x->gva != y->gva)
		return x->gva > y->gva ? 1 : -1;
	if (x_ends != y_ends)
		return x_ends ? -1 : 1;
	return memcmp(x->entry, y->entry, ORC_BYTES);
}

/* ---- the kernel's tables ---- */

static bool bounds(const struct image *image, const char *first,
		   const char *last, uint64_t *gva, uint64_t *bytes)
{
	uint64_t end;

	if (kallsyms_find(&image->symbols, first, gva) != KALLSYMS_ONE ||
	    kallsyms_find(&image->symbols, last, &end) != KALLSYMS_ONE ||
	    end < *gva)
		return false;
	*bytes = end - *gva;
	return true;
}

/* Leaves .rows at 0 if there are none. */
static int find_tables(struct orc *orc, const struct image *image,
		       struct problem *problem)
{
	uint64_t ip_bytes, entry_bytes;

	if (!bounds(image, "__start_orc_unwind_ip", "__stop_orc_unwind_ip",
		    &orc->ip_gva, &ip_bytes) ||
	    !bounds(image, "__start_orc_unwind", "__stop_orc_unwind",
		    &orc->entry_gva, &entry_bytes))
		return 0;
	orc->ip = image_at(image, orc->ip_gva, ip_bytes);
	orc->entry = image_at(image, orc->entry_gva, entry_bytes);
	if (!orc->ip || !orc->entry || ip_bytes / IP_BYTES > 1u << 28 ||
	    ip_bytes / IP_BYTES * ORC_BYTES != entry_bytes)
		return problem_set(problem, image->path, "its ORC tables are "
				   "of another shape than is known here");
	orc->rows = (uint32_t)(ip_bytes / IP_BYTES);
	return 0;
}

static struct orc_row row_at(const struct orc *orc, uint32_t i)
{
	struct orc_row row = { .gva = ip_of(orc->ip, orc->ip_gva, i) };

	memcpy(row.entry, orc->entry + (uint64_t)i * ORC_BYTES, ORC_BYTES);
	return row;
}

/* The first row above gva; the tables are sorted when a kernel is linked. */
static uint32_t first_above(const struct orc *orc, uint64_t gva)
{
	uint32_t low = 0, high = orc->rows, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (ip_of(orc->ip, orc->ip_gva, mid) <= gva)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * What an assembler or a linker fills a gap with: int3, or a nop of one to
 * eleven bytes (SDM vol. 2B, "NOP", and prefixes).  Its length, or 0.
 */
static uint64_t filler(const uint8_t *code, uint64_t bytes)
{
	/* Of 0f 1f /0, by mod and whether there is a SIB byte. */
	static const uint8_t longs[4][2] = {
		{ 3, 4 }, { 4, 5 }, { 7, 8 }, { 0, 0 } };
	uint64_t n = 0, more;

	if (code[0] == INT3)
		return 1;
	while (n < bytes && (code[n] == 0x66 || code[n] == 0x2e))
		n++;
	if (n < bytes && code[n] == 0x90)
		return n + 1;
	if (bytes - n < 3 || code[n] != 0x0f || code[n + 1] != 0x1f ||
	    code[n + 2] & 0x38)
		return 0;
	more = longs[code[n + 2] >> 6][(code[n + 2] & 7) == 4];
	return more && more <= bytes - n ? n + more : 0;
}

/*
 * Does row i tell of nothing but padding?  Not of so much that call thunks
 * could be patched into it, which are run.
 */
static bool is_padding(const struct orc *orc, const struct image *image,
		       uint32_t i)
{
	const struct orc_row row = row_at(orc, i);
	const uint8_t *code;
	uint64_t bytes, n;

	if (i + 1 >= orc->rows || memcmp(row.entry, undefined, ORC_BYTES))
		return false;
	bytes = ip_of(orc->ip, orc->ip_gva, i + 1) - row.gva;
	code = bytes && bytes < ALIGNMENT ? image_at(image, row.gva, bytes) :
					    NULL;
	for (; code && bytes; code += n, bytes -= n) {
		n = filler(code, bytes);
		if (!n)
			return false;
	}
	return code != NULL;
}

/* ---- the object's rows ---- */

/* Its section as linked; NULL if it has none. */
static const uint8_t *section(const struct object *object, const char *name,
			      uint64_t *gva, uint64_t *bytes)
{
	const struct object_section *place;
	uint32_t i;

	for (i = 0; i < object->elf.sections; i++) {
		place = &object->place[i];
		if (place->group != OBJECT_DATA ||
		    strcmp(object->elf.section[i].name, name))
			continue;
		*gva = object->group[OBJECT_DATA].gva + place->off;
		*bytes = object->elf.section[i].bytes;
		return object_data(object, *gva, *bytes);
	}
	return NULL;
}

static bool in_group(const struct object *object, enum object_group_kind kind,
		     uint64_t gva)
{
	const struct object_group *group = &object->group[kind];

	return gva >= group->gva && gva - group->gva < group->bytes;
}

static void add_end(struct orc *orc, const struct image *image,
		    const struct object *object, enum object_group_kind kind)
{
	const struct object_group *group = &object->group[kind];

	if (group->bytes && group->gva >= image->text &&
	    group->gva < image->text_end)
		orc->row[orc->count++].gva = group->gva + group->bytes;
}

/* Those of text inside the kernel's; each stretch has an end. */
static int object_orc(struct orc *orc, const struct image *image,
		      const struct object *object, struct problem *problem)
{
	uint64_t ip_gva, ip_bytes = 0, gva, bytes = 0;
	const uint8_t *ip = section(object, ".orc_unwind_ip", &ip_gva,
				    &ip_bytes);
	const uint8_t *entry = section(object, ".orc_unwind", &gva, &bytes);
	uint32_t i;

	if (!ip || !entry)
		return 0;
	if (ip_bytes / IP_BYTES * ORC_BYTES != bytes)
		return problem_set(problem, object->path, "its ORC tables are "
				   "of two sizes");
	orc->row = calloc(ip_bytes / IP_BYTES + 2, sizeof(*orc->row));
	if (!orc->row)
		return problem_set(problem, image->path, "no memory");
	for (i = 0; i < ip_bytes / IP_BYTES; i++) {
		gva = ip_of(ip, ip_gva, i);
		if (gva < image->text || gva >= image->text_end ||
		    !(in_group(object, OBJECT_TEXT, gva) ||
		      in_group(object, OBJECT_ENTRY, gva)))
			continue;
		orc->row[orc->count].gva = gva;
		memcpy(orc->row[orc->count++].entry,
		       entry + (uint64_t)i * ORC_BYTES, ORC_BYTES);
	}
	if (!orc->count)
		return 0;
	add_end(orc, image, object, OBJECT_TEXT);
	add_end(orc, image, object, OBJECT_ENTRY);
	return 0;
}

/* ---- one in the other ---- */

/*
 * Rows [low, high) of the kernel's are those that change: [first, past) are
 * among ours, and of padding on both sides as many as ours are give way.
 */
static int find_room(const struct orc *orc, const struct image *image,
		     uint32_t *low, uint32_t *high, struct problem *problem)
{
	uint32_t gone = 0;

	while (gone < orc->count && *low &&
	       row_at(orc, *low - 1).gva >= image->text)
		gone += is_padding(orc, image, --*low);
	while (gone < orc->count && *high < orc->rows &&
	       row_at(orc, *high).gva < image->text_end)
		gone += is_padding(orc, image, (*high)++);
	if (gone == orc->count)
		return 0;
	return problem_set(problem, image->path, "its ORC tables have %u rows "
			   "of padding, and the platform needs %u", gone,
			   orc->count);
}

/* What the kernel keeps of them, behind ours in row. */
static int keep_rows(struct orc *orc, const struct image *image,
		     struct problem *problem)
{
	const uint32_t first = first_above(orc, orc->row[0].gva);
	const uint32_t past = first_above(orc, orc->row[orc->count - 1].gva);
	uint32_t low = first, high = past, i;
	struct orc_row *more;

	if (find_room(orc, image, &low, &high, problem))
		return -1;
	more = realloc(orc->row, ((uint64_t)orc->count + high - low) *
		       sizeof(*more));
	if (!more)
		return problem_set(problem, image->path, "no memory");
	orc->row = more;
	orc->added = orc->count;
	orc->first = low;
	for (i = low; i < high; i++)
		if ((i >= first && i < past) || !is_padding(orc, image, i))
			orc->row[orc->count++] = row_at(orc, i);
	return 0;
}

/* Of two rows for one address the kernel takes the later one: ours. */
static int merge(struct orc *orc, struct problem *problem, const char *path)
{
	const uint32_t ours = orc->added, all = orc->count;
	struct orc_row *row = calloc(all, sizeof(*row));
	uint32_t i = 0, k = ours, n = 0;

	if (!row)
		return problem_set(problem, path, "no memory");
	while (i < ours || k < all)
		if (k < all && (i == ours ||
				orc->row[k].gva <= orc->row[i].gva))
			row[n++] = orc->row[k++];
		else
			row[n++] = orc->row[i++];
	free(orc->row);
	orc->row = row;
	return 0;
}

int orc_plan(struct orc *orc, const struct image *image,
	     const struct object *object, struct problem *problem)
{
	memset(orc, 0, sizeof(*orc));
	if (find_tables(orc, image, problem))
		return -1;
	if (!orc->rows)
		return 0;
	if (object_orc(orc, image, object, problem))
		return -1;
	if (!orc->count)
		return 0;
	qsort(orc->row, orc->count, sizeof(*orc->row), by_gva);
	if (keep_rows(orc, image, problem))
		return -1;
	return merge(orc, problem, image->path);
}

void orc_lay(const struct orc *orc, const struct image *image)
{
	uint64_t slot, off;
	uint32_t i;
	int32_t far;

	for (i = 0; i < orc->count; i++) {
		off = (uint64_t)orc->first + i;
		slot = orc->ip_gva + off * IP_BYTES;
		far = (int32_t)(orc->row[i].gva - slot);
		memcpy(image_at(image, slot, IP_BYTES), &far, IP_BYTES);
		memcpy(image_at(image, orc->entry_gva + off * ORC_BYTES,
				ORC_BYTES), orc->row[i].entry, ORC_BYTES);
	}
}

void orc_free(struct orc *orc)
{
	free(orc->row);
	memset(orc, 0, sizeof(*orc));
}
