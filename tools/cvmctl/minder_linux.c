// SPDX-License-Identifier: GPL-2.0-only
/*
 * minder_linux.c - the process that puts things in order.
 *
 * It was split off before the driver was opened and sees the VM's end as the
 * end of a connection.  It takes orders only until it is sealed, while the
 * VM's process has the same rights and no guest has run: a VM's process that
 * was taken over has nothing to say to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux.h"
#include "minder.h"

/* The first letter of an order. */
enum { ORDER_REMOVE = 'r', ORDER_REMOVE_EMPTY = 'e', ORDER_SEAL = 's' };

#define ORDER_ROOM	256u
#define ORDERS		16u

static int minder = -1;		/* the VM's end of the connection */

/* ---- the minder's process ---- */

static struct {
	int vm;			/* its end of the connection */
	int sealed;
	unsigned int orders;	/* files to be removed */
	char order[ORDERS][ORDER_ROOM + 1];
} self;

/* 0 when the VM has ended. */
static int take_order(void)
{
	char *order = self.order[self.orders];
	char more[ORDER_ROOM + 1];
	ssize_t bytes;

	if (self.sealed || self.orders == ORDERS)
		order = more;

	do {
		bytes = recv(self.vm, order, ORDER_ROOM, 0);
	} while (bytes < 0 && errno == EINTR);
	if (bytes <= 0)
		return 0;
	order[bytes] = '\0';
	if (order[0] == ORDER_SEAL)
		self.sealed = 1;
	else if (order != more)
		self.orders++;
	return 1;
}

static void carry_out(const char *order)
{
	struct stat st;

	if (order[0] == ORDER_REMOVE ||
	    (order[0] == ORDER_REMOVE_EMPTY && !stat(order + 1, &st) &&
	     !st.st_size))
		unlink(order + 1);
}

/* Nothing of the VM's, of the terminal's or of the user's stays with it. */
static void let_go(int vm)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "cvm-minder");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	self.vm = dup2(vm, STDERR_FILENO + 1);
	close_range((unsigned int)self.vm + 1, ~0u, 0);
	if (chdir("/"))
		_exit(1);
}

static void minder_main(int vm)
{
	let_go(vm);
	while (take_order())
		;
	while (self.orders)
		carry_out(self.order[--self.orders]);
	_exit(0);
}

/* ---- the VM's process ---- */

int minder_start(struct problem *problem)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(problem, "minder", "socketpair: %s",
				   strerror(errno));
	pid = fork();
	if (!pid)
		minder_main(pair[1]);
	close(pair[1]);
	minder = pair[0];
	return pid > 0 ? 0 : problem_set(problem, "minder", "fork: %s",
					 strerror(errno));
}

static void give_order(char letter, const char *text)
{
	char order[ORDER_ROOM];
	size_t bytes = strlen(text);

	if (minder < 0 || bytes >= sizeof(order))
		return;
	order[0] = letter;
	memcpy(order + 1, text, bytes);
	send(minder, order, 1 + bytes, MSG_NOSIGNAL);
}

void linux_minder_remove(const char *path, int if_empty)
{
	give_order(if_empty ? ORDER_REMOVE_EMPTY : ORDER_REMOVE, path);
}

void minder_seal(void)
{
	give_order(ORDER_SEAL, "");
}

void minder_end(void)
{
	char nothing;

	if (minder < 0)
		return;
	shutdown(minder, SHUT_WR);
	while (recv(minder, &nothing, 1, 0) < 0 && errno == EINTR)
		;
	close(minder);
	minder = -1;
}
