// SPDX-License-Identifier: GPL-2.0-only
/*
 * btf.c - types of a kernel, from its .BTF section.
 *
 * Formats are those of "BPF Type Format (BTF)", Documentation/bpf/btf.rst of
 * Linux.  Every reference and every name was checked when btf_read() ends; a
 * chain of types may still be a ring, so each walk counts its steps.
 */
#include <stdlib.h>
#include <string.h>

#include "btf.h"
#include "btf_type.h"

#define BTF_MAGIC	0xeb9fu
#define BTF_VERSION	1u
#define BTF_HEADER	24u
/* Structures without a name that one member is looked for in. */
#define BTF_INNER	256u

struct btf_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	uint32_t type_off, type_len;	/* from the header's end */
	uint32_t str_off, str_len;
};

/* What follows struct btf_type: for each of vlen, and at all. */
static const struct {
	uint8_t each, fixed;
} extra[BTF_KINDS] = {
	[BTF_INT] = { 0, 4 },
	[BTF_ARRAY] = { 0, sizeof(struct btf_array) },
	[BTF_STRUCT] = { sizeof(struct btf_member), 0 },
	[BTF_UNION] = { sizeof(struct btf_member), 0 },
	[BTF_ENUM] = { sizeof(struct btf_enum), 0 },
	[BTF_FUNC_PROTO] = { sizeof(struct btf_param), 0 },
	[BTF_VAR] = { 0, 4 },
	[BTF_DATASEC] = { 12, 0 },
	[BTF_DECL_TAG] = { 0, 4 },
	[BTF_ENUM64] = { sizeof(struct btf_enum64), 0 },
};

static uint32_t slot_of(const struct btf *btf, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return (hash ^ hash >> 16) & btf->hash_mask;
}

static int damaged(struct problem *problem, const char *thing, const char *what)
{
	return problem_set(problem, thing,
			   "its type information (.BTF) is damaged: %s", what);
}

/* ---- reading ------------------------------------------------------------- */

static uint64_t bytes_of(const struct btf_type *type)
{
	uint32_t kind = btf_kind(type);

	return sizeof(*type) + extra[kind].fixed +
	       (uint64_t)btf_vlen(type) * extra[kind].each;
}

/* One look to count, another to remember; the second cannot fail. */
static uint32_t walk_types(const uint8_t *data, uint32_t bytes, uint32_t *at)
{
	uint32_t off = 0, count = 1;

	while (bytes - off >= sizeof(struct btf_type)) {
		const struct btf_type *type = (const void *)(data + off);

		if (btf_kind(type) >= BTF_KINDS || !btf_kind(type) ||
		    bytes_of(type) > bytes - off)
			return 0;
		if (at)
			at[count] = off;
		count++;
		off += (uint32_t)bytes_of(type);
	}
	return off == bytes ? count : 0;
}

static bool refers(const struct btf *btf, uint32_t name, uint32_t type)
{
	return name < btf->string_bytes && type < btf->types;
}

static bool members_good(const struct btf *btf, const struct btf_type *type)
{
	const struct btf_member *member = btf_members(type);
	const struct btf_param *param = btf_params(type);
	const struct btf_enum64 *big = btf_enums64(type);
	const struct btf_enum *small = btf_enums(type);
	uint32_t i, n = btf_vlen(type);

	for (i = 0; i < n; i++) {
		bool good = true;

		switch (btf_kind(type)) {
		case BTF_STRUCT:
		case BTF_UNION:
			good = refers(btf, member[i].name, member[i].type);
			break;
		case BTF_FUNC_PROTO:
			good = refers(btf, param[i].name, param[i].type);
			break;
		case BTF_ENUM:
			good = refers(btf, small[i].name, 0);
			break;
		case BTF_ENUM64:
			good = refers(btf, big[i].name, 0);
			break;
		default:
			break;
		}
		if (!good)
			return false;
	}
	return true;
}

static bool type_good(const struct btf *btf, const struct btf_type *type)
{
	const struct btf_array *array;

	if (!refers(btf, type->name, btf_refers(type) ? type->type : 0))
		return false;
	if (btf_kind(type) != BTF_ARRAY)
		return members_good(btf, type);
	array = btf_array(type);
	return refers(btf, 0, array->type) && refers(btf, 0, array->index);
}

static int check_types(const struct btf *btf, const char *thing,
		       struct problem *problem)
{
	uint32_t i;

	for (i = 1; i < btf->types; i++)
		if (!type_good(btf, btf_type(btf, i)))
			return damaged(problem, thing,
				       "a type leads out of it");
	return 0;
}

static void hash_types(struct btf *btf)
{
	uint32_t i, slot;

	for (i = 1; i < btf->types; i++) {
		slot = slot_of(btf, btf_name(btf, btf_type(btf, i)->name));
		btf->next[i] = btf->hash[slot];
		btf->hash[slot] = i;
	}
}

static int index_types(struct btf *btf, uint32_t bytes, const char *thing,
		       struct problem *problem)
{
	uint32_t size = 4;

	btf->types = walk_types(btf->data, bytes, NULL);
	if (!btf->types)
		return damaged(problem, thing, "a type of no known kind");
	while (size < btf->types * 2)
		size *= 2;
	btf->hash_mask = size - 1;
	btf->at = calloc(btf->types, sizeof(*btf->at));
	btf->next = calloc(btf->types, sizeof(*btf->next));
	btf->hash = calloc(size, sizeof(*btf->hash));
	if (!btf->at || !btf->next || !btf->hash)
		return problem_set(problem, thing, "out of memory");
	walk_types(btf->data, bytes, btf->at);
	if (check_types(btf, thing, problem))
		return -1;
	hash_types(btf);
	return 0;
}

static int read_section(struct btf *btf, const uint8_t *section, uint64_t bytes,
			const char *thing, struct problem *problem)
{
	struct btf_header h;
	uint64_t room;

	if (bytes < BTF_HEADER || bytes > UINT32_MAX)
		return damaged(problem, thing, "truncated");
	memcpy(&h, section, sizeof(h));
	if (h.magic != BTF_MAGIC || h.version != BTF_VERSION)
		return problem_set(problem, thing, "its type information "
				   "(.BTF) is of an unknown version");
	if (h.hdr_len < BTF_HEADER || h.hdr_len > bytes)
		return damaged(problem, thing, "truncated");
	room = bytes - h.hdr_len;
	if (h.type_off > room || h.type_len > room - h.type_off ||
	    h.str_off > room || h.str_len > room - h.str_off)
		return damaged(problem, thing, "truncated");
	btf->data = section + h.hdr_len + h.type_off;
	btf->strings = (const char *)section + h.hdr_len + h.str_off;
	btf->string_bytes = h.str_len;
	if (!h.str_len || btf->strings[0] || btf->strings[h.str_len - 1])
		return damaged(problem, thing, "a name does not end");
	return index_types(btf, h.type_len, thing, problem);
}

int btf_read(struct btf *btf, const struct elf *elf, const char *thing,
	     struct problem *problem)
{
	const struct elf_section *section = elf_find(elf, ".BTF");

	memset(btf, 0, sizeof(*btf));
	if (!section || !section->file_bytes)
		return 0;
	return read_section(btf, elf->file + section->off, section->file_bytes,
			    thing, problem);
}

void btf_free(struct btf *btf)
{
	free(btf->at);
	free(btf->next);
	free(btf->hash);
	memset(btf, 0, sizeof(*btf));
}

/* ---- by name ------------------------------------------------------------- */

uint32_t btf_next_named(const struct btf *btf, const char *name, uint32_t type)
{
	if (!btf->types)
		return 0;
	type = type ? btf->next[type] : btf->hash[slot_of(btf, name)];
	while (type && strcmp(btf_name(btf, btf_type(btf, type)->name), name))
		type = btf->next[type];
	return type;
}

uint32_t btf_plain(const struct btf *btf, uint32_t type)
{
	unsigned int steps;

	for (steps = 0; type && steps < BTF_STEPS; steps++) {
		const struct btf_type *t = btf_type(btf, type);

		switch (btf_kind(t)) {
		case BTF_TYPEDEF:
		case BTF_VOLATILE:
		case BTF_CONST:
		case BTF_RESTRICT:
		case BTF_TYPE_TAG:
			type = t->type;
			break;
		default:
			return type;
		}
	}
	return 0;
}

/* UINT32_MAX: none, or more. */
static uint32_t size_of(const struct btf *btf, uint32_t type)
{
	uint64_t bytes = 1;
	unsigned int steps;

	for (steps = 0; steps < BTF_STEPS; steps++) {
		const struct btf_type *t;

		type = btf_plain(btf, type);
		if (!type)
			break;
		t = btf_type(btf, type);
		switch (btf_kind(t)) {
		case BTF_INT:
		case BTF_STRUCT:
		case BTF_UNION:
		case BTF_ENUM:
		case BTF_ENUM64:
		case BTF_FLOAT:
			bytes *= t->size;
			return bytes < UINT32_MAX ? (uint32_t)bytes :
						    UINT32_MAX;
		case BTF_PTR:
			bytes *= sizeof(uint64_t);
			return bytes < UINT32_MAX ? (uint32_t)bytes :
						    UINT32_MAX;
		case BTF_ARRAY:
			bytes *= btf_array(t)->elements;
			if (bytes >= UINT32_MAX)
				return UINT32_MAX;
			type = btf_array(t)->type;
			break;
		default:
			return UINT32_MAX;
		}
	}
	return UINT32_MAX;
}

/* ---- members ------------------------------------------------------------- */

struct search {
	const struct btf *btf;
	unsigned int steps;	/* left */
	uint64_t bit;
	uint32_t type;
	uint32_t bits;		/* of a bit-field, else 0 */
};

static bool is_record(const struct btf *btf, uint32_t type)
{
	uint32_t kind;

	if (!type)
		return false;
	kind = btf_kind(btf_type(btf, type));
	return kind == BTF_STRUCT || kind == BTF_UNION;
}

/* name of length len in record type, anonymous members seen through. */
static bool find_member(struct search *s, uint32_t type, const char *name,
			size_t len)
{
	const struct btf_type *t = btf_type(s->btf, type);
	const struct btf_member *m = btf_members(t);
	uint32_t i, inner;

	if (!s->steps)
		return false;
	s->steps--;
	for (i = 0; i < btf_vlen(t); i++) {
		const char *own = btf_name(s->btf, m[i].name);
		uint64_t bit = s->bit;

		s->bit = bit + btf_member_bit(t, &m[i]);
		if (strlen(own) == len && !memcmp(own, name, len)) {
			s->type = m[i].type;
			s->bits = btf_member_bits(t, &m[i]);
			return true;
		}
		inner = *own ? 0 : btf_plain(s->btf, m[i].type);
		if (is_record(s->btf, inner) &&
		    find_member(s, inner, name, len))
			return true;
		s->bit = bit;
	}
	return false;
}

static bool find_path(struct search *s, uint32_t type, const char *path)
{
	for (;;) {
		size_t len = strcspn(path, ".");

		type = btf_plain(s->btf, type);
		if (!len || !is_record(s->btf, type) ||
		    !find_member(s, type, path, len))
			return false;
		if (!path[len])
			return true;
		type = s->type;
		path += len + 1;
	}
}

/* A tag of a structure or union, or the name of a type that has none. */
static bool names_record(const struct btf *btf, uint32_t type, bool tag)
{
	if (tag)
		return is_record(btf, type);
	return btf_kind(btf_type(btf, type)) == BTF_TYPEDEF;
}

static uint32_t next_record(const struct btf *btf, const char *name,
			    uint32_t type, bool tag)
{
	do {
		type = btf_next_named(btf, name, type);
	} while (type && !names_record(btf, type, tag));
	return type;
}

uint32_t btf_next_record(const struct btf *btf, const char *name,
			 uint32_t after)
{
	bool tag = !after || is_record(btf, after);
	uint32_t type = next_record(btf, name, after, tag);

	if (type || !tag)
		return type;
	return next_record(btf, name, 0, false);
}

bool btf_in(const struct btf *btf, uint32_t type, const char *member,
	    uint32_t *offset, uint32_t *bytes)
{
	struct search s = { .btf = btf, .steps = BTF_INNER };

	if (!find_path(&s, type, member) || s.bit > UINT32_MAX)
		return false;
	*bytes = s.bits ? 0 : size_of(btf, s.type);
	*offset = (uint32_t)(s.bits ? s.bit : s.bit / 8);
	return *bytes != UINT32_MAX;
}

bool btf_bytes(const struct btf *btf, uint32_t type, uint32_t *bytes)
{
	*bytes = size_of(btf, type);
	return *bytes != UINT32_MAX;
}

/* What each type of this name has: the same, or nothing is told. */
static bool agreed(const struct btf *btf, const char *name, const char *member,
		   uint32_t *offset, uint32_t *bytes, bool tag)
{
	uint32_t type = 0, at = 0, size;
	bool found = false;

	while ((type = next_record(btf, name, type, tag))) {
		if (!(member ? btf_in(btf, type, member, &at, &size) :
			       btf_bytes(btf, type, &size)) ||
		    (found && (at != *offset || size != *bytes)))
			return false;
		*offset = at;
		*bytes = size;
		found = true;
	}
	return found;
}

bool btf_member(const struct btf *btf, const char *structure,
		const char *member, uint32_t *offset, uint32_t *bytes)
{
	return agreed(btf, structure, member, offset, bytes, true) ||
	       agreed(btf, structure, member, offset, bytes, false);
}

bool btf_size(const struct btf *btf, const char *structure, uint32_t *bytes)
{
	uint32_t offset;

	return agreed(btf, structure, NULL, &offset, bytes, true) ||
	       agreed(btf, structure, NULL, &offset, bytes, false);
}

/* ---- enumerators --------------------------------------------------------- */

static bool enumerator_in(const struct btf *btf, const struct btf_type *t,
			  const char *name, int64_t *value)
{
	const struct btf_enum64 *big = btf_enums64(t);
	const struct btf_enum *small = btf_enums(t);
	bool wide = btf_kind(t) == BTF_ENUM64;
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		if (strcmp(btf_name(btf, wide ? big[i].name : small[i].name),
			   name))
			continue;
		if (wide)
			*value = (int64_t)((uint64_t)big[i].high << 32 |
					   big[i].low);
		else
			*value = btf_signed(t) ? (int64_t)small[i].value :
						 (uint32_t)small[i].value;
		return true;
	}
	return false;
}

bool btf_enumerator(const struct btf *btf, const char *name, int64_t *value)
{
	bool found = false;
	int64_t other;
	uint32_t i;

	for (i = 1; i < btf->types; i++) {
		const struct btf_type *t = btf_type(btf, i);

		if (btf_kind(t) != BTF_ENUM && btf_kind(t) != BTF_ENUM64)
			continue;
		if (!enumerator_in(btf, t, name, found ? &other : value))
			continue;
		if (found && other != *value)
			return false;
		found = true;
	}
	return found;
}
