// SPDX-License-Identifier: GPL-2.0-only
/* made_object.c - a platform object of a few bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>

#include "kernel/elf_format.h"

#include "made_object.h"

static void add(struct made_section *s, const void *data, size_t bytes)
{
	if (bytes > sizeof(s->data) - s->bytes)
		abort();
	if (bytes)
		memcpy(s->data + s->bytes, data, bytes);
	s->bytes += bytes;
}

uint32_t made_section(struct made_object *made, const char *name,
		      uint64_t flags, const void *data, size_t bytes)
{
	struct made_section *s = &made->section[made->sections];

	if (made->sections == MADE_SECTIONS)
		abort();
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->type = data || !bytes ? 1 : ELF_SHT_NOBITS;
	s->flags = flags;
	s->align = 8;
	if (data)
		add(s, data, bytes);
	else
		s->bytes = bytes;
	return made->sections++;
}

static uint32_t add_symbol(struct made_object *made, const char *name,
			   uint8_t info, uint16_t shndx, uint64_t value)
{
	struct elf64_sym sym = {
		.name = (uint32_t)made->name_bytes, .info = info,
		.shndx = shndx, .value = value,
	};
	size_t len = strlen(name) + 1;

	if (made->symbols == 256 ||
	    len > sizeof(made->names) - made->name_bytes)
		abort();
	memcpy(made->names + made->name_bytes, name, len);
	made->name_bytes += len;
	memcpy(made->symbol + made->symbols * sizeof(sym), &sym, sizeof(sym));
	return made->symbols++;
}

/* Section numbers in the file are one more: the first is empty. */
uint32_t made_defined(struct made_object *made, const char *name,
		      uint32_t section, uint64_t value)
{
	return add_symbol(made, name, 1 << 4, (uint16_t)(section + 1), value);
}

uint32_t made_undefined(struct made_object *made, const char *name, int weak)
{
	return add_symbol(made, name, weak ? ELF_STB_WEAK << 4 : 1 << 4,
			  ELF_SHN_UNDEF, 0);
}

void made_rela(struct made_object *made, uint32_t section, uint64_t off,
	       uint32_t type, uint32_t symbol, int64_t addend)
{
	struct made_section *s = &made->section[section];
	struct elf64_rela rela = {
		.offset = off, .info = (uint64_t)symbol << 32 | type,
		.addend = addend,
	};

	if (sizeof(rela) > sizeof(s->rela) - s->rela_bytes)
		abort();
	memcpy(s->rela + s->rela_bytes, &rela, sizeof(rela));
	s->rela_bytes += sizeof(rela);
}

/* A name's relocation in a row; none for "". */
static void name(struct made_object *made, uint64_t off, const char *text)
{
	struct made_section *strings = &made->section[made->strings];
	uint32_t symbol;

	if (!*text)
		return;
	symbol = made_defined(made, "", made->strings, strings->bytes);
	add(strings, text, strlen(text) + 1);
	made_rela(made, made->hooks, off, ELF_R_64, symbol, 0);
}

void made_hook(struct made_object *made, uint32_t kind, const char *target,
	       const char *in, uint32_t replacement, uint32_t orig,
	       uint64_t offset, uint32_t flags)
{
	struct cvm_hook row = {
		.offset = offset, .kind = kind, .flags = flags,
	};
	uint64_t at = made->section[made->hooks].bytes;

	add(&made->section[made->hooks], &row, sizeof(row));
	name(made, at + offsetof(struct cvm_hook, target), target);
	name(made, at + offsetof(struct cvm_hook, in), in);
	name(made, at + offsetof(struct cvm_hook, reason), "a test wants it");
	if (replacement)
		made_rela(made, made->hooks,
			  at + offsetof(struct cvm_hook, replacement),
			  ELF_R_64, replacement, 0);
	if (orig)
		made_rela(made, made->hooks,
			  at + offsetof(struct cvm_hook, orig), ELF_R_64,
			  orig, 0);
}

void made_object_begin(struct made_object *made)
{
	struct cvm_object head = {
		.magic = CVM_OBJECT_MAGIC, .object_abi = CVM_OBJECT_ABI,
		.guest_abi = CVM_GUEST_ABI,
		.hook_bytes = sizeof(struct cvm_hook), .release = "6.12.0-made",
	};
	struct __attribute__((packed)) {
		uint32_t namesz, descsz, type;
		char owner[8];
		struct cvm_note_desc desc;
	} note = {
		.namesz = sizeof(CVM_NOTE_OWNER), .descsz = sizeof(note.desc),
		.type = CVM_NOTE_TYPE, .owner = CVM_NOTE_OWNER,
		.desc = {
			.abi = CVM_GUEST_ABI, .size = sizeof(note.desc),
			.passage_gva = 0xffffffffff200000,
			.passage_pages = CVM_PASSAGE_PAGES,
		},
	};

	memset(made, 0, sizeof(*made));
	add_symbol(made, "", 0, 0, 0);
	made->head = made_section(made, ".cvm.object", ELF_SHF_ALLOC, &head,
				  sizeof(head));
	made->hooks = made_section(made, ".cvm.hooks", ELF_SHF_ALLOC, "", 0);
	made->strings = made_section(made, ".cvm.strings", ELF_SHF_ALLOC, "",
				     1);
	made->fields = made_section(made, ".cvm.fields", ELF_SHF_ALLOC, "", 0);
	made_section(made, ".note.cvm", ELF_SHF_ALLOC, &note, sizeof(note));
	/* The passage's entries are in a table of the kernel's. */
	made_rela(made, made->sections - 1, offsetof(__typeof__(note),
		  desc.pte_gva), ELF_R_64,
		  made_undefined(made, "level1_fixmap_pgt", 0), 0);
}

/* ---- the file ---- */

static uint64_t put(struct made_object *made, const void *data, size_t bytes)
{
	uint64_t at = (made->bytes + 7) & ~7ull;

	if (at + bytes > sizeof(made->file))
		abort();
	memcpy(made->file + at, data, bytes);
	made->bytes = at + bytes;
	return at;
}

void made_object_end(struct made_object *made)
{
	const uint32_t symbols = 2 * made->sections + 1, n = symbols + 3;
	char names[2 * MADE_SECTIONS * 40];
	struct elf64_shdr heads[2 * MADE_SECTIONS + 4] = { 0 };
	struct elf64_ehdr eh = {
		.ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_LSB, 1 },
		.type = ELF_ET_REL, .machine = ELF_EM_X86_64, .version = 1,
		.ehsize = sizeof(eh), .shentsize = sizeof(struct elf64_shdr),
		.shnum = (uint16_t)n, .shstrndx = (uint16_t)(n - 1),
	};
	struct made_section *s;
	size_t name_bytes = 1;
	uint32_t i;

	memset(names, 0, sizeof(names));
	made->bytes = sizeof(eh);
	for (i = 0; i < made->sections; i++) {
		s = &made->section[i];
		heads[i + 1] = (struct elf64_shdr){
			.name = (uint32_t)name_bytes, .type = s->type,
			.flags = s->flags, .size = s->bytes,
			.addralign = s->align,
			.offset = put(made, s->data, s->type == ELF_SHT_NOBITS ?
				      0 : s->bytes),
		};
		name_bytes += (size_t)snprintf(names + name_bytes, 40, "%s",
					       s->name) + 1;
		heads[made->sections + i + 1] = (struct elf64_shdr){
			.type = ELF_SHT_RELA, .size = s->rela_bytes,
			.link = symbols, .info = i + 1,
			.offset = put(made, s->rela, s->rela_bytes),
		};
	}
	heads[symbols] = (struct elf64_shdr){
		.type = ELF_SHT_SYMTAB, .link = symbols + 1,
		.size = made->symbols * sizeof(struct elf64_sym),
		.offset = put(made, made->symbol, made->symbols *
			      sizeof(struct elf64_sym)),
	};
	heads[symbols + 1] = (struct elf64_shdr){
		.type = 3, .size = made->name_bytes,
		.offset = put(made, made->names, made->name_bytes),
	};
	heads[symbols + 2] = (struct elf64_shdr){
		.type = 3, .size = name_bytes,
		.offset = put(made, names, name_bytes),
	};
	eh.shoff = put(made, heads, n * sizeof(heads[0]));
	memcpy(made->file, &eh, sizeof(eh));
}
