// SPDX-License-Identifier: GPL-2.0-only
/* strip_ansi.c - output for a terminal that knows no control sequences. */
#include "strip_ansi.h"

enum state {
	TEXT,
	ESCAPE,			/* behind ESC */
	CONTROL,		/* in a CSI, to its final byte */
	STRING,			/* in an OSC, DCS, APC, PM or SOS, to its end */
	STRING_ESCAPE,		/* ESC in it: ESC \ ends it */
	ONE_MORE		/* ESC ( and the like: one byte follows */
};

static enum state after_escape(char c)
{
	switch (c) {
	case '[':
		return CONTROL;
	case ']': case 'P': case 'X': case '^': case '_':
		return STRING;
	case '(': case ')': case '*': case '+': case '#': case '%':
		return ONE_MORE;
	case '\033':
		return ESCAPE;
	default:
		return TEXT;
	}
}

static enum state next(enum state state, char c)
{
	switch (state) {
	case TEXT:
		return c == '\033' ? ESCAPE : TEXT;
	case ESCAPE:
		return after_escape(c);
	case CONTROL:
		return c == '\033' ? ESCAPE :
		       c >= 0x40 && c <= 0x7e ? TEXT : CONTROL;
	case STRING:
		return c == '\a' ? TEXT : c == '\033' ? STRING_ESCAPE : STRING;
	case STRING_ESCAPE:
		return c == '\\' ? TEXT : after_escape(c);
	case ONE_MORE:
		break;
	}
	return TEXT;
}

size_t strip_ansi(struct strip_ansi *plain, const char *in, size_t bytes,
		  char *out)
{
	enum state state = (enum state)plain->state, before;
	size_t i, used = 0;

	for (i = 0; i < bytes; i++) {
		before = state;
		state = next(before, in[i]);
		if (before == TEXT && state == TEXT)
			out[used++] = in[i];
	}
	plain->state = (int)state;
	return used;
}
