// SPDX-License-Identifier: GPL-2.0-only
/* vm_run.c - from options and a configuration file to a VM that has ended. */
#include <stdio.h>
#include <string.h>

#include "vm_run.h"
#include "cvmctl/cli/json.h"
#include "cvmctl/config/net_value.h"
#include "vmm/console_server.h"
#include "vmm/run_loop.h"
#include "vmm/supervisor.h"
#include "vmm/vm_devices.h"

#define DEFAULT_MEM	(256ull << 20)
#define DEFAULT_GRACE	60u
#define CONSOLE		"console=hvc0"

int read_key(const char *text, int *key)
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

/* ---- what is to be run ---- */

/* --cmdline stands for the files' words; those beside it are added. */
static void join_cmdline(struct run_options *o)
{
	const char *first = o->vm.cmdline, *words = o->config.words;

	if (!first) {
		words = o->config.cmdline;
		/* coLinux's files name no console. */
		first = words && strstr(words, "console=") ? "" : CONSOLE;
	}
	snprintf(o->cmdline, sizeof(o->cmdline), "%s%s%s", first,
		 *first && words ? " " : "", words ? words : "");
	o->vm.cmdline = o->cmdline;
}

/* What was given on the command line wins. */
static void fill_from_file(struct run_options *o)
{
	const struct config *config = &o->config;
	struct vm_config *vm = &o->vm;
	int i;

	if (!vm->kernel)
		vm->kernel = config->kernel;
	if (!vm->initrd)
		vm->initrd = config->initrd;
	if (!vm->name)
		vm->name = config->name;
	if (!vm->mem_bytes)
		vm->mem_bytes = config->mem_bytes;
	if (!o->grace)
		o->grace = config->grace;
	o->confine.user = config->user;
	vm->disk = config->disk;
	vm->exec = config->exec;
	vm->tty = config->tty;
	vm->quiet = o->quiet;
	for (i = 0; i < VM_NICS; i++)
		vm->nic[i] = config->eth[i];
	join_cmdline(o);
}

static void fill_defaults(struct run_options *o)
{
	struct vm_config *vm = &o->vm;

	if (!vm->name) {
		snprintf(o->name, sizeof(o->name), UNNAMED "%ld",
			 plat_pid());
		vm->name = o->name;
	}
	if (!vm->mem_bytes)
		vm->mem_bytes = DEFAULT_MEM;
	if (!vm->vcpus)
		vm->vcpus = 1;
	if (!o->grace)
		o->grace = DEFAULT_GRACE;
	if (o->compare)
		vm->flags |= CVM_VM_F_COMPARE;
}

/* Does a card make connections?  What is said of it was found good. */
static int needs_network(const struct vm_config *vm)
{
	struct problem ignored = { "" };
	struct net_config net;
	unsigned int i;

	for (i = 0; i < VM_NICS; i++)
		if (vm->nic[i] && !net_config_read(&net, vm->nic[i], vm->name,
						   i, NULL, &ignored) &&
		    !net.args.tap)
			return 1;
	return 0;
}

/* Files first, by their order; words beside them weigh more. */
static int read_config(struct run_options *o, struct problem *problem)
{
	const char *word[RUN_WORDS];
	int i, words = 0;

	if (o->file && config_file(&o->config, o->file, problem))
		return -1;
	for (i = 0; i < o->words; i++) {
		if (o->word[i][0] != '@') {
			word[words++] = o->word[i];
			continue;
		}
		if (config_file(&o->config, o->word[i] + 1, problem))
			return -1;
		if (!o->file)
			o->file = o->word[i] + 1;
	}
	return config_words(&o->config, word, words, problem) ||
	       config_finish(&o->config, problem) ? -1 : 0;
}

int run_prepare(struct run_options *o, struct problem *problem)
{
	struct vm_config *vm = &o->vm;
	const char *path;

	if (read_config(o, problem))
		return -1;
	path = o->file;
	fill_from_file(o);
	fill_defaults(o);
	if (!vm->kernel && path)
		return problem_set(problem, path, "no kernel given; add "
				   "kernel=FILE");
	if (!vm->kernel)
		return problem_set(problem, "--kernel", "no kernel given; use "
				   "--kernel FILE or @CONFIG");
	if (read_key(o->key_text, &o->key))
		return problem_set(problem, "--detach-key", "%s: not a key "
				   "(ctrl-] or such, or none)", o->key_text);
	if (!good_name(vm->name))
		return problem_set(problem, path && vm->name ==
				   o->config.name ? path : "--name",
				   "%s: not a name (" NAME_RULE ")",
				   vm->name, CVM_NAME_MAX - 1);
	if (vm->mem_bytes > UINT64_MAX / 2)
		return problem_set(problem, "--mem", "memory size too large");
	if (vm->min_hpa > UINT64_MAX / 2)
		return problem_set(problem, "--min-address",
				   "address too high");
	/* Memory is granted in 2 MiB pages. */
	vm->mem_bytes = (vm->mem_bytes + CVM_LARGE_PAGE - 1) &
			~(uint64_t)(CVM_LARGE_PAGE - 1);
	o->confine.network = needs_network(vm);
	return 0;
}

/* ---- the run ---- */

/* The last line of a run: for people, or one JSON object. */
static void final_line(const struct run_options *o, const struct vm *vm,
		       const struct ending *end, char *line, size_t size)
{
	struct json json;

	line[0] = '\0';
	if (o->json) {
		json_begin(&json, 0);
		json_open(&json, NULL, '{');
		json_u64(&json, "id", vm->info.id);
		json_text(&json, "name", o->vm.name, CVM_NAME_MAX);
		json_u64(&json, "status", (uint64_t)end->status);
		json_text(&json, "reason", end->name, 16);
		json_text(&json, "text", end->text, sizeof(end->text));
		json_close(&json);
		snprintf(line, size, "%s", json.text ? json.text : "");
		json_end(&json);
	} else if (end->status != EXIT_OK || !o->quiet) {
		snprintf(line, size, "cvmctl: %s: %s", o->vm.name, end->text);
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

int run_vm(const struct run_options *o)
{
	static struct vm vm;
	struct problem problem = { "" };
	struct ending end = { .status = EXIT_REFUSED };
	char greeting[200] = "", line[1024];

	if (confine_check(&o->confine, &problem) ||
	    minder_start(o->vm.exec, &problem))
		goto out_refused;
	/* Not before: the minder starts programs, with limits of their own. */
	plat_raise_files();
	/* The name first: a second VM of it would disturb the first. */
	if (console_claim(o->vm.name, &problem) ||
	    vm_build(&vm, &o->vm, &problem))
		goto out_refused;
	if (!o->quiet && o->key >= 0)
		snprintf(greeting, sizeof(greeting), "cvmctl: %s: VM %u, %llu "
			 "MiB; %s detaches", o->vm.name, vm.info.id,
			 (unsigned long long)(o->vm.mem_bytes >> 20),
			 o->key_text);
	if (console_ready(vm.info.id, greeting, &problem) ||
	    minder_programs(&problem) || vmm_threads_try(&vm, &problem) ||
	    plat_log(o->vm.name, minder_remove, &problem))
		goto out_refused;
	devices_settle(&vm);
	minder_seal();
	/* Nothing of the host's is changed before everything is claimed. */
	if (confine(&o->confine, &problem) || vmm_threads(&vm, &problem) ||
	    devices_commit(&vm, &problem))
		goto out_refused;
	vmm_run(&vm, o->grace, &end);
	/* The VM is gone before anybody is told that it ended. */
	vm_close(&vm);
	final_line(o, &vm, &end, line, sizeof(line));
	/* Nobody looks for the log of a VM without a name that ended well. */
	console_last(line, !o->name[0] || end.status != EXIT_OK);
	minder_end();
	console_end(end.status, line);
	return end.status;

out_refused:
	vm_close(&vm);
	refuse(o, &problem, &vm, line, sizeof(line));
	console_last(line, 1);
	minder_end();
	console_end(EXIT_REFUSED, line);
	return EXIT_REFUSED;
}
