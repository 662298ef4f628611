// SPDX-License-Identifier: GPL-2.0-only
/* warnings.c - how often is something said? */
#include <stdbool.h>

#include "warnings.h"

static uint32_t find(struct virtio_warnings *c, int kind)
{
	uint32_t i;

	for (i = 0; i < c->kinds; i++)
		if (c->of[i].kind == kind)
			return i;
	if (i == WARNING_KINDS)
		return i - 1;
	c->of[i].kind = kind;
	c->kinds++;
	return i;
}

/* Another of the host's came between. */
static bool say_change(struct virtio_warnings *c)
{
	if (c->changes == WARNING_LINES)
		return false;
	c->changes++;
	return true;
}

enum virtio_warning virtio_warnings_next(struct virtio_warnings *c, int kind,
					 time_t now)
{
	uint32_t i = find(c, kind);
	bool other = c->kind != kind;

	if (kind != WARNING_GUEST)
		c->kind = kind;
	if (c->of[i].lines < WARNING_LINES)
		c->of[i].lines++;
	else if (kind == WARNING_GUEST ||
		 (now - c->of[i].last < WARNING_SECONDS &&
		  !(other && say_change(c))))
		return WARNING_SILENT;
	c->of[i].last = now;
	return c->of[i].lines < WARNING_LINES ? WARNING_SAID :
	       WARNING_LAST;
}

const char *virtio_warnings_end(enum virtio_warning said, int kind)
{
	if (said != WARNING_LAST)
		return "";
	return kind == WARNING_GUEST ?
	       " (and no more of this device)" :
	       " (while this stays so, it is said once in an hour)";
}
