// SPDX-License-Identifier: GPL-2.0-only
/*
 * programs_linux.c - the programs of execN, in the supervisor's process.
 *
 * Each is the leader of a session and a process group of its own.  Its number
 * is the group's as long as it was not waited for, so a group is signalled
 * before that, and never after.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "programs_linux.h"

#define ARGS_MAX	64
#define GRACE_MS	2000	/* from SIGTERM to SIGKILL */

static pid_t running[CONFIG_EXECS];	/* 0: none */

/* ---- start ---- */

/* Words at blanks; quotes keep blanks. */
static int split(char *text, char **argv, int max)
{
	int quoted = 0, words = 0, inside = 0;
	char *from, *to;

	for (from = to = text; *from; from++) {
		if (!inside && *from != ' ') {
			if (words == max)
				return -1;
			argv[words++] = to;
			inside = 1;
		}
		if (*from == '"') {
			quoted = !quoted;
		} else if (*from == ' ' && !quoted && inside) {
			*to++ = '\0';
			inside = 0;
		} else if (inside) {
			*to++ = *from;
		}
	}
	*to = '\0';
	return words;
}

static int become_invoker(void)
{
	struct linux_user user;

	if (linux_user_sudo(&user))
		return 0;
	if (initgroups(user.name, user.gid) ||
	    setresgid(user.gid, user.gid, user.gid) ||
	    setresuid(user.uid, user.uid, user.uid))
		return -1;
	setenv("HOME", user.home, 1);
	setenv("USER", user.name, 1);
	setenv("LOGNAME", user.name, 1);
	return 0;
}

/* Never returns. */
static void be_program(const struct config_exec *exec, int report)
{
	char *argv[ARGS_MAX + 2] = { exec->program };
	sigset_t none;
	int err = E2BIG;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (!exec->args || split(exec->args, argv + 1, ARGS_MAX) >= 0) {
		if (!become_invoker()) {
			/* (Changing users takes this back.) */
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			execvp(exec->program, argv);
		}
		err = errno;
	}
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static int start(const struct config_exec *exec, pid_t *pid)
{
	int report[2], err = 0;
	ssize_t bytes;

	if (pipe2(report, O_CLOEXEC))
		return errno;
	*pid = fork();
	if (!*pid)
		be_program(exec, report[1]);
	close(report[1]);
	if (*pid > 0) {
		do {
			bytes = read(report[0], &err, sizeof(err));
		} while (bytes < 0 && errno == EINTR);
	} else {
		err = errno;
	}
	close(report[0]);
	if (err && *pid > 0)
		waitpid(*pid, NULL, 0);
	if (err)
		*pid = 0;
	return err;
}

int programs_start(const struct config_exec *exec, char *why, size_t size)
{
	int i, err;

	why[0] = '\0';
	for (i = 0; i < CONFIG_EXECS; i++) {
		if (!exec[i].program)
			continue;
		err = start(&exec[i], &running[i]);
		if (!err)
			continue;
		snprintf(why, size, "%s: %.160s: %s", exec[i].name,
			 exec[i].program, strerror(err));
		return -1;
	}
	return 0;
}

/* ---- end ---- */

/* Wait for those that have ended, with what is to become of their group. */
static int reap(int group_signal)
{
	siginfo_t info;
	int i, left = 0;

	for (i = 0; i < CONFIG_EXECS; i++) {
		if (!running[i])
			continue;
		info.si_pid = 0;
		waitid(P_PID, (id_t)running[i], &info,
		       WEXITED | WNOHANG | WNOWAIT);
		if (!info.si_pid) {
			left++;
			continue;
		}
		if (group_signal)
			kill(-running[i], group_signal);
		waitpid(running[i], NULL, 0);
		running[i] = 0;
	}
	return left;
}

void programs_ended(void)
{
	reap(0);
}

static void signal_all(int sig)
{
	int i;

	for (i = 0; i < CONFIG_EXECS; i++)
		if (running[i])
			kill(-running[i], sig);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void programs_end(int children)
{
	struct pollfd poll_child = { .fd = children, .events = POLLIN };
	int64_t end = now_ms() + GRACE_MS, left;
	struct signalfd_siginfo info;

	signal_all(SIGTERM);
	while (reap(SIGKILL)) {
		left = end - now_ms();
		if (left <= 0)
			break;
		if (poll(&poll_child, 1, (int)left) > 0 &&
		    read(children, &info, sizeof(info)) < 0)
			break;
	}
	signal_all(SIGKILL);
	while (reap(SIGKILL) && waitid(P_ALL, 0, &(siginfo_t){ 0 },
				       WEXITED | WNOWAIT) == 0)
		;
}
