/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites.h - every instruction of a kernel that touches the machine or is for
 * ring 0 only, and what becomes of it.
 *
 * insn.def has the classes, judged.def what is said of single functions.  What
 * neither allows has verdict SITE_REFUSED, and no such kernel is adapted.
 */
#ifndef CVM_KERNEL_SITES_H
#define CVM_KERNEL_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cvm/object.h>

#include "os/problem.h"

#include "decode.h"
#include "image.h"

enum site_verdict {
	SITE_INT3,		/* becomes one; a row of the object's table */
	SITE_FREE,		/* of a class that is right as it is */
	SITE_NATIVE,		/* judged: right as it is, there */
	SITE_HOOKED,		/* what is there is replaced or redirected */
	SITE_UNREACHABLE,	/* judged: no guest comes there */
	SITE_REFUSED,		/* by the reason */
	SITE_VERDICTS,
	SITE_IF_HOOKED		/* of judged.def only */
};

struct site {
	uint64_t gva;		/* of an alternative: where it may be put */
	uint64_t replacement;	/* its own address then, else 0 */
	const char *function;	/* the image's, or "?" */
	uint32_t offset;	/* in it */
	const char *reason;	/* never NULL */
	uint8_t class;		/* enum insn_class */
	uint8_t verdict;	/* enum site_verdict */
	struct cvm_site row;	/* of the object's table, if SITE_INT3 */
};

struct sites {
	struct site *list;	/* by gva; INSN_PAUSE is only counted */
	size_t count;
	uint32_t int3s;		/* with SITE_INT3 */
	uint32_t refused;
	uint32_t pauses;
	uint32_t instructions;
	uint32_t counts[INSN_CLASSES][SITE_VERDICTS];
};

/*
 * What the platform object does about a function (image's name): CVM_HOOK_ENTRY
 * when its entry leads elsewhere for good, CVM_HOOK_CR4 when each "mov to cr4"
 * in it is to be a site, else 0.
 */
struct sites_hooks {
	enum cvm_hook_kind (*of)(const void *arg, const char *function);
	const void *arg;
};

/*
 * sites_find - walk the image's text and alternatives; hooks may be NULL.  -1
 * with a problem: no memory, no decoder, no sections to go by, or a table of
 * the kernel's is damaged.  Refused instructions are no problem yet: they are
 * in the list, and sites_refusal() has the words.  sites_free() in every case.
 */
int sites_find(struct sites *sites, const struct image *image,
	       const struct sites_hooks *hooks, struct problem *problem);
void sites_free(struct sites *sites);

/*
 * sites_refusal - a problem that names the first refused one, and how many
 * there are: "wrmsr in function foo at +0x12 is not known ..."; 0 if there is
 * none.
 */
int sites_refusal(const struct sites *sites, const char *path,
		  struct problem *problem);

/*
 * sites_table - the object's rows, sorted; int3s of them, malloc()ed; NULL for
 * want of memory.
 */
struct cvm_site *sites_table(const struct sites *sites);

/* insn_reason - of a class, and *verdict where judged.def says nothing. */
const char *insn_reason(enum insn_class class, enum site_verdict *verdict);

/* site_judge - what judged.def says of a class in a function, or NULL. */
struct judged {
	uint8_t class;		/* enum insn_class; INSN_PLAIN: all */
	uint8_t verdict;
	const char *function;	/* a last * stands for anything */
	const char *reason;
};
const struct judged *site_judge(const char *function, enum insn_class class);

/* site_verdict_words - "site", "judged", ... */
const char *site_verdict_words(enum site_verdict verdict);

#endif /* CVM_KERNEL_SITES_H */
