/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * own_file.h - a name in a directory that is to go with what it was
 * made for.
 *
 * By then the path may lead elsewhere, and the name may be another's: so it is
 * the directory that is kept open, and the file, whose number no other file
 * has as long.
 */
#ifndef CVM_OS_LINUX_OWN_FILE_H
#define CVM_OS_LINUX_OWN_FILE_H

#include <limits.h>
#include <stdbool.h>

struct linux_own_file {
	int dir, file;		/* descriptors; file is the caller's */
	char name[NAME_MAX + 1];
};

/*
 * linux_own_file_open - path is one of file's names, which may be open in any
 * way (O_PATH).  -1: it is not, or its directory cannot be read.
 */
int linux_own_file_open(struct linux_own_file *own, const char *path, int file);

/*
 * linux_own_file_remove - if it still is, and, if_empty, has no bytes, the name
 * goes.  Whoever takes names over (linux_dir_lock()) is waited for in a
 * directory of this user's alone; in others, which anybody may lock, the name
 * stays then.
 */
void linux_own_file_remove(const struct linux_own_file *own, bool if_empty);

void linux_own_file_close(struct linux_own_file *own);

/*
 * linux_dir_lock - names of sockets in this directory are taken, found to be
 * left behind, and removed by one at a time.  Close what is returned; -1.
 */
int linux_dir_lock(const char *dir);

/* linux_dir_of - the directory that a path names something in; -1: too long. */
int linux_dir_of(const char *path, char *dir, size_t size);

#endif /* CVM_OS_LINUX_OWN_FILE_H */
