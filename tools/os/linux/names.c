// SPDX-License-Identifier: GPL-2.0-only
/*
 * names.c - where others find a VM: a socket and a log in a directory of this
 * user's, named after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"
#include "own_file.h"

/* Where sockets and logs are; -1: this user has no such place. */
int linux_run_dir(char *to, size_t size, struct problem *problem)
{
	const char *own = getenv("XDG_RUNTIME_DIR");

	if (!geteuid())
		snprintf(to, size, "/run/cvm");
	else if (own && own[0] == '/' && strlen(own) + sizeof("/cvm") <= size)
		snprintf(to, size, "%s/cvm", own);
	else
		return problem_set(problem, "console", "this is not root, and "
				   "XDG_RUNTIME_DIR names no place for a VM's "
				   "socket");
	return 0;
}

/* DIR/NAME.kind, which is short enough for a socket's address. */
int linux_run_path(char *to, size_t size, const char *name, const char *kind,
		   struct problem *problem)
{
	char dir[LINUX_RUN_DIR];

	if (linux_run_dir(dir, sizeof(dir), problem))
		return -1;
	snprintf(to, size, "%s/%.*s.%s", dir, CVM_NAME_MAX, name, kind);
	return 0;
}

int linux_socket_addr(struct sockaddr_un *addr, const char *name,
		      struct problem *problem)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	return linux_run_path(addr->sun_path, sizeof(addr->sun_path), name,
			      "sock", problem);
}

/*
 * Whoever can write there can take a VM's name, or offer another VM's console
 * under it; so it is nobody's but this user's, and no link to elsewhere.
 */
int linux_check_run_dir(const char *dir, struct problem *problem)
{
	struct stat st = { 0 };

	/* Where there is none, nobody is found there. */
	if (lstat(dir, &st) && errno == ENOENT)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return problem_set(problem, dir, "not a directory, as the "
				   "place of VMs' sockets has to be; remove "
				   "it");
	if (st.st_uid != geteuid())
		return problem_set(problem, dir, "it belongs to user %u, who "
				   "could take the place of a VM; it has to "
				   "be yours (user %u)", st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return problem_set(problem, dir, "others can write there, and "
				   "take the place of a VM (chmod 700 %s)",
				   dir);
	return 0;
}

/*
 * Names are taken and swept up one at a time, for a socket between its bind()
 * and its listen() looks like one that was left behind.
 */
int linux_lock_names(struct problem *problem)
{
	char dir[LINUX_RUN_DIR];
	int fd;

	if (linux_run_dir(dir, sizeof(dir), problem))
		return -1;
	fd = linux_dir_lock(dir);
	return fd < 0 ? problem_set(problem, dir, "%s", strerror(errno)) : fd;
}

int linux_connect_to(const struct sockaddr_un *addr, int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	int err;

	if (fd < 0 || !connect(fd, (const struct sockaddr *)addr,
			       sizeof(*addr)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* Under the lock: remove what a VMM that was killed has left; 1: done. */
int linux_sweep(const struct sockaddr_un *addr)
{
	int fd = linux_connect_to(addr, SOCK_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ECONNREFUSED && !unlink(addr->sun_path);
}

/* A system as small as an initrd may not even have /run. */
int linux_make_run_dir(struct problem *problem)
{
	char dir[LINUX_RUN_DIR];

	if (linux_run_dir(dir, sizeof(dir), problem))
		return -1;
	if ((!geteuid() && mkdir("/run", 0755) && errno != EEXIST) ||
	    (mkdir(dir, 0700) && errno != EEXIST))
		return problem_set(problem, dir, "%s", strerror(errno));
	return linux_check_run_dir(dir, problem);
}
