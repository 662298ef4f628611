// SPDX-License-Identifier: GPL-2.0-only
/*
 * own_file.c - a name in a directory that is to go with what it was made
 * for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_file.h"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int linux_dir_of(const char *path, char *dir, size_t size)
{
	int bytes = (int)(name_of(path) - path);

	return snprintf(dir, size, "%.*s.", bytes, path) < (int)size ? 0 : -1;
}

static int open_dir(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int lock(int dir, int how)
{
	int ret;

	do {
		ret = flock(dir, how);
	} while (ret && errno == EINTR);
	return ret;
}

int linux_dir_lock(const char *dir)
{
	int fd = open_dir(dir), err;

	if (fd < 0 || !lock(fd, LOCK_EX))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* Does the name still mean the file? */
static bool is_same(const struct linux_own_file *own, struct stat *st)
{
	struct stat there;

	return !fstat(own->file, st) &&
	       !fstatat(own->dir, own->name, &there, AT_SYMLINK_NOFOLLOW) &&
	       there.st_dev == st->st_dev && there.st_ino == st->st_ino;
}

int linux_own_file_open(struct linux_own_file *own, const char *path, int file)
{
	char dir[PATH_MAX];
	struct stat st;

	own->dir = -1;
	own->file = file;
	if (linux_dir_of(path, dir, sizeof(dir)) ||
	    snprintf(own->name, sizeof(own->name), "%s", name_of(path)) >=
	    (int)sizeof(own->name))
		return -1;
	own->dir = open_dir(dir);
	if (own->dir >= 0 && is_same(own, &st))
		return 0;
	linux_own_file_close(own);
	return -1;
}

void linux_own_file_remove(const struct linux_own_file *own, bool if_empty)
{
	struct stat st;
	bool ours = !fstat(own->dir, &st) && st.st_uid == geteuid() &&
		    !(st.st_mode & 077);

	if (!lock(own->dir, LOCK_EX | (ours ? 0 : LOCK_NB)) &&
	    is_same(own, &st) && !(if_empty && st.st_size))
		unlinkat(own->dir, own->name, 0);
	lock(own->dir, LOCK_UN);
}

void linux_own_file_close(struct linux_own_file *own)
{
	if (own->dir >= 0)
		close(own->dir);
	own->dir = -1;
}
