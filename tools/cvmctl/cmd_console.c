// SPDX-License-Identifier: GPL-2.0-only
/* cmd_console.c - come to a console of a running guest. */
#include <stdio.h>
#include <string.h>

#include "front.h"
#include "run.h"

/* The word is a name, or else an ID the driver knows. */
static struct link *attach(const char *word, char *name, size_t size,
			   struct problem *problem)
{
	struct problem ignored = { "" };
	struct cvm_user_version version;
	struct cvm_user_vm_info info;
	struct device *dev;
	struct link *link = NULL;
	int known;

	snprintf(name, size, "%s", word);
	if (good_name(word))
		link = plat_connect(word, &ignored);
	if (link)
		return link;
	dev = device_open(&version, problem);
	if (!dev)
		return NULL;
	known = !find_vm(dev, word, &info, problem);
	plat_close(dev);
	if (!known)
		return NULL;
	snprintf(name, size, "%s", info.name);
	if (good_name(name) && strcmp(name, word))
		link = plat_connect(name, &ignored);
	if (!link)
		problem_set(problem, word, "its process has no socket here");
	return link;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	const char *words[2] = { NULL, NULL }, *key_text = DEFAULT_KEY;
	char name[CVM_NAME_MAX];
	const struct opt opts[] = {
		{ "detach-key", OPT_TEXT, "KEY", &key_text,
		  "as with cvmctl run" },
		{ 0 }
	};
	struct link *link;
	int ret, key;

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!words[0])
		return usage_error(cmd, "which VM? give its ID or name");
	if (read_key(key_text, &key))
		return usage_error(cmd, "--detach-key %s: not a key (ctrl-] or "
				   "such, or none)", key_text);
	link = attach(words[0], name, sizeof(name), &problem);
	if (!link) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return front_run(link, name, words[1] ? words[1] : "", key);
}

const struct command cmd_console = {
	"console", run, "[OPTIONS] ID|NAME [PORT]",
	"be the terminal of a running guest",
	"Be the terminal of a guest's own console, whether it runs in the\n"
	"background or was detached, or of one of its ports that are meant\n"
	"for it: those with ttysN=console in its configuration, where PORT is\n"
	"ttysN.  What was printed last is shown first.  One terminal at a\n"
	"time: a second one is told who is there.\n\n"
	"The detach key, SIGTERM, SIGINT and SIGHUP leave the guest running.\n"
	"The exit status is 0 then, else that of `cvmctl run`.\n",
	NULL
};
