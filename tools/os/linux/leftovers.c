// SPDX-License-Identifier: GPL-2.0-only
/*
 * leftovers.c - what VMs without a name have left.
 *
 * Who has a name is begun anew under it, and takes over what was there.  A
 * number does not come again.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

#define LOGS_KEPT	8	/* the newest */

struct old_log {
	char entry[NAME_MAX + 1];
	struct timespec written;
};

/* Is it UNNAMED, a number and this? */
static int is_unnamed(const char *entry, const char *end)
{
	size_t prefix = sizeof(UNNAMED) - 1, digits;

	if (strncmp(entry, UNNAMED, prefix))
		return 0;
	digits = strspn(entry + prefix, "0123456789");
	return digits && !strcmp(entry + prefix + digits, end);
}

static void sweep_sockets(DIR *dir, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		if (is_unnamed(entry->d_name, ".sock") &&
		    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s",
			     path, entry->d_name) <
		    (int)sizeof(addr.sun_path))
			linux_sweep(&addr);
}

/* Does the VM of a log still live? */
static int has_socket(int dir, const char *log)
{
	char name[NAME_MAX + 2];
	struct stat st;

	snprintf(name, sizeof(name), "%.*s.sock", (int)strlen(log) - 4, log);
	return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

static int is_older(const struct old_log *a, const struct old_log *b)
{
	return a->written.tv_sec != b->written.tv_sec ?
	       a->written.tv_sec < b->written.tv_sec :
	       a->written.tv_nsec < b->written.tv_nsec;
}

/* One more, of which LOGS_KEPT stay: the oldest makes room. */
static void keep_newest(int dir, struct old_log *kept, unsigned int *count,
			struct old_log *one)
{
	struct old_log *oldest = one, last;
	unsigned int i;

	if (*count < LOGS_KEPT) {
		kept[(*count)++] = *one;
		return;
	}
	for (i = 0; i < LOGS_KEPT; i++)
		if (is_older(&kept[i], oldest))
			oldest = &kept[i];
	last = *oldest;
	*oldest = *one;
	unlinkat(dir, last.entry, 0);
}

static void sweep_logs(DIR *dir)
{
	struct old_log kept[LOGS_KEPT], one;
	unsigned int count = 0;
	struct dirent *entry;
	struct stat st;

	while ((entry = readdir(dir)) != NULL) {
		if (!is_unnamed(entry->d_name, ".log") ||
		    has_socket(dirfd(dir), entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW))
			continue;
		snprintf(one.entry, sizeof(one.entry), "%s", entry->d_name);
		one.written = st.st_mtim;
		keep_newest(dirfd(dir), kept, &count, &one);
	}
}

void linux_sweep_unnamed(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		return;
	sweep_sockets(dir, path);
	rewinddir(dir);
	sweep_logs(dir);
	closedir(dir);
}
