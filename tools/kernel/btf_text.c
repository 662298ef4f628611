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

static bool write_type(const struct btf *btf, uint32_t type, const char *inner,
		       char *to, unsigned int depth);

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

static bool write_function(const struct btf *btf, const struct btf_type *t,
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
		else if (!write_type(btf, param[i].type, "", one, depth))
			return false;
		if ((i && !add(list, ", ")) || !add(list, one))
			return false;
	}
	if ((!n && !add(list, "void")) || !add(list, ")"))
		return false;
	return write_type(btf, t->type, list, to, depth);
}

static bool is_suffix(const struct btf *btf, uint32_t type)
{
	uint32_t kind = type ? btf_kind(btf_type(btf, type)) : BTF_VOID;

	return kind == BTF_FUNC_PROTO || kind == BTF_ARRAY;
}

/* "const" stands behind the "*" of a pointer, and before all else. */
static bool write_qualified(const struct btf *btf, const struct btf_type *t,
			    const char *word, const char *inner, char *to,
			    unsigned int depth)
{
	uint32_t of = t->type;
	char text[BTF_TEXT];

	if (of && btf_kind(btf_type(btf, of)) == BTF_PTR)
		return whole(snprintf(text, BTF_TEXT, "%s%s%s", word,
				      *inner ? " " : "", inner)) &&
		       write_type(btf, of, text, to, depth);
	return write_type(btf, of, inner, text, depth) &&
	       whole(snprintf(to, BTF_TEXT, "%s %s", word, text));
}

static bool write_type(const struct btf *btf, uint32_t type, const char *inner,
		       char *to, unsigned int depth)
{
	const struct btf_type *t;
	char text[BTF_TEXT];

	if (!type)
		return write_named(btf, type, inner, to);
	if (!depth--)
		return false;
	t = btf_type(btf, type);
	switch (btf_kind(t)) {
	case BTF_PTR:
		return whole(snprintf(text, BTF_TEXT,
				      is_suffix(btf, t->type) ? "(*%s)" : "*%s",
				      inner)) &&
		       write_type(btf, t->type, text, to, depth);
	case BTF_ARRAY:
		return whole(snprintf(text, BTF_TEXT, "%s[%u]", inner,
				      btf_array(t)->elements)) &&
		       write_type(btf, btf_array(t)->type, text, to, depth);
	case BTF_FUNC_PROTO:
		return write_function(btf, t, inner, to, depth);
	case BTF_CONST:
		return write_qualified(btf, t, "const", inner, to, depth);
	case BTF_VOLATILE:
		return write_qualified(btf, t, "volatile", inner, to, depth);
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
		return write_type(btf, t->type, inner, to, depth);
	default:
		return write_named(btf, type, inner, to);
	}
}

bool btf_prototype(const struct btf *btf, const char *function, char *to,
		   size_t size)
{
	uint32_t type = 0;
	bool found = false;
	char text[BTF_TEXT];

	while ((type = btf_next_named(btf, function, type))) {
		const struct btf_type *t = btf_type(btf, type);

		if (btf_kind(t) != BTF_FUNC)
			continue;
		if (!write_type(btf, t->type, "", text, 16) ||
		    strlen(text) >= size || (found && strcmp(to, text)))
			return false;
		strcpy(to, text);
		found = true;
	}
	return found;
}
