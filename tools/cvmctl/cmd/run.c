// SPDX-License-Identifier: GPL-2.0-only
/* run.c - start a guest, and stay with it or not. */
#include <stdio.h>
#include <string.h>

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
	return background ? front_detach(link, o->vm.name) :
	       front_run(link, o->vm.name, o->key);
}

/* Each line of what is not taken as it is meant. */
static void print_notes(const char *notes)
{
	const char *end;

	for (; notes; notes = end ? end + 1 : NULL) {
		end = strchr(notes, '\n');
		say("cvmctl: %.*s", end ? (int)(end - notes) :
		    (int)strlen(notes), notes);
	}
}

/* Mistakes in a file are refused, those on the command line wrong usage. */
static int prepare(const struct command *cmd, struct run_options *o)
{
	struct problem problem = { "" };

	if (!run_prepare(o, &problem)) {
		if (!o->quiet)
			print_notes(o->config.notes);
		return PARSE_GO_ON;
	}
	if (!strncmp(problem.text, "--", 2))
		return usage_error(cmd, "%s", problem.text);
	problem_print(&problem);
	return EXIT_REFUSED;
}

static int run_or_start(const struct command *cmd, int argc, char **argv,
			int background)
{
	static struct run_options o = { .key_text = DEFAULT_KEY };
	int ret;
	const struct opt opts[] = {
		{ "config", OPT_TEXT, "FILE", &o.file,
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
		  "kernel command line (default console=hvc0)\n"
		  "instead of the files' words; WORDs are added" },
		{ "name", OPT_TEXT, "NAME", &o.vm.name,
		  "name in lists and messages (default vm-PID)" },
		{ "min-address", OPT_BYTES, "ADDR", &o.vm.min_hpa,
		  "take memory at or above this machine address\n"
		  "only, for instance 4G" },
		{ "grace", OPT_SECONDS, "SECONDS", &o.grace,
		  "how long a guest that was asked to power off\n"
		  "may take before it is ended (default 60)" },
		{ "compare", OPT_FLAG, NULL, &o.compare,
		  "compare the host's whole CPU state around every\n"
		  "stay in the guest, end at the first difference;\n"
		  "slow, for finding faults" },
		{ "quiet", OPT_FLAG, NULL, &o.quiet,
		  "only the guest's output, and errors" },
		{ "json", OPT_FLAG, NULL, &o.json,
		  "the final line on stderr as a JSON object" },
		{ background ? NULL : "detach-key", OPT_TEXT, "KEY",
		  &o.key_text,
		  "leave the guest running and return to the shell\n"
		  "(default ctrl-]; none: every key is the guest's)" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, o.word, RUN_WORDS);
	while (o.words < RUN_WORDS && o.word[o.words])
		o.words++;
	if (ret == PARSE_GO_ON)
		ret = prepare(cmd, &o);
	if (ret == PARSE_GO_ON)
		ret = begin(&o, background);
	config_free(&o.config);
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
	"start a guest and be its console",
	"Load a kernel into memory taken from the host, start it, and be\n"
	"its console until it ends.  What is to run is said by files, by the\n"
	"same keys on the command line, which win, and by options, which win\n"
	"over both; other words go to the guest's command line.\n\n"
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
	"`stop` and `kill` end it.  What its process has to say, and its last\n"
	"line, is in NAME.log in the directory of its socket.\n\n"
	"Exit status: 0 the guest runs; else one line said why it does not,\n"
	"and nothing is left behind.\n\n"
	"Example:\n"
	"  cvmctl start @web.conf && cvmctl console web\n",
	config_help
};
