// SPDX-License-Identifier: GPL-2.0-only
/* stop.c - end a VM: stop asks the guest, kill does not. */
#include "commands.h"
#include "os/os.h"
#include "vmm/driver.h"
#include "vmm/stats_client.h"

/* Get hold of the process before the VM is told to end. */
static int carry_out(const char *word, uint32_t op, int wait, int ms)
{
	struct problem problem = { "" };
	struct cvm_user_vm_info info;
	struct os_driver *driver = open_vm(word, &info, &problem);
	struct cvm_user_id id;
	intptr_t process = OS_NO_FILE;
	int ret;

	if (driver) {
		if (wait)
			process = os_process_open(info.pid);
		id = (struct cvm_user_id){ .id = info.id };
		ret = os_driver_request(driver, op, &id, sizeof(id));
		if (ret)
			problem_set(&problem, word, "%s", reason(ret));
		os_driver_close(driver);
	}
	if (problem.text[0]) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	if (op == CVM_USER_KILL)
		stats_client_killed(&info);
	else
		stats_client_poweroff(&info);
	if (process == OS_NO_FILE || os_process_wait(process, ms))
		return EXIT_OK;
	say("cvmctl: %s: still running after %d s", word, ms / 1000);
	return EXIT_REFUSED;
}

static int send_op(const struct command *cmd, uint32_t op, int argc,
		   char **argv)
{
	uint32_t seconds = 0;
	int wait = 0, ret;
	const struct opt opts[] = {
		{ "wait", OPT_FLAG, NULL, &wait,
		  "wait until the VM is gone" },
		{ "timeout", OPT_SECONDS, "SECONDS", &seconds,
		  "like --wait, but give up with status 1 after this" },
		{ 0 }
	};
	const char *word = NULL;

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!word)
		return usage_error(cmd, WHICH_VM);
	return carry_out(word, op, wait || seconds,
			 seconds ? (int)seconds * 1000 : -1);
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
	"stop", run_stop, "[OPTIONS] ID|NAME", "ask a guest to power off",
	"Ask the guest to power off in good order, as a power button does,\n"
	"and return at once; its `cvmctl run` ends with status 0 when it is\n"
	"off.  A guest that has not powered off when its grace period is over\n"
	"(--grace of run and start, 60 s by default) is ended.\n",
	NULL
};

const struct command cmd_kill = {
	"kill", run_kill, "[OPTIONS] ID|NAME", "end a VM at once",
	"End the VM now, whatever the guest is doing.  Its memory goes back\n"
	"to the host and its `cvmctl run` ends with status 5.\n",
	NULL
};
