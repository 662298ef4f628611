// SPDX-License-Identifier: GPL-2.0-only
/* cmd_stop.c - end a VM: stop asks the guest, kill does not. */
#include "cvmctl.h"
#include "platform.h"

static int send_op(const struct command *cmd, uint32_t op, int argc,
		   char **argv)
{
	static const struct opt opts[] = { { 0 } };
	struct cvm_user_id id = { 0 };
	const char *word = NULL;
	int ret;

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!word)
		return usage_error(cmd, "which VM? give its ID or name");
	if (vm_operation(word, op, &id, sizeof(id), &id.id))
		return EXIT_REFUSED;
	return EXIT_OK;
}

static int run_stop(const struct command *cmd, int argc, char **argv)
{
	return send_op(cmd, CVM_USER_STOP, argc, argv);
}

static int run_kill(const struct command *cmd, int argc, char **argv)
{
	return send_op(cmd, CVM_USER_KILL, argc, argv);
}

const struct command cmd_stop = {
	"stop", run_stop, "ID|NAME", "ask a guest to power off",
	"Ask the guest to power off in good order, as a power button does,\n"
	"and return at once.  What it does then is the guest's affair; its\n"
	"`cvmctl run` ends with status 0 when it is off.\n",
	NULL
};

const struct command cmd_kill = {
	"kill", run_kill, "ID|NAME", "end a VM at once",
	"End the VM now, whatever the guest is doing.  Its memory goes back\n"
	"to the host and its `cvmctl run` ends with status 5.\n",
	NULL
};
