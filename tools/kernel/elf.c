// SPDX-License-Identifier: GPL-2.0-only
/* elf.c - one 64-bit little-endian ELF file, checked. */
#include <stdlib.h>
#include <string.h>

#include "elf.h"

#define SECTIONS_MAX	65000u	/* below what needs extended numbering */
#define SEGMENTS_MAX	64u

static bool inside(uint64_t off, uint64_t bytes, uint64_t of)
{
	return off <= of && bytes <= of - off;
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case ELF_EM_386:
		return "32-bit x86";
	case ELF_EM_AARCH64:
		return "64-bit ARM";
	default:
		return "another CPU";
	}
}

static int check_header(const struct elf *elf, struct elf64_ehdr *eh,
			const char *thing, struct problem *problem)
{
	if (elf->bytes < sizeof(*eh) ||
	    memcmp(elf->file, ELF_MAGIC, 4))
		return problem_set(problem, thing, "not an ELF file");
	memcpy(eh, elf->file, sizeof(*eh));
	if (eh->ident[4] != ELF_CLASS64 || eh->ident[5] != ELF_LSB ||
	    eh->machine != ELF_EM_X86_64)
		return problem_set(problem, thing, "made for %s; x86-64 is "
				   "needed", eh->ident[4] == ELF_CLASS32 &&
				   eh->machine == ELF_EM_X86_64 ?
				   "x32" : machine_name(eh->machine));
	if (eh->phnum > SEGMENTS_MAX ||
	    (eh->phnum && eh->phentsize != sizeof(struct elf64_phdr)) ||
	    eh->shnum > SECTIONS_MAX ||
	    (eh->shnum && eh->shentsize != sizeof(struct elf64_shdr)))
		return problem_set(problem, thing, "an ELF file with headers "
				   "that cannot be (%u of %u bytes, %u of %u)",
				   eh->phnum, eh->phentsize, eh->shnum,
				   eh->shentsize);
	if (!inside(eh->phoff, eh->phnum * sizeof(struct elf64_phdr),
		    elf->bytes) ||
	    !inside(eh->shoff, eh->shnum * sizeof(struct elf64_shdr),
		    elf->bytes))
		return problem_set(problem, thing, "truncated: its tables of "
				   "segments and sections lie beyond its end");
	return 0;
}

static int read_segments(struct elf *elf, const struct elf64_ehdr *eh,
			 const char *thing, struct problem *problem)
{
	struct elf_segment *to;
	struct elf64_phdr ph;
	uint32_t i;

	elf->segment = calloc(eh->phnum + 1u, sizeof(*elf->segment));
	if (!elf->segment)
		return problem_set(problem, thing, "no memory");
	for (i = 0; i < eh->phnum; i++) {
		memcpy(&ph, elf->file + eh->phoff + i * sizeof(ph),
		       sizeof(ph));
		if (!inside(ph.offset, ph.filesz, elf->bytes))
			return problem_set(problem, thing, "truncated: a "
					   "segment lies beyond its end");
		if (ph.type == ELF_PT_LOAD &&
		    (ph.filesz > ph.memsz || ph.vaddr + ph.memsz < ph.vaddr ||
		     ph.paddr + ph.memsz < ph.paddr))
			return problem_set(problem, thing, "a segment at "
					   "0x%llx has impossible sizes",
					   (unsigned long long)ph.vaddr);
		to = &elf->segment[elf->segments++];
		to->type = ph.type;
		to->flags = ph.flags;
		to->gva = ph.vaddr;
		to->gpa = ph.paddr;
		to->off = ph.offset;
		to->file_bytes = ph.filesz;
		to->mem_bytes = ph.memsz;
		to->align = ph.align;
	}
	return 0;
}

static void read_section(const struct elf *elf, const struct elf64_ehdr *eh,
			 uint32_t i, struct elf64_shdr *sh)
{
	memcpy(sh, elf->file + eh->shoff + (uint64_t)i * sizeof(*sh),
	       sizeof(*sh));
}

/* Names that end inside their table; "" for one that does not. */
static const char *name_in(const struct elf *elf, const struct elf64_shdr *tab,
			   uint32_t at)
{
	const char *names = (const char *)elf->file + tab->offset;

	if (at >= tab->size || !memchr(names + at, 0, tab->size - at))
		return "";
	return names + at;
}

static int read_sections(struct elf *elf, const struct elf64_ehdr *eh,
			 const char *thing, struct problem *problem)
{
	struct elf64_shdr names = { 0 }, sh;
	struct elf_section *to;
	uint32_t i;

	elf->section = calloc(eh->shnum + 1u, sizeof(*elf->section));
	if (!elf->section)
		return problem_set(problem, thing, "no memory");
	if (eh->shstrndx < eh->shnum)
		read_section(elf, eh, eh->shstrndx, &names);
	if (!inside(names.offset, names.size, elf->bytes))
		return problem_set(problem, thing, "truncated: its sections' "
				   "names lie beyond its end");
	for (i = 0; i < eh->shnum; i++) {
		read_section(elf, eh, i, &sh);
		if (sh.type != ELF_SHT_NOBITS && sh.type != ELF_SHT_NULL &&
		    !inside(sh.offset, sh.size, elf->bytes))
			return problem_set(problem, thing, "truncated: a "
					   "section lies beyond its end");
		to = &elf->section[elf->sections++];
		to->name = name_in(elf, &names, sh.name);
		to->type = sh.type;
		to->link = sh.link;
		to->info = sh.info;
		to->flags = sh.flags;
		to->gva = sh.addr;
		to->off = sh.offset;
		to->bytes = sh.type == ELF_SHT_NULL ? 0 : sh.size;
		to->file_bytes = sh.type == ELF_SHT_NOBITS ? 0 : to->bytes;
		to->align = sh.addralign ? sh.addralign : 1;
	}
	return 0;
}

int elf_open(struct elf *elf, const void *file, uint64_t bytes,
	     const char *thing, struct problem *problem)
{
	struct elf64_ehdr eh;

	memset(elf, 0, sizeof(*elf));
	elf->file = file;
	elf->bytes = bytes;
	if (check_header(elf, &eh, thing, problem))
		return -1;
	elf->type = eh.type;
	elf->entry = eh.entry;
	if (read_segments(elf, &eh, thing, problem))
		return -1;
	return read_sections(elf, &eh, thing, problem);
}

void elf_close(struct elf *elf)
{
	free(elf->segment);
	free(elf->section);
	memset(elf, 0, sizeof(*elf));
}

const struct elf_section *elf_find(const struct elf *elf, const char *name)
{
	uint32_t i;

	for (i = 0; i < elf->sections; i++)
		if (!strcmp(elf->section[i].name, name))
			return &elf->section[i];
	return NULL;
}

const uint8_t *elf_at(const struct elf *elf, uint64_t gva, uint64_t bytes)
{
	const struct elf_segment *s;
	uint32_t i;

	for (i = 0; i < elf->segments; i++) {
		s = &elf->segment[i];
		if (s->type == ELF_PT_LOAD && gva >= s->gva &&
		    inside(gva - s->gva, bytes, s->file_bytes))
			return elf->file + s->off + (gva - s->gva);
	}
	return NULL;
}

bool elf_executable(const struct elf_section *section)
{
	return (section->flags & (ELF_SHF_ALLOC | ELF_SHF_EXEC)) ==
	       (ELF_SHF_ALLOC | ELF_SHF_EXEC) && section->file_bytes;
}
