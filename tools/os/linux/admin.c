// SPDX-License-Identifier: GPL-2.0-only
/*
 * admin.c - drivers and services are other programs' business here:
 * modprobe's and systemd's.  What they are to be told is said in one line.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

#define MODULE		"/sys/module/cvm"

int os_driver_query(struct os_driver_info *info, struct problem *problem)
{
	(void)problem;
	memset(info, 0, sizeof(*info));
	info->state = access(MODULE, F_OK) ? OS_DRIVER_STOPPED :
		      OS_DRIVER_RUNNING;
	return 0;
}

int os_driver_install(const char *path, struct problem *problem)
{
	(void)path;
	return problem_set(problem, "driver", "on Linux it is a kernel module: "
			   "copy cvm.ko below /lib/modules/$(uname -r)/extra "
			   "and run depmod -a");
}

int os_driver_start(struct problem *problem)
{
	return problem_set(problem, "driver", "on Linux it is a kernel module: "
			   "modprobe cvm, or insmod cvm.ko, loads it");
}

int os_driver_stop(struct problem *problem)
{
	return problem_set(problem, "driver", "on Linux it is a kernel module: "
			   "rmmod cvm unloads it");
}

int os_driver_remove(struct problem *problem)
{
	return problem_set(problem, "driver", "on Linux it is a kernel module: "
			   "rmmod cvm, then delete cvm.ko and run depmod -a");
}

/* ---- services ---- */

static int systemd(struct problem *problem)
{
	return problem_set(problem, "service", "on Linux a systemd unit does "
			   "this: ExecStart=cvmctl run --config FILE");
}

int os_service_install(const char *name, const char *config,
		       uint32_t seconds, struct problem *problem)
{
	(void)seconds;
	(void)name;
	(void)config;
	return systemd(problem);
}

int os_service_remove(const char *name, struct problem *problem)
{
	(void)name;
	return systemd(problem);
}

int os_service_list(void (*fn)(const char *name, const char *state,
			       const char *config),
		    struct problem *problem)
{
	(void)fn;
	return systemd(problem);
}

int os_service_run(const char *name, const char *log,
		   int (*run)(void *ctx), void *ctx,
		   struct problem *problem)
{
	(void)name;
	(void)log;
	(void)run;
	(void)ctx;
	return systemd(problem);
}
