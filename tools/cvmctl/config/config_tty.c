// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_tty.c - ttysN: serial lines of the guest.
 *
 *	DEVICE[,MODE]	one of the host's, in coLinux's form
 *	pty		a new pseudo terminal
 *	socket:PATH	listens there
 *	file:PATH	output is put at its end
 *	console		for `cvmctl console NAME ttysN`
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config_impl.h"

static int take_path(struct config_reading *r, struct config_tty *tty,
		     enum virtio_port_kind kind, const char *path)
{
	if (!*path)
		return config_fail(r, "no path given");
	tty->kind = kind;
	tty->path = config_path(r, path);
	return tty->path ? 0 : -1;
}

/* coLinux's files use the names of Windows. */
static int check_line(struct config_reading *r, const char *line)
{
	long number = !strncasecmp(line, "COM", 3) ?
		      config_number(line + 3, 256) : -1;

	return number < 1 ? 0 :
	       config_fail(r, "%s is a name of Windows; did you mean "
			   "/dev/ttyS%ld?", line, number - 1);
}

/* The guest's kernel has no more ttys. */
static int check_count(struct config_reading *r)
{
	unsigned int i, used = 0;

	for (i = 0; i < CONFIG_TTYS; i++)
		used += r->config->tty[i].name[0] != '\0';
	return used <= VIRTIO_PORTS_MAX ? 0 :
	       config_fail(r, "too many (a guest has at most %u)",
			   VIRTIO_PORTS_MAX);
}

static int take_kind(struct config_reading *r, struct config_tty *tty,
		     const char *what)
{
	if (!strncmp(what, "socket:", 7))
		return take_path(r, tty, VIRTIO_PORT_SOCKET, what + 7);
	if (!strncmp(what, "file:", 5))
		return take_path(r, tty, VIRTIO_PORT_FILE, what + 5);
	if (!strcmp(what, "console"))
		tty->kind = VIRTIO_PORT_CALLS;
	else if (!strcmp(what, "pty"))
		tty->kind = VIRTIO_PORT_PTY;
	else
		return check_line(r, what) ||
		       take_path(r, tty, VIRTIO_PORT_SERIAL, what) ? -1 : 0;
	return 0;
}

int config_read_ttys(struct config_reading *r)
{
	struct config_tty *tty = &r->config->tty[r->value->number];
	char what[CONFIG_PATH_ROOM], mode[256] = "", rest[2];
	const char *at = r->value->text;

	if (config_part(r, &at, what, sizeof(what)) == PART_FAILED ||
	    config_part(r, &at, mode, sizeof(mode)) == PART_FAILED)
		return -1;
	if (config_part(r, &at, rest, sizeof(rest)) != PART_NONE)
		return config_fail(r, "unexpected text after the mode");
	snprintf(tty->name, sizeof(tty->name), "ttys%u",
		 r->value->number % 100);
	if (check_count(r))
		return -1;
	if (take_kind(r, tty, what))
		return -1;
	if (!*mode)
		return 0;
	if (tty->kind != VIRTIO_PORT_SERIAL)
		return config_fail(r, "only a serial line of the host has a "
				   "mode");
	tty->mode = config_copy(r, mode, strlen(mode));
	return tty->mode ? 0 : -1;
}
