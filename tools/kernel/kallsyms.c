// SPDX-License-Identifier: GPL-2.0-only
/*
 * kallsyms.c - a kernel's own symbols, from the tables in its read-only data.
 *
 * Names are packed: each byte of one stands for a token, a text.  The table of
 * tokens is recognised by those of the digits, which stand for themselves in
 * every kernel, and by the index of 256 offsets behind it.  What belongs to
 * the rest is found from there and proven: the number of symbols by walking
 * all names and meeting the markers (the place of every 256th), the order and
 * form of the addresses by their rising throughout.
 */
#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"

#define TOKENS		256u
#define MARK_EVERY	256u	/* symbols from one marker to the next */
#define SYMBOLS_MIN	256u
#define SYMBOLS_MAX	4000000u
#define NAME_BYTES	512u	/* KSYM_NAME_LEN of 6.1 and later */
#define LOOKS_MAX	64u	/* at what may be the digits' tokens */

struct span {
	const uint8_t *at;
	uint64_t bytes;
	uint64_t gva;		/* tables are aligned as addresses are */
};

struct tables {
	struct span in;
	uint32_t align;		/* of each table: 8; of 7.0 and later: 4 */
	uint64_t tokens, tokens_index;	/* offsets in the span */
	uint64_t markers;
	uint64_t num;		/* where the number of symbols stands */
	uint32_t count;
	uint64_t names, offsets;
	uint64_t base;
	const char *token[TOKENS];
};

static uint16_t read16(const struct span *in, uint64_t at)
{
	return (uint16_t)(in->at[at] | in->at[at + 1] << 8);
}

static uint32_t read32(const struct span *in, uint64_t at)
{
	uint32_t v;

	memcpy(&v, in->at + at, sizeof(v));
	return v;
}

static uint64_t read64(const struct span *in, uint64_t at)
{
	uint64_t v;

	memcpy(&v, in->at + at, sizeof(v));
	return v;
}

static bool has(const struct span *in, uint64_t at, uint64_t bytes)
{
	return at <= in->bytes && bytes <= in->bytes - at;
}

static uint64_t aligned(const struct tables *t, uint64_t at)
{
	return at + (-(t->in.gva + at) & (t->align - 1));
}

/* ---- tokens ---- */

/* 256 texts from at on, and the index that says where each begins. */
static bool tokens_at(struct tables *t, uint64_t at)
{
	const struct span *in = &t->in;
	const uint8_t *end;
	uint64_t next = at;
	uint32_t i, begin[TOKENS];

	for (i = 0; i < TOKENS; i++) {
		begin[i] = (uint32_t)(next - at);
		end = next < in->bytes ?
		      memchr(in->at + next, 0, in->bytes - next) : NULL;
		if (!end || begin[i] > UINT16_MAX)
			return false;
		t->token[i] = (const char *)in->at + next;
		next = (uint64_t)(end - in->at) + 1;
	}
	next = aligned(t, next);
	if (!has(in, next, TOKENS * 2))
		return false;
	for (i = 0; i < TOKENS; i++)
		if (read16(in, next + 2 * i) != begin[i])
			return false;
	t->tokens = at;
	t->tokens_index = next;
	return true;
}

static bool find_tokens(struct tables *t)
{
	static const uint8_t digits[] = "0\0" "1\0" "2\0" "3\0" "4\0" "5\0"
					"6\0" "7\0" "8\0" "9";
	const struct span *in = &t->in;
	const uint8_t *zero;
	uint64_t at, begin;
	uint32_t texts, looks = 0;

	for (at = 0; has(in, at, sizeof(digits)); at++) {
		zero = memchr(in->at + at, '0', in->bytes - at);
		if (!zero)
			return false;
		at = (uint64_t)(zero - in->at);
		if (!has(in, at, sizeof(digits)) ||
		    memcmp(in->at + at, digits, sizeof(digits)))
			continue;
		if (looks++ == LOOKS_MAX)
			return false;
		/* 48 texts before it; the first begins aligned. */
		begin = at;
		for (texts = 0; texts < '0' && begin; texts++)
			for (begin--; begin && in->at[begin - 1]; begin--)
				;
		if (tokens_at(t, aligned(t, begin)))
			return true;
	}
	return false;
}

/* ---- names and markers ---- */

/* A name's length in tokens; 0 is none.  It ends below limit. */
static uint32_t name_length(const struct tables *t, uint64_t *at,
			    uint64_t limit)
{
	const struct span *in = &t->in;
	uint32_t length;

	if (*at >= limit)
		return 0;
	length = in->at[(*at)++];
	if (length & 0x80) {
		if (*at >= limit)
			return 0;
		length = (length & 0x7f) | (uint32_t)in->at[(*at)++] << 7;
	}
	return length > limit - *at ? 0 : length;
}

/*
 * count names from names on, and behind them the markers, aligned: the place
 * of every 256th of them.
 */
static bool names_at(struct tables *t, uint64_t names, uint32_t count)
{
	uint32_t marks = (count + MARK_EVERY - 1) / MARK_EVERY, i, length;
	uint64_t at = names;

	for (i = 0; i < count; i++, at += length) {
		length = name_length(t, &at, t->tokens);
		if (!length)
			return false;
	}
	at = aligned(t, at);
	if (4ull * marks > t->tokens - at)
		return false;
	t->markers = at;
	for (i = 0, at = names; i < count; i++, at += length) {
		if (!(i % MARK_EVERY) &&
		    read32(&t->in, t->markers + 4 * (i / MARK_EVERY)) !=
		    at - names)
			return false;
		length = name_length(t, &at, t->tokens);
	}
	t->num = names - t->align;
	t->names = names;
	t->count = count;
	return true;
}

/* The number of symbols, if one may stand here with names behind it. */
static uint32_t number_at(const struct tables *t, uint64_t at)
{
	uint32_t count = read32(&t->in, at);

	if ((t->align == 8 && read32(&t->in, at + 4)) ||
	    count < SYMBOLS_MIN ||
	    count > SYMBOLS_MAX || count > (t->tokens - at) / 2)
		return 0;
	return count;
}

/*
 * 6.4 and later: the markers end where the tokens begin.  They fall from there
 * to the first, a 0; the last says nearly how long the names are.
 */
static bool find_names_by_markers(struct tables *t)
{
	const struct span *in = &t->in;
	uint32_t value, next = UINT32_MAX, marks = 0, count;
	uint64_t at = t->tokens, last = 0, low;

	if (at < 16 || (in->gva + at) & 3)
		return false;
	at -= read32(in, at - 4) ? 4 : 8;	/* it may be filled up */
	for (;; at -= 4) {
		value = read32(in, at);
		if (value >= next)
			return false;
		next = value;
		if (!marks++)
			last = value;
		if (!value)
			break;
		if (at < 4)
			return false;
	}
	if (marks < 2 || last + 16 > at)
		return false;
	low = last + 16 + NAME_BYTES * MARK_EVERY;
	low = low < at ? at - low : 0;
	at -= last + t->align;
	at -= (in->gva + at) & (t->align - 1);
	for (; at >= low && at >= 8; at -= t->align) {
		count = number_at(t, at);
		if ((count + MARK_EVERY - 1) / MARK_EVERY == marks &&
		    names_at(t, at + t->align, count))
			return true;
	}
	return false;
}

/* Before: the base of the addresses, an address, stands before the number. */
static bool find_names_by_base(struct tables *t, const struct elf *elf)
{
	uint64_t at = 8 + (-t->in.gva & 7);
	uint32_t count;

	for (; at + 16 < t->tokens; at += 8) {
		count = number_at(t, at);
		if (count && 4ull * count + 8 <= at &&
		    elf_at(elf, read64(&t->in, at - 8), 1) &&
		    names_at(t, at + 8, count))
			return true;
	}
	return false;
}

/* ---- addresses ---- */

enum form {
	FORM_ABSOLUTE_PERCPU,	/* below 0: from the base downwards */
	FORM_RELATIVE,		/* from the base */
	FORM_PLACE		/* from the entry itself: 7.0 and later */
};

static uint64_t address(const struct tables *t, enum form form, uint32_t i)
{
	uint64_t at = t->offsets + 4ull * i;
	int32_t offset = (int32_t)read32(&t->in, at);

	switch (form) {
	case FORM_ABSOLUTE_PERCPU:
		return offset >= 0 ? (uint64_t)offset :
		       t->base - 1 - (int64_t)offset;
	case FORM_RELATIVE:
		return t->base + (uint32_t)offset;
	default:
		return t->in.gva + at + (int64_t)offset;
	}
}

/* A kernel's symbols rise, and most of them are in the file. */
static bool addresses_rise(const struct tables *t, enum form form,
			   const struct elf *elf)
{
	uint64_t last = 0, now;
	uint32_t i, inside = 0;

	for (i = 0; i < t->count; i++, last = now) {
		now = address(t, form, i);
		if (now < last)
			return false;
	}
	for (i = 0; i < t->count; i += t->count / 64)
		inside += address(t, form, i) >> 31 == 0x1ffffffffull &&
			  elf_at(elf, address(t, form, i), 1);
	return inside >= 32;
}

/* With the base went the alignment to its 8 bytes. */
static bool find_form(struct tables *t, const struct elf *elf, uint64_t base,
		      enum form *form)
{
	if (t->align == 4) {
		*form = FORM_PLACE;
		return addresses_rise(t, *form, elf);
	}
	if (!has(&t->in, base, 8))
		return false;
	t->base = read64(&t->in, base);
	if (!elf_at(elf, t->base, 1))
		return false;
	for (*form = FORM_ABSOLUTE_PERCPU; *form < FORM_PLACE; (*form)++)
		if (addresses_rise(t, *form, elf))
			return true;
	return false;
}

static bool find_addresses(struct tables *t, const struct elf *elf,
			   enum form *form)
{
	uint64_t behind = aligned(t, t->tokens_index + TOKENS * 2), bytes;

	bytes = 4ull * t->count;
	bytes += -bytes & (t->align - 1);
	/* 6.4 and later: behind the tokens. */
	t->offsets = behind;
	if (has(&t->in, behind, bytes) &&
	    find_form(t, elf, behind + bytes, form))
		return true;
	/* Before: in front of all. */
	if (t->num < bytes + 8)
		return false;
	t->offsets = t->num - 8 - bytes;
	return find_form(t, elf, t->num - 8, form);
}

/* ---- what becomes of them ---- */

static uint32_t hash_of(const char *name)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h;
}

static void hash_add(struct kallsyms *symbols, uint32_t i)
{
	uint32_t h = hash_of(symbols->sym[i].name);

	while (symbols->hash[h & symbols->hash_mask])
		h++;
	symbols->hash[h & symbols->hash_mask] = i + 1;
}

static uint64_t unpacked_bytes(const struct tables *t)
{
	uint64_t at = t->names, sum = 0;
	uint32_t i, length, token[TOKENS];

	for (i = 0; i < TOKENS; i++)
		token[i] = (uint32_t)strlen(t->token[i]);
	for (i = 0; i < t->count; i++) {
		for (length = name_length(t, &at, t->tokens); length;
		     length--)
			sum += token[t->in.at[at++]];
		sum++;
	}
	return sum;
}

static void unpack_names(struct kallsyms *symbols, const struct tables *t,
			 enum form form)
{
	uint64_t at = t->names;
	char *to = symbols->names;
	const char *from;
	struct kallsym *sym;
	uint32_t i, length;

	for (i = 0; i < t->count; i++) {
		sym = &symbols->sym[i];
		sym->gva = address(t, form, i);
		sym->name = to;
		for (length = name_length(t, &at, t->tokens); length;
		     length--)
			for (from = t->token[t->in.at[at++]]; *from; from++)
				*to++ = *from;
		*to++ = 0;
		/* The first letter is what nm says of it. */
		if (sym->name[0])
			sym->type = *sym->name++;
		hash_add(symbols, i);
	}
}

static int keep(struct kallsyms *symbols, const struct tables *t,
		enum form form, const char *thing, struct problem *problem)
{
	uint32_t slots = 1;

	while (slots < 2 * t->count)
		slots *= 2;
	symbols->sym = calloc(t->count, sizeof(*symbols->sym));
	symbols->hash = calloc(slots, sizeof(*symbols->hash));
	symbols->names = malloc(unpacked_bytes(t) + 1);
	if (!symbols->sym || !symbols->hash || !symbols->names)
		return problem_set(problem, thing, "no memory for its %u "
				   "symbols", t->count);
	symbols->count = t->count;
	symbols->hash_mask = slots - 1;
	unpack_names(symbols, t, form);
	return 0;
}

int kallsyms_read(struct kallsyms *symbols, const struct elf *elf,
		  const char *thing, struct problem *problem)
{
	const struct elf_section *rodata = elf_find(elf, ".rodata");
	struct tables t = { .align = 8 };
	enum form form;
	bool tokens = false;

	memset(symbols, 0, sizeof(*symbols));
	if (!rodata || !rodata->file_bytes)
		return problem_set(problem, thing, "stripped of its sections: "
				   "there is no .rodata to find symbols in; "
				   "give the file as its package has it");
	t.in.at = elf->file + rodata->off;
	t.in.bytes = rodata->file_bytes;
	t.in.gva = rodata->gva;
	for (; t.align >= 4; t.align /= 2) {
		if (!find_tokens(&t))
			continue;
		tokens = true;
		if ((find_names_by_markers(&t) ||
		     find_names_by_base(&t, elf)) &&
		    find_addresses(&t, elf, &form))
			return keep(symbols, &t, form, thing, problem);
	}
	if (!tokens)
		return problem_set(problem, thing, "it has no kallsyms "
				   "(CONFIG_KALLSYMS), so nothing can be found "
				   "in it");
	return problem_set(problem, thing, "its kallsyms are damaged, or in an "
			   "order that is not known here");
}

void kallsyms_free(struct kallsyms *symbols)
{
	free(symbols->sym);
	free(symbols->hash);
	free(symbols->names);
	memset(symbols, 0, sizeof(*symbols));
}

enum kallsyms_found kallsyms_find(const struct kallsyms *symbols,
				  const char *name, uint64_t *gva)
{
	enum kallsyms_found found = KALLSYMS_ABSENT;
	const struct kallsym *sym;
	uint32_t h, i;

	if (!symbols->count)
		return KALLSYMS_ABSENT;
	for (h = hash_of(name); (i = symbols->hash[h & symbols->hash_mask]);
	     h++) {
		sym = &symbols->sym[i - 1];
		if (strcmp(sym->name, name))
			continue;
		if (found == KALLSYMS_ABSENT) {
			*gva = sym->gva;
			found = KALLSYMS_ONE;
		} else if (sym->gva != *gva) {
			found = KALLSYMS_SEVERAL;
		}
	}
	return found;
}

/* How many are at or below gva. */
static uint32_t below(const struct kallsyms *symbols, uint64_t gva)
{
	uint32_t low = 0, high = symbols->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (symbols->sym[mid].gva <= gva)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct kallsym *kallsyms_at(const struct kallsyms *symbols,
				  uint64_t gva)
{
	uint32_t i = below(symbols, gva);

	if (!i)
		return NULL;
	for (i--; i && symbols->sym[i - 1].gva == symbols->sym[i].gva; i--)
		;
	return &symbols->sym[i];
}

uint64_t kallsyms_after(const struct kallsyms *symbols, uint64_t gva)
{
	uint32_t i = below(symbols, gva);

	return i < symbols->count ? symbols->sym[i].gva : UINT64_MAX;
}
