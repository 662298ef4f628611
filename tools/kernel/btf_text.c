// SPDX-License-Identifier: GPL-2.0-only
/*
 * btf_text.c - a function's prototype as C has it.
 *
 * A declarator grows around a name from the inside out: "*" in front, "[4]" and
 * "(int)" behind.  Here the name is empty.
 */
#include <stdio.h>
#include <string.h>

#include "btf.h"
#include "btf_type.h"

#define BTF_TEXT	512u

struct style {
	const struct btf *btf;
	bool plain;		/* no typedefs, no qualifiers */
};

static bool write_type(const struct style *style, uint32_t type,
		       const char *inner, char *to, unsigned int depth);

/* False: cut, which a comparison must not take for the whole. */
static bool whole(int printed)
{
	return printed >= 0 && (unsigned int)printed < BTF_TEXT;
}

static const char *keyword(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_STRUCT:
		return "struct ";
	case BTF_UNION:
		return "union ";
	case BTF_FWD:
		return btf_flag(t) ? "union " : "struct ";
	case BTF_ENUM:
	case BTF_ENUM64:
		return "enum ";
	default:
		return "";
	}
}

static bool write_named(const struct btf *btf, uint32_t type, const char *inner,
			char *to)
{
	const struct btf_type *t = type ? btf_type(btf, type) : NULL;
	const char *name = t ? btf_name(btf, t->name) : "void";

	return whole(snprintf(to, BTF_TEXT, "%s%s%s%s", t ? keyword(t) : "",
			      *name ? name : "{...}", *inner ? " " : "",
			      inner));
}

static bool add(char *to, const char *text)
{
	size_t len = strlen(to);

	return whole(snprintf(to + len, BTF_TEXT - len, "%s", text) +
		     (int)len);
}

static bool write_function(const struct style *style, const struct btf_type *t,
			   const char *inner, char *to, unsigned int depth)
{
	const struct btf_param *param = btf_params(t);
	uint32_t i, n = btf_vlen(t);
	char list[BTF_TEXT] = "", one[BTF_TEXT];

	if (!add(list, inner) || !add(list, "("))
		return false;
	for (i = 0; i < n; i++) {
		/* The last of no type stands for "...". */
		bool more = i == n - 1 && !param[i].type && !param[i].name;

		if (more)
			strcpy(one, "...");
		else if (!write_type(style, param[i].type, "", one, depth))
			return false;
		if ((i && !add(list, ", ")) || !add(list, one))
			return false;
	}
	if ((!n && !add(list, "void")) || !add(list, ")"))
		return false;
	return write_type(style, t->type, list, to, depth);
}

static bool is_unnamed(const struct btf *btf, uint32_t type)
{
	const struct btf_type *t = type ? btf_type(btf, type) : NULL;

	return t && *keyword(t) && !*btf_name(btf, t->name);
}

/* Is it left out of this style? */
static bool seen_through(const struct style *style, const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
		return true;
	case BTF_CONST:
	case BTF_VOLATILE:
		return style->plain;
	case BTF_TYPEDEF:
		return style->plain && !is_unnamed(style->btf, t->type);
	default:
		return false;
	}
}

/* What a pointer leads to: does it stand behind the name? */
static bool is_suffix(const struct style *style, uint32_t type)
{
	const struct btf_type *t = NULL;
	unsigned int steps;

	for (steps = 0; type && steps < BTF_STEPS; steps++) {
		t = btf_type(style->btf, type);
		if (!seen_through(style, t))
			break;
		type = t->type;
	}
	return type && (btf_kind(t) == BTF_FUNC_PROTO ||
			btf_kind(t) == BTF_ARRAY);
}

/* "const" stands behind the "*" of a pointer, and before all else. */
static bool write_qualified(const struct style *style, const struct btf_type *t,
			    const char *word, const char *inner, char *to,
			    unsigned int depth)
{
	uint32_t of = t->type;
	char text[BTF_TEXT];

	if (of && btf_kind(btf_type(style->btf, of)) == BTF_PTR)
		return whole(snprintf(text, BTF_TEXT, "%s%s%s", word,
				      *inner ? " " : "", inner)) &&
		       write_type(style, of, text, to, depth);
	return write_type(style, of, inner, text, depth) &&
	       whole(snprintf(to, BTF_TEXT, "%s %s", word, text));
}

static bool write_type(const struct style *style, uint32_t type,
		       const char *inner, char *to, unsigned int depth)
{
	const struct btf *btf = style->btf;
	const struct btf_type *t;
	char text[BTF_TEXT];

	if (!type)
		return write_named(btf, type, inner, to);
	if (!depth--)
		return false;
	t = btf_type(btf, type);
	if (seen_through(style, t))
		return write_type(style, t->type, inner, to, depth);
	switch (btf_kind(t)) {
	case BTF_PTR:
		return whole(snprintf(text, BTF_TEXT,
				      is_suffix(style, t->type) ?
				      "(*%s)" : "*%s", inner)) &&
		       write_type(style, t->type, text, to, depth);
	case BTF_ARRAY:
		return whole(snprintf(text, BTF_TEXT, "%s[%u]", inner,
				      btf_array(t)->elements)) &&
		       write_type(style, btf_array(t)->type, text, to, depth);
	case BTF_FUNC_PROTO:
		return write_function(style, t, inner, to, depth);
	case BTF_CONST:
		return write_qualified(style, t, "const", inner, to, depth);
	case BTF_VOLATILE:
		return write_qualified(style, t, "volatile", inner, to, depth);
	default:
		return write_named(btf, type, inner, to);
	}
}

/* Of all functions of this name, which must not differ in it. */
static bool write_all(const struct style *style, const char *function, char *to,
		      size_t size)
{
	const struct btf *btf = style->btf;
	uint32_t type = 0;
	bool found = false;
	char text[BTF_TEXT];

	while ((type = btf_next_named(btf, function, type))) {
		const struct btf_type *t = btf_type(btf, type);

		if (btf_kind(t) != BTF_FUNC)
			continue;
		if (!write_type(style, t->type, "", text, 32) ||
		    strlen(text) >= size || (found && strcmp(to, text)))
			return false;
		strcpy(to, text);
		found = true;
	}
	return found;
}

bool btf_prototype(const struct btf *btf, const char *function, char *to,
		   size_t size)
{
	return write_all(&(struct style) { btf, false }, function, to, size);
}

bool btf_signature(const struct btf *btf, const char *function, char *to,
		   size_t size)
{
	return write_all(&(struct style) { btf, true }, function, to, size);
}
