// SPDX-License-Identifier: GPL-2.0-only
/* config_exec.c - execN=PROGRAM[,ARGUMENTS]. */
#include <stdio.h>
#include <string.h>

#include "config_impl.h"

int config_read_exec(struct config_reading *r)
{
	struct config_exec *exec = &r->config->exec[r->value->number];
	char program[CONFIG_PATH_ROOM], args[CONFIG_PATH_ROOM] = "", rest[2];
	const char *at = r->value->text;

	if (config_part(r, &at, program, sizeof(program)) == PART_FAILED ||
	    config_part(r, &at, args, sizeof(args)) == PART_FAILED)
		return -1;
	if (config_part(r, &at, rest, sizeof(rest)) != PART_NONE)
		return config_fail(r, "unexpected text after the arguments; "
				   "put quotes around them");
	if (!*program)
		return config_fail(r, "no program given");
	snprintf(exec->name, sizeof(exec->name), "exec%u",
		 r->value->number % 100);
	/* A name without a directory is looked up in PATH. */
	exec->program = strpbrk(program, "/\\") ? config_path(r, program) :
			config_copy(r, program, strlen(program));
	if (*args)
		exec->args = config_copy(r, args, strlen(args));
	return exec->program && (exec->args || !*args) ? 0 : -1;
}
