// SPDX-License-Identifier: GPL-2.0-only
/* sites.c - every instruction of a kernel that touches the machine. */
#include <stdlib.h>
#include <string.h>

#include "selfpatch.h"
#include "sites.h"

#define PAD	0xcc	/* int3 */

/* Instructions before a wrmsr that are looked at for its constant. */
#define TAIL	8u

/* Written on each way to user mode, where CR4.FRED is set. */
#define MSR_FRED_RSP0	0x1ccu

/* A wrmsr and the constant above that it finds in ECX. */
struct window {
	uint64_t from, to;
	uint32_t msr;
	size_t site;		/* index of the list */
	bool jumped;		/* into, behind from */
};

struct walk {
	struct sites *sites;
	const struct image *image;
	const struct sites_hooks *hooks;
	struct selfpatches patches;
	const uint8_t *at;	/* of the section */
	uint64_t gva, bytes;
	uint64_t tail[TAIL];	/* last instructions: offsets in the section */
	unsigned int tails;
	bool indirect;		/* the function jumps to who knows where */
	struct window *window;
	size_t windows;
	uint64_t *jump;		/* where each jump of the image leads */
	size_t jumps;
};

/* Room for one more: doubled whenever count is a power of two. */
static void *grow(void *list, size_t count, size_t bytes)
{
	return count & (count - 1) ? list :
		realloc(list, (count ? count * 2 : 1) * bytes);
}

static struct site *site_new(struct sites *sites)
{
	struct site *list = grow(sites->list, sites->count, sizeof(*list));

	if (!list)
		return NULL;
	sites->list = list;
	return memset(&list[sites->count++], 0, sizeof(*list));
}

/*
 * Registers that the platform just writes, and the one that the passage reads
 * at each switch, for entry code writes it (docs/cpu-state.md).
 */
static bool just_written(uint32_t msr)
{
	static const struct {
		uint32_t first, last, written;
	} rows[] = {
#define WRITTEN_OWN	1
#define WRITTEN_COMMAND	1
#define WRITTEN_DROPPED	0
#define CVM_MSR(name, first, last, verdict, told) \
		{ first, last, WRITTEN_##verdict },
#define CVM_MSRS_SWITCHED	{ 0x48, 0x48, 1 },	/* SPEC_CTRL */
#include "../../guest-patch/cvm/msr.def"
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last)
			return rows[i].written;
	return false;
}

/* Where the constant was loaded that the wrmsr at off finds in ECX, or off. */
static uint64_t constant_from(const struct walk *walk, uint64_t off,
			      uint32_t *msr)
{
	uint64_t at;
	unsigned int i;

	for (i = walk->tails; i && walk->tails - i < TAIL; i--) {
		at = walk->tail[(i - 1) % TAIL];
		switch (decode_ecx(walk->at + at, walk->bytes - at, msr)) {
		case ECX_SET:
			return at;
		case ECX_LOST:
			return off;
		case ECX_KEPT:
			break;
		}
	}
	return off;
}

/*
 * If the wrmsr just found is always of such a register, as far as the way that
 * leads to it from above tells.  What else may lead there is known in the end.
 */
static int window_new(struct walk *walk, uint64_t off)
{
	uint32_t msr = 0;
	uint64_t from = constant_from(walk, off, &msr);
	struct window *grown;

	if (from == off || (!just_written(msr) && msr != MSR_FRED_RSP0))
		return 0;
	grown = grow(walk->window, walk->windows, sizeof(*grown));
	if (!grown)
		return -1;
	walk->window = grown;
	grown[walk->windows++] = (struct window){
		.from = walk->gva + from, .to = walk->gva + off, .msr = msr,
		.site = walk->sites->count - 1 };
	return 0;
}

static bool writes_msr(const struct insn *insn)
{
	return insn->class == INSN_WRMSR || insn->class == INSN_WRMSRNS;
}

static int jump_new(struct walk *walk, uint64_t to)
{
	uint64_t *grown = grow(walk->jump, walk->jumps, sizeof(*grown));

	if (!grown)
		return -1;
	walk->jump = grown;
	grown[walk->jumps++] = to;
	return 0;
}

/* Each jump into one makes it worthless. */
static void jumped(struct walk *walk, uint64_t to)
{
	size_t low = 0, high = walk->windows, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (walk->window[middle].to < to)
			low = middle + 1;
		else
			high = middle;
	}
	/* Of an alternative's choices several may be at one place. */
	for (; low < walk->windows && walk->window[low].from < to; low++)
		walk->window[low].jumped = true;
}

static int by_to(const void *a, const void *b)
{
	const struct window *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

static void judge_windows(struct walk *walk)
{
	const struct selfpatch *patch = walk->patches.list;
	struct site *site;
	size_t i;

	if (!walk->windows)
		return;
	qsort(walk->window, walk->windows, sizeof(*walk->window), by_to);
	for (i = 0; i < walk->jumps; i++)
		jumped(walk, walk->jump[i]);
	for (i = 0; i < walk->patches.count; i++)
		if (patch[i].kind == SELFPATCH_JUMP_LABEL)
			jumped(walk, patch[i].other);
	for (i = 0; i < walk->windows; i++) {
		if (walk->window[i].jumped)
			continue;
		site = &walk->sites->list[walk->window[i].site];
		site->verdict = SITE_FREE;
		site->reason = "by a constant, a register that is just written";
		if (walk->window[i].msr != MSR_FRED_RSP0)
			continue;
		site->verdict = SITE_UNREACHABLE;
		site->reason = "CR4.FRED is the host's, and 0";
	}
}

/* Does pv_ops hold the function?  Then that is how it is called. */
static bool in_pv_ops(const struct image *image, uint64_t function)
{
	const uint8_t *at;
	uint64_t begin, bytes, i, held;

	if (kallsyms_find(&image->symbols, "pv_ops", &begin) != KALLSYMS_ONE)
		return false;
	bytes = kallsyms_after(&image->symbols, begin) - begin;
	at = bytes < 4096 ? elf_at(&image->elf, begin, bytes) : NULL;
	for (i = 0; at && i + 8 <= bytes; i += 8) {
		memcpy(&held, at + i, sizeof(held));
		if (held == function)
			return true;
	}
	return false;
}

static void refuse(struct site *site, const char *reason)
{
	site->verdict = SITE_REFUSED;
	site->reason = reason;
}

/* Is what is there replaced?  The object's sites of CR4 are as good. */
static bool judge_hooked(const struct walk *walk, struct site *site)
{
	const struct sites_hooks *hooks = walk->hooks;
	enum cvm_hook_kind kind = 0;

	if (in_pv_ops(walk->image, site->gva - site->offset)) {
		kind = CVM_HOOK_ENTRY;
	} else if (hooks) {
		kind = hooks->of(hooks->arg, site->function);
		if (kind == CVM_HOOK_CR4 && site->class != INSN_CR4)
			kind = 0;
	}
	site->verdict = kind == CVM_HOOK_CR4 ? SITE_INT3 : SITE_HOOKED;
	return kind;
}

/* An int3 cannot be taken there, or would be on the way of taking one. */
static bool is_entry(const struct image *image, uint64_t gva)
{
	uint64_t begin, end;

	return kallsyms_find(&image->symbols, "__entry_text_start",
			     &begin) == KALLSYMS_ONE &&
		kallsyms_find(&image->symbols, "__entry_text_end",
			      &end) == KALLSYMS_ONE &&
		gva >= begin && gva < end;
}

/* By any of the names of one place; function is the one that is judged. */
static const struct judged *judged_of(const struct walk *walk,
				      struct site *site)
{
	const struct kallsyms *symbols = &walk->image->symbols;
	const struct kallsym *symbol = kallsyms_at(symbols, site->gva);
	const struct judged *judged;
	uint64_t gva;

	if (!symbol)
		return site_judge(site->function, site->class);
	for (gva = symbol->gva; symbol < symbols->sym + symbols->count &&
	     symbol->gva == gva; symbol++) {
		judged = site_judge(symbol->name, site->class);
		if (judged) {
			site->function = symbol->name;
			return judged;
		}
	}
	return NULL;
}

static void judge(const struct walk *walk, struct site *site)
{
	const struct judged *judged = judged_of(walk, site);
	enum site_verdict verdict;

	site->reason = insn_reason(site->class, &verdict);
	site->verdict = verdict;
	if (judged && judged->verdict < SITE_VERDICTS &&
	    judged->verdict != SITE_HOOKED) {
		site->verdict = judged->verdict;
		site->reason = judged->reason;
	} else if (judged && judge_hooked(walk, site)) {
		site->reason = judged->reason;
	} else if (judged && judged->verdict == SITE_HOOKED) {
		refuse(site, "the platform object has no hook for it");
	} else if (verdict == SITE_INT3 && site->replacement) {
		refuse(site, "an alternative puts it there");
	} else if (verdict == SITE_INT3 && is_entry(walk->image, site->gva)) {
		refuse(site, "entry code, where it cannot be an int3");
	} else {
		site->verdict = verdict;
	}
}

static int found(struct walk *walk, uint64_t gva, uint64_t replacement,
		 const struct insn *insn, const uint8_t *at)
{
	struct site *site = site_new(walk->sites);
	const struct kallsym *symbol;

	if (!site)
		return -1;
	symbol = kallsyms_at(&walk->image->symbols, gva);
	site->gva = gva;
	site->replacement = replacement;
	site->function = symbol ? symbol->name : "?";
	site->offset = symbol ? (uint32_t)(gva - symbol->gva) : 0;
	site->class = insn->class;
	judge(walk, site);
	site->row = (struct cvm_site){
		.at = (uint32_t)(gva - walk->image->text),
		.kind = insn->kind, .bytes = insn->bytes,
		.opcode = *at, .operand = insn->operand };
	return 0;
}

static int look(struct walk *walk, uint64_t off, const struct insn *insn)
{
	walk->sites->instructions++;
	if (insn->class == INSN_PAUSE)
		walk->sites->pauses++;
	else if (insn->class &&
		 found(walk, walk->gva + off, 0, insn, walk->at + off))
		return -1;
	if (writes_msr(insn) && window_new(walk, off))
		return -1;
	if (insn->flow == FLOW_JUMP &&
	    jump_new(walk, walk->gva + off +
		     (uint64_t)(int64_t)insn->target))
		return -1;
	if (insn->flow == FLOW_INDIRECT)
		walk->indirect = true;
	walk->tail[walk->tails++ % TAIL] = off;
	return 0;
}

/* From a symbol to the next one. */
static int walk_function(struct walk *walk, uint64_t off, uint64_t end)
{
	size_t first = walk->windows;
	struct insn insn;

	walk->tails = 0;
	walk->indirect = false;
	while (off < end) {
		if (walk->at[off] == PAD) {
			off++;
			continue;
		}
		decode(walk->at + off, end - off, &insn);
		if (look(walk, off, &insn))
			return -1;
		/* Data, most likely: what follows cannot be told from it. */
		if (insn.class == INSN_UNKNOWN)
			break;
		off += insn.bytes;
	}
	for (; walk->indirect && first < walk->windows; first++)
		walk->window[first].jumped = true;
	return 0;
}

static int walk_section(struct walk *walk, const struct elf_section *section)
{
	uint64_t next, off = 0, end;

	walk->gva = section->gva;
	walk->bytes = section->file_bytes;
	walk->at = elf_at(&walk->image->elf, walk->gva, walk->bytes);
	if (!walk->at)
		return 0;
	while (off < walk->bytes) {
		next = kallsyms_after(&walk->image->symbols, walk->gva + off);
		end = next - walk->gva < walk->bytes ? next - walk->gva :
			walk->bytes;
		if (walk_function(walk, off, end))
			return -1;
		off = end;
	}
	return 0;
}

/* From the function's beginning to what is replaced, for its constants. */
static bool walk_to(struct walk *walk, uint64_t gva)
{
	const struct kallsym *symbol = kallsyms_at(&walk->image->symbols, gva);
	struct insn insn;
	uint64_t off, end;

	if (!symbol)
		return false;
	walk->gva = symbol->gva;
	walk->bytes = kallsyms_after(&walk->image->symbols, gva) - walk->gva;
	walk->at = elf_at(&walk->image->elf, walk->gva, walk->bytes);
	walk->tails = 0;
	walk->indirect = false;
	end = gva - walk->gva;
	for (off = 0; walk->at && off < walk->bytes; off += insn.bytes) {
		decode(walk->at + off, walk->bytes - off, &insn);
		walk->indirect |= insn.flow == FLOW_INDIRECT;
		if (off < end)
			walk->tail[walk->tails++ % TAIL] = off;
	}
	return walk->at && !walk->indirect;
}

static int walk_replacement(struct walk *walk, const struct selfpatch *patch)
{
	const uint8_t *at = elf_at(&walk->image->elf, patch->other,
				   patch->other_bytes);
	uint32_t off;
	struct insn insn;

	for (off = 0; at && off < patch->other_bytes; off += insn.bytes) {
		decode(at + off, patch->other_bytes - off, &insn);
		if (insn.flow == FLOW_JUMP &&
		    jump_new(walk, patch->other + off +
			     (uint64_t)(int64_t)insn.target))
			return -1;
		if (!insn.class || insn.class == INSN_PAUSE)
			continue;
		if (found(walk, patch->gva + off, patch->other + off, &insn,
			  at + off))
			return -1;
		if (writes_msr(&insn) && !off &&
		    walk_to(walk, patch->gva) &&
		    window_new(walk, patch->gva - walk->gva))
			return -1;
	}
	return 0;
}

#define REPLACEMENTS	".altinstr_replacement"

/*
 * What is executed where it lies.  Data of 7.0 and later has executable parts
 * (kexec copies its code from there), but is mapped so that nothing is.
 */
static bool is_code(const struct elf_section *section)
{
	return elf_executable(section) && !(section->flags & ELF_SHF_WRITE) &&
		strcmp(section->name, REPLACEMENTS);
}

static int walk_image(struct walk *walk)
{
	const struct elf *elf = &walk->image->elf;
	uint32_t i;
	size_t n;

	for (i = 0; i < elf->sections; i++)
		if (is_code(&elf->section[i]) &&
		    walk_section(walk, &elf->section[i]))
			return -1;
	for (n = 0; n < walk->patches.count; n++)
		if (walk->patches.list[n].kind == SELFPATCH_ALTERNATIVE &&
		    walk_replacement(walk, &walk->patches.list[n]))
			return -1;
	return 0;
}

static int by_gva(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->gva != y->gva)
		return x->gva < y->gva ? -1 : 1;
	return x->replacement < y->replacement ? -1 :
		x->replacement > y->replacement;
}

static void count(struct sites *sites)
{
	const struct site *site;
	size_t i;

	sites->counts[INSN_PAUSE][SITE_FREE] = sites->pauses;
	for (i = 0; i < sites->count; i++) {
		site = &sites->list[i];
		sites->counts[site->class][site->verdict]++;
		sites->int3s += site->verdict == SITE_INT3;
		sites->refused += site->verdict == SITE_REFUSED;
	}
}

int sites_find(struct sites *sites, const struct image *image,
	       const struct sites_hooks *hooks, struct problem *problem)
{
	struct walk walk = { .sites = sites, .image = image, .hooks = hooks };
	int ret;

	memset(sites, 0, sizeof(*sites));
	if (decode_missing())
		return problem_set(problem, image->path, "%s",
				   decode_missing());
	if (!image->elf.sections)
		return problem_set(problem, image->path,
				   "has no section headers: nothing says where "
				   "its instructions are");
	ret = selfpatch_read(&walk.patches, image,
			     1u << SELFPATCH_ALTERNATIVE |
			     1u << SELFPATCH_JUMP_LABEL, problem);
	if (!ret && walk_image(&walk))
		ret = problem_set(problem, image->path, "no memory");
	if (!ret)
		judge_windows(&walk);
	selfpatch_free(&walk.patches);
	free(walk.window);
	free(walk.jump);
	if (ret)
		return ret;
	if (sites->count)
		qsort(sites->list, sites->count, sizeof(*sites->list), by_gva);
	count(sites);
	return 0;
}

void sites_free(struct sites *sites)
{
	free(sites->list);
	memset(sites, 0, sizeof(*sites));
}

int sites_refusal(const struct sites *sites, const char *path,
		  struct problem *problem)
{
	const struct site *site = sites->list;

	if (!sites->refused)
		return 0;
	while (site->verdict != SITE_REFUSED)
		site++;
	return problem_set(problem, path,
			   "%s in function %s at +0x%x is not known (%s), and "
			   "%u more: this kernel cannot be adapted",
			   insn_words(site->class), site->function,
			   site->offset, site->reason, sites->refused - 1);
}

struct cvm_site *sites_table(const struct sites *sites)
{
	struct cvm_site *table = calloc(sites->int3s + 1u, sizeof(*table));
	uint32_t n = 0;
	size_t i;

	for (i = 0; table && i < sites->count; i++)
		if (sites->list[i].verdict == SITE_INT3)
			table[n++] = sites->list[i].row;
	return table;
}
