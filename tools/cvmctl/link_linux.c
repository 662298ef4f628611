// SPDX-License-Identifier: GPL-2.0-only
/*
 * link_linux.c - links and waiting on Linux.
 *
 * A link is a SOCK_SEQPACKET connection: packets stay whole.  Terminals find
 * a VM by a socket named after it in /run/cvm.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux.h"

#define RUN_DIR		"/run/cvm"

struct link {
	int fd;
};

static int wake_fd = -1;	/* eventfd: plat_wake() */
static int unblock_fd = -1;	/* eventfd, stays set: writers give up */
static int signals = -1;	/* signalfd, since plat_catch_stop() */
static int listener = -1;
static struct sockaddr_un listener_addr;
static pid_t vmm_pid;

static struct link *link_of(int fd)
{
	struct link *link = malloc(sizeof(*link));

	if (link)
		link->fd = fd;
	else
		close(fd);
	return link;
}

/* ---- packets ---- */

int linux_wait_writable(int fd)
{
	struct pollfd polls[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = unblock_fd, .events = POLLIN },
	};
	int ret;

	do {
		ret = poll(polls, 2, -1);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 || polls[1].revents ? -1 : 0;
}

int plat_link_send(struct link *link, char letter, const void *data,
		   size_t bytes, enum link_wait wait)
{
	int flags = MSG_NOSIGNAL | (wait == LINK_SURE ? 0 : MSG_DONTWAIT);
	char packet[1 + LINK_DATA];

	if (bytes > LINK_DATA)
		bytes = LINK_DATA;
	packet[0] = letter;
	if (bytes)
		memcpy(packet + 1, data, bytes);
	for (;;) {
		if (wait == LINK_BLOCK && linux_wait_writable(link->fd))
			return 1;
		if (send(link->fd, packet, 1 + bytes, flags) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		if (wait == LINK_NOW)
			return 1;
	}
}

int plat_link_recv(struct link *link, char *letter, void *data)
{
	char packet[1 + LINK_DATA];
	ssize_t ret;

	*letter = 0;
	/*
	 * When the other end closes without having read everything, one
	 * recv() reports that before the packets that were sent earlier.
	 */
	do {
		ret = recv(link->fd, packet, sizeof(packet), MSG_DONTWAIT);
	} while (ret < 0 && (errno == EINTR || errno == ECONNRESET));
	if (ret < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (ret <= 0)
		return -1;
	*letter = packet[0];
	memcpy(data, packet + 1, (size_t)ret - 1);
	return (int)ret - 1;
}

void plat_link_shut(struct link *link)
{
	shutdown(link->fd, SHUT_RDWR);
}

void plat_link_close(struct link *link)
{
	close(link->fd);
	free(link);
}

/* ---- connections ---- */

int plat_split(struct link **link, struct problem *problem)
{
	int pair[2];
	pid_t pid;

	linux_terminal_save();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(problem, "console", "socketpair: %s",
				   strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return problem_set(problem, "console", "fork: %s",
				   strerror(errno));
	*link = link_of(pair[pid ? 0 : 1]);
	close(pair[pid ? 1 : 0]);
	if (!*link)
		return problem_set(problem, "console", "no memory");
	if (pid) {
		vmm_pid = pid;
		return 1;
	}
	/* Out of reach of the terminal's signals: the front passes them on. */
	setsid();
	return 0;
}

void plat_vmm_kill(void)
{
	kill(vmm_pid, SIGTERM);
}

void plat_vmm_fate(char *text, size_t size)
{
	int status;

	if (waitpid(vmm_pid, &status, 0) == vmm_pid && WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void socket_path(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	snprintf(addr->sun_path, sizeof(addr->sun_path), RUN_DIR "/%.64s.sock",
		 name);
}

struct link *plat_connect(const char *name, struct problem *problem)
{
	struct sockaddr_un addr;
	int fd, err;

	linux_terminal_save();
	socket_path(&addr, name);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return link_of(fd);
	err = errno;
	if (fd >= 0)
		close(fd);
	problem_set(problem, addr.sun_path, "%s", strerror(err));
	return NULL;
}

/* A socket file nobody listens on was left by a VMM that was killed. */
static int bind_socket(int fd)
{
	const struct sockaddr *addr = (struct sockaddr *)&listener_addr;
	int probe, used;

	if (!bind(fd, addr, sizeof(listener_addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	used = probe >= 0 && !connect(probe, addr, sizeof(listener_addr));
	if (probe >= 0)
		close(probe);
	errno = EADDRINUSE;
	if (used || unlink(listener_addr.sun_path))
		return -1;
	return bind(fd, addr, sizeof(listener_addr));
}

int plat_listen(const char *name, struct problem *problem)
{
	mode_t old;
	int fd, ret;

	socket_path(&listener_addr, name);
	/* A system as small as an initrd may not even have the first. */
	if ((mkdir("/run", 0755) && errno != EEXIST) ||
	    (mkdir(RUN_DIR, 0700) && errno != EEXIST))
		return problem_set(problem, RUN_DIR, "%s", strerror(errno));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return problem_set(problem, "console", "socket: %s",
				   strerror(errno));
	old = umask(0177);
	ret = bind_socket(fd);
	umask(old);
	if (!ret && !listen(fd, 4)) {
		listener = fd;
		linux_minder_remove(listener_addr.sun_path);
		return 0;
	}
	ret = errno;
	close(fd);
	if (ret == EADDRINUSE)
		return problem_set(problem, name, "a VM of this name is "
				   "running; choose another --name");
	return problem_set(problem, listener_addr.sun_path, "%s",
			   strerror(ret));
}

void plat_unlisten(void)
{
	if (listener >= 0)
		close(listener);
	listener = -1;
}

struct link *plat_accept(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	return fd < 0 ? NULL : link_of(fd);
}

/* ---- waiting ---- */

int plat_wait_open(struct problem *problem)
{
	signal(SIGPIPE, SIG_IGN);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unblock_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0 || unblock_fd < 0)
		return problem_set(problem, "console", "eventfd: %s",
				   strerror(errno));
	return 0;
}

int plat_catch_stop(struct problem *problem)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return problem_set(problem, "console", "signalfd: %s",
				   strerror(errno));
	return 0;
}

/* 1 for a signal that means the end. */
static int take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGTSTP)
		linux_terminal_pause();
	else if (info.ssi_signo == SIGCONT)
		linux_terminal_continue();
	else
		return 1;
	return 0;
}

static int take_wake(void)
{
	uint64_t count;

	return read(wake_fd, &count, sizeof(count)) == sizeof(count);
}

enum wait_event plat_wait(struct link *link, int input, int ms)
{
	enum { SIGNAL, WAKE, INPUT, LINK, LISTEN, FDS };
	int ret;

	for (;;) {
		/* poll() passes over negative descriptors. */
		struct pollfd polls[FDS] = {
			[SIGNAL] = { .fd = signals, .events = POLLIN },
			[WAKE] = { .fd = wake_fd, .events = POLLIN },
			[INPUT] = { .fd = input ? STDIN_FILENO : -1,
				    .events = POLLIN },
			[LINK] = { .fd = link ? link->fd : -1,
				   .events = POLLIN },
			[LISTEN] = { .fd = listener, .events = POLLIN },
		};

		ret = poll(polls, FDS, ms);
		if (!ret)
			return WAIT_TIME;
		if (ret < 0)
			continue;
		if (polls[SIGNAL].revents && take_signal())
			return WAIT_STOP;
		if (polls[WAKE].revents && take_wake())
			return WAIT_WAKE;
		if (polls[INPUT].revents)
			return WAIT_INPUT;
		if (polls[LINK].revents)
			return WAIT_LINK;
		if (polls[LISTEN].revents)
			return WAIT_LISTEN;
	}
}

static void ring_bell(int fd)
{
	const uint64_t one = 1;

	/* It can only fail when it is set already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void plat_wake(void)
{
	ring_bell(wake_fd);
}

void plat_unblock(void)
{
	ring_bell(unblock_fd);
}
