// SPDX-License-Identifier: GPL-2.0-only
/* driver.c - install, start, stop and remove the driver. */
#include <stdio.h>
#include <string.h>

#include <cvm/abi.h>

#include "commands.h"
#include "cvmctl/cli/json.h"
#include "os/os.h"
#include "vmm/driver.h"

/* What is known of the driver. */
struct status {
	struct os_driver_info info;
	struct cvm_user_version version;
	struct cvm_user_list list;
	struct problem problem;	/* why it could not be asked, or "" */
};

static const char *const states[] = {
	[OS_DRIVER_ABSENT] = "not installed",
	[OS_DRIVER_STOPPED] = "stopped",
	[OS_DRIVER_RUNNING] = "running",
	[OS_DRIVER_CHANGING] = "changing",
};

static int gather(struct status *s, struct problem *problem)
{
	struct os_driver *driver;

	if (os_driver_query(&s->info, problem))
		return -1;
	if (s->info.state != OS_DRIVER_RUNNING)
		return 0;
	driver = driver_open(&s->version, &s->problem);
	if (!driver)
		return 0;
	list_vms(driver, &s->list, &s->problem);
	os_driver_close(driver);
	return 0;
}

/* "web (1), db (2)" */
static void name_vms(const struct cvm_user_list *list, char *to, size_t size)
{
	size_t len = 0;
	uint32_t i;

	to[0] = '\0';
	for (i = 0; i < list->count && len < size; i++)
		len += (size_t)snprintf(to + len, size - len, "%s%s (%u)",
					i ? ", " : "", list->vm[i].name,
					list->vm[i].id);
}

/* The driver is not stopped or removed while there are VMs. */
static int no_vms(struct problem *problem)
{
	static struct status s;
	char names[300];

	if (gather(&s, problem))
		return -1;
	if (s.info.state != OS_DRIVER_RUNNING)
		return 0;
	if (s.problem.text[0])
		return problem_set(problem, "driver", "cannot list its VMs: "
				   "%s", s.problem.text);
	if (!s.list.count)
		return 0;
	name_vms(&s.list, names, sizeof(names));
	return problem_set(problem, "driver", "%u VM%s run%s: %s; end %s "
			   "first (cvmctl stop)", s.list.count,
			   s.list.count == 1 ? "" : "s",
			   s.list.count == 1 ? "s" : "", names,
			   s.list.count == 1 ? "it" : "them");
}

/* ---- status ---- */

static int status_json(const struct status *s)
{
	struct json json;
	uint32_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_text(&json, "state", states[s->info.state], 16);
	json_text(&json, "file", s->info.path, sizeof(s->info.path));
	if (s->problem.text[0])
		json_text(&json, "problem", s->problem.text,
			  sizeof(s->problem.text));
	if (s->version.user_abi) {
		json_text(&json, "version", s->version.version,
			  sizeof(s->version.version));
		json_u64(&json, "user_abi", s->version.user_abi);
		json_u64(&json, "guest_abi", s->version.guest_abi);
		json_open(&json, "vms", '[');
		for (i = 0; i < s->list.count; i++) {
			json_open(&json, NULL, '{');
			json_u64(&json, "id", s->list.vm[i].id);
			json_vm(&json, &s->list.vm[i]);
			json_close(&json);
		}
		json_close(&json);
	}
	json_close(&json);
	return json_print(&json);
}

static void row(const char *name, const char *text)
{
	printf("%s%-8s%s ", style(STYLE_BOLD), name, style(STYLE_OFF));
	put_text(text, SIZE_MAX);
	putchar('\n');
}

static int status_text(const struct status *s)
{
	char text[300];

	row("state", states[s->info.state]);
	if (s->info.path[0])
		row("file", s->info.path);
	if (s->version.user_abi) {
		snprintf(text, sizeof(text), "libcvm %s, user ABI %u, guest "
			 "ABI %u", s->version.version, s->version.user_abi,
			 s->version.guest_abi);
		row("version", text);
		name_vms(&s->list, text, sizeof(text));
		row("VMs", text[0] ? text : "none");
	}
	if (s->problem.text[0])
		row("problem", s->problem.text);
	return print_flush();
}

static int status(int json, struct problem *problem)
{
	static struct status s;
	int ret;

	if (gather(&s, problem))
		return EXIT_REFUSED;
	ret = json ? status_json(&s) : status_text(&s);
	return ret ||
	       s.info.state != OS_DRIVER_RUNNING ? EXIT_REFUSED : EXIT_OK;
}

/* ---- the command ---- */

static int act(const char *verb, const char *path, struct problem *problem)
{
	if (!strcmp(verb, "install"))
		return os_driver_install(path, problem);
	if (!strcmp(verb, "start"))
		return os_driver_start(problem);
	if (no_vms(problem))
		return -1;
	return !strcmp(verb, "stop") ? os_driver_stop(problem) :
	       os_driver_remove(problem);
}

static int known(const char *verb)
{
	static const char *const verbs[] = {
		"install", "start", "stop", "remove", "status"
	};
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verb, verbs[i]))
			return 1;
	return 0;
}

/* An option of another verb is refused; the file needs no --file. */
static int check_words(const struct command *cmd, const char *const *words,
		       const char **path, int json)
{
	const char *verb = words[0], *file = words[1];

	if (!verb || !known(verb))
		return usage_error(cmd, "%s%s; use install, start, stop, "
				   "remove or status",
				   verb ? verb : "no verb given",
				   verb ? ": unknown verb" : "");
	if (file && (*path || strcmp(verb, "install")))
		return usage_error(cmd, "%s: unexpected argument", file);
	if (*path && strcmp(verb, "install"))
		return usage_error(cmd, "--file is for install only");
	if (json && strcmp(verb, "status"))
		return usage_error(cmd, "--json is for status only");
	if (file)
		*path = file;
	return PARSE_GO_ON;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	const char *words[2] = { NULL, NULL }, *path = NULL;
	struct problem problem = { "" };
	int json = 0, ret;
	const struct opt opts[] = {
		{ "file", OPT_TEXT, "PATH", &path,
		  "install: another way to give PATH" },
		{ "json", OPT_FLAG, NULL, &json,
		  "status: print one JSON object" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret == PARSE_GO_ON)
		ret = check_words(cmd, words, &path, json);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!strcmp(words[0], "status"))
		ret = status(json, &problem);
	else
		ret = act(words[0], path, &problem) ? EXIT_REFUSED : EXIT_OK;
	if (problem.text[0])
		problem_print(&problem);
	return ret;
}

const struct command cmd_driver = {
	"driver", run,
	"install [PATH] | start | stop | remove | status",
	"install, start, stop or remove the driver",
	"  install   tell Windows where the driver's file is, cvm.sys beside\n"
	"            cvmctl if no PATH is given; it is not started\n"
	"  start     load it; after a restart of Windows it is stopped again\n"
	"  stop      unload it; refused while VMs run\n"
	"  remove    unload it and make Windows forget it\n"
	"  status    its state, file, version and VMs; the exit status is 0\n"
	"            when it runs\n\n"
	"All but status need an administrator.  The driver's signature must\n"
	"be one that Windows accepts (docs/windows.md).  On Linux the driver\n"
	"is a kernel module; each verb tells which command to use there.\n",
	NULL
};
