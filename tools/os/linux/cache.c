// SPDX-License-Identifier: GPL-2.0-only
/*
 * cache.c - what can be made again, in $XDG_CACHE_HOME/libcvm or
 * ~/.cache/libcvm (XDG Base Directory Specification).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

/* Relative ones are to be ignored, says the specification. */
static int open_dir(void)
{
	const char *own = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	int len;

	if (own && own[0] == '/')
		len = snprintf(path, sizeof(path), "%s/libcvm", own);
	else if (home && home[0] == '/')
		len = snprintf(path, sizeof(path), "%s/.cache/libcvm", home);
	else
		return -1;
	if (len >= (int)sizeof(path) ||
	    (mkdir(path, 0700) && errno != EEXIST))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Nobody but this user, or root, can have written it. */
static int is_own(int fd, struct stat *st)
{
	return !fstat(fd, st) && S_ISREG(st->st_mode) &&
	       (st->st_uid == geteuid() || !st->st_uid) &&
	       !(st->st_mode & 022);
}

static void *read_all(int fd, size_t bytes)
{
	char *data = malloc(bytes + 1);
	size_t got = 0;
	ssize_t ret = 1;

	while (data && got < bytes && ret > 0) {
		ret = read(fd, data + got, bytes - got);
		if (ret > 0)
			got += (size_t)ret;
	}
	if (data && got == bytes)
		return data;
	free(data);
	return NULL;
}

void *os_cache_read(const char *name, size_t max, size_t *bytes)
{
	int dir = open_dir(), fd = -1;
	void *data = NULL;
	struct stat st;

	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
			    O_NONBLOCK);
	if (fd >= 0 && is_own(fd, &st) && st.st_size >= 0 &&
	    (uint64_t)st.st_size <= max) {
		*bytes = (size_t)st.st_size;
		data = read_all(fd, *bytes);
	}
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return data;
}

void os_cache_write(const char *name, const void *data, size_t bytes)
{
	int dir = open_dir(), fd;
	char temporary[NAME_MAX];
	ssize_t ret;

	if (dir < 0)
		return;
	snprintf(temporary, sizeof(temporary), ".%.200s.%ld", name,
		 (long)getpid());
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd >= 0) {
		ret = write(fd, data, bytes);
		if (close(fd) || ret != (ssize_t)bytes ||
		    renameat(dir, temporary, dir, name))
			unlinkat(dir, temporary, 0);
	}
	close(dir);
}
