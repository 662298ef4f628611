// SPDX-License-Identifier: GPL-2.0-only
/* selfpatch.c - what a kernel changes of its own instructions. */
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "selfpatch.h"

static const struct table {
	const char *words, *section, *begin, *end;
	uint32_t entry, bytes;
} tables[] = {
#define SELFPATCH(name, words, section, begin, end, entry, bytes) \
	{ words, section, begin, end, entry, bytes },
#include "kernel/selfpatch.def"
};

/* struct alt_instr: without flags before 6.3, with them after. */
#define ALT_OLD_BYTES	12u
#define ALT_BYTES	14u

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t relative(uint64_t gva, const uint8_t *at)
{
	return gva + (uint64_t)(int64_t)(int32_t)get32(at);
}

const char *selfpatch_words(enum selfpatch_kind kind)
{
	return tables[kind].words;
}

struct range {
	uint64_t gva, bytes;
	const uint8_t *at;
};

static bool is_named(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	return wanted[length - 1] == '*' ? !strncmp(name, wanted, length - 1) :
		!strcmp(name, wanted);
}

static int damaged(const struct image *image, const struct table *table,
		   struct problem *problem)
{
	return problem_set(problem, image->path,
			   "the table of each %s is damaged", table->words);
}

/* Of an absent table, bytes is 0. */
static int table_between(const struct image *image, const struct table *table,
			 struct range *range, struct problem *problem)
{
	uint64_t end;

	memset(range, 0, sizeof(*range));
	if (kallsyms_find(&image->symbols, table->begin, &range->gva) !=
	    KALLSYMS_ONE ||
	    kallsyms_find(&image->symbols, table->end, &end) != KALLSYMS_ONE)
		return 0;
	range->bytes = end - range->gva;
	range->at = elf_at(&image->elf, range->gva, range->bytes);
	if (end < range->gva || (range->bytes && !range->at))
		return damaged(image, table, problem);
	return 0;
}

static bool is_text(const struct image *image, uint64_t gva)
{
	return elf_at(&image->elf, gva, 1) && gva >= image->text;
}

/* Do all entries lead somewhere, when they are of so many bytes? */
static bool alternatives_fit(const struct image *image,
			     const struct range *range, uint32_t entry)
{
	uint64_t off;

	if (range->bytes % entry)
		return false;
	for (off = 0; off < range->bytes; off += entry)
		if (!is_text(image, relative(range->gva + off,
					     range->at + off)) ||
		    !is_text(image, relative(range->gva + off + 4,
					     range->at + off + 4)) ||
		    !range->at[off + entry - 2])
			return false;
	return true;
}

static uint32_t alternative_bytes(const struct image *image,
				  const struct range *range)
{
	if (alternatives_fit(image, range, ALT_BYTES))
		return ALT_BYTES;
	return alternatives_fit(image, range, ALT_OLD_BYTES) ? ALT_OLD_BYTES :
		0;
}

/* A jump label is 2 bytes or 5, as its jump or no-op is. */
static uint32_t label_bytes(const struct image *image, uint64_t gva)
{
	const uint8_t *at = elf_at(&image->elf, gva, 2);
	struct insn insn;

	if (!at)
		return 5;
	decode(at, 2, &insn);
	return insn.bytes == 2 && insn.class != INSN_UNKNOWN ? 2 : 5;
}

static void read_entry(const struct image *image, enum selfpatch_kind kind,
		       const struct range *range, uint64_t off, uint32_t entry,
		       struct selfpatch *to)
{
	const uint8_t *at = range->at + off;
	uint64_t gva = range->gva + off;

	to->kind = (uint8_t)kind;
	to->entry = gva;
	to->gva = kind == SELFPATCH_PARAVIRT || kind == SELFPATCH_FTRACE ?
		get64(at) : relative(gva, at);
	to->bytes = tables[kind].bytes;
	switch (kind) {
	case SELFPATCH_ALTERNATIVE:
		to->other = relative(gva + 4, at + 4);
		memcpy(&to->feature, at + 8, sizeof(to->feature));
		to->feature &= 0x7fff;
		to->bytes = at[entry - 2];
		to->other_bytes = at[entry - 1];
		break;
	case SELFPATCH_PARAVIRT:
		to->bytes = at[9];
		break;
	case SELFPATCH_JUMP_LABEL:
		to->bytes = label_bytes(image, to->gva);
		to->other = relative(gva + 4, at + 4);
		break;
	default:
		break;
	}
}

static int read_range(struct selfpatches *all, const struct image *image,
		      enum selfpatch_kind kind, const struct range *range,
		      struct problem *problem)
{
	struct selfpatch *grown;
	uint32_t entry = tables[kind].entry;
	uint64_t off;

	if (!range->bytes)
		return 0;
	if (kind == SELFPATCH_ALTERNATIVE)
		entry = alternative_bytes(image, range);
	if (!entry || range->bytes % entry)
		return problem_set(problem, image->path,
				   "the table of each %s is of a form that "
				   "cvmctl does not know",
				   tables[kind].words);
	grown = realloc(all->list, (all->count + range->bytes / entry) *
			sizeof(*grown));
	if (!grown)
		return problem_set(problem, image->path, "no memory");
	all->list = grown;
	memset(grown + all->count, 0, range->bytes / entry * sizeof(*grown));
	for (off = 0; off < range->bytes; off += entry, all->counts[kind]++)
		read_entry(image, kind, range, off, entry,
			   &all->list[all->count++]);
	return 0;
}

static int read_sections(struct selfpatches *all, const struct image *image,
			 enum selfpatch_kind kind, struct problem *problem)
{
	const struct elf_section *section = image->elf.section;
	struct range range;
	uint32_t i;

	for (i = 0; i < image->elf.sections; i++) {
		if (!is_named(section[i].name, tables[kind].section))
			continue;
		range.gva = section[i].gva;
		range.bytes = section[i].file_bytes;
		range.at = elf_at(&image->elf, range.gva, range.bytes);
		if (range.bytes && !range.at)
			return damaged(image, &tables[kind], problem);
		if (read_range(all, image, kind, &range, problem))
			return -1;
	}
	return 0;
}

static int read_symbols(struct selfpatches *all, const struct image *image,
			enum selfpatch_kind kind, struct problem *problem)
{
	struct range range;

	return table_between(image, &tables[kind], &range, problem) ||
		read_range(all, image, kind, &range, problem) ? -1 : 0;
}

int selfpatch_read(struct selfpatches *all, const struct image *image,
		   uint32_t kinds, struct problem *problem)
{
	unsigned int kind;

	memset(all, 0, sizeof(*all));
	for (kind = 0; kind < SELFPATCH_KINDS; kind++) {
		if (!(kinds & 1u << kind))
			continue;
		if (tables[kind].section ?
		    read_sections(all, image, kind, problem) :
		    read_symbols(all, image, kind, problem))
			return -1;
	}
	return 0;
}

void selfpatch_free(struct selfpatches *all)
{
	free(all->list);
	memset(all, 0, sizeof(*all));
}
