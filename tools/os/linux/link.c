// SPDX-License-Identifier: GPL-2.0-only
/*
 * link.c - links on Linux.
 *
 * A link is a SOCK_SEQPACKET connection: packets stay whole.  Others find a VM
 * by a socket named after it, which is its owner's only, as the directory is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accept.h"
#include "linux.h"
#include "names.h"
#include "own_file.h"

struct os_link {
	int fd;
};

static int listener = -1;
static struct linux_accept listening;
static struct sockaddr_un listener_addr;
static pid_t vmm_pid;

static struct os_link *new_link(int fd)
{
	struct os_link *link = malloc(sizeof(*link));

	if (link)
		link->fd = fd;
	else
		close(fd);
	return link;
}

/* ---- packets ---- */

enum os_link_sent os_link_send(struct os_link *link, char letter,
			       const void *data, size_t bytes,
			       enum os_link_wait wait)
{
	int flags = MSG_NOSIGNAL | (wait == OS_LINK_SURE ? 0 : MSG_DONTWAIT);
	char packet[1 + OS_LINK_DATA];

	if (bytes > OS_LINK_DATA)
		bytes = OS_LINK_DATA;
	packet[0] = letter;
	if (bytes)
		memcpy(packet + 1, data, bytes);
	for (;;) {
		if (wait == OS_LINK_BLOCK && linux_wait_writable(link->fd))
			return OS_LINK_FULL;
		if (send(link->fd, packet, 1 + bytes, flags) >= 0)
			return OS_LINK_SENT;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return OS_LINK_GONE;
		if (wait == OS_LINK_NOW)
			return OS_LINK_FULL;
	}
}

int os_link_recv(struct os_link *link, char *letter, void *data)
{
	char packet[1 + OS_LINK_DATA];
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

void os_link_shut(struct os_link *link)
{
	shutdown(link->fd, SHUT_RDWR);
}

void os_link_close(struct os_link *link)
{
	close(link->fd);
	free(link);
}

/* ---- connections ---- */

enum os_side os_split(struct os_link **link, struct problem *problem)
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
	*link = new_link(pair[pid ? 0 : 1]);
	close(pair[pid ? 1 : 0]);
	if (!*link)
		return problem_set(problem, "console", "no memory");
	if (pid) {
		vmm_pid = pid;
		return OS_SIDE_CLIENT;
	}
	/* Out of reach of the terminal's signals: the client passes them on. */
	setsid();
	return OS_SIDE_VMM;
}

void os_vmm_kill(void)
{
	kill(vmm_pid, SIGTERM);
}

void os_vmm_ending(char *text, size_t size)
{
	int status;

	if (waitpid(vmm_pid, &status, 0) == vmm_pid && WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
}

/* ---- names ---- */

struct os_link *os_link_connect(const char *name, struct problem *problem)
{
	struct sockaddr_un addr;
	int fd, err, lock;
	char dir[LINUX_RUN_DIR];

	linux_terminal_save();
	if (linux_run_dir(dir, sizeof(dir), problem) ||
	    linux_check_run_dir(dir, problem) ||
	    linux_socket_addr(&addr, name, problem))
		return NULL;
	fd = linux_connect_to(&addr, 0);
	if (fd < 0 && errno == ECONNREFUSED) {
		lock = linux_lock_names(problem);
		if (lock < 0)
			return NULL;
		linux_sweep(&addr);
		close(lock);
		fd = linux_connect_to(&addr, 0);
	}
	if (fd >= 0)
		return new_link(fd);
	err = errno;
	problem_set(problem, addr.sun_path, "%s", strerror(err));
	return NULL;
}

static int bind_socket(int fd)
{
	const struct sockaddr *addr = (struct sockaddr *)&listener_addr;

	if (!bind(fd, addr, sizeof(listener_addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (!linux_sweep(&listener_addr)) {
		errno = EADDRINUSE;
		return -1;
	}
	return bind(fd, addr, sizeof(listener_addr));
}

/* The address taken and listened at, or -1. */
static int open_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	mode_t old = umask(0177);
	int err = 0;

	if (fd < 0 || bind_socket(fd) || listen(fd, 4))
		err = errno;
	umask(old);
	if (err && fd >= 0)
		close(fd);
	errno = err;
	return err ? -1 : fd;
}

/* (Nobody else can write where it is.) */
static void remove_later(const char *path, os_made_fn *leave)
{
	int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (file < 0)
		return;
	leave(path, file, 0);
	close(file);
}

int os_link_listen(const char *name, os_made_fn *leave,
		   struct problem *problem)
{
	char dir[LINUX_RUN_DIR];
	int lock, err;

	if (linux_make_run_dir(problem) ||
	    linux_run_dir(dir, sizeof(dir), problem) ||
	    linux_socket_addr(&listener_addr, name, problem))
		return -1;
	lock = linux_lock_names(problem);
	if (lock < 0)
		return -1;
	linux_sweep_unnamed(dir);
	listener = open_listener();
	err = errno;
	if (listener >= 0) {
		remove_later(listener_addr.sun_path, leave);
		close(lock);
		return 0;
	}
	close(lock);
	if (err == EADDRINUSE)
		return problem_set(problem, name, "a VM of this name is "
				   "running; choose another --name");
	return problem_set(problem, listener_addr.sun_path, "%s",
			   strerror(err));
}

void os_link_unlisten(void)
{
	if (listener >= 0)
		close(listener);
	listener = -1;
}

struct os_link *os_link_accept(struct problem *problem)
{
	int fd = linux_accept(&listening, listener, 0);
	const char *why = linux_accept_news(&listening);

	if (why)
		problem_set(problem, listener_addr.sun_path, "%s; who connects "
			    "has to wait", why);
	return fd < 0 ? NULL : new_link(fd);
}

int linux_link_fd(const struct os_link *link)
{
	return link->fd;
}

struct linux_listener linux_listener(void)
{
	return (struct linux_listener){ listener, &listening };
}
