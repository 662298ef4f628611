// SPDX-License-Identifier: GPL-2.0-only
/* console.c - attach to a console of a running guest. */
#include "commands.h"
#include "vmm/console_client.h"
#include "vmm/driver.h"
#include "vmm/stats_client.h"

static struct os_link *connect_vm(const char *word,
				  struct cvm_user_vm_info *info,
				  struct problem *problem)
{
	struct os_driver *driver = open_vm(word, info, problem);

	if (!driver)
		return NULL;
	os_driver_close(driver);
	return stats_client_connect(info, problem);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	const char *words[2] = { NULL, NULL }, *key_text = DEFAULT_DETACH_KEY;
	struct cvm_user_vm_info info;
	const struct opt opts[] = {
		{ "detach-key", OPT_TEXT, "KEY", &key_text,
		  "leave the guest running and return to the shell\n"
		  "(default ctrl-]; none: every key is the guest's)" },
		{ 0 }
	};
	struct os_link *link;
	int ret, key;

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!words[0])
		return usage_error(cmd, WHICH_VM);
	if (read_detach_key(key_text, &key))
		return usage_error(cmd, "--detach-key %s: not a key (ctrl- and "
				   "a letter, ctrl-] or none)", key_text);
	link = connect_vm(words[0], &info, &problem);
	if (!link) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return console_client_attach(link, &info, words[1] ? words[1] : "",
				     key);
}

const struct command cmd_console = {
	"console", run, "[OPTIONS] ID|NAME [PORT]",
	"attach this terminal to a running guest",
	"Be the terminal of a guest's console, whether it was started in the\n"
	"background or was detached.  PORT is another of its terminals: a\n"
	"ttysN that has ttysN=console in its configuration.  The last output\n"
	"is shown first.  Only one terminal can be attached at a time; a\n"
	"second one is told which process is there.\n\n"
	"The detach key, SIGTERM, SIGINT and SIGHUP leave the guest running.\n"
	"The exit status is 0 then, else that of `cvmctl run`.\n",
	NULL
};
