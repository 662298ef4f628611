// SPDX-License-Identifier: GPL-2.0-only
/* cmd_run.c - start a guest and stay with it, or come back to one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cvmctl.h"
#include "json.h"
#include "vmm.h"

#define DEFAULT_MEM	(256ull << 20)
#define DEFAULT_KEY	"ctrl-]"

struct run_options {
	struct vm_config config;
	const char *key_text;
	int key;		/* -1: none */
	int compare;
	int quiet;
	int json;
	int background;
};

/* A name is part of a path and of messages. */
static int good_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '.' && *name != '-' &&
	       strlen(name) < CVM_NAME_MAX &&
	       strspn(name, allowed) == strlen(name);
}

/* "ctrl-x" or "^x" of a letter or one of @[\]^_, or "none". */
static int read_key(const char *text, int *key)
{
	size_t prefix = text[0] == '^' ? 1 : 5;
	int c;

	if (!strcmp(text, "none")) {
		*key = -1;
		return 0;
	}
	if (prefix == 5 && strncmp(text, "ctrl-", 5))
		return -1;
	c = (unsigned char)text[prefix];
	if (!c || text[prefix + 1])
		return -1;
	if (c >= 'a' && c <= 'z')
		c -= 'a' - 'A';
	if (c < '@' || c > '_')
		return -1;
	*key = c & 0x1f;
	return 0;
}

/* The last line of a run: for people, or one JSON object. */
static void final_line(const struct run_options *o, const struct vm *vm,
		       const struct ending *end, char *line, size_t size)
{
	struct json_object *root;

	line[0] = '\0';
	if (o->json) {
		root = json_object_new_object();
		json_put_u64(root, "id", vm->info.id);
		json_put_text(root, "name", o->config.name, CVM_NAME_MAX);
		json_put_u64(root, "status", (uint64_t)end->status);
		json_put_text(root, "reason", end->name, 16);
		json_put_text(root, "text", end->text, sizeof(end->text));
		snprintf(line, size, "%s", json_object_to_json_string_ext(root,
			 JSON_C_TO_STRING_SPACED |
			 JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(root);
	} else if (end->status != EXIT_OK || !o->quiet) {
		snprintf(line, size, "cvmctl: %s: %s", o->config.name,
			 end->text);
	}
}

static void refuse(const struct run_options *o, const struct problem *problem,
		   const struct vm *vm, char *line, size_t size)
{
	struct ending end = {
		.status = EXIT_REFUSED,
		.name = "refused",
	};

	snprintf(end.text, sizeof(end.text), "%.399s", problem->text);
	if (o->json)
		final_line(o, vm, &end, line, size);
	else
		snprintf(line, size, "cvmctl: %s", problem->text);
}

/* The VMM itself; its console is set up. */
static int run_vm(const struct run_options *o)
{
	static struct vm vm;
	struct problem problem = { "" };
	struct ending end = { .status = EXIT_REFUSED };
	char greeting[200] = "", line[1024];

	if (vm_build(&vm, &o->config, &problem))
		goto out_refused;
	if (!o->quiet && o->key >= 0)
		snprintf(greeting, sizeof(greeting), "cvmctl: %s: VM %u, %llu "
			 "MiB; %s detaches", o->config.name, vm.info.id,
			 (unsigned long long)(o->config.mem_bytes >> 20),
			 o->key_text);
	if (plat_console_started(o->config.name, greeting, &problem))
		goto out_refused;
	vmm_run(&vm, &end);
	/* The VM is gone before anybody is told that it ended. */
	vm_close(&vm);
	final_line(o, &vm, &end, line, sizeof(line));
	plat_console_end(end.status, line);
	return end.status;

out_refused:
	vm_close(&vm);
	refuse(o, &problem, &vm, line, sizeof(line));
	plat_console_end(EXIT_REFUSED, line);
	return EXIT_REFUSED;
}

/*
 * A terminal is left to a process of its own, so that the VM can outlive the
 * session; files and pipes are served by the VMM itself.
 */
static int start(const struct run_options *o)
{
	struct problem problem = { "" };
	int sock, side;

	if (!o->background && !plat_interactive()) {
		if (!plat_console_direct(&problem))
			return run_vm(o);
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	side = plat_split(&sock, &problem);
	if (side == 0 && !plat_console_served(sock, &problem))
		return run_vm(o);
	if (side != 1) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return o->background ? plat_front_detach(sock) :
	       plat_front(sock, o->config.name, o->key);
}

static int check_options(const struct command *cmd, struct run_options *o)
{
	struct vm_config *config = &o->config;

	if (!config->kernel)
		return usage_error(cmd, "--kernel is missing");
	if (read_key(o->key_text, &o->key))
		return usage_error(cmd, "--detach-key %s: not a key (ctrl-] or "
				   "such, or none)", o->key_text);
	if (!good_name(config->name))
		return usage_error(cmd, "--name %s: not a name (at most %u "
				   "letters, digits, . _ -)", config->name,
				   CVM_NAME_MAX - 1);
	if (!config->mem_bytes || config->mem_bytes > UINT64_MAX / 2)
		return usage_error(cmd, "--mem: no size for a memory");
	if (config->min_hpa > UINT64_MAX / 2)
		return usage_error(cmd, "--min-address: beyond any memory");
	/* Memory is granted in 2 MiB pages. */
	config->mem_bytes = (config->mem_bytes + CVM_LARGE_PAGE - 1) &
			    ~(uint64_t)(CVM_LARGE_PAGE - 1);
	if (o->compare)
		config->flags |= CVM_VM_F_COMPARE;
	return PARSE_GO_ON;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct run_options o = {
		.config = {
			.cmdline = "console=hvc0",
			.mem_bytes = DEFAULT_MEM,
			.vcpus = 1,
		},
		.key_text = DEFAULT_KEY,
	};
	const struct opt opts[] = {
		{ "kernel", OPT_TEXT, "FILE", &o.config.kernel,
		  "ELF vmlinux or bzImage, built for libcvm" },
		{ "initrd", OPT_TEXT, "FILE", &o.config.initrd,
		  "initial RAM file system" },
		{ "mem", OPT_MIB, "MIB", &o.config.mem_bytes,
		  "memory of the guest in MiB, or with K, M, G\n"
		  "(default 256)" },
		{ "cmdline", OPT_TEXT, "STRING", &o.config.cmdline,
		  "kernel command line (default console=hvc0)" },
		{ "name", OPT_TEXT, "NAME", &o.config.name,
		  "name in lists and messages (default vm-PID)" },
		{ "min-address", OPT_BYTES, "ADDR", &o.config.min_hpa,
		  "take memory at or above this machine address\n"
		  "only, for instance 4G" },
		{ "compare", OPT_FLAG, NULL, &o.compare,
		  "compare the host's whole CPU state around every\n"
		  "stay in the guest, end at the first difference;\n"
		  "slow, for finding faults" },
		{ "detach-key", OPT_TEXT, "KEY", &o.key_text,
		  "leave the guest running and return to the shell\n"
		  "(default ctrl-]; none: every key is the guest's)" },
		{ "background", OPT_FLAG, NULL, &o.background,
		  "detach as soon as the guest runs" },
		{ "quiet", OPT_FLAG, NULL, &o.quiet,
		  "only the guest's output, and errors" },
		{ "json", OPT_FLAG, NULL, &o.json,
		  "the final line on stderr as a JSON object" },
		{ 0 }
	};
	char name[CVM_NAME_MAX];
	int ret;

	snprintf(name, sizeof(name), "vm-%ld", (long)getpid());
	o.config.name = name;
	ret = parse_options(cmd, opts, argc, argv, NULL, 0);
	if (ret == PARSE_GO_ON)
		ret = check_options(cmd, &o);
	return ret == PARSE_GO_ON ? start(&o) : ret;
}

const struct command cmd_run = {
	"run", run, "--kernel FILE [OPTIONS]",
	"start a guest and be its console",
	"Load a kernel into memory taken from the host, start it, and be\n"
	"its console until it ends.\n\n"
	"On a terminal every key goes to the guest, ctrl-c too; the detach\n"
	"key leaves the guest running and `cvmctl attach NAME` comes back.\n"
	"Without a terminal stdin is the guest's input; its end does not\n"
	"end the guest.  SIGTERM, SIGINT and SIGHUP ask the guest to power\n"
	"off, the second one ends it.\n\n"
	"Exit status: 0 the guest powered off, 1 refused before it started,\n"
	"2 wrong usage, 3 guest panic, 4 the guest asked for a reboot, 5 it\n"
	"was ended by the monitor (killed, dead end, host error).\n\n"
	"Examples:\n"
	"  cvmctl run --kernel vmlinux --initrd initrd.img --mem 512\n"
	"  cvmctl run --kernel bzImage --mem 1G --min-address 4G\n"
	"  cvmctl run --kernel vmlinux --cmdline 'console=hvc0 quiet'\n"
	"  echo 'uname -r; poweroff' |\n"
	"      cvmctl run --quiet --kernel vmlinux --initrd initrd.img\n"
};

/*
 * The word is a name, or else an ID the driver knows.  A VM that is there but
 * has no socket was started with files or pipes for its console.
 */
static int attach(const char *word, char *name, size_t size,
		  struct problem *problem)
{
	struct problem ignored = { "" };
	struct cvm_user_version version;
	struct cvm_user_vm_info info;
	struct device *dev;
	int sock = -1, known;

	snprintf(name, size, "%s", word);
	if (good_name(word))
		sock = plat_attach(word, &ignored);
	if (sock >= 0)
		return sock;
	dev = device_open(&version, problem);
	if (!dev)
		return -1;
	known = !find_vm(dev, word, &info, problem);
	plat_close(dev);
	if (!known)
		return -1;
	snprintf(name, size, "%s", info.name);
	if (good_name(name) && strcmp(name, word))
		sock = plat_attach(name, &ignored);
	if (sock < 0)
		problem_set(problem, word, "its console cannot be attached "
			    "to: it was started without a terminal");
	return sock;
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
	int ret, key, sock;

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!word)
		return usage_error(cmd, "which VM? give its ID or name");
	if (read_key(key_text, &key))
		return usage_error(cmd, "--detach-key %s: not a key (ctrl-] or "
				   "such, or none)", key_text);
	sock = attach(word, name, sizeof(name), &problem);
	if (sock < 0) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return plat_front(sock, name, key);
}

const struct command cmd_attach = {
	"attach", run_attach, "[OPTIONS] ID|NAME",
	"come back to the console of a detached guest",
	"Be the console of a guest that was detached or started with\n"
	"--background.  What it printed last is shown again.  The exit\n"
	"status is that of `cvmctl run`, and 0 after the detach key.\n"
};
