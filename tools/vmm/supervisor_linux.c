// SPDX-License-Identifier: GPL-2.0-only
/*
 * supervisor_linux.c - the process that puts things in order.
 *
 * It was split off before the driver was opened and sees the VM's end as the
 * end of a connection.  It takes orders only until it is sealed, while the
 * VM's process has the same rights and no guest has run: a VM's process that
 * was taken over has nothing to say to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "programs_linux.h"
#include "resolv_linux.h"
#include "supervisor.h"
#include "os/linux/own_file.h"

/* The first letter of an order. */
enum {
	ORDER_REMOVE = 'r', ORDER_REMOVE_EMPTY = 'e', ORDER_PROGRAMS = 'p',
	ORDER_RESOLVER = 'd', ORDER_SEAL = 's'
};

#define ORDER_ROOM	(1u + NAME_MAX)
#define WHY_ROOM	256u
#define FILES		16u
#define FDS		2u

static int supervisor = -1;		/* the VM's end of the connection */

/* ---- orders, and the descriptors that may come with one ---- */

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(FDS * sizeof(int))];
};

static void send_order(int to, void *order, size_t bytes, const int *fds,
		       unsigned int count)
{
	struct iovec part = { order, bytes };
	union control control = { .head = {
		.cmsg_len = CMSG_LEN(count * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count) {
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	sendmsg(to, &message, MSG_NOSIGNAL);
}

/* fds: NULL: none are taken; else as they were if none came. */
static ssize_t receive(int from, void *order, size_t room, int *fds)
{
	struct iovec part = { order, room };
	union control control;
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = fds ? &control : NULL,
		.msg_controllen = fds ? sizeof(control) : 0,
	};
	struct cmsghdr *head;
	ssize_t bytes;

	do {
		bytes = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (bytes < 0 && errno == EINTR);
	head = bytes < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return bytes;
}

/* ---- the supervisor's process ---- */

static struct {
	int vm;			/* its end of the connection */
	int children;		/* a signalfd */
	int sealed;
	const struct config_exec *exec;
	unsigned int files;	/* to be removed, */
	struct linux_own_file file[FILES];
	bool if_empty[FILES];
} self;

/* The answer is why not, or "". */
static void start_programs(void)
{
	char why[WHY_ROOM];

	programs_start(self.exec, why, sizeof(why));
	send(self.vm, why, strlen(why) + 1, MSG_NOSIGNAL);
}

static void note_file(const char *order, const int *fds)
{
	struct linux_own_file *own = &self.file[self.files];

	own->dir = fds[0];
	own->file = fds[1];
	snprintf(own->name, sizeof(own->name), "%s", order + 1);
	self.if_empty[self.files++] = order[0] == ORDER_REMOVE_EMPTY;
}

/* fds: what came with it, or -1. */
static void carry_out(const char *order, const int *fds)
{
	switch (order[0]) {
	case ORDER_REMOVE:
	case ORDER_REMOVE_EMPTY:
		if (self.files < FILES && fds[0] >= 0 && fds[1] >= 0)
			note_file(order, fds);
		break;
	case ORDER_RESOLVER:
		if (fds[0] >= 0)
			resolv_add(fds[0], "/etc/resolv.conf");
		break;
	case ORDER_PROGRAMS:
		start_programs();
		break;
	case ORDER_SEAL:
		self.sealed = 1;
		break;
	}
}

/* 0 when the VM has ended. */
static int take_order(void)
{
	char order[ORDER_ROOM + 1];
	int fds[FDS] = { -1, -1 };
	ssize_t bytes;

	/* Sealed, nothing is taken that would stay open. */
	bytes = receive(self.vm, order, ORDER_ROOM,
			      self.sealed ? NULL : fds);
	if (bytes <= 0)
		return 0;
	order[bytes] = '\0';
	if (!self.sealed)
		carry_out(order, fds);
	return 1;
}

/* Nothing of the VM's, of the terminal's or of the user's stays with it. */
static void let_go(int vm)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t all, child;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "cvm-supervisor");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	self.vm = dup2(vm, STDERR_FILENO + 1);
	close_range((unsigned int)self.vm + 1, ~0u, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	self.children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	fcntl(self.vm, F_SETFD, FD_CLOEXEC);
}

static void watch(void)
{
	struct pollfd polls[2 + RESOLV_POLLS] = {
		{ .fd = self.vm, .events = POLLIN },
		{ .fd = self.children, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(polls, 2 + resolv_polls(polls + 2), -1) < 0)
			continue;
		resolv_handle(polls + 2);
		if (polls[1].revents &&
		    read(self.children, &info, sizeof(info)) > 0)
			programs_ended();
		if (polls[0].revents && !take_order())
			return;
	}
}

static void run_supervisor(int vm, const struct config_exec *exec)
{
	let_go(vm);
	self.exec = exec;
	watch();
	programs_end(self.children);
	while (self.files--)
		linux_own_file_remove(&self.file[self.files],
				      self.if_empty[self.files]);
	_exit(0);
}

/* ---- the VM's process ---- */

int supervisor_start(const struct config_exec *exec, struct problem *problem)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(problem, "supervisor", "socketpair: %s",
				   strerror(errno));
	pid = fork();
	if (!pid)
		run_supervisor(pair[1], exec);
	close(pair[1]);
	supervisor = pair[0];
	return pid > 0 ? 0 : problem_set(problem, "supervisor", "fork: %s",
					 strerror(errno));
}

static void give_order(char letter, const char *text, const int *fds,
		       unsigned int count)
{
	char order[ORDER_ROOM];
	size_t bytes = strlen(text);

	if (supervisor < 0 || bytes >= sizeof(order))
		return;
	order[0] = letter;
	memcpy(order + 1, text, bytes);
	send_order(supervisor, order, 1 + bytes, fds, count);
}

void supervisor_remove(const char *path, intptr_t file, int if_empty)
{
	struct linux_own_file own;

	if (linux_own_file_open(&own, path, (int)file))
		return;
	give_order(if_empty ? ORDER_REMOVE_EMPTY : ORDER_REMOVE, own.name,
		   (int[]){ own.dir, own.file }, 2);
	linux_own_file_close(&own);
}

int supervisor_programs(struct problem *problem)
{
	char why[WHY_ROOM + 1];
	ssize_t bytes;

	give_order(ORDER_PROGRAMS, "", NULL, 0);
	do {
		bytes = recv(supervisor, why, WHY_ROOM, 0);
	} while (bytes < 0 && errno == EINTR);
	if (bytes <= 0)
		return problem_set(problem, "supervisor", "it has ended");
	why[bytes] = '\0';
	if (!why[0])
		return 0;
	strcpy(problem->text, why);
	return -1;
}

int supervisor_resolver(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 0;
	give_order(ORDER_RESOLVER, "", &pair[1], 1);
	close(pair[1]);
	return pair[0];
}

void supervisor_seal(void)
{
	give_order(ORDER_SEAL, "", NULL, 0);
}

void supervisor_end(void)
{
	char nothing;

	if (supervisor < 0)
		return;
	shutdown(supervisor, SHUT_WR);
	while (recv(supervisor, &nothing, 1, 0) < 0 && errno == EINTR)
		;
	close(supervisor);
	supervisor = -1;
}
