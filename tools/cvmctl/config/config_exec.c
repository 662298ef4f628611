// SPDX-License-Identifier: GPL-2.0-only
/* config_exec.c - execN=PROGRAM[,ARGUMENTS]. */
#include <string.h>

#include "config_impl.h"

int config_read_exec(struct config_reading *r)
{
	struct config_exec *exec = &r->config->exec[r->number];
	char program[CONFIG_PATH_ROOM], args[CONFIG_PATH_ROOM] = "", rest[2];
	const char *at = r->value->text;

	if (config_part(r, &at, program, sizeof(program)) < 0 ||
	    config_part(r, &at, args, sizeof(args)) < 0)
		return -1;
	if (config_part(r, &at, rest, sizeof(rest)))
		return config_fail(r, "nothing can follow the arguments; are "
				   "quotes around them missing?");
	if (!*program)
		return config_fail(r, "a program is missing");
	/* A name without a directory is looked for as a shell does. */
	exec->program = strpbrk(program, "/\\") ? config_path(r, program) :
			config_copy(r, program);
	if (*args)
		exec->args = config_copy(r, args);
	return exec->program && (exec->args || !*args) ? 0 : -1;
}
