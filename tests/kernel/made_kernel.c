// SPDX-License-Identifier: GPL-2.0-only
/* made_kernel.c - a vmlinux of a few functions. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/elf_format.h"

#include "made_kernel.h"

#define PAGE		4096u	/* of headers */
#define PART_BYTES	0x10000u	/* of addresses */
#define GPA_OFFSET	0xffffffff80000000ull
#define SYMBOLS		300u		/* enough for two markers */
#define TOKENS		256u
#define MARK_EVERY	256u

static const struct {
	const char *name;
	uint64_t flags;
} parts[MADE_PARTS] = {
	{ ".text", ELF_SHF_ALLOC | ELF_SHF_EXEC },
	{ ".rodata", ELF_SHF_ALLOC },
	{ ".data", ELF_SHF_ALLOC | ELF_SHF_WRITE },
	{ ".altinstructions", ELF_SHF_ALLOC },
	{ ".altinstr_replacement", ELF_SHF_ALLOC | ELF_SHF_EXEC },
	{ ".return_sites", ELF_SHF_ALLOC },
	{ ".call_sites", ELF_SHF_ALLOC },
	{ ".smp_locks", ELF_SHF_ALLOC },
};

static uint64_t part_gva(enum made_part part)
{
	return MADE_TEXT + PART_BYTES * (uint64_t)part;
}

uint64_t made_here(const struct made_kernel *made, enum made_part part)
{
	return part_gva(part) + made->part[part].bytes;
}

uint64_t made_add(struct made_kernel *made, enum made_part part,
		  const void *data, size_t bytes)
{
	uint64_t gva = made_here(made, part);

	if (bytes > sizeof(made->part[part].data) - made->part[part].bytes)
		abort();
	if (bytes)
		memcpy(made->part[part].data + made->part[part].bytes, data,
		       bytes);
	made->part[part].bytes += bytes;
	return gva;
}

static void align(struct made_kernel *made, enum made_part part, size_t to,
		  uint8_t with)
{
	while (made->part[part].bytes % to)
		made_add(made, part, &with, 1);
}

void made_symbol(struct made_kernel *made, const char *name, uint64_t gva)
{
	struct made_symbol *symbol = &made->symbol[made->symbols++];

	if (made->symbols > sizeof(made->symbol) / sizeof(*symbol))
		abort();
	snprintf(symbol->name, sizeof(symbol->name), "%s", name);
	symbol->gva = gva;
}

uint64_t made_function(struct made_kernel *made, const char *name,
		       const void *code, size_t bytes)
{
	align(made, MADE_TEXT_PART, 16, 0xcc);
	made_symbol(made, name, made_here(made, MADE_TEXT_PART));
	return made_add(made, MADE_TEXT_PART, code, bytes);
}

void made_place(struct made_kernel *made, enum made_part part, uint64_t gva)
{
	int32_t place = (int32_t)(gva - made_here(made, part));

	made_add(made, part, &place, sizeof(place));
}

void made_alternative(struct made_kernel *made, uint64_t gva, uint8_t bytes,
		      const void *replacement, uint8_t replacement_bytes)
{
	const uint8_t rest[6] = { 1, 0, 0, 0, bytes, replacement_bytes };
	uint64_t to = made_add(made, MADE_REPLACEMENTS, replacement,
			       replacement_bytes);

	made_place(made, MADE_ALTERNATIVES, gva);
	made_place(made, MADE_ALTERNATIVES, to);
	made_add(made, MADE_ALTERNATIVES, rest, sizeof(rest));
}

void made_begin(struct made_kernel *made)
{
	memset(made, 0, sizeof(*made));
	made_symbol(made, "_text", MADE_TEXT);
	/* Nothing is looked for at the very beginning. */
	made_add(made, MADE_RODATA, "Linux version 6.12.0-made ", 26);
	made_symbol(made, "linux_banner", MADE_TEXT + PART_BYTES);
}

/* ---- symbols: scripts/kallsyms.c of 6.4 and later, without packing ---- */

static int by_gva(const void *a, const void *b)
{
	const struct made_symbol *x = a, *y = b;

	return x->gva < y->gva ? -1 : x->gva > y->gva;
}

static void add32(struct made_kernel *made, uint32_t value)
{
	made_add(made, MADE_RODATA, &value, sizeof(value));
}

static void add_names(struct made_kernel *made)
{
	uint32_t marker[8], i, marks = 0;
	uint64_t begin;
	uint8_t length;

	align(made, MADE_RODATA, 8, 0);
	add32(made, made->symbols);
	align(made, MADE_RODATA, 8, 0);
	begin = made_here(made, MADE_RODATA);
	for (i = 0; i < made->symbols; i++) {
		if (!(i % MARK_EVERY))
			marker[marks++] = (uint32_t)
				(made_here(made, MADE_RODATA) - begin);
		length = (uint8_t)(strlen(made->symbol[i].name) + 1);
		made_add(made, MADE_RODATA, &length, 1);
		made_add(made, MADE_RODATA, "T", 1);
		made_add(made, MADE_RODATA, made->symbol[i].name, length - 1u);
	}
	align(made, MADE_RODATA, 8, 0);
	for (i = 0; i < marks; i++)
		add32(made, marker[i]);
	align(made, MADE_RODATA, 8, 0);
}

static void add_tokens(struct made_kernel *made)
{
	uint16_t index[TOKENS];
	uint64_t begin = made_here(made, MADE_RODATA);
	uint8_t token[2] = { 0 };
	uint32_t i;

	for (i = 0; i < TOKENS; i++) {
		index[i] = (uint16_t)(made_here(made, MADE_RODATA) - begin);
		token[0] = (uint8_t)(i > ' ' && i < 0x7f ? i : 0);
		made_add(made, MADE_RODATA, token, token[0] ? 2 : 1);
	}
	align(made, MADE_RODATA, 8, 0);
	made_add(made, MADE_RODATA, index, sizeof(index));
}

static bool has_symbol(const struct made_kernel *made, const char *name)
{
	uint32_t i;

	for (i = 0; i < made->symbols; i++)
		if (!strcmp(made->symbol[i].name, name))
			return true;
	return false;
}

static void add_symbols(struct made_kernel *made)
{
	const uint64_t base = MADE_TEXT;
	char name[16];
	uint32_t i;

	if (!has_symbol(made, "_etext"))
		made_symbol(made, "_etext", made_here(made, MADE_TEXT_PART));
	for (i = 0; made->symbols < SYMBOLS; i++) {
		snprintf(name, sizeof(name), "filler_%u", i);
		made_symbol(made, name, part_gva(MADE_RODATA) + i);
	}
	if (!has_symbol(made, "__end_rodata"))
		made_symbol(made, "__end_rodata", part_gva(MADE_RODATA) +
			    sizeof(made->part[0].data));
	qsort(made->symbol, made->symbols, sizeof(*made->symbol), by_gva);
	add_names(made);
	add_tokens(made);
	for (i = 0; i < made->symbols; i++)
		add32(made, (uint32_t)(made->symbol[i].gva - base));
	align(made, MADE_RODATA, 8, 0);
	made_add(made, MADE_RODATA, &base, sizeof(base));
}

/* ---- the file ---- */

/* Program headers, section headers and their names are in the first page. */
#define SECTIONS_AT	1024u
#define NAMES_AT	2048u

static void put(struct made_kernel *made, size_t at, const void *data,
		size_t bytes)
{
	if (at + bytes > sizeof(made->file))
		abort();
	memcpy(made->file + at, data, bytes);
}

static void lay(struct made_kernel *made, enum made_part part, size_t off)
{
	struct elf64_phdr ph = {
		.type = ELF_PT_LOAD, .flags = 7, .offset = off,
		.vaddr = part_gva(part),
		.paddr = part_gva(part) - GPA_OFFSET,
		.filesz = made->part[part].bytes,
		/* The last one is not to grow. */
		.memsz = made->part[part].bytes + (part + 1 == MADE_PARTS),
		.align = 16,
	};
	struct elf64_shdr sh = {
		.type = 1, .flags = parts[part].flags, .addr = part_gva(part),
		.offset = off, .size = made->part[part].bytes,
		.name = 1 + 32 * (uint32_t)part,
	};

	put(made, off, made->part[part].data, made->part[part].bytes);
	put(made, sizeof(struct elf64_ehdr) + part * sizeof(ph), &ph,
	    sizeof(ph));
	put(made, SECTIONS_AT + (part + 1) * sizeof(sh), &sh, sizeof(sh));
	put(made, NAMES_AT + sh.name, parts[part].name,
	    strlen(parts[part].name));
}

void made_end(struct made_kernel *made)
{
	struct elf64_ehdr eh = {
		.ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_LSB, 1 },
		.type = ELF_ET_EXEC, .machine = ELF_EM_X86_64, .version = 1,
		.entry = MADE_TEXT - GPA_OFFSET, .phoff = sizeof(eh),
		.shoff = SECTIONS_AT, .ehsize = sizeof(eh),
		.phentsize = sizeof(struct elf64_phdr), .phnum = MADE_PARTS,
		.shentsize = sizeof(struct elf64_shdr),
		.shnum = MADE_PARTS + 2, .shstrndx = MADE_PARTS + 1,
	};
	struct elf64_shdr names = {
		.type = 3, .offset = NAMES_AT, .size = 32 * MADE_PARTS + 1,
	};
	unsigned int part;

	add_symbols(made);
	put(made, 0, &eh, sizeof(eh));
	put(made, SECTIONS_AT + (MADE_PARTS + 1) * sizeof(names), &names,
	    sizeof(names));
	made->bytes = PAGE;
	for (part = 0; part < MADE_PARTS; part++) {
		lay(made, part, made->bytes);
		made->bytes += made->part[part].bytes + 15;
		made->bytes -= made->bytes % 16;
	}
}
