// SPDX-License-Identifier: GPL-2.0-only
/* modules.c - what becomes of the instructions of a kernel's modules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/boot.h>

#include "os/file.h"

#include "elf.h"
#include "kernel_file.h"
#include "modules.h"

#define INT3		0xcc
#define UNPACKED_MAX	(256u << 20)

static const struct {
	const char *module;
	uint8_t class, verdict;
	const char *reason;
} judged[] = {
#define MODULE_JUDGED(module, class, verdict, reason) \
	{ module, INSN_##class, SITE_##verdict, reason },
#include "kernel/judged.def"
	{ NULL, 0, 0, NULL }
};

/* Where functions begin, of the section that is walked. */
struct symbol {
	uint64_t off;
	const char *name;
};

struct walk {
	struct modules *all;
	const char *name;	/* of the module */
	const struct elf *elf;
	const struct elf_section *section;
	struct symbol *symbol;
	size_t symbols;
};

static int by_off(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static const char *text_in(const struct elf *elf,
			   const struct elf_section *section, uint32_t off)
{
	const char *at = (const char *)elf->file + section->off;

	return off < section->file_bytes &&
		memchr(at + off, 0, section->file_bytes - off) ? at + off : "?";
}

#define STT_NOTYPE	0u
#define STT_FUNC	2u
#define STB_LOCAL	0u

/* What else has a name may be the inside of a function. */
static bool is_function(const struct elf64_sym *sym)
{
	uint32_t type = sym->info & 0xf, bind = sym->info >> 4;

	return type == STT_FUNC || (type == STT_NOTYPE && bind != STB_LOCAL);
}

static int find_symbols(struct walk *walk)
{
	const struct elf *elf = walk->elf;
	const struct elf_section *table = NULL;
	uint32_t number = (uint32_t)(walk->section - elf->section);
	struct elf64_sym sym;
	size_t i, count;

	for (i = 0; i < elf->sections; i++)
		if (elf->section[i].type == ELF_SHT_SYMTAB)
			table = &elf->section[i];
	walk->symbols = 0;
	if (!table || table->link >= elf->sections)
		return 0;
	count = table->file_bytes / sizeof(sym);
	walk->symbol = calloc(count + 1, sizeof(*walk->symbol));
	if (!walk->symbol)
		return -1;
	for (i = 0; i < count; i++) {
		memcpy(&sym, elf->file + table->off + i * sizeof(sym),
		       sizeof(sym));
		if (sym.shndx == number && is_function(&sym))
			walk->symbol[walk->symbols++] = (struct symbol){
				sym.value, text_in(elf, &elf->section[
						   table->link], sym.name) };
	}
	qsort(walk->symbol, walk->symbols, sizeof(*walk->symbol), by_off);
	return 0;
}

static void judge(const struct walk *walk, const struct insn *insn,
		  struct module_site *site)
{
	const struct judged *function = site_judge(site->function, site->class);
	enum site_verdict verdict;
	size_t i;

	site->reason = insn_reason(site->class, &verdict);
	site->verdict = insn->kind ? SITE_INT3 : verdict;
	if (site->verdict != SITE_REFUSED)
		return;
	for (i = 0; judged[i].module; i++)
		if (!strcmp(judged[i].module, walk->name) &&
		    judged[i].class == site->class) {
			site->verdict = judged[i].verdict;
			site->reason = judged[i].reason;
			return;
		}
	if (function && function->verdict < SITE_VERDICTS) {
		site->verdict = function->verdict;
		site->reason = function->reason;
	}
}

static int found(struct walk *walk, uint64_t off, const struct insn *insn)
{
	struct modules *all = walk->all;
	struct module_site *list, site = { .class = insn->class };
	size_t low = 0, high = walk->symbols, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (walk->symbol[middle].off <= off)
			low = middle + 1;
		else
			high = middle;
	}
	snprintf(site.module, sizeof(site.module), "%s", walk->name);
	snprintf(site.function, sizeof(site.function), "%.63s", low ?
		 walk->symbol[low - 1].name : walk->section->name);
	site.offset = (uint32_t)(off - (low ? walk->symbol[low - 1].off : 0));
	judge(walk, insn, &site);
	all->counts[site.class][site.verdict]++;
	all->refused += site.verdict == SITE_REFUSED;
	if (site.verdict == SITE_INT3 || site.verdict == SITE_FREE)
		return 0;
	list = realloc(all->list, (all->count + 1) * sizeof(*list));
	if (!list)
		return -1;
	all->list = list;
	list[all->count++] = site;
	return 0;
}

/* As the guest does it: from the section's beginning, byte by byte if need. */
static int walk_section(struct walk *walk)
{
	const uint8_t *at = walk->elf->file + walk->section->off;
	uint64_t off, end = walk->section->file_bytes;
	struct insn insn;

	for (off = 0; off < end; off += insn.bytes) {
		decode(at + off, end - off, &insn);
		if (insn.class && insn.class != INSN_PAUSE &&
		    found(walk, off, &insn))
			return -1;
	}
	return 0;
}

/* The file's name up to ".ko", as lsmod shows it. */
static void name_of(const char *path, char name[MODULE_NAME])
{
	const char *begin = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *end = strstr(begin, ".ko");
	size_t length = end ? (size_t)(end - begin) : strlen(begin);
	size_t i;

	if (length > MODULE_NAME - 1)
		length = MODULE_NAME - 1;
	for (i = 0; i < length; i++)
		name[i] = begin[i] == '-' ? '_' : begin[i];
	name[length] = 0;
}

static int walk_elf(struct walk *walk, const char *path,
		    struct problem *problem)
{
	const struct elf *elf = walk->elf;
	uint32_t i;
	int ret = 0;

	if (elf->type != ELF_ET_REL || !elf_find(elf, ".modinfo"))
		return problem_set(problem, path, "it is no kernel module");
	for (i = 0; i < elf->sections && !ret; i++) {
		if (!elf_executable(&elf->section[i]))
			continue;
		walk->section = &elf->section[i];
		ret = find_symbols(walk) || walk_section(walk);
		free(walk->symbol);
		walk->symbol = NULL;
	}
	walk->all->files++;
	return ret ? problem_set(problem, path, "no memory") : 0;
}

static int add_elf(struct modules *all, const char *path, const void *data,
		   uint64_t bytes, struct problem *problem)
{
	char name[MODULE_NAME];
	struct elf elf;
	struct walk walk = { .all = all, .name = name, .elf = &elf };
	int ret = -1;

	name_of(path, name);
	if (!elf_open(&elf, data, bytes, path, problem))
		ret = walk_elf(&walk, path, problem);
	elf_close(&elf);
	return ret;
}

static uint32_t packed_with(const uint8_t *data, uint64_t bytes)
{
	static const struct {
		char magic[7];
		uint8_t bytes;
		uint32_t kind;
	} known[] = {
		{ "\x1f\x8b", 2, CVM_PACK_GZIP },
		{ "\xfd" "7zXZ", 6, CVM_PACK_XZ },
		{ "\x28\xb5\x2f\xfd", 4, CVM_PACK_ZSTD },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (bytes >= known[i].bytes &&
		    !memcmp(data, known[i].magic, known[i].bytes))
			return known[i].kind;
	return CVM_PACK_NONE;
}

int module_add_bytes(struct modules *all, const char *path, const void *data,
		     uint64_t bytes, struct problem *problem)
{
	uint32_t kind = packed_with(data, bytes);
	const char *reason = UNPACK_CORRUPT;
	uint8_t *unpacked;
	uint64_t got = 0;
	int ret;

	if (decode_missing())
		return problem_set(problem, path, "%s", decode_missing());
	if (kind == CVM_PACK_NONE)
		return add_elf(all, path, data, bytes, problem);
	unpacked = malloc(UNPACKED_MAX);
	if (!unpacked)
		return problem_set(problem, path, "no memory");
	if (unpack(kind, data, bytes, unpacked, UNPACKED_MAX, &got, &reason))
		ret = problem_set(problem, path, "%s cannot be unpacked: %s",
				  cvm_pack_name(kind), reason);
	else
		ret = add_elf(all, path, unpacked, got, problem);
	free(unpacked);
	return ret;
}

int module_add(struct modules *all, const char *path, struct problem *problem)
{
	static const struct file_kind kind = { "a module", UNPACKED_MAX };
	struct file file;
	int ret = -1;

	file_init(&file);
	if (!file_map(&file, path, &kind, problem))
		ret = module_add_bytes(all, path, file.data, file.bytes,
				       problem);
	file_close(&file);
	return ret;
}

void modules_free(struct modules *all)
{
	free(all->list);
	memset(all, 0, sizeof(*all));
}
