// SPDX-License-Identifier: GPL-2.0-only
/* service.c - guests as services of the system. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "vm_run.h"
#include "vmm/console_server.h"

#define PATH_ROOM	4096

struct served {
	const char *name;
	const char *path;	/* of its configuration */
};

/* The file may have changed since install; errors go to the log. */
static int run_as_service(void *ctx)
{
	const struct served *served = ctx;
	static struct run_options o = { .key_text = "none" };
	struct problem problem = { "" };
	int ret = EXIT_REFUSED;

	o.given[0] = (struct config_given){ "name", served->name };
	o.file = served->path;
	if (run_prepare(&o, &problem) == PARSE_GO_ON &&
	    !console_served(NULL, 1, &problem))
		ret = run_vm(&o);
	if (problem.text[0])
		problem_print(&problem);
	run_free(&o);
	return ret;
}

/* The file is checked before the service is made. */
static int install(const char *name, const char *path,
		   struct problem *problem)
{
	static struct run_options o = { .key_text = DEFAULT_DETACH_KEY };
	char config[PATH_ROOM];
	int ret = -1;

	o.given[0] = (struct config_given){ "name", name };
	o.file = config;
	if (os_path_absolute(path, config, sizeof(config)))
		problem_set(problem, path, "path too long");
	else if (run_prepare(&o, problem) == PARSE_GO_ON)
		ret = os_service_install(name, config, o.config.grace,
					 problem);
	run_free(&o);
	return ret;
}

/* Called by Windows: what is printed goes to the log beside the file. */
static int serve(const char *name, const char *path, struct problem *problem)
{
	struct served served = { name, path };
	char log[PATH_ROOM], file[CVM_NAME_MAX + 8];

	snprintf(file, sizeof(file), "%s.log", name);
	if (!os_path_beside(path, file, log, sizeof(log)))
		return os_service_run(name, log, run_as_service, &served,
				      problem);
	problem_set(problem, path, "path too long");
	return EXIT_REFUSED;
}

static int listed;

static void list_one(const char *name, const char *state, const char *config)
{
	if (!listed++)
		printf("%s%-16s  %-8s  %s%s\n", style(STYLE_BOLD), "NAME",
		       "STATE", "CONFIGURATION", style(STYLE_OFF));
	put_column(name, SIZE_MAX, 16);
	printf("  %-8s  ", state);
	put_text(config, SIZE_MAX);
	putchar('\n');
}

static int list(struct problem *problem)
{
	if (os_service_list(list_one, problem))
		return EXIT_REFUSED;
	if (!listed)
		puts("no guest is a service of this machine");
	return print_flush();
}

static int act(const struct command *cmd, const char *const *words,
	       const char *path, struct problem *problem)
{
	const char *verb = words[0], *name = words[1];

	if (path && (!strcmp(verb, "status") || !strcmp(verb, "remove")))
		return usage_error(cmd, "--config is for install only");
	if (!strcmp(verb, "status"))
		return name ? usage_error(cmd, "%s: unexpected "
					  "argument", name) :
		       list(problem);
	if (strcmp(verb, "install") && strcmp(verb, "remove") &&
	    strcmp(verb, "run"))
		return usage_error(cmd, "%s: unknown verb; use install, remove "
				   "or status",
				   verb);
	if (!name)
		return usage_error(cmd, "no name given (" NAME_RULE ")",
				   CVM_NAME_MAX - 1);
	if (!good_name(name))
		return usage_error(cmd, "%s: not a name (" NAME_RULE ")", name,
				   CVM_NAME_MAX - 1);
	if (!strcmp(verb, "remove"))
		return os_service_remove(name, problem) ? EXIT_REFUSED :
		       EXIT_OK;
	if (!path)
		return usage_error(cmd, "no --config FILE given");
	if (!strcmp(verb, "run"))
		return serve(name, path, problem);
	return install(name, path, problem) ? EXIT_REFUSED : EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char *words[2] = { NULL, NULL }, *path = NULL;
	struct problem problem = { "" };
	int ret;
	const struct opt opts[] = {
		{ "config", OPT_TEXT, "FILE", &path,
		  "the guest's configuration file (see\n"
		  "cvmctl run --help)" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!words[0])
		return usage_error(cmd, "no verb given; use install, remove or "
				   "status");
	ret = act(cmd, words, path, &problem);
	if (problem.text[0])
		problem_print(&problem);
	return ret;
}

const struct command cmd_service = {
	"service", run, "install NAME --config FILE | remove NAME | status",
	"run guests as Windows services",
	"Make a guest a service of Windows, named cvm-NAME, which runs\n"
	"without anybody logged in.  It depends on the driver and is started\n"
	"on demand (sc start cvm-NAME; sc config cvm-NAME start= auto).  Its\n"
	"output goes to NAME.log beside the configuration file, and `cvmctl\n"
	"console NAME` is its console.  When the service or the machine is\n"
	"stopped the guest is asked to power off, and ended if it has not\n"
	"done so in time.\n\n"
	"status lists these services.  On Linux a systemd unit does this:\n"
	"ExecStart=cvmctl run --config FILE.\n",
	NULL
};
