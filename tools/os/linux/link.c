// SPDX-License-Identifier: GPL-2.0-only
/*
 * link.c - links and waiting on Linux.
 *
 * A link is a SOCK_SEQPACKET connection: packets stay whole.  Others find a VM
 * by a socket named after it, which is its owner's only, as the directory is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accept.h"
#include "linux.h"
#include "own_file.h"

struct os_link {
	int fd;
};

static int wake_fd = -1;	/* eventfd: os_wake() */
static int unblock_fd = -1;	/* eventfd, stays set: writers give up */
static int signals = -1;	/* signalfd, since os_catch_stop() */
static int listener = -1;
static struct linux_accept listening;
static struct sockaddr_un listener_addr;
static int log_fd = -1;
static pid_t vmm_pid;

static struct os_link *link_of(int fd)
{
	struct os_link *link = malloc(sizeof(*link));

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

int os_link_send(struct os_link *link, char letter, const void *data,
		 size_t bytes, enum os_link_wait wait)
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
			return 1;
		if (send(link->fd, packet, 1 + bytes, flags) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		if (wait == OS_LINK_NOW)
			return 1;
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

int os_split(struct os_link **link, struct problem *problem)
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

/* Where sockets and logs are; -1: this user has no such place. */
static int run_dir(char *to, size_t size, struct problem *problem)
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
static int run_path(char *to, size_t size, const char *name, const char *kind,
		    struct problem *problem)
{
	char dir[64];

	if (run_dir(dir, sizeof(dir), problem))
		return -1;
	snprintf(to, size, "%s/%.*s.%s", dir, CVM_NAME_MAX, name, kind);
	return 0;
}

static int socket_addr(struct sockaddr_un *addr, const char *name,
		       struct problem *problem)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	return run_path(addr->sun_path, sizeof(addr->sun_path), name, "sock",
			problem);
}

/*
 * Whoever can write there can take a VM's name, or offer another VM's console
 * under it; so it is nobody's but this user's, and no link to elsewhere.
 */
static int check_run_dir(const char *dir, struct problem *problem)
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
static int lock_names(struct problem *problem)
{
	char dir[64];
	int fd;

	if (run_dir(dir, sizeof(dir), problem))
		return -1;
	fd = linux_dir_lock(dir);
	return fd < 0 ? problem_set(problem, dir, "%s", strerror(errno)) : fd;
}

static int connect_to(const struct sockaddr_un *addr, int flags)
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
	int fd = connect_to(addr, SOCK_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ECONNREFUSED && !unlink(addr->sun_path);
}

struct os_link *os_link_connect(const char *name, struct problem *problem)
{
	struct sockaddr_un addr;
	int fd, err, lock;
	char dir[64];

	linux_terminal_save();
	if (run_dir(dir, sizeof(dir), problem) ||
	    check_run_dir(dir, problem) || socket_addr(&addr, name, problem))
		return NULL;
	fd = connect_to(&addr, 0);
	if (fd < 0 && errno == ECONNREFUSED) {
		lock = lock_names(problem);
		if (lock < 0)
			return NULL;
		linux_sweep(&addr);
		close(lock);
		fd = connect_to(&addr, 0);
	}
	if (fd >= 0)
		return link_of(fd);
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

/* A system as small as an initrd may not even have /run. */
static int make_run_dir(struct problem *problem)
{
	char dir[64];

	if (run_dir(dir, sizeof(dir), problem))
		return -1;
	if ((!geteuid() && mkdir("/run", 0755) && errno != EEXIST) ||
	    (mkdir(dir, 0700) && errno != EEXIST))
		return problem_set(problem, dir, "%s", strerror(errno));
	return check_run_dir(dir, problem);
}

/* Under the lock. */
static int open_log(const char *name, os_made_fn *leave,
		    struct problem *problem)
{
	char path[128];

	if (run_path(path, sizeof(path), name, "log", problem))
		return -1;
	/* Another file: the minder of who had the name may still look. */
	unlink(path);
	log_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND |
		      O_CLOEXEC, 0600);
	if (log_fd < 0)
		return problem_set(problem, path, "%s", strerror(errno));
	leave(path, log_fd, 1);
	return 0;
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
	char dir[64];
	int lock, err;

	if (make_run_dir(problem) || run_dir(dir, sizeof(dir), problem) ||
	    socket_addr(&listener_addr, name, problem))
		return -1;
	lock = lock_names(problem);
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

int os_log_begin(const char *name, os_made_fn *leave,
		 struct problem *problem)
{
	int ret, lock = lock_names(problem);

	if (lock < 0)
		return -1;
	ret = open_log(name, leave, problem);
	close(lock);
	return ret;
}

void os_link_unlisten(void)
{
	if (listener >= 0)
		close(listener);
	listener = -1;
}

int linux_log(void)
{
	return log_fd;
}

struct os_link *os_link_accept(struct problem *problem)
{
	int fd = linux_accept(&listening, listener, 0);
	const char *why = linux_accept_news(&listening);

	if (why)
		problem_set(problem, listener_addr.sun_path, "%s; who connects "
			    "has to wait", why);
	return fd < 0 ? NULL : link_of(fd);
}

/* ---- waiting ---- */

int os_wait_open(struct problem *problem)
{
	/* What is not possible is an error, and no end of the process. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unblock_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0 || unblock_fd < 0)
		return problem_set(problem, "console", "eventfd: %s",
				   strerror(errno));
	return 0;
}

int os_catch_stop(struct problem *problem)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return problem_set(problem, "console", "signalfd: %s",
				   strerror(errno));
	return 0;
}

/* What a signal means; OS_WAIT_TIME: nothing to the caller. */
static enum os_wait_end take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return OS_WAIT_TIME;
	switch (info.ssi_signo) {
	case SIGWINCH:
		return OS_WAIT_SIZE;
	case SIGTSTP:
		linux_terminal_pause();
		return OS_WAIT_TIME;
	case SIGCONT:
		linux_terminal_continue();
		return OS_WAIT_SIZE;
	default:
		return OS_WAIT_STOP;
	}
}

uint32_t os_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec * 1000u + (uint32_t)now.tv_nsec / 1000000u;
}

static int take_wake(void)
{
	uint64_t count;

	return read(wake_fd, &count, sizeof(count)) == sizeof(count);
}

/* poll() passes over negative descriptors. */
static struct pollfd readable(int fd)
{
	return (struct pollfd){ .fd = fd, .events = POLLIN };
}

enum os_wait_end os_wait(struct os_link *const *links, unsigned int count,
			 unsigned int *which, int input, int ms)
{
	enum { SIGNAL, WAKE, INPUT, LISTEN, LINKS };
	struct pollfd polls[LINKS + OS_WAIT_LINKS];
	unsigned int number[OS_WAIT_LINKS];
	enum os_wait_end event;
	unsigned int i, there = 0;
	int ret;

	polls[SIGNAL] = readable(signals);
	polls[WAKE] = readable(wake_fd);
	polls[INPUT] = readable(input ? STDIN_FILENO : -1);
	polls[LISTEN] = readable(linux_accept_socket(&listening, listener));
	/* poll() takes no more than RLIMIT_NOFILE, whatever is in them. */
	for (i = 0; i < count; i++) {
		if (!links[i])
			continue;
		number[there] = i;
		polls[LINKS + there++] = readable(links[i]->fd);
	}
	for (;;) {
		ret = poll(polls, LINKS + there,
			   linux_accept_ms(&listening, ms));
		if (!ret)
			return listening.full ? OS_WAIT_LISTEN : OS_WAIT_TIME;
		if (ret < 0)
			continue;
		if (polls[SIGNAL].revents &&
		    (event = take_signal()) != OS_WAIT_TIME)
			return event;
		if (polls[WAKE].revents && take_wake())
			return OS_WAIT_WAKE;
		if (polls[INPUT].revents)
			return OS_WAIT_INPUT;
		for (i = 0; i < there && !polls[LINKS + i].revents; i++)
			;
		if (i < there) {
			*which = number[i];
			return OS_WAIT_LINK;
		}
		if (polls[LISTEN].revents)
			return OS_WAIT_LISTEN;
	}
}

static void ring_bell(int fd)
{
	const uint64_t one = 1;

	/* It can only fail when it is set already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void os_wake(void)
{
	ring_bell(wake_fd);
}

void os_unblock(void)
{
	ring_bell(unblock_fd);
}
