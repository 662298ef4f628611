// SPDX-License-Identifier: GPL-2.0-only
/* main.c - which command is meant. */
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "cvmctl/cmd/commands.h"

static const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
	COMMANDS(COMMAND)
#undef COMMAND
	NULL
};

static void print_help(FILE *out)
{
	int i;

	fprintf(out,
		"Usage: cvmctl COMMAND [OPTIONS]\n\n"
		"Run a second Linux kernel beside the running one: in ring 0,\n"
		"at full speed, in memory of its own, without a hypervisor.\n\n"
		"Commands:\n");
	for (i = 0; commands[i]; i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name,
			commands[i]->summary);
	fprintf(out,
		"  help      show this, or `cvmctl help COMMAND`\n\n"
		"A first guest:\n"
		"  cvmctl check\n"
		"  cvmctl run --kernel vmlinux --initrd initrd.img\n\n"
		"Each command explains itself: cvmctl COMMAND --help\n\n"
		"Exit status: 0 done (run: the guest powered off), 1 refused\n"
		"before anything started, 2 wrong usage, 3 guest panic, 4 the\n"
		"guest asked for a reboot, 5 the guest was ended by the\n"
		"monitor.\n");
}

static const struct command *find_command(const char *name)
{
	int i;

	for (i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int no_command(const char *name)
{
	int i;

	if (name[0] == '-')
		return usage_error(NULL, "%s: unknown option", name);
	for (i = 0; commands[i]; i++)
		if (nearly(name, strlen(name), commands[i]->name,
			   strlen(commands[i]->name)))
			return usage_error(NULL, "%s: unknown command; did you "
					   "mean %s?", name, commands[i]->name);
	return usage_error(NULL, "%s: unknown command", name);
}

static int help(int argc, char **argv)
{
	char *argv_help[] = { "--help" };
	const struct command *cmd;

	if (argc < 1) {
		print_help(stdout);
		return print_flush();
	}
	cmd = find_command(argv[0]);
	if (!cmd)
		return no_command(argv[0]);
	if (argc > 1)
		return usage_error(NULL, "%s: unexpected argument", argv[1]);
	return cmd->run(cmd, 1, argv_help);
}

int cvmctl_main(int argc, char **argv)
{
	const struct command *cmd;
	const char *name;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	name = argv[1];
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help"))
		return help(argc - 2, argv + 2);
	if (!strcmp(name, "--version"))
		name = "version";
	cmd = find_command(name);
	if (!cmd)
		return no_command(name);
	return cmd->run(cmd, argc - 2, argv + 2);
}
