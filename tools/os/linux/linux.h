/* SPDX-License-Identifier: GPL-2.0-only */
/* linux.h - what the files named *_linux.c share. */
#ifndef CVM_OS_LINUX_LINUX_H
#define CVM_OS_LINUX_LINUX_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "accept.h"
#include "os/os.h"

/* Remember the terminal as it is now, for os_terminal_restore(). */
void linux_terminal_save(void);

/* SIGTSTP and SIGCONT: stop with the terminal as it was; raw again. */
void linux_terminal_pause(void);
void linux_terminal_continue(void);

/* The log of a VM that others can come to, or -1. */
int linux_log(void);

/*
 * Names are locked: remove a socket that nobody listens at any more, 1: done;
 * and whatever VMs without a name have left in this directory.
 */
int linux_sweep(const struct sockaddr_un *addr);
void linux_sweep_unnamed(const char *path);

/* Until fd takes data: 0, or -1 when os_unblock() was called. */
int linux_wait_writable(int fd);
/* Before that; -1 with errno. */
int linux_unblock_open(void);

/* What os_wait() waits for. */
struct linux_listener {
	int fd;			/* -1: nobody can come */
	const struct linux_accept *accept;
};
struct linux_listener linux_listener(void);
int linux_link_fd(const struct os_link *link);

/*
 * What was open before main(), beside stdin, stdout and stderr: first, nothing
 * else was opened; and close it, once paths like /dev/fd/9 have been opened.
 */
void linux_inherited_note(void);
void linux_inherited_close(void);

/* ---- users ---- */

struct linux_user {
	uid_t uid;
	gid_t gid;
	char name[64];
	char home[256];
};

/* By name or number; -1: there is no such user. */
int linux_user_find(const char *text, struct linux_user *user);

/* Who asked sudo to run us; -1: nobody, or root. */
int linux_user_sudo(struct linux_user *user);

#endif /* CVM_OS_LINUX_LINUX_H */
