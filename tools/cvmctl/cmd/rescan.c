// SPDX-License-Identifier: GPL-2.0-only
/* rescan.c - tell a guest the present sizes of its disks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "os/os.h"
#include "vmm/driver.h"
#include "vmm/stats_client.h"

struct answer {
	uint64_t before;
	int disks;
};

static void print_size(void *ctx, const char *device, const char *counter,
		       const char *value)
{
	uint64_t bytes = strtoull(value, NULL, 10);
	struct answer *answer = ctx;

	if (!strcmp(counter, "before")) {
		answer->before = bytes;
		return;
	}
	answer->disks++;
	printf("%s: %llu bytes", device, (unsigned long long)bytes);
	if (bytes == answer->before)
		printf(", as before\n");
	else
		printf(" now, %llu before; the guest was told\n",
		       (unsigned long long)answer->before);
}

static int rescan(const char *word, const char *disk, struct problem *problem)
{
	struct cvm_user_vm_info info;
	struct answer answer = { 0, 0 };
	struct os_driver *driver = open_vm(word, &info, problem);

	if (!driver)
		return -1;
	os_driver_close(driver);
	if (stats_client_rescan(&info, disk, print_size, &answer, problem))
		return -1;
	if (answer.disks)
		return 0;
	return problem_set(problem, word, *disk ? "it has no disk %s (cvmctl "
			   "stats names them)" :
			   "it has no disks%s", disk);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct problem problem = { "" };
	const char *words[2] = { NULL, "" };
	const struct opt opts[] = { { 0 } };
	int ret;

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!words[0])
		return usage_error(cmd, WHICH_VM);
	if (rescan(words[0], words[1], &problem)) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return print_flush();
}

const struct command cmd_rescan = {
	"rescan", run, "ID|NAME [DISK]",
	"tell a guest that disks have changed in size",
	"Look up the sizes of the files and disks that are a guest's disks,\n"
	"or of one DISK (cobd0, scsi1, as in the configuration), and tell the\n"
	"guest which have changed.  File systems are left as they are: run\n"
	"`resize2fs /dev/vda` in the guest after its disk has grown, and make\n"
	"a file system smaller before its disk.\n\n"
	"A guest that flushes a disk, or comes to its end, is told without\n"
	"this.\n\n"
	"Example:\n"
	"  truncate -s 20G web.img && cvmctl rescan web cobd0\n",
	NULL
};
