// SPDX-License-Identifier: GPL-2.0-only
/* cmd_run.c - start a guest and stay with it, or come back to one. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "front.h"
#include "run.h"

/*
 * A terminal is left to a process of its own, so that the VM can outlive the
 * session; files and pipes are served by the VMM itself.
 */
static int start(const struct run_options *o, int background)
{
	struct problem problem = { "" };
	struct link *link;
	int side;

	if (!background && !plat_interactive()) {
		if (!console_direct(&problem))
			return run_vm(o);
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	side = plat_split(&link, &problem);
	if (side == 0 && !console_served(link, 0, &problem))
		return run_vm(o);
	if (side != 1) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return background ? front_detach(link) :
	       front_run(link, o->vm.name, o->key, 1);
}

/* "--config FILE" and "@FILE" are the same. */
static int config_word(const struct command *cmd, const char *word,
		       const char **path)
{
	if (!word)
		return PARSE_GO_ON;
	if (word[0] != '@' || !word[1])
		return usage_error(cmd, "%s: one word too many (a "
				   "configuration file is @FILE)", word);
	if (*path)
		return usage_error(cmd, "%s: there is a --config already",
				   word);
	*path = word + 1;
	return PARSE_GO_ON;
}

/* Mistakes in a file are refused, those on the command line wrong usage. */
static int prepare(const struct command *cmd, struct run_options *o,
		   const char *path)
{
	struct problem problem = { "" };

	if (!path && !o->vm.kernel)
		return usage_error(cmd, "--kernel is missing, or @CONFIG");
	if (!run_prepare(o, path, &problem))
		return PARSE_GO_ON;
	if (!strncmp(problem.text, "--", 2))
		return usage_error(cmd, "%s", problem.text);
	problem_print(&problem);
	return EXIT_REFUSED;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static struct run_options o = { .key_text = DEFAULT_KEY };
	const char *path = NULL, *word = NULL;
	int background = 0, ret;
	const struct opt opts[] = {
		{ "config", OPT_TEXT, "FILE", &path,
		  "take from this file what is not given here;\n"
		  "@FILE is the same" },
		{ "kernel", OPT_TEXT, "FILE", &o.vm.kernel,
		  "ELF vmlinux or bzImage, built for libcvm" },
		{ "initrd", OPT_TEXT, "FILE", &o.vm.initrd,
		  "initial RAM file system" },
		{ "mem", OPT_MIB, "MIB", &o.vm.mem_bytes,
		  "memory of the guest in MiB, or with K, M, G\n"
		  "(default 256)" },
		{ "cmdline", OPT_TEXT, "STRING", &o.vm.cmdline,
		  "kernel command line (default console=hvc0)" },
		{ "name", OPT_TEXT, "NAME", &o.vm.name,
		  "name in lists and messages (default vm-PID)" },
		{ "min-address", OPT_BYTES, "ADDR", &o.vm.min_hpa,
		  "take memory at or above this machine address\n"
		  "only, for instance 4G" },
		{ "compare", OPT_FLAG, NULL, &o.compare,
		  "compare the host's whole CPU state around every\n"
		  "stay in the guest, end at the first difference;\n"
		  "slow, for finding faults" },
		{ "detach-key", OPT_TEXT, "KEY", &o.key_text,
		  "leave the guest running and return to the shell\n"
		  "(default ctrl-]; none: every key is the guest's)" },
		{ "background", OPT_FLAG, NULL, &background,
		  "detach as soon as the guest runs" },
		{ "quiet", OPT_FLAG, NULL, &o.quiet,
		  "only the guest's output, and errors" },
		{ "json", OPT_FLAG, NULL, &o.json,
		  "the final line on stderr as a JSON object" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret == PARSE_GO_ON)
		ret = config_word(cmd, word, &path);
	if (ret == PARSE_GO_ON)
		ret = prepare(cmd, &o, path);
	if (ret == PARSE_GO_ON)
		ret = start(&o, background);
	config_free(&o.config);
	return ret;
}

const struct command cmd_run = {
	"run", run, "--kernel FILE | @CONFIG [OPTIONS]",
	"start a guest and be its console",
	"Load a kernel into memory taken from the host, start it, and be\n"
	"its console until it ends.\n\n"
	"On a terminal every key goes to the guest, ctrl-c too; the detach\n"
	"key leaves the guest running and `cvmctl attach NAME` comes back.\n"
	"Without a terminal stdin is the guest's input; its end does not\n"
	"end the guest.  SIGTERM, SIGINT and SIGHUP (on Windows Ctrl-Break,\n"
	"and closing the window) ask the guest to power off, the second one\n"
	"ends it.\n\n"
	"Exit status: 0 the guest powered off, 1 refused before it started,\n"
	"2 wrong usage, 3 guest panic, 4 the guest asked for a reboot, 5 it\n"
	"was ended by the monitor (killed, dead end, host error).\n\n"
	"Examples:\n"
	"  cvmctl run --kernel vmlinux --initrd initrd.img --mem 512\n"
	"  cvmctl run @web.conf --mem 1G\n"
	"  cvmctl run --kernel bzImage --mem 1G --min-address 4G\n"
	"  cvmctl run --kernel vmlinux --cmdline 'console=hvc0 quiet'\n"
	"  echo 'uname -r; poweroff' |\n"
	"      cvmctl run --quiet --kernel vmlinux --initrd initrd.img\n",
	config_help
};

/*
 * The word is a name, or else an ID the driver knows.  A VM that is there but
 * cannot be reached was started with files or pipes for its console.
 */
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
		problem_set(problem, word, "its console cannot be attached "
			    "to: it was started without a terminal");
	return link;
}

static int run_attach(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	const char *word = NULL, *key_text = DEFAULT_KEY;
	char name[CVM_NAME_MAX];
	const struct opt opts[] = {
		{ "detach-key", OPT_TEXT, "KEY", &key_text,
		  "as with cvmctl run" },
		{ 0 }
	};
	struct link *link;
	int ret, key;

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!word)
		return usage_error(cmd, "which VM? give its ID or name");
	if (read_key(key_text, &key))
		return usage_error(cmd, "--detach-key %s: not a key (ctrl-] or "
				   "such, or none)", key_text);
	link = attach(word, name, sizeof(name), &problem);
	if (!link) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return front_run(link, name, key, 0);
}

const struct command cmd_attach = {
	"attach", run_attach, "[OPTIONS] ID|NAME",
	"come back to the console of a detached guest",
	"Be the console of a guest that was detached or started with\n"
	"--background.  What it printed last is shown again.  The exit\n"
	"status is that of `cvmctl run`, and 0 after the detach key.\n",
	NULL
};
