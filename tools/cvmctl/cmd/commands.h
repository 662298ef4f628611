/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * commands.h - all commands, in the order of `cvmctl help`: a row each, and a
 * file of its name, which defines cmd_NAME (start is in run.c, kill in
 * stop.c).  docs/cvmctl.md lists them too, and a test compares.
 */
#ifndef CVMCTL_CMD_COMMANDS_H
#define CVMCTL_CMD_COMMANDS_H

#include "cvmctl/cli/cvmctl.h"

#define COMMANDS(COMMAND) \
	COMMAND(check) \
	COMMAND(run) \
	COMMAND(start) \
	COMMAND(console) \
	COMMAND(list) \
	COMMAND(stats) \
	COMMAND(rescan) \
	COMMAND(stop) \
	COMMAND(kill) \
	COMMAND(image) \
	COMMAND(kernel) \
	COMMAND(driver) \
	COMMAND(service) \
	COMMAND(version)

#define COMMAND(name) extern const struct command cmd_##name;
COMMANDS(COMMAND)
#undef COMMAND

#endif /* CVMCTL_CMD_COMMANDS_H */
