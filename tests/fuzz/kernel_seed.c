// SPDX-License-Identifier: GPL-2.0-only
/* kernel_seed.c - a platform object with one of each thing, and its kernel. */
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>
#include <cvm/object.h>

#include "kernel/elf_format.h"

#include "kernel_seed.h"

/* Its sections, and symbols of which [i + 1] is that of section i. */
enum {
	S_NULL, S_OBJECT, S_STRINGS, S_HOOKS, S_RELA_HOOKS, S_TEXT,
	S_RELA_TEXT, S_DATA, S_PERCPU, S_ENTRY, S_NOTE, S_SYMBOLS, S_NAMES,
	S_SECTIONS
};

enum {
	SYM_NULL, SYM_STRINGS, SYM_TEXT, SYM_DATA, SYM_KERNEL, SYM_WEAK,
	SYM_TABLE, SYM_AFTER, SYM_BEGIN, SYMBOLS
};

static const char names[] =
	"\0.cvm.object\0.cvm.strings\0.cvm.hooks\0.rela.cvm.hooks\0.text\0"
	".rela.text\0.data\0.data..percpu\0.cvm.entry\0.note.cvm\0.symtab\0"
	".strtab\0do_it\0perhaps\0cvm_site_table\0cvm_after_do_it\0"
	"cvm_begin__data\0";

static uint32_t name(const char *text)
{
	size_t at;

	for (at = 0; at < sizeof(names); at += strlen(names + at) + 1)
		if (!strcmp(names + at, text))
			return (uint32_t)at;
	abort();
}

/* Names of its rows, by where they stand in .cvm.strings. */
static const char strings[] =
	"hooked\0traced\0caller\0do_it\0pointer\0common_startup_64\0because";

static uint64_t string(const char *text)
{
	size_t at;

	for (at = 0; at < sizeof(strings); at += strlen(strings + at) + 1)
		if (!strcmp(strings + at, text))
			return at;
	abort();
}

static struct {
	uint8_t *file;
	size_t bytes;
	struct elf64_shdr sh[S_SECTIONS];
} made;

static void section(uint32_t i, const char *text, uint32_t type,
		    uint64_t flags, const void *data, size_t bytes)
{
	struct elf64_shdr *sh = &made.sh[i];

	made.bytes += -made.bytes & 7;
	*sh = (struct elf64_shdr){ .name = name(text), .type = type,
		.flags = flags, .offset = made.bytes, .size = bytes,
		.addralign = 8 };
	if (made.bytes + bytes > KERNEL_SEED_OBJECT)
		abort();
	memcpy(made.file + made.bytes, data, bytes);
	made.bytes += bytes;
}

static void rela(struct elf64_rela *to, uint64_t offset, uint32_t symbol,
		 uint32_t type, int64_t addend)
{
	to->offset = offset;
	to->info = (uint64_t)symbol << 32 | type;
	to->addend = addend;
}

#define HOOKS	5

static void hooks(void)
{
	static const struct {
		uint32_t kind, flags;
		const char *target, *in;
		int original;
	} from[HOOKS] = {
		{ CVM_HOOK_ENTRY, 0, "hooked", NULL, 1 },
		{ CVM_HOOK_ENTRY, CVM_HOOK_F_VOID, "traced", NULL, 1 },
		{ CVM_HOOK_CALL, CVM_HOOK_F_OPTIONAL, "do_it", "caller", 0 },
		{ CVM_HOOK_POINTER, 0, "pointer", NULL, 1 },
		{ CVM_HOOK_CR4, 0, NULL, "common_startup_64", 0 },
	};
	struct cvm_hook row[HOOKS] = { 0 };
	struct elf64_rela to[HOOKS * 5];
	uint64_t at, n = 0, i;

	for (i = 0, at = 0; i < HOOKS; i++, at += sizeof(*row)) {
		row[i].kind = from[i].kind;
		row[i].flags = from[i].flags;
		if (from[i].target)
			rela(&to[n++], at + offsetof(struct cvm_hook, target),
			     SYM_STRINGS, ELF_R_64,
			     (int64_t)string(from[i].target));
		if (from[i].in)
			rela(&to[n++], at + offsetof(struct cvm_hook, in),
			     SYM_STRINGS, ELF_R_64,
			     (int64_t)string(from[i].in));
		rela(&to[n++], at + offsetof(struct cvm_hook, reason),
		     SYM_STRINGS, ELF_R_64, (int64_t)string("because"));
		rela(&to[n++], at + offsetof(struct cvm_hook, replacement),
		     SYM_TEXT, ELF_R_64, 0);
		if (from[i].original)
			rela(&to[n++], at + offsetof(struct cvm_hook, orig),
			     SYM_DATA, ELF_R_64, (int64_t)(8 * i));
	}
	section(S_HOOKS, ".cvm.hooks", 1, ELF_SHF_ALLOC, row, sizeof(row));
	section(S_RELA_HOOKS, ".rela.cvm.hooks", ELF_SHT_RELA, 0, to,
		n * sizeof(*to));
	made.sh[S_RELA_HOOKS].info = S_HOOKS;
	made.sh[S_RELA_HOOKS].link = S_SYMBOLS;
}

static void symbols(void)
{
	static const struct {
		const char *name;
		uint16_t section;
		uint8_t info;
	} from[SYMBOLS] = {
		[SYM_STRINGS] = { "", S_STRINGS, ELF_STT_SECTION },
		[SYM_TEXT] = { "", S_TEXT, ELF_STT_SECTION },
		[SYM_DATA] = { "", S_DATA, ELF_STT_SECTION },
		[SYM_KERNEL] = { "do_it", 0, 1 << 4 },
		[SYM_WEAK] = { "perhaps", 0, ELF_STB_WEAK << 4 },
		[SYM_TABLE] = { "cvm_site_table", 0, 1 << 4 },
		[SYM_AFTER] = { "cvm_after_do_it", 0, 1 << 4 },
		[SYM_BEGIN] = { "cvm_begin__data", 0, 1 << 4 },
	};
	struct elf64_sym to[SYMBOLS] = { 0 };
	uint32_t i;

	for (i = 1; i < SYMBOLS; i++) {
		to[i].name = name(from[i].name);
		to[i].shndx = from[i].section;
		to[i].info = from[i].info;
	}
	section(S_SYMBOLS, ".symtab", ELF_SHT_SYMTAB, 0, to, sizeof(to));
	made.sh[S_SYMBOLS].link = S_NAMES;
}

static void text(void)
{
	static const uint8_t code[64] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xe9 };
	struct elf64_rela to[5];

	rela(&to[0], 5, SYM_KERNEL, ELF_R_PLT32, -4);
	rela(&to[1], 16, SYM_WEAK, ELF_R_64, 0);
	rela(&to[2], 24, SYM_TABLE, ELF_R_32S, 0);
	rela(&to[3], 32, SYM_AFTER, ELF_R_PC64, 8);
	rela(&to[4], 40, SYM_BEGIN, ELF_R_PC32, 0);
	section(S_TEXT, ".text", 1, ELF_SHF_ALLOC | ELF_SHF_EXEC, code,
		sizeof(code));
	section(S_RELA_TEXT, ".rela.text", ELF_SHT_RELA, 0, to, sizeof(to));
	made.sh[S_RELA_TEXT].info = S_TEXT;
	made.sh[S_RELA_TEXT].link = S_SYMBOLS;
}

size_t kernel_seed_object(uint8_t to[KERNEL_SEED_OBJECT])
{
	static const uint8_t some[64] = { 0xc3 };
	const struct cvm_object head = {
		.magic = CVM_OBJECT_MAGIC, .object_abi = CVM_OBJECT_ABI,
		.guest_abi = CVM_GUEST_ABI, .release = "6.12.0-made",
		.hook_bytes = sizeof(struct cvm_hook),
	};
	struct elf64_ehdr eh = {
		.ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_LSB, 1 },
		.type = ELF_ET_REL, .machine = ELF_EM_X86_64, .version = 1,
		.ehsize = sizeof(eh), .shentsize = sizeof(made.sh[0]),
		.shnum = S_SECTIONS, .shstrndx = S_NAMES,
	};

	memset(&made, 0, sizeof(made));
	memset(to, 0, KERNEL_SEED_OBJECT);
	made.file = to;
	made.bytes = sizeof(eh);
	section(S_OBJECT, ".cvm.object", 1, ELF_SHF_ALLOC, &head, sizeof(head));
	section(S_STRINGS, ".cvm.strings", 1, ELF_SHF_ALLOC, strings,
		sizeof(strings));
	hooks();
	text();
	section(S_DATA, ".data", 1, ELF_SHF_ALLOC | ELF_SHF_WRITE, some,
		sizeof(some));
	section(S_PERCPU, ".data..percpu", 1, ELF_SHF_ALLOC | ELF_SHF_WRITE,
		some, sizeof(some));
	section(S_ENTRY, ".cvm.entry", 1, ELF_SHF_ALLOC | ELF_SHF_EXEC, some,
		8);
	section(S_NOTE, ".note.cvm", 7, ELF_SHF_ALLOC, some, sizeof(some));
	symbols();
	section(S_NAMES, ".strtab", 3, 0, names, sizeof(names));
	made.bytes += -made.bytes & 7;
	eh.shoff = made.bytes;
	if (made.bytes + sizeof(made.sh) > KERNEL_SEED_OBJECT)
		abort();
	memcpy(to + made.bytes, made.sh, sizeof(made.sh));
	memcpy(to, &eh, sizeof(eh));
	return made.bytes + sizeof(made.sh);
}

static void function(struct made_kernel *kernel, const char *text,
		     const char *code)
{
	uint8_t whole[32];

	memset(whole, 0x90, sizeof(whole));
	memcpy(whole, code, strlen(code));
	whole[sizeof(whole) - 1] = 0xc3;
	made_function(kernel, text, whole, sizeof(whole));
}

/* The gap behind the text: two pages of it, in the file. */
static void gap(struct made_kernel *kernel)
{
	static uint8_t none[3 * 4096];
	uint64_t end = made_here(kernel, MADE_TEXT_PART);
	size_t bytes = -kernel->part[MADE_TEXT_PART].bytes & 4095;

	memset(none, 0xcc, sizeof(none));
	made_symbol(kernel, "_etext", end);
	made_add(kernel, MADE_TEXT_PART, none, bytes + 2 * 4096);
	made_symbol(kernel, "__start_rodata",
		    made_here(kernel, MADE_TEXT_PART));
}

/* Behind all that any place is looked for in. */
static void data(struct made_kernel *kernel)
{
	static const uint8_t zero[256];
	uint64_t traced = 0, at;
	uint32_t i;

	made_symbol(kernel, "_sdata", made_here(kernel, MADE_DATA));
	made_symbol(kernel, "mc_buffer", made_here(kernel, MADE_DATA));
	made_add(kernel, MADE_DATA, zero, sizeof(zero));
	made_symbol(kernel, "pointer", made_here(kernel, MADE_DATA));
	made_add(kernel, MADE_DATA, zero, 16);
	made_symbol(kernel, "level1_fixmap_pgt", made_here(kernel, MADE_DATA));
	for (i = 0; i < kernel->symbols; i++)
		if (!strcmp(kernel->symbol[i].name, "traced"))
			traced = kernel->symbol[i].gva;
	at = made_add(kernel, MADE_DATA, &traced, sizeof(traced));
	made_symbol(kernel, "__start_mcount_loc", at);
	made_symbol(kernel, "__stop_mcount_loc", at + sizeof(traced));
}

void kernel_seed(struct made_kernel *kernel)
{
	uint64_t at;

	made_begin(kernel);
	function(kernel, "startup_64", "\x90");
	function(kernel, "common_startup_64", "\x41\x0f\x22\xe1");
	function(kernel, "early_idt_handler_common", "\x90");
	function(kernel, "hooked", "\x48\x89\xf8\x48\x83\xc0\x01");
	function(kernel, "traced", "\x0f\x1f\x44\x01\x01");
	memcpy(kernel->part[MADE_TEXT_PART].data +
	       kernel->part[MADE_TEXT_PART].bytes - 32, "\x0f\x1f\x44\0\0", 5);
	function(kernel, "do_it", "\xed\xe6\x80\x90");
	function(kernel, "caller", "\xe8\xdb\xff\xff\xff");
	at = made_here(kernel, MADE_TEXT_PART);
	function(kernel, "asm_entry", "\xb9\x48\x01\x01\x01");
	made_symbol(kernel, "__entry_text_start", at);
	made_symbol(kernel, "__entry_text_end",
		    made_here(kernel, MADE_TEXT_PART));
	made_alternative(kernel, at + 8, 3, "\x0f\x01\xf8", 3);
	made_place(kernel, MADE_RETURNS, at + 31);
	gap(kernel);
	data(kernel);
	made_end(kernel);
}
