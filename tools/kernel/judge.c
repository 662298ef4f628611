// SPDX-License-Identifier: GPL-2.0-only
/* judge.c - what insn.def and judged.def say. */
#include <string.h>

#include "sites.h"

static const struct {
	const char *words, *reason;
	uint8_t verdict;
} classes[INSN_CLASSES] = {
#define SITE	SITE_INT3
#define FREE	SITE_FREE
#define LISTED	SITE_REFUSED
#define INSN_CLASS(name, words, treated, reason) \
	[INSN_##name] = { words, reason, treated },
#include "kernel/insn.def"
#undef SITE
#undef FREE
#undef LISTED
};

#define INSN_ANY	INSN_PLAIN
static const struct judged judged[] = {
#define JUDGED(class, function, verdict, reason) \
	{ INSN_##class, SITE_##verdict, function, reason },
#include "kernel/judged.def"
};

const char *insn_words(enum insn_class class)
{
	return class ? classes[class].words : "any";
}

const char *insn_reason(enum insn_class class, enum site_verdict *verdict)
{
	*verdict = classes[class].verdict;
	return classes[class].reason;
}

const char *site_verdict_words(enum site_verdict verdict)
{
	static const char *const words[SITE_VERDICTS] = {
		[SITE_INT3] = "site",
		[SITE_FREE] = "harmless",
		[SITE_NATIVE] = "judged",
		[SITE_HOOKED] = "hooked",
		[SITE_UNREACHABLE] = "unreachable",
		[SITE_REFUSED] = "refused",
	};

	return words[verdict];
}

/*
 * What the compiler adds to the names of parts and copies of a function, and
 * the kernel to that of the room before one and of code that runs anywhere.
 */
static size_t folded(const char **name)
{
	static const char *const added[] = {
		".isra.", ".constprop.", ".part.", ".cold", ".llvm.",
		".lto_priv.",
	};
	const char *at, *end;
	unsigned int i;

	if (!strncmp(*name, "__pfx_", 6))
		*name += 6;
	if (!strncmp(*name, "__pi_", 5))
		*name += 5;
	end = *name + strlen(*name);
	for (i = 0; i < sizeof(added) / sizeof(*added); i++) {
		at = strstr(*name, added[i]);
		if (at && at < end)
			end = at;
	}
	return (size_t)(end - *name);
}

static bool row_is(const struct judged *row, const char *name, size_t length,
		   enum insn_class class)
{
	size_t wanted = strlen(row->function);

	if (row->class != INSN_ANY && row->class != class)
		return false;
	if (wanted && row->function[wanted - 1] == '*')
		return length >= wanted - 1 &&
			!memcmp(name, row->function, wanted - 1);
	return length == wanted && !memcmp(name, row->function, length);
}

const struct judged *site_judge(const char *function, enum insn_class class)
{
	const struct judged *row;
	size_t length = folded(&function);

	for (row = judged; row < judged + sizeof(judged) / sizeof(*judged);
	     row++)
		if (row_is(row, function, length, class))
			return row;
	return NULL;
}
