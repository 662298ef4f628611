// SPDX-License-Identifier: GPL-2.0-only
/*
 * inherited.c - descriptors that whoever started us left open.
 *
 * A shell's or a service manager's, of files that are none of a guest's
 * business.  They are of use as long as paths are opened (a shell's <(command)
 * is /dev/fd/63).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "linux.h"

#define SCAN_MAX	1048576		/* Linux's own limit (fs.nr_open) */

static int *inherited;
static size_t count, room;

static void note(int fd)
{
	int *more;

	if (fd <= STDERR_FILENO)
		return;
	if (count == room) {
		room = room ? 2 * room : 16;
		more = realloc(inherited, room * sizeof(*more));
		if (!more)
			abort();
		inherited = more;
	}
	inherited[count++] = fd;
}

/* A system as small as an initrd may have no /proc. */
static void scan(void)
{
	struct rlimit limit = { .rlim_max = SCAN_MAX };
	int fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (fd = 0; fd < SCAN_MAX && (rlim_t)fd < limit.rlim_max; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			note(fd);
}

void linux_inherited_note(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int fd;

	if (!dir) {
		scan();
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		fd = atoi(entry->d_name);	/* "." and "..": 0 */
		if (fd != dirfd(dir))
			note(fd);
	}
	closedir(dir);
}

void linux_inherited_close(void)
{
	while (count)
		close(inherited[--count]);
	free(inherited);
	inherited = NULL;
	room = 0;
}
