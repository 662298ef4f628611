// SPDX-License-Identifier: GPL-2.0-only
/* scrollback.c - what was printed last, for the next who looks. */
#include <string.h>

#include "scrollback.h"

void scrollback_put(struct scrollback *s, const char *data, size_t bytes)
{
	size_t at, part;

	if (bytes > SCROLLBACK) {
		s->written += bytes - SCROLLBACK;
		data += bytes - SCROLLBACK;
		bytes = SCROLLBACK;
	}
	for (; bytes; data += part, bytes -= part, s->written += part) {
		at = s->written % SCROLLBACK;
		part = SCROLLBACK - at < bytes ? SCROLLBACK - at : bytes;
		memcpy(s->ring + at, data, part);
	}
}

size_t scrollback_part(const struct scrollback *s, uint64_t *at,
		       const char **data)
{
	size_t place, part;

	if (s->written > SCROLLBACK && *at < s->written - SCROLLBACK)
		*at = s->written - SCROLLBACK;
	place = *at % SCROLLBACK;
	part = SCROLLBACK - place;
	if (part > s->written - *at)
		part = s->written - *at;
	*data = s->ring + place;
	*at += part;
	return part;
}
