/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config_tty.h - ttysN: serial lines of the guest.
 *
 *	DEVICE[,MODE]	one of the host's, in coLinux's form
 *	pty		a new pseudo terminal
 *	socket:PATH	listens there
 *	file:PATH	output is put at its end
 *	console		for `cvmctl console NAME ttysN`
 */
#ifndef CVMCTL_CONFIG_CONFIG_TTY_H
#define CVMCTL_CONFIG_CONFIG_TTY_H

#include "virtio/devices.h"

#define CONFIG_TTYS	32

struct config_tty {
	char name[8];		/* "ttys0"; "": unused */
	enum cvm_port_kind kind;
	char *path;		/* or NULL */
	char *mode;		/* or NULL */
};

#endif /* CVMCTL_CONFIG_CONFIG_TTY_H */
