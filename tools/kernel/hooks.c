// SPDX-License-Identifier: GPL-2.0-only
/* hooks.c - the hooks of a platform object, found, checked and laid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook_text.h"
#include "hooks.h"

#define HOOKS_MAX	1024u
#define ENDBR64		"\xf3\x0f\x1e\xfa"
#define NOP5		"\x0f\x1f\x44\x00\x00"
#define OP_CALL		0xe8
#define OP_JMP		0xe9
#define JUMP_BYTES	5u
#define FUNCTION_MAX	0x10000u

/* ---- rows ---- */

static int read_name(const struct object *object, uint64_t gva,
		     const char **name, struct problem *problem)
{
	*name = gva ? object_text(object, gva) : "";
	return *name ? 0 : problem_set(problem, object->path, "a name in "
				       ".cvm.hooks lies nowhere");
}

static int check_row(const struct object *object, const struct hook *hook,
		     struct problem *problem)
{
	bool in = hook->row.kind == CVM_HOOK_CALL ||
		  hook->row.kind == CVM_HOOK_CR4;

	if (hook->row.kind < CVM_HOOK_ENTRY || hook->row.kind > CVM_HOOK_CR4 ||
	    (!*hook->target && hook->row.kind != CVM_HOOK_CR4) ||
	    (in && !*hook->in))
		return problem_set(problem, object->path, "hook \"%.80s\" "
				   "is of a kind that is not known here",
				   hook->target);
	return 0;
}

int hooks_read(struct hooks *hooks, const struct object *object,
	       struct problem *problem)
{
	const uint8_t *rows;
	struct hook *hook;
	uint32_t i;

	memset(hooks, 0, sizeof(*hooks));
	if (object_rows(object, ".cvm.hooks", sizeof(hook->row),
			(const void **)&rows, &hooks->count, problem))
		return -1;
	if (hooks->count > HOOKS_MAX)
		return problem_set(problem, object->path, "%u hooks are too "
				   "many", hooks->count);
	hooks->hook = calloc(hooks->count + 1u, sizeof(*hooks->hook));
	hooks->text.room = hooks_text_room(hooks);
	hooks->text.data = malloc(hooks->text.room + 1u);
	if (!hooks->hook || !hooks->text.data)
		return problem_set(problem, object->path, "no memory");
	memset(hooks->text.data, 0xcc, hooks->text.room);
	for (i = 0; i < hooks->count; i++) {
		hook = &hooks->hook[i];
		memcpy(&hook->row, rows + i * sizeof(hook->row),
		       sizeof(hook->row));
		if (read_name(object, hook->row.target, &hook->target,
			      problem) ||
		    read_name(object, hook->row.in, &hook->in, problem) ||
		    read_name(object, hook->row.prototype, &hook->prototype,
			      problem) ||
		    read_name(object, hook->row.reason, &hook->reason,
			      problem) || check_row(object, hook, problem))
			return -1;
	}
	return 0;
}

uint32_t hooks_text_room(const struct hooks *hooks)
{
	return hooks->count * HOOK_TEXT_MAX;
}

void hooks_free(struct hooks *hooks)
{
	free(hooks->hook);
	free(hooks->text.data);
	memset(hooks, 0, sizeof(*hooks));
}

enum cvm_hook_kind hooks_of(const void *arg, const char *function)
{
	const struct hooks *hooks = arg;
	const struct hook *hook;
	uint32_t i;

	for (i = 0; i < hooks->count; i++) {
		hook = &hooks->hook[i];
		if (hook->row.kind == CVM_HOOK_ENTRY && !hook->row.orig &&
		    !strcmp(hook->target, function))
			return CVM_HOOK_ENTRY;
		if (hook->row.kind == CVM_HOOK_CR4 &&
		    !strcmp(hook->in, function))
			return CVM_HOOK_CR4;
	}
	return 0;
}

/* ---- where ---- */

enum found { FOUND, FOUND_NOT, FOUND_REFUSED };

/*
 * A copy that the compiler made of it, with arguments of its own: NAME.isra.0,
 * NAME.constprop.0, NAME.part.0.  (What is unlikely is in NAME.cold.)
 */
static const char *copy_of(const struct image *image, const char *name)
{
	const char *other;
	size_t len = strlen(name);
	uint32_t i;

	for (i = 0; i < image->symbols.count; i++) {
		other = image->symbols.sym[i].name;
		if (!strncmp(other, name, len) && other[len] == '.' &&
		    strcmp(other + len, ".cold"))
			return other;
	}
	return NULL;
}

static int is_missing(const struct image *image, const struct hook *hook,
		      const char *name, struct problem *problem)
{
	const char *copy = copy_of(image, name);

	if (copy)
		return problem_set(problem, image->path, "it has %.80s as "
				   "%.100s only, whose arguments may be "
				   "others; it must be hooked: %.200s", name,
				   copy, hook->reason);
	return problem_set(problem, image->path, "it has no %.100s, which must "
			   "be hooked: %.200s", name, hook->reason);
}

/* A name of the kernel's; that it is missing may be right. */
static enum found find(const struct image *image, const struct hook *hook,
		       const char *name, uint64_t *gva,
		       struct problem *problem)
{
	switch (kallsyms_find(&image->symbols, name, gva)) {
	case KALLSYMS_ONE:
		return FOUND;
	case KALLSYMS_SEVERAL:
		problem_set(problem, image->path, "it has two symbols named "
			    "%.100s, and the hook means one", name);
		return FOUND_REFUSED;
	default:
		if (hook->row.flags & CVM_HOOK_F_OPTIONAL)
			return FOUND_NOT;
		is_missing(image, hook, name, problem);
		return FOUND_REFUSED;
	}
}

/* A function's text, to the next symbol. */
static const uint8_t *function_text(const struct image *image, uint64_t gva,
				    uint32_t *bytes)
{
	uint64_t end = kallsyms_after(&image->symbols, gva);

	*bytes = end - gva > FUNCTION_MAX ? FUNCTION_MAX :
		 (uint32_t)(end - gva);
	return image_at(image, gva, *bytes);
}

static int put_branch(struct hook *hook, const struct image *image,
		      uint8_t opcode, struct problem *problem)
{
	int64_t way = (int64_t)(hook->row.replacement - (hook->at + 5));
	int32_t rel = (int32_t)way;

	if (rel != way || !hook->row.replacement)
		return problem_set(problem, image->path, "hook %.80s: its "
				   "replacement at 0x%llx is out of reach",
				   hook->target, (unsigned long long)
				   hook->row.replacement);
	hook->bytes = JUMP_BYTES;
	hook->code[0] = opcode;
	memcpy(hook->code + 1, &rel, sizeof(rel));
	return 0;
}

/* Whether blanks are there is each compiler's taste. */
static bool same_prototype(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, " ");
		b += strspn(b, " ");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

static int check_prototype(struct hook *hook, const struct image *image,
			   struct problem *problem)
{
	char has[512];

	if (!*hook->prototype || !image->btf.types ||
	    !btf_prototype(&image->btf, hook->target, has, sizeof(has)))
		return 0;
	if (!same_prototype(has, hook->prototype))
		return problem_set(problem, image->path, "its %.80s is \"%.160s"
				   "\", not \"%.160s\" as the hook takes it",
				   hook->target, has, hook->prototype);
	hook->typed = true;
	return 0;
}

/* ---- entries ---- */

/* The place in __mcount_loc that names at; 0 if none does. */
static uint64_t mcount_entry(const struct image *image, uint64_t at)
{
	uint64_t from, to, i, value;
	const uint8_t *table;

	if (kallsyms_find(&image->symbols, "__start_mcount_loc", &from) !=
	    KALLSYMS_ONE ||
	    kallsyms_find(&image->symbols, "__stop_mcount_loc", &to) !=
	    KALLSYMS_ONE || to <= from)
		return 0;
	table = image_at(image, from, to - from);
	for (i = 0; table && i + 8 <= to - from; i += 8) {
		memcpy(&value, table + i, sizeof(value));
		if (value == at)
			return from + i;
	}
	return 0;
}

/*
 * A call of __fentry__, or what objtool made of it (CONFIG_HAVE_OBJTOOL_NOP_
 * MCOUNT): nothing is in use there before the tracer patches it.
 */
static bool is_fentry(const struct image *image, const uint8_t *code,
		      uint64_t at)
{
	uint64_t fentry;
	int32_t rel;

	if (!memcmp(code, NOP5, JUMP_BYTES))
		return true;
	memcpy(&rel, code + 1, sizeof(rel));
	return code[0] == OP_CALL &&
	       kallsyms_find(&image->symbols, "__fentry__", &fentry) ==
	       KALLSYMS_ONE && at + JUMP_BYTES + (int64_t)rel == fentry;
}

/* No room was left for it: instructions make way. */
static int plan_moved(struct hooks *hooks, struct hook *hook,
		      const struct image *image, struct hook_function *f,
		      struct problem *problem)
{
	hook->state = HOOK_JUMP;
	if (hook->row.orig) {
		if (hook_text_move(&hooks->text, image, f, &hook->original,
				   problem))
			return -1;
		hook->moved = f->moved;
		hook->state = HOOK_MOVED;
	}
	return put_branch(hook, image, OP_JMP, problem);
}

static int plan_entry(struct hooks *hooks, struct hook *hook,
		      const struct image *image, struct problem *problem)
{
	struct hook_function f = { .name = hook->target };
	uint64_t gva;
	uint32_t skip = 0;

	switch (find(image, hook, hook->target, &gva, problem)) {
	case FOUND_NOT:
		hook->state = HOOK_ABSENT;
		return 0;
	case FOUND_REFUSED:
		return -1;
	default:
		break;
	}
	f.code = function_text(image, gva, &f.bytes);
	if (!f.code || f.bytes < 16)
		return problem_set(problem, image->path, "its %.80s has no "
				   "room for a jump", hook->target);
	if (check_prototype(hook, image, problem))
		return -1;
	if (!memcmp(f.code, ENDBR64, 4))
		skip = 4;
	f.gva = gva;
	f.skip = skip;
	hook->at = gva + skip;
	hook->mcount = mcount_entry(image, hook->at);
	if (!hook->mcount || !is_fentry(image, f.code + skip, hook->at))
		return plan_moved(hooks, hook, image, &f, problem);
	hook->state = HOOK_FENTRY;
	hook->original = hook->at + JUMP_BYTES;
	return put_branch(hook, image, OP_JMP, problem);
}

/* ---- calls, pointers, sites ---- */

static int plan_call(struct hook *hook, const struct image *image,
		     struct problem *problem)
{
	uint64_t in = 0, target = 0;
	const uint8_t *code;
	uint32_t bytes, n;
	enum found found;

	found = find(image, hook, hook->in, &in, problem);
	if (found == FOUND)
		found = find(image, hook, hook->target, &target, problem);
	if (found != FOUND) {
		hook->state = HOOK_ABSENT;
		return found == FOUND_NOT ? 0 : -1;
	}
	code = function_text(image, in, &bytes);
	if (!code)
		return problem_set(problem, image->path, "its %.80s has no "
				   "text", hook->in);
	n = hook_text_branches(code, bytes, in, target, &hook->at);
	if (n != 1)
		return problem_set(problem, image->path, "its %.80s calls "
				   "%.80s at %u places, not one as the hook "
				   "takes it", hook->in, hook->target, n);
	if (check_prototype(hook, image, problem))
		return -1;
	hook->state = HOOK_REDIRECTED;
	hook->original = target;
	return put_branch(hook, image, code[hook->at - in], problem);
}

static int plan_pointer(struct hook *hook, const struct image *image,
			struct problem *problem)
{
	const uint8_t *word;
	uint64_t gva;

	switch (find(image, hook, hook->target, &gva, problem)) {
	case FOUND_NOT:
		hook->state = HOOK_ABSENT;
		return 0;
	case FOUND_REFUSED:
		return -1;
	default:
		break;
	}
	word = image_at(image, gva + hook->row.offset, 8);
	if (!word)
		return problem_set(problem, image->path, "its %.80s has no "
				   "pointer at +%llu", hook->target,
				   (unsigned long long)hook->row.offset);
	memcpy(&hook->original, word, 8);
	hook->state = HOOK_POINTED;
	hook->at = gva + hook->row.offset;
	hook->bytes = 8;
	memcpy(hook->code, &hook->row.replacement, 8);
	return 0;
}

static int plan_cr4(struct hook *hook, const struct image *image,
		    const struct cvm_site *site, uint32_t sites,
		    struct problem *problem)
{
	uint32_t i, bytes;
	uint64_t in;

	switch (find(image, hook, hook->in, &in, problem)) {
	case FOUND_NOT:
		hook->state = HOOK_ABSENT;
		return 0;
	case FOUND_REFUSED:
		return -1;
	default:
		break;
	}
	function_text(image, in, &bytes);
	for (i = 0; i < sites; i++)
		if (site[i].kind == CVM_SITE_CR4 &&
		    image->text + site[i].at - in < bytes)
			hook->sites++;
	if (!hook->sites)
		return problem_set(problem, image->path, "its %.80s writes no "
				   "CR4, as the hook takes it", hook->in);
	hook->state = HOOK_SITES;
	return 0;
}

static int plan(struct hooks *hooks, struct hook *hook,
		const struct image *image, const struct cvm_site *site,
		uint32_t sites, struct problem *problem)
{
	switch (hook->row.kind) {
	case CVM_HOOK_ENTRY:
		return plan_entry(hooks, hook, image, problem);
	case CVM_HOOK_CALL:
		return plan_call(hook, image, problem);
	case CVM_HOOK_POINTER:
		return plan_pointer(hook, image, problem);
	default:
		return plan_cr4(hook, image, site, sites, problem);
	}
}

static int plan_row(struct hooks *hooks, struct hook *hook,
		    const struct image *image, const struct object *object,
		    const struct cvm_site *site, uint32_t sites,
		    struct problem *problem)
{
	if (plan(hooks, hook, image, site, sites, problem))
		return -1;
	if (hook->row.orig && !object_data(object, hook->row.orig, 8))
		return problem_set(problem, object->path, "hook %.80s: the "
				   "word for the original is not the object's",
				   hook->target);
	return 0;
}

int hooks_plan(struct hooks *hooks, const struct image *image,
	       const struct object *object, const struct cvm_site *site,
	       uint32_t sites, struct problem *problem)
{
	const uint8_t *rows;
	struct hook *hook;
	uint32_t i, count;
	int ret = 0;

	/* Once more: addresses have places now. */
	if (object_rows(object, ".cvm.hooks", sizeof(hook->row),
			(const void **)&rows, &count, problem))
		return -1;
	/* All of them, so that a table shows all. */
	for (i = 0; i < hooks->count; i++) {
		hook = &hooks->hook[i];
		memcpy(&hook->row, rows + i * sizeof(hook->row),
		       sizeof(hook->row));
		if (!plan_row(hooks, hook, image, object, site, sites,
			      problem))
			continue;
		hook->state = HOOK_REFUSED;
		ret = -1;
	}
	return ret;
}

void hooks_lay(const struct hooks *hooks, const struct image *image,
	       const struct object *object)
{
	const struct hook *hook;
	uint32_t i;

	for (i = 0; i < hooks->count; i++) {
		hook = &hooks->hook[i];
		if (hook->state == HOOK_ABSENT || !hook->bytes)
			continue;
		memcpy(image_at(image, hook->at, hook->bytes), hook->code,
		       hook->bytes);
		if (hook->mcount)
			memset(image_at(image, hook->mcount, 8), 0, 8);
		if (hook->row.orig)
			memcpy(object_data(object, hook->row.orig, 8),
			       &hook->original, 8);
	}
}

/* ---- words ---- */

const char *hook_kind_words(uint32_t kind)
{
	static const char *const words[] = {
		"?", "entry", "call", "pointer", "cr4"
	};

	return words[kind < sizeof(words) / sizeof(words[0]) ? kind : 0];
}

void hook_words(const struct hook *hook, char *to, size_t size)
{
	switch (hook->state) {
	case HOOK_FENTRY:
		snprintf(to, size, "at its __fentry__");
		break;
	case HOOK_JUMP:
		snprintf(to, size, "jump over its entry");
		break;
	case HOOK_MOVED:
		snprintf(to, size, "%u bytes moved", hook->moved);
		break;
	case HOOK_REDIRECTED:
		snprintf(to, size, "redirected");
		break;
	case HOOK_POINTED:
		snprintf(to, size, "replaced");
		break;
	case HOOK_SITES:
		snprintf(to, size, "%u sites", hook->sites);
		break;
	case HOOK_ABSENT:
		snprintf(to, size, "not in this kernel");
		break;
	case HOOK_REFUSED:
		snprintf(to, size, "refused");
		break;
	default:
		snprintf(to, size, "not looked at");
	}
}
