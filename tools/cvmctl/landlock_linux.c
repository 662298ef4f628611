// SPDX-License-Identifier: GPL-2.0-only
/*
 * landlock_linux.c - which files can be opened, where some must be.
 *
 * libslirp reads /etc/resolv.conf whenever that has changed.  It may be
 * replaced, and may be a link into another directory: so files in these two
 * directories can be read, and nothing else (Linux 5.13, and where it was not
 * turned off; without it, whatever the user may read).
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"

#define RESOLV_CONF	"/etc/resolv.conf"
/* What Landlock's first version knows: execute .. make symbolic links. */
#define ALL_RIGHTS	((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static void allow_directory(int rules, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};

	if (rule.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0);
	close(rule.parent_fd);
}

void linux_only_resolver(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = ALL_RIGHTS,
	};
	char path[PATH_MAX];
	int rules;

	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
			     0);
	if (rules < 0)
		return;
	allow_directory(rules, "/etc");
	if (realpath(RESOLV_CONF, path)) {
		*strrchr(path, '/') = '\0';
		allow_directory(rules, *path ? path : "/");
	}
	syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}
