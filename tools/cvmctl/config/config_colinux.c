// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_colinux.c - keys of coLinux that have no effect here.
 *
 * A key that changes only looks is checked and accepted.  A device that a
 * guest does not get is noted, and a directory of the host refused, for a
 * guest would miss it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

/* A guest that mounts it would find an empty disk, and may write it. */
int config_read_cofs(struct config_reading *r)
{
	return config_fail(r, "a directory of the host cannot be given to a "
			   "guest; share it over the network (eth0=slirp), or "
			   "put it into an image");
}

/* COLSxROWS[xSCROLLBACK]; the terminal's own size is what counts. */
int config_read_cocon(struct config_reading *r)
{
	unsigned long part[3] = { 0, 0, 0 };
	const char *at = r->text;
	char *end;
	int i;

	for (i = 0; i < 3 && isdigit((unsigned char)*at); i++) {
		part[i] = strtoul(at, &end, 10);
		at = *end ? end + 1 : end;
	}
	if (*at || part[0] < 16 || part[0] > 500 || part[1] < 2 ||
	    part[1] > 500 || part[2] > 500)
		return config_fail(r, "%.32s: not the size of a console (80x25 "
				   "or 80x25x500)", r->text);
	return 0;
}

int config_read_cursor(struct config_reading *r)
{
	if (config_number(r->text, 100) < 0)
		return config_fail(r, "%.32s: not the height of a cursor (0 .. "
				   "100)", r->text);
	return 0;
}

static int is_color(const char *text)
{
	static const char *const colors[] = {
		"black", "red", "green", "brown", "blue", "magenta", "cyan",
		"gray", "darkgray", "brightred", "brightgreen", "yellow",
		"brightblue", "brightmagenta", "brightcyan", "white",
	};
	size_t i;

	for (i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (!strcmp(text, colors[i]))
			return 1;
	return 0;
}

/* FOREGROUND,BACKGROUND */
int config_read_color(struct config_reading *r)
{
	const char *at = r->value->text;
	char part[32];
	enum config_part got;
	int i;

	for (i = 0; (got = config_part(r, &at, part, sizeof(part))) ==
	     PART_THERE; i++)
		if (!is_color(part))
			return config_fail(r, "%s: not a colour", part);
	if (got == PART_FAILED)
		return -1;
	return i == 2 ? 0 : config_fail(r, "not two colours (as in "
					"gray,black)");
}

/* pciN, videoN, audioN: devices that coLinux's own kernels hardly used. */
int config_read_unused(struct config_reading *r)
{
	return config_note(r, "ignored: a guest has no %s device",
			   r->value->key->name);
}
