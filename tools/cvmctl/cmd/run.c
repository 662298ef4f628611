// SPDX-License-Identifier: GPL-2.0-only
/* run.c - start a guest, in the foreground or in the background. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "vm_run.h"
#include "vmm/console_client.h"
#include "vmm/console_server.h"

/*
 * A terminal is left to a process of its own, so that the VM can outlive the
 * session; files and pipes are served by the VMM itself.
 */
static int begin(const struct run_options *o, int background)
{
	struct problem problem = { "" };
	struct os_link *link;
	enum os_side side;

	if (!background && !os_interactive()) {
		if (!console_direct(&problem))
			return run_vm(o);
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	side = os_split(&link, &problem);
	if (side == OS_SIDE_VMM && !console_served(link, 0, &problem))
		return run_vm(o);
	if (side != OS_SIDE_CLIENT) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return background ? console_client_detach(link, o->config.name) :
	       console_client_run(link, o->config.name, o->key);
}

/* Each line of the notes: what is ignored. */
static void print_notes(const char *notes)
{
	const char *end;

	for (; notes; notes = end ? end + 1 : NULL) {
		end = strchr(notes, '\n');
		say("cvmctl: %.*s", end ? (int)(end - notes) :
		    (int)strlen(notes), notes);
	}
}

/* A mistake in a file is a refusal, one in an option wrong usage. */
static int prepare(const struct command *cmd, struct run_options *o)
{
	struct problem problem = { "" };
	int ret = run_prepare(o, &problem);

	if (ret == EXIT_USAGE)
		return usage_error(cmd, "%s", problem.text);
	if (ret != PARSE_GO_ON)
		problem_print(&problem);
	else if (!o->config.quiet)
		print_notes(o->sources.notes);
	return ret;
}

/* Options that are keys too stand in the middle of the table. */
static int run_or_start(const struct command *cmd, int argc, char **argv,
			int background)
{
	static struct run_options o = { .key_text = DEFAULT_DETACH_KEY };
	const struct opt first = {
		"config", OPT_TEXT, "FILE", &o.file,
		"take from this file what is not given here;\n"
		"@FILE is the same"
	};
	const struct opt last[] = {
		{ "compare", OPT_FLAG, NULL, &o.config.compare,
		  "compare the host's whole CPU state around every\n"
		  "stay in the guest, end at the first difference;\n"
		  "slow, for finding faults" },
		{ "quiet", OPT_FLAG, NULL, &o.config.quiet,
		  "only the guest's output, and errors" },
		{ "json", OPT_FLAG, NULL, &o.json,
		  "the final line on stderr as a JSON object" },
		{ background ? NULL : "detach-key", OPT_TEXT, "KEY",
		  &o.key_text,
		  "leave the guest running and return to the shell\n"
		  "(default ctrl-]; none: every key is the guest's)" },
		{ 0 }
	};
	struct opt opts[1 + CONFIG_OPTIONS + sizeof(last) / sizeof(last[0])];
	size_t keys;
	int ret;

	opts[0] = first;
	keys = config_option_rows(opts + 1, o.given);
	memcpy(opts + 1 + keys, last, sizeof(last));
	ret = parse_options(cmd, opts, argc, argv, o.word, RUN_WORDS);
	while (o.words < RUN_WORDS && o.word[o.words])
		o.words++;
	if (ret == PARSE_GO_ON)
		ret = prepare(cmd, &o);
	if (ret == PARSE_GO_ON)
		ret = begin(&o, background);
	run_free(&o);
	return ret;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	return run_or_start(cmd, argc, argv, 0);
}

static int start(const struct command *cmd, int argc, char **argv)
{
	return run_or_start(cmd, argc, argv, 1);
}

const struct command cmd_run = {
	"run", run, "[@CONFIG...] [KEY=VALUE...] [WORD...] [OPTIONS]",
	"start a guest, with this terminal as its console",
	"Load a kernel into memory taken from the host, start it, and be\n"
	"its console until it ends.  Files describe the VM; the same keys on\n"
	"the command line override them, and options override both.  Other\n"
	"words are added to the guest's command line.\n\n"
	"On a terminal every key goes to the guest, ctrl-c too; the detach\n"
	"key leaves the guest running and `cvmctl console NAME` comes back.\n"
	"Without a terminal stdin is the guest's input; its end does not\n"
	"end the guest.  SIGTERM, SIGINT and SIGHUP (on Windows Ctrl-Break,\n"
	"and closing the window) ask the guest to power off; the second one\n"
	"ends it, and so does the end of the time that --grace gives it.\n\n"
	"Exit status: 0 the guest powered off, 1 refused before it started,\n"
	"2 wrong usage, 3 guest panic, 4 the guest asked for a reboot, 5 it\n"
	"was ended by the monitor (killed, dead end, host error).\n\n"
	"Examples:\n"
	"  cvmctl run --kernel vmlinux --initrd initrd.img --mem 512\n"
	"  cvmctl run @web.conf mem=1G single\n"
	"  cvmctl run --kernel bzImage --mem 1G --min-address 4G\n"
	"  cvmctl run --kernel vmlinux --cmdline 'console=hvc0 quiet'\n"
	"  echo 'uname -r; poweroff' |\n"
	"      cvmctl run --quiet --kernel vmlinux --initrd initrd.img\n",
	config_help
};

const struct command cmd_start = {
	"start", start, "[@CONFIG...] [KEY=VALUE...] [WORD...] [OPTIONS]",
	"start a guest in the background",
	"Like `cvmctl run`, but without a terminal: return as soon as the\n"
	"guest runs.  `cvmctl console NAME` is its console, `list` shows it,\n"
	"`stop` and `kill` end it.  Messages of its process, the last line\n"
	"included, are in NAME.log in /run/cvm or $XDG_RUNTIME_DIR/cvm.\n\n"
	"Exit status: 0 the guest runs; else one line says why it does not,\n"
	"and nothing is left behind.\n\n"
	"Example:\n"
	"  cvmctl start @web.conf && cvmctl console web\n",
	config_help
};
