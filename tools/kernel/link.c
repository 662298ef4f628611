// SPDX-License-Identifier: GPL-2.0-only
/* link.c - the platform object, linked to a kernel that was linked before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>

#include "link.h"

#define ALIGN_MAX	4096u
#define GROUP_MAX	(16u << 20)
#define SECTIONS_MAX	4096u
/* Where what is set aside stands: no address of a kernel. */
#define ASIDE_GVA	0x10000u
#define NOTE_GVA	0x20000000u
#define SOMEWHERE	0x40000000u

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* ---- sections to groups ---- */

static int group_of(const struct elf_section *s)
{
	static const char *const aside[] = {
		".cvm.object", ".cvm.hooks", ".cvm.fields", ".cvm.strings"
	};
	size_t i;

	for (i = 0; i < sizeof(aside) / sizeof(aside[0]); i++)
		if (!strcmp(s->name, aside[i]))
			return OBJECT_ASIDE;
	if (!(s->flags & ELF_SHF_ALLOC))
		return -1;
	if (!strcmp(s->name, ".note.cvm"))
		return OBJECT_NOTE;
	if (begins(s->name, ".note.") || begins(s->name, ".discard.") ||
	    begins(s->name, ".eh_frame") || !strcmp(s->name, ".modinfo"))
		return -1;
	if (begins(s->name, ".cvm.entry"))
		return OBJECT_ENTRY;
	if (begins(s->name, ".data..percpu"))
		return OBJECT_PERCPU;
	return s->flags & ELF_SHF_EXEC ? OBJECT_TEXT : OBJECT_DATA;
}

/* Of one name together, in the order of the file. */
static bool placed_before(const struct object *object, uint32_t i)
{
	uint32_t j;

	for (j = 0; j < i; j++)
		if (!strcmp(object->elf.section[j].name,
			    object->elf.section[i].name))
			return true;
	return false;
}

static int place_section(struct object *object, uint32_t i,
			 struct problem *problem)
{
	const struct elf_section *s = &object->elf.section[i];
	int kind = group_of(s);
	struct object_group *group;

	object->place[i].group = kind;
	if (kind < 0)
		return 0;
	group = &object->group[kind];
	if (s->align > ALIGN_MAX || (s->align & (s->align - 1)) ||
	    s->bytes > GROUP_MAX || group->bytes > GROUP_MAX)
		return problem_set(problem, object->path, "section %.60s: "
				   "%llu bytes aligned to %llu cannot be "
				   "placed", s->name,
				   (unsigned long long)s->bytes,
				   (unsigned long long)s->align);
	group->bytes = round_up(group->bytes, s->align);
	if (s->align > group->align)
		group->align = s->align;
	object->place[i].off = group->bytes;
	group->bytes += s->bytes;
	return 0;
}

static int place_sections(struct object *object, struct problem *problem)
{
	uint32_t i, j;

	object->place = calloc(object->elf.sections + 1u,
			       sizeof(*object->place));
	if (!object->place)
		return problem_set(problem, object->path, "no memory");
	for (i = 0; i < OBJECT_GROUPS; i++)
		object->group[i].align = 16;
	for (i = 0; i < object->elf.sections; i++) {
		if (placed_before(object, i))
			continue;
		for (j = i; j < object->elf.sections; j++)
			if (!strcmp(object->elf.section[j].name,
				    object->elf.section[i].name) &&
			    place_section(object, j, problem))
				return -1;
	}
	object->group[OBJECT_ASIDE].gva = ASIDE_GVA;
	object->group[OBJECT_NOTE].gva = NOTE_GVA;
	return 0;
}

/* ---- what it is ---- */

static int read_head(struct object *object, struct problem *problem)
{
	const struct elf_section *s = elf_find(&object->elf, ".cvm.object");

	if (object->elf.type != ELF_ET_REL || !s ||
	    object->elf.sections > SECTIONS_MAX ||
	    s->file_bytes < sizeof(object->head))
		return problem_set(problem, object->path, "not a platform "
				   "object for kernels (guest-patch/object "
				   "makes them)");
	memcpy(&object->head, object->elf.file + s->off,
	       sizeof(object->head));
	object->head.release[sizeof(object->head.release) - 1] = 0;
	if (object->head.magic != CVM_OBJECT_MAGIC)
		return problem_set(problem, object->path, "not a platform "
				   "object: its head is another thing's");
	if (object->head.object_abi != CVM_OBJECT_ABI ||
	    object->head.hook_bytes != sizeof(struct cvm_hook))
		return problem_set(problem, object->path, "a platform object "
				   "of form %u, this cvmctl knows %u; make it "
				   "again with this release's "
				   "guest-patch/object",
				   object->head.object_abi, CVM_OBJECT_ABI);
	if (object->head.guest_abi != CVM_GUEST_ABI)
		return problem_set(problem, object->path, "a platform object "
				   "for guest ABI %u, this cvmctl speaks %u; "
				   "make it again with this release's "
				   "guest-patch/object",
				   object->head.guest_abi, CVM_GUEST_ABI);
	return 0;
}

static int find_symbols(struct object *object, struct problem *problem)
{
	const struct elf *elf = &object->elf;
	uint32_t i;

	for (i = 0; i < elf->sections; i++)
		if (elf->section[i].type == ELF_SHT_SYMTAB)
			object->symbols = &elf->section[i];
	if (!object->symbols || object->symbols->link >= elf->sections ||
	    object->symbols->file_bytes / sizeof(struct elf64_sym) > 1u << 20)
		return problem_set(problem, object->path, "an object without "
				   "symbols");
	object->names = &elf->section[object->symbols->link];
	object->symbol_count = (uint32_t)(object->symbols->file_bytes /
					  sizeof(struct elf64_sym));
	object->value = calloc(object->symbol_count + 1u,
			       sizeof(*object->value));
	if (!object->value)
		return problem_set(problem, object->path, "no memory");
	return 0;
}

void object_close(struct object *object)
{
	uint32_t i;

	for (i = 0; i < OBJECT_GROUPS; i++)
		free(object->group[i].data);
	free(object->place);
	free(object->value);
	elf_close(&object->elf);
	memset(object, 0, sizeof(*object));
}

/* ---- symbols ---- */

static void read_symbol(const struct object *object, uint32_t i,
			struct elf64_sym *sym)
{
	memcpy(sym, object->elf.file + object->symbols->off +
	       (uint64_t)i * sizeof(*sym), sizeof(*sym));
}

static const char *symbol_name(const struct object *object,
			       const struct elf64_sym *sym)
{
	const char *names = (const char *)object->elf.file +
			    object->names->off;

	if (sym->name >= object->names->file_bytes ||
	    !memchr(names + sym->name, 0,
		    object->names->file_bytes - sym->name))
		return "";
	return names + sym->name;
}

static uint64_t section_gva(const struct object *object, uint32_t i)
{
	const struct object_section *place = &object->place[i];

	return object->group[place->group].gva + place->off;
}

/* "__bug_table" and ".init.data" as "__bug_table" and "_init_data". */
static bool is_c_name_of(const char *name, const char *section)
{
	for (; *section; name++, section++) {
		bool letter = (*section >= 'a' && *section <= 'z') ||
			      (*section >= 'A' && *section <= 'Z') ||
			      (*section >= '0' && *section <= '9');

		if (*name != (letter ? *section : '_'))
			return false;
	}
	return !*name;
}

/* cvm_begin_SECTION and cvm_end_SECTION; both 0 if the object has it not. */
static bool section_bound(const struct object *object, const char *name,
			  uint64_t *value)
{
	const char *section;
	bool end = begins(name, "cvm_end_");
	uint32_t i;

	if (!end && !begins(name, "cvm_begin_"))
		return false;
	section = name + (end ? sizeof("cvm_end_") : sizeof("cvm_begin_")) - 1;
	*value = 0;
	for (i = 0; i < object->elf.sections; i++) {
		if (object->place[i].group < 0 ||
		    !is_c_name_of(section, object->elf.section[i].name))
			continue;
		if (end)
			*value = section_gva(object, i) +
				 object->elf.section[i].bytes;
		else if (!*value)
			*value = section_gva(object, i);
	}
	return true;
}

enum resolved { RESOLVED, RESOLVED_NOT, RESOLVED_ELSE };

/* STRUCT.MEMBER, where the member's own name may have dots. */
static bool member_offset(const struct btf *btf, const char *name,
			  uint64_t *value)
{
	const char *dot = strchr(name, '.');
	uint32_t offset, bytes;
	char structure[128];

	if (!dot || (size_t)(dot - name) >= sizeof(structure))
		return false;
	snprintf(structure, sizeof(structure), "%.*s", (int)(dot - name),
		 name);
	if (!btf_member(btf, structure, dot + 1, &offset, &bytes))
		return false;
	*value = offset;
	return true;
}

/* What the image's types say. */
static enum resolved by_types(const struct btf *btf, const char *name,
			      uint64_t *value)
{
	uint32_t bytes = 0;
	int64_t number = 0;
	bool ok;

	if (begins(name, "cvm_field.")) {
		ok = member_offset(btf, strchr(name, '.') + 1, value);
	} else if (begins(name, "cvm_size.")) {
		ok = btf_size(btf, strchr(name, '.') + 1, &bytes);
		*value = bytes;
	} else if (begins(name, "cvm_enum.")) {
		ok = btf_enumerator(btf, strchr(name, '.') + 1, &number);
		*value = (uint64_t)number;
	} else {
		return RESOLVED_ELSE;
	}
	return ok ? RESOLVED : RESOLVED_NOT;
}

static bool by_extra(const struct object_extra *extra, const char *name,
		     uint64_t *value)
{
	const struct {
		const char *name;
		uint64_t value;
	} known[] = {
		{ "cvm_site_table", extra->site_table },
		{ "cvm_site_table_end", extra->site_table_end },
		{ "cvm_text_begin", extra->text_begin },
		{ "cvm_text_end", extra->text_end },
		{ "cvm_data_begin", extra->data_begin },
		{ "cvm_data_end", extra->data_end },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(name, known[i].name)) {
			*value = known[i].value;
			return true;
		}
	}
	return false;
}

static enum resolved by_kernel(const struct image *image, const char *name,
			       uint64_t *value, bool *several)
{
	bool after = begins(name, "cvm_after_");
	uint64_t gva = 0;

	if (after)
		name += sizeof("cvm_after_") - 1;
	switch (kallsyms_find(&image->symbols, name, &gva)) {
	case KALLSYMS_ONE:
		*value = after ? kallsyms_after(&image->symbols, gva) : gva;
		return RESOLVED;
	case KALLSYMS_SEVERAL:
		*several = true;
		return RESOLVED_NOT;
	default:
		return RESOLVED_NOT;
	}
}

static int resolve(struct object *object, const struct image *image,
		   const struct object_extra *extra,
		   const struct elf64_sym *sym, uint64_t *value,
		   struct problem *problem)
{
	const char *name = symbol_name(object, sym);
	bool several = false;
	enum resolved how;

	if (!*name || by_extra(extra, name, value) ||
	    section_bound(object, name, value))
		return 0;
	how = by_types(&image->btf, name, value);
	if (how == RESOLVED_NOT)
		return problem_set(problem, image->path, "its BTF has no "
				   "%.100s, which the platform object needs",
				   strchr(name, '.') + 1);
	if (how == RESOLVED_ELSE)
		how = by_kernel(image, name, value, &several);
	if (how == RESOLVED)
		return 0;
	if (several)
		return problem_set(problem, image->path, "it has two symbols "
				   "named %.100s, and the platform object "
				   "means one", name);
	if (sym->info >> 4 == ELF_STB_WEAK) {
		*value = 0;
		object->weak_absent++;
		return 0;
	}
	return problem_set(problem, image->path, "it has no symbol named "
			   "%.100s, which the platform object needs", name);
}

static int value_of(struct object *object, const struct image *image,
		    const struct object_extra *extra, uint32_t i,
		    struct problem *problem)
{
	struct elf64_sym sym;

	read_symbol(object, i, &sym);
	if (sym.shndx == ELF_SHN_UNDEF)
		return resolve(object, image, extra, &sym, &object->value[i],
			       problem);
	if (sym.shndx == ELF_SHN_COMMON)
		return problem_set(problem, object->path, "symbol %.100s is "
				   "of a common block; compile with "
				   "-fno-common", symbol_name(object, &sym));
	object->value[i] = sym.value;
	if (sym.shndx >= ELF_SHN_LORESERVE)
		return 0;	/* absolute */
	if (sym.shndx >= object->elf.sections)
		return problem_set(problem, object->path, "symbol %.100s lies "
				   "in no section", symbol_name(object, &sym));
	if (object->place[sym.shndx].group >= 0)
		object->value[i] += section_gva(object, sym.shndx);
	return 0;
}

/* ---- relocation ---- */

static int does_not_fit(const struct object *object, uint32_t type,
			uint32_t symbol, struct problem *problem)
{
	struct elf64_sym sym;

	read_symbol(object, symbol, &sym);
	return problem_set(problem, object->path, "relocation %u against "
			   "%.100s does not fit", type,
			   symbol_name(object, &sym));
}

static int relocate(const struct object *object, const struct elf64_rela *rela,
		    uint8_t *at, uint64_t left, uint64_t gva,
		    struct problem *problem)
{
	uint32_t type = (uint32_t)rela->info;
	uint32_t symbol = (uint32_t)(rela->info >> 32);
	uint32_t width = type == ELF_R_64 || type == ELF_R_PC64 ? 8 : 4;
	uint64_t v;
	bool fits = true;

	if (type == ELF_R_NONE)
		return 0;
	if (symbol >= object->symbol_count || width > left)
		return problem_set(problem, object->path, "a relocation lies "
				   "outside its section");
	v = object->value[symbol] + (uint64_t)rela->addend;
	switch (type) {
	case ELF_R_PC32:
	case ELF_R_PLT32:
		v -= gva;
		/* fall through */
	case ELF_R_32S:
		fits = (int64_t)v == (int32_t)v;
		break;
	case ELF_R_32:
		fits = v == (uint32_t)v;
		break;
	case ELF_R_PC64:
		v -= gva;
		break;
	case ELF_R_64:
		break;
	default:
		return problem_set(problem, object->path, "relocations of type "
				   "%u are not known here", type);
	}
	if (!fits)
		return does_not_fit(object, type, symbol, problem);
	memcpy(at, &v, width);
	return 0;
}

static int relocate_section(struct object *object, const struct elf_section *s,
			    struct problem *problem)
{
	const struct elf_section *target;
	struct object_group *group;
	struct elf64_rela rela;
	uint64_t i, off;

	if (s->info >= object->elf.sections ||
	    object->place[s->info].group < 0)
		return 0;
	target = &object->elf.section[s->info];
	if (!target->file_bytes)
		return 0;
	group = &object->group[object->place[s->info].group];
	off = object->place[s->info].off;
	for (i = 0; i < s->file_bytes / sizeof(rela); i++) {
		memcpy(&rela, object->elf.file + s->off + i * sizeof(rela),
		       sizeof(rela));
		if (rela.offset >= target->bytes)
			return problem_set(problem, object->path, "a "
					   "relocation lies outside section "
					   "%.60s", target->name);
		if (relocate(object, &rela, group->data + off + rela.offset,
			     target->bytes - rela.offset,
			     group->gva + off + rela.offset, problem))
			return -1;
	}
	return 0;
}

static int fill_groups(struct object *object, struct problem *problem)
{
	const struct elf_section *s;
	uint32_t i;

	for (i = 0; i < OBJECT_GROUPS; i++) {
		object->group[i].data = calloc(1, object->group[i].bytes + 1);
		if (!object->group[i].data)
			return problem_set(problem, object->path, "no memory");
	}
	memset(object->group[OBJECT_TEXT].data, 0xcc,
	       object->group[OBJECT_TEXT].bytes);
	for (i = 0; i < object->elf.sections; i++) {
		s = &object->elf.section[i];
		if (object->place[i].group >= 0 && s->file_bytes)
			memcpy(object->group[object->place[i].group].data +
			       object->place[i].off,
			       object->elf.file + s->off, s->file_bytes);
	}
	return 0;
}

/*
 * What is set aside and refers to itself: names in rows.  What else the rows
 * refer to is somewhere, and no more is known.
 */
static int link_names(struct object *object, struct problem *problem)
{
	struct elf64_sym sym;
	uint32_t i;

	for (i = 1; i < object->symbol_count; i++) {
		read_symbol(object, i, &sym);
		object->value[i] = SOMEWHERE;
		if (sym.shndx < object->elf.sections &&
		    object->place[sym.shndx].group == OBJECT_ASIDE)
			object->value[i] = section_gva(object, sym.shndx) +
					   sym.value;
	}
	for (i = 0; i < object->elf.sections; i++)
		if (object->elf.section[i].type == ELF_SHT_RELA &&
		    object->elf.section[i].info < object->elf.sections &&
		    object->place[object->elf.section[i].info].group ==
		    OBJECT_ASIDE &&
		    relocate_section(object, &object->elf.section[i], problem))
			return -1;
	return 0;
}

int object_open(struct object *object, const char *path, const void *file,
		uint64_t bytes, struct problem *problem)
{
	memset(object, 0, sizeof(*object));
	object->path = path;
	if (elf_open(&object->elf, file, bytes, path, problem) ||
	    read_head(object, problem) || find_symbols(object, problem) ||
	    place_sections(object, problem) || fill_groups(object, problem))
		return -1;
	return link_names(object, problem);
}

int object_link(struct object *object, const struct image *image,
		const struct object_extra *extra, struct problem *problem)
{
	uint32_t i;

	for (i = 1; i < object->symbol_count; i++)
		if (value_of(object, image, extra, i, problem))
			return -1;
	for (i = 0; i < object->elf.sections; i++)
		if (object->elf.section[i].type == ELF_SHT_RELA &&
		    relocate_section(object, &object->elf.section[i], problem))
			return -1;
	return 0;
}

/* ---- looks at what was linked ---- */

uint8_t *object_data(const struct object *object, uint64_t gva,
		     uint64_t bytes)
{
	const struct object_group *group;
	uint32_t i;

	for (i = 0; i < OBJECT_GROUPS; i++) {
		group = &object->group[i];
		if (group->data && gva >= group->gva &&
		    gva - group->gva <= group->bytes &&
		    bytes <= group->bytes - (gva - group->gva))
			return group->data + (gva - group->gva);
	}
	return NULL;
}

const char *object_text(const struct object *object, uint64_t gva)
{
	const struct object_group *group;
	const char *text = (const char *)object_data(object, gva, 1);
	uint32_t i;

	for (i = 0; text && i < OBJECT_GROUPS; i++) {
		group = &object->group[i];
		if (gva >= group->gva && gva - group->gva < group->bytes)
			return memchr(text, 0, group->bytes -
				      (gva - group->gva)) ? text : NULL;
	}
	return NULL;
}

int object_rows(const struct object *object, const char *section,
		uint32_t row, const void **rows, uint32_t *count,
		struct problem *problem)
{
	const struct elf_section *s = elf_find(&object->elf, section);

	*rows = NULL;
	*count = 0;
	if (!s || !s->file_bytes)
		return 0;
	if (s->file_bytes % row)
		return problem_set(problem, object->path, "%s holds no whole "
				   "rows of %u bytes", section, row);
	*rows = object_data(object, section_gva(object,
			    (uint32_t)(s - object->elf.section)),
			    s->file_bytes);
	*count = (uint32_t)(s->file_bytes / row);
	return 0;
}
