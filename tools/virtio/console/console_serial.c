// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_serial.c - a port that is a serial line of the host.
 *
 * Its mode is written as for Windows' `mode`, which coLinux's users know:
 * BAUD=115200 PARITY=n DATA=8 STOP=1 and so on, all of it optional.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "console_fd.h"
#include "console_kinds.h"

struct line_mode {
	struct termios termios;
	int set, clear;		/* TIOCM_* */
};

/* How a line was found. */
struct line_before {
	struct termios termios;
	int signals;		/* TIOCM_*, */
	bool has_signals;	/* where there are any */
};

/* A line that went away (a USB adapter) does not come back by itself. */
static int peer_new(struct fd_port *p)
{
	(void)p;
	return -1;
}

static void peer_gone(struct fd_port *p, int fd)
{
	virtio_port_log(p->port, "%s: the line is gone", p->where);
	close(fd);
}

static void settle(struct fd_port *p)
{
	free(p->before);
	p->before = NULL;
}

/* A line keeps its mode: of a VM that is not to be, it is as it was. */
static void serial_close(struct fd_port *p)
{
	const struct line_before *before = p->before;

	if (p->fd >= 0 && before) {
		tcsetattr(p->fd, TCSANOW, &before->termios);
		if (before->has_signals)
			ioctl(p->fd, TIOCMSET, &before->signals);
	}
	settle(p);
	if (p->fd >= 0)
		close(p->fd);
}

static const struct fd_kind serial_kind = {
	.settle = settle,
	.peer_new = peer_new,
	.peer_gone = peer_gone,
	.close = serial_close,
};

/* ---- the mode ------------------------------------------------------------ */

/* Each function: 0, or -1 when the value means nothing. */

static int set_baud(struct line_mode *mode, const char *value)
{
	static const struct {
		const char *name;
		speed_t speed;
	} speeds[] = {
		{ "110", B110 }, { "150", B150 }, { "300", B300 },
		{ "600", B600 }, { "1200", B1200 }, { "2400", B2400 },
		{ "4800", B4800 }, { "9600", B9600 }, { "19200", B19200 },
		{ "38400", B38400 }, { "57600", B57600 },
		{ "115200", B115200 }, { "230400", B230400 },
		{ "460800", B460800 }, { "921600", B921600 },
	};
	size_t i;

	for (i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (!strcmp(speeds[i].name, value))
			return cfsetspeed(&mode->termios, speeds[i].speed);
	return -1;
}

static int set_flags(tcflag_t *flags, tcflag_t mask, tcflag_t value)
{
	*flags = (*flags & ~mask) | value;
	return 0;
}

static int set_parity(struct line_mode *mode, const char *value)
{
	static const struct {
		const char *name;
		tcflag_t flags;
	} kinds[] = {
		{ "n", 0 }, { "e", PARENB }, { "o", PARENB | PARODD },
		{ "m", PARENB | PARODD | CMSPAR }, { "s", PARENB | CMSPAR },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcasecmp(kinds[i].name, value))
			return set_flags(&mode->termios.c_cflag, PARENB |
					 PARODD | CMSPAR, kinds[i].flags);
	return -1;
}

static int set_data(struct line_mode *mode, const char *value)
{
	static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };

	if (value[0] < '5' || value[0] > '8' || value[1])
		return -1;
	return set_flags(&mode->termios.c_cflag, CSIZE, sizes[value[0] - '5']);
}

static int set_stop(struct line_mode *mode, const char *value)
{
	if ((value[0] != '1' && value[0] != '2') || value[1])
		return -1;
	return set_flags(&mode->termios.c_cflag, CSTOPB,
			 value[0] == '2' ? CSTOPB : 0);
}

/* 1: on, 0: off, -1: neither. */
static int on_off(const char *value)
{
	return !strcasecmp(value, "on") ? 1 : !strcasecmp(value, "off") ? 0 :
	       -1;
}

static int set_xon(struct line_mode *mode, const char *value)
{
	int on = on_off(value);

	return on < 0 ? -1 : set_flags(&mode->termios.c_iflag, IXON | IXOFF,
				       on ? IXON | IXOFF : 0);
}

static int set_octs(struct line_mode *mode, const char *value)
{
	int on = on_off(value);

	return on < 0 ? -1 : set_flags(&mode->termios.c_cflag, CRTSCTS,
				       on ? CRTSCTS : 0);
}

static int set_signal(struct line_mode *mode, const char *value, int bit)
{
	int on = on_off(value);

	if (on < 0)
		return -1;
	*(on ? &mode->set : &mode->clear) |= bit;
	return 0;
}

static int set_dtr(struct line_mode *mode, const char *value)
{
	return set_signal(mode, value, TIOCM_DTR);
}

/* hs: by the receiver's state, which is the other half of CRTSCTS. */
static int set_rts(struct line_mode *mode, const char *value)
{
	return !strcasecmp(value, "hs") ? set_octs(mode, "on") :
	       set_signal(mode, value, TIOCM_RTS);
}

static const struct {
	const char *name;
	int (*set)(struct line_mode *mode, const char *value);
} settings[] = {
	{ "baud", set_baud }, { "parity", set_parity }, { "data", set_data },
	{ "stop", set_stop }, { "xon", set_xon }, { "octs", set_octs },
	{ "dtr", set_dtr }, { "rts", set_rts },
};

/* "KEY=VALUE"; it is cut in two. */
static int apply(struct line_mode *mode, char *word)
{
	char *value = strchr(word, '=');
	size_t i;

	if (!value)
		return -1;
	*value++ = '\0';
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcasecmp(settings[i].name, word))
			return settings[i].set(mode, value);
	return -1;
}

static int read_mode(struct line_mode *mode,
		     const struct virtio_port_args *args,
		     struct problem *problem)
{
	char text[256], shown[64], *word, *rest = text;

	snprintf(text, sizeof(text), "%s", args->mode ? args->mode : "");
	while ((word = strsep(&rest, " \t")) != NULL) {
		if (!*word)
			continue;
		snprintf(shown, sizeof(shown), "%s", word);
		if (apply(mode, word))
			return problem_set(problem, args->name, "%s: no mode "
					   "of a line (BAUD=115200 PARITY=n "
					   "DATA=8 STOP=1 and the like)",
					   shown);
	}
	return 0;
}

/* ---- the line ------------------------------------------------------------ */

/* What it is, to be put back. */
static int keep_mode(struct fd_port *p)
{
	struct line_before *before = calloc(1, sizeof(*before));

	if (!before)
		return -1;
	if (tcgetattr(p->fd, &before->termios)) {
		free(before);
		return -1;
	}
	before->has_signals = !ioctl(p->fd, TIOCMGET, &before->signals);
	p->before = before;
	return 0;
}

static int set_mode(struct fd_port *p, const struct virtio_port_args *args,
		    struct problem *problem)
{
	struct line_mode mode = { .set = 0 };

	if (keep_mode(p))
		return problem_set(problem, args->name, "%s: %s", args->path,
				   errno == ENOMEM ? "no memory" :
				   "this is no serial line");
	mode.termios = ((struct line_before *)p->before)->termios;
	cfmakeraw(&mode.termios);
	mode.termios.c_cflag |= CLOCAL | CREAD;
	if (read_mode(&mode, args, problem))
		return -1;
	if (!tcsetattr(p->fd, TCSANOW, &mode.termios) &&
	    (!mode.set || !ioctl(p->fd, TIOCMBIS, &mode.set)) &&
	    (!mode.clear || !ioctl(p->fd, TIOCMBIC, &mode.clear)))
		return 0;
	return problem_set(problem, args->name, "%s: %s: %s", args->path,
			   args->mode, strerror(errno));
}

void *serial_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port, struct problem *problem)
{
	struct fd_port *p = fd_port_new(port, &serial_kind, args->name,
					problem);

	if (!p)
		return NULL;
	snprintf(p->where, sizeof(p->where), "%s", args->path);
	p->fd = open(args->path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		problem_set(problem, args->name, "%s: %s", args->path,
			    strerror(errno));
	else if (!set_mode(p, args, problem))
		return fd_port_ready(p, p->fd, args->name, problem);
	fd_port_drop(p);
	return NULL;
}
