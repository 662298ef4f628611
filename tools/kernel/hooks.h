/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hooks.h - the changes of a kernel's text and pointers that an object asks
 * for (.cvm.hooks of include/cvm/object.h).
 *
 * hooks_read() has the names, before anything has a place; hooks_plan() finds
 * and checks every one; hooks_lay() writes what was planned and cannot fail.
 */
#ifndef CVM_KERNEL_HOOKS_H
#define CVM_KERNEL_HOOKS_H

#include <stdint.h>

#include "image.h"
#include "link.h"

enum hook_state {
	HOOK_UNPLANNED,
	HOOK_FENTRY,	/* in the place of a call of __fentry__ */
	HOOK_JUMP,	/* over instructions that nobody needs any more */
	HOOK_MOVED,	/* over instructions that were moved */
	HOOK_REDIRECTED,	/* a call or jump of another function */
	HOOK_POINTED,
	HOOK_SITES,	/* instructions that become sites */
	HOOK_REFUSED,
	HOOK_ABSENT	/* the kernel has not what an optional one wants */
};

#define HOOK_BYTES	8u	/* that one changes in text, at most */
#define HOOK_WORDS	32u	/* of a state, with its NUL */

struct hook {
	const char *target, *in, *prototype, *reason;	/* "" for none */
	struct cvm_hook row;
	enum hook_state state;
	uint64_t at;		/* what changes */
	uint32_t bytes;
	uint8_t code[HOOK_BYTES];
	uint64_t mcount;	/* its entry in __mcount_loc, or 0 */
	uint64_t original;	/* for the word at row.orig */
	uint32_t moved;		/* bytes */
	uint32_t sites;
	bool typed;		/* its prototype is that of the image's BTF */
};

/* Thunks and moved instructions, made for their place. */
struct hook_text {
	uint64_t gva;
	uint8_t *data;
	uint32_t bytes, room;
};

struct hooks {
	struct hook *hook;
	uint32_t count;
	struct hook_text text;
};

/* Both -1 with a problem; hooks_free() in every case. */
int hooks_read(struct hooks *hooks, const struct object *object,
	       struct problem *problem);

/*
 * hooks_plan - object is linked by now; rows are the sites that there will be.
 * text.gva is set by the caller, hooks_text_room() bytes are free there.
 */
int hooks_plan(struct hooks *hooks, const struct image *image,
	       const struct object *object, const struct cvm_site *site,
	       uint32_t sites, struct problem *problem);
uint32_t hooks_text_room(const struct hooks *hooks);
void hooks_lay(const struct hooks *hooks, const struct image *image,
	       const struct object *object);
void hooks_free(struct hooks *hooks);

/*
 * hooks_of - what becomes of a function (arg: struct hooks): CVM_HOOK_ENTRY
 * when its entry leads elsewhere for good, CVM_HOOK_CR4 when its writes of CR4
 * are to be sites, else 0.
 */
enum cvm_hook_kind hooks_of(const void *arg, const char *function);

/* hook_words - of its state, for people: "call of __fentry__". */
void hook_words(const struct hook *hook, char *to, size_t size);
const char *hook_kind_words(uint32_t kind);

#endif /* CVM_KERNEL_HOOKS_H */
