// SPDX-License-Identifier: GPL-2.0-only
/* vm_run.c - from files, words and options to a VM that has ended. */
#include <stdio.h>
#include <string.h>

#include "vm_run.h"
#include "cvmctl/cli/json.h"
#include "vmm/confine.h"
#include "vmm/console_server.h"
#include "vmm/run_loop.h"
#include "vmm/supervisor.h"
#include "vmm/vm_devices.h"

/* ---- what is to be run ---- */

/* Later ones win: files in their order, words, then options. */
static int read_sources(struct run_options *o, struct problem *problem)
{
	const char *word[RUN_WORDS];
	int i, words = 0;

	if (o->file && config_file(&o->sources, o->file, problem))
		return -1;
	for (i = 0; i < o->words; i++) {
		if (o->word[i][0] != '@') {
			word[words++] = o->word[i];
			continue;
		}
		if (config_file(&o->sources, o->word[i] + 1, problem))
			return -1;
		if (!o->file)
			o->file = o->word[i] + 1;
	}
	return config_words(&o->sources, word, words, problem) ||
	       config_options(&o->sources, o->given, problem) ? -1 : 0;
}

int run_prepare(struct run_options *o, struct problem *problem)
{
	struct config *config = &o->config;

	if (read_sources(o, problem) ||
	    config_read(config, &o->sources, problem))
		return o->sources.usage ? EXIT_USAGE : EXIT_REFUSED;
	if (!config->kernel && o->file) {
		problem_set(problem, o->file, "no kernel given; add "
			    "kernel=FILE");
		return EXIT_REFUSED;
	}
	if (!config->kernel) {
		problem_set(problem, "--kernel", "no kernel given; use "
			    "--kernel FILE or @CONFIG");
		return EXIT_USAGE;
	}
	if (read_detach_key(o->key_text, &o->key)) {
		problem_set(problem, "--detach-key", "%s: not a key (ctrl- and "
			    "a letter, ctrl-] or none)", o->key_text);
		return EXIT_USAGE;
	}
	if (!config->name) {
		snprintf(o->name, sizeof(o->name), UNNAMED "%ld", os_pid());
		config->name = o->name;
	}
	return PARSE_GO_ON;
}

void run_free(struct run_options *o)
{
	config_free(&o->sources);
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
		json_text(&json, "name", o->config.name, CVM_NAME_MAX);
		json_u64(&json, "status", (uint64_t)end->status);
		json_text(&json, "reason", end->name, 16);
		json_text(&json, "text", end->text, sizeof(end->text));
		json_close(&json);
		snprintf(line, size, "%s", json.text ? json.text : "");
		json_end(&json);
	} else if (end->status != EXIT_OK || !o->config.quiet) {
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

int run_vm(const struct run_options *o)
{
	static struct vm vm;
	struct problem problem = { "" };
	struct ending end = { .status = EXIT_REFUSED };
	char greeting[200] = "", line[1024];

	if (confine_check(&o->config, &problem) ||
	    supervisor_start(o->config.exec, &problem))
		goto out_refused;
	/*
	 * Not before: the supervisor starts programs, with limits of their own.
	 */
	os_raise_file_limit();
	/* The name first: a second VM of this name must not disturb it. */
	if (console_claim(o->config.name, &problem) ||
	    vm_build(&vm, &o->config, &problem))
		goto out_refused;
	if (!o->config.quiet && o->key >= 0)
		snprintf(greeting, sizeof(greeting), "cvmctl: %s: VM %u, %llu "
			 "MiB; %s detaches", o->config.name, vm.info.id,
			 (unsigned long long)(o->config.mem_bytes >> 20),
			 o->key_text);
	if (console_ready(vm.info.id, greeting, &problem) ||
	    supervisor_programs(&problem) || vmm_threads_try(&vm, &problem) ||
	    os_log_begin(o->config.name, supervisor_remove, &problem))
		goto out_refused;
	devices_settle(&vm);
	supervisor_seal();
	/* Nothing of the host's is changed before everything is claimed. */
	if (confine(&o->config, &problem) || vmm_threads(&vm, &problem) ||
	    devices_commit(&vm, &problem))
		goto out_refused;
	vmm_run(&vm, o->config.grace, &end);
	/* The VM is gone before anybody is told that it ended. */
	vm_close(&vm);
	final_line(o, &vm, &end, line, sizeof(line));
	/* A VM without a name that ended well leaves no log. */
	console_last(line, !o->name[0] || end.status != EXIT_OK);
	supervisor_end();
	console_end(end.status, line);
	return end.status;

out_refused:
	vm_close(&vm);
	refuse(o, &problem, &vm, line, sizeof(line));
	console_last(line, 1);
	supervisor_end();
	console_end(EXIT_REFUSED, line);
	return EXIT_REFUSED;
}
