// SPDX-License-Identifier: GPL-2.0-only
/* version.c - versions of tool and driver. */
#include <stdio.h>

#include <cvm/abi.h>

#include "built_with.h"
#include "commands.h"
#include "cvmctl/cli/json.h"
#include "os/os.h"
#include "vmm/driver.h"

static const struct feature {
	const char *name;
	int there;
} features[] = {
#define FEATURE(name, there) { name, there },
	CVMCTL_BUILT_WITH(FEATURE)
#undef FEATURE
};

#define N_FEATURES (sizeof(features) / sizeof(features[0]))

/* "with a b" or "without c"; nothing if there are none. */
static void print_features(const char *with, int there)
{
	const char *before = with;
	size_t i;

	for (i = 0; i < N_FEATURES; i++) {
		if (features[i].there != there)
			continue;
		printf("%s %s", before, features[i].name);
		before = "";
	}
	if (*before == '\0')
		putchar('\n');
}

static int print_json(const struct cvm_user_version *v,
		      const struct problem *problem, int have)
{
	struct json json;
	size_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_text(&json, "cvmctl", CVM_VERSION, sizeof(CVM_VERSION));
	json_u64(&json, "user_abi", CVM_USER_ABI);
	json_u64(&json, "guest_abi", CVM_GUEST_ABI);
	json_open(&json, "features", '{');
	for (i = 0; i < N_FEATURES; i++)
		json_bool(&json, features[i].name, features[i].there);
	json_close(&json);
	if (have) {
		json_open(&json, "driver", '{');
		json_text(&json, "version", v->version, sizeof(v->version));
		json_u64(&json, "user_abi", v->user_abi);
		json_u64(&json, "guest_abi", v->guest_abi);
		json_text(&json, "host", host_name(v->host), 16);
		json_u64(&json, "cpus", v->cpus);
		json_close(&json);
	} else {
		json_text(&json, "problem", problem->text,
			  sizeof(problem->text));
		json_null(&json, "driver");
	}
	json_close(&json);
	return json_print(&json);
}

static void print_driver(const struct cvm_user_version *v)
{
	printf("driver ");
	put_text(v->version, sizeof(v->version));
	printf(", user ABI %u, guest ABI %u, host %s, %u CPU%s\n", v->user_abi,
	       v->guest_abi, host_name(v->host), v->cpus,
	       v->cpus == 1 ? "" : "s");
}

static void print_none(const struct problem *problem)
{
	printf("no driver: ");
	put_text(problem->text, sizeof(problem->text));
	putchar('\n');
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	struct cvm_user_version v;
	struct os_driver *driver;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "json", OPT_FLAG, NULL, &json, "print one JSON object" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, NULL, 0);
	if (ret != PARSE_GO_ON)
		return ret;
	driver = driver_open(&v, &problem);
	if (json) {
		ret = print_json(&v, &problem, driver != NULL);
	} else {
		printf("cvmctl %s, user ABI %u, guest ABI %u\n",
		       CVM_VERSION, CVM_USER_ABI, CVM_GUEST_ABI);
		print_features("with", 1);
		print_features("without", 0);
		if (driver)
			print_driver(&v);
		else
			print_none(&problem);
		ret = print_flush();
	}
	if (driver)
		os_driver_close(driver);
	return ret;
}

const struct command cmd_version = {
	"version", run, "[--json]",
	"show the versions of this tool and of the driver",
	"Print the versions of cvmctl and, if it is loaded, of the driver,\n"
	"and which of the optional parts this build has.\n"
	"Both must speak the same user ABI; a kernel must speak the driver's\n"
	"guest ABI.  Without a driver the exit status is still 0.\n",
	NULL
};
