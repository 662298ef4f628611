// SPDX-License-Identifier: GPL-2.0-only
/* hook_text.c - code that hooks need: ways to what they replace. */
#include <string.h>

#include "decode.h"
#include "hook_text.h"

#define JUMP_BYTES	5u
#define OP_CALL		0xe8
#define OP_JMP		0xe9

struct writer {
	struct hook_text *text;
	uint8_t *at, *end;
	bool ok;
};

static struct writer begin(struct hook_text *text)
{
	struct writer w = { .text = text, .ok = true };

	w.at = text->data + ((text->bytes + 15u) & ~15u);
	w.end = text->data + text->room;
	return w;
}

static uint64_t gva_of(const struct writer *w)
{
	return w->text->gva + (uint64_t)(w->at - w->text->data);
}

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (!w->ok || n > (size_t)(w->end - w->at)) {
		w->ok = false;
		return;
	}
	memcpy(w->at, bytes, n);
	w->at += n;
}

/* A displacement of 4 bytes from what is behind it. */
static void put_way(struct writer *w, uint64_t to, uint32_t behind)
{
	int64_t way = (int64_t)(to - (gva_of(w) + 4 + behind));
	int32_t rel = (int32_t)way;

	if (rel != way)
		w->ok = false;
	put(w, &rel, sizeof(rel));
}

static void put_branch(struct writer *w, uint8_t opcode, uint64_t to)
{
	put(w, &opcode, 1);
	put_way(w, to, 0);
}

static int finish(struct writer *w, const struct image *image,
		  struct problem *problem)
{
	if (!w->ok)
		return problem_set(problem, image->path, "no room for the way "
				   "from a hook to its original");
	w->text->bytes = (uint32_t)(w->at - w->text->data);
	return 0;
}

/* ---- moved instructions ---- */

/* Does anything of the function go into what was moved, or to it? */
static bool comes_back(const struct hook_function *f)
{
	uint64_t at, to;
	struct insn insn;

	for (at = 0; at < f->bytes; at += insn.bytes) {
		decode(f->code + at, f->bytes - at, &insn);
		if (insn.flow != FLOW_JUMP && insn.flow != FLOW_CALL)
			continue;
		to = at + (uint64_t)(int64_t)insn.target - f->skip;
		if (to < f->moved)
			return true;
	}
	return false;
}

static void put_moved(struct writer *w, const uint8_t *code, uint64_t gva,
		      const struct insn *insn)
{
	uint32_t where = insn->rip;
	uint64_t to;
	int32_t rel;

	if (insn->flow == FLOW_JUMP || insn->flow == FLOW_CALL) {
		where = insn->bytes - 4u;
		to = gva + (uint64_t)(int64_t)insn->target;
	} else if (where) {
		memcpy(&rel, code + where, sizeof(rel));
		to = gva + insn->bytes + (uint64_t)(int64_t)rel;
	} else {
		put(w, code, insn->bytes);
		return;
	}
	put(w, code, where);
	put_way(w, to, insn->bytes - where - 4u);
	put(w, code + where + 4, insn->bytes - where - 4u);
}

/* One whose meaning does not hang on its place, or can be put right. */
static bool movable(const struct insn *insn, const uint8_t *code)
{
	if (insn->class == INSN_UNKNOWN || insn->flow == FLOW_INDIRECT)
		return false;
	if (insn->flow == FLOW_NEXT)
		return true;
	/* With 4 bytes of displacement; a short one might not reach. */
	return insn->bytes >= JUMP_BYTES && (code[0] == OP_CALL ||
	       code[0] == OP_JMP || (code[0] == 0x0f && code[1] >> 4 == 8));
}

int hook_text_move(struct hook_text *text, const struct image *image,
		   struct hook_function *f, uint64_t *to,
		   struct problem *problem)
{
	struct writer w = begin(text);
	const uint8_t *code;
	struct insn insn;

	*to = gva_of(&w);
	while (f->moved < JUMP_BYTES) {
		code = f->code + f->skip + f->moved;
		decode(code, f->bytes - f->skip - f->moved, &insn);
		if (!movable(&insn, code))
			return problem_set(problem, image->path, "its %.80s "
					   "begins with what cannot be moved "
					   "(at +0x%x)", f->name,
					   f->skip + f->moved);
		put_moved(&w, code, f->gva + f->skip + f->moved, &insn);
		f->moved += insn.bytes;
	}
	if (comes_back(f))
		return problem_set(problem, image->path, "its %.80s comes back "
				   "to its beginning, which would have to be "
				   "moved", f->name);
	put_branch(&w, OP_JMP, f->gva + f->skip + f->moved);
	return finish(&w, image, problem);
}

/* ---- branches ---- */

uint32_t hook_text_branches(const uint8_t *code, uint32_t bytes, uint64_t gva,
			    uint64_t target, uint64_t *at)
{
	struct insn insn;
	uint32_t i, n = 0;

	for (i = 0; i < bytes; i += insn.bytes) {
		decode(code + i, bytes - i, &insn);
		if ((code[i] != OP_CALL && code[i] != OP_JMP) ||
		    insn.bytes != JUMP_BYTES ||
		    gva + i + (uint64_t)(int64_t)insn.target != target)
			continue;
		*at = gva + i;
		n++;
	}
	return n;
}
