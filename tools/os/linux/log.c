// SPDX-License-Identifier: GPL-2.0-only
/* log.c - the log of a VM that others can come to. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "names.h"

static int log_fd = -1;

/* Under the lock. */
static int open_log(const char *name, os_made_fn *leave,
		    struct problem *problem)
{
	char path[128];

	if (linux_run_path(path, sizeof(path), name, "log", problem))
		return -1;
	/* Another file: the supervisor of who had the name may still look. */
	unlink(path);
	log_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND |
		      O_CLOEXEC, 0600);
	if (log_fd < 0)
		return problem_set(problem, path, "%s", strerror(errno));
	leave(path, log_fd, 1);
	return 0;
}

int os_log_begin(const char *name, os_made_fn *leave,
		 struct problem *problem)
{
	int ret, lock = linux_lock_names(problem);

	if (lock < 0)
		return -1;
	ret = open_log(name, leave, problem);
	close(lock);
	return ret;
}

int linux_log(void)
{
	return log_fd;
}
