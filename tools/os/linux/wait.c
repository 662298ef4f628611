// SPDX-License-Identifier: GPL-2.0-only
/* wait.c - the one place where a VM's process and its clients sleep. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

static int wake_fd = -1;	/* eventfd: os_wake() */
static int signals = -1;	/* signalfd, since os_catch_stop() */

int os_wait_open(struct problem *problem)
{
	/* What is not possible is an error, and no end of the process. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0 || linux_unblock_open())
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
	const struct linux_listener listener = linux_listener();
	enum os_wait_end end;
	unsigned int i, there = 0;
	int ret;

	polls[SIGNAL] = readable(signals);
	polls[WAKE] = readable(wake_fd);
	polls[INPUT] = readable(input ? STDIN_FILENO : -1);
	polls[LISTEN] = readable(linux_accept_socket(listener.accept,
						     listener.fd));
	/* poll() takes no more than RLIMIT_NOFILE, whatever is in them. */
	for (i = 0; i < count; i++) {
		if (!links[i])
			continue;
		number[there] = i;
		polls[LINKS + there++] = readable(linux_link_fd(links[i]));
	}
	for (;;) {
		ret = poll(polls, LINKS + there,
			   linux_accept_ms(listener.accept, ms));
		if (!ret)
			return listener.accept->full ? OS_WAIT_LISTEN :
			       OS_WAIT_TIME;
		if (ret < 0)
			continue;
		if (polls[SIGNAL].revents &&
		    (end = take_signal()) != OS_WAIT_TIME)
			return end;
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

void os_wake(void)
{
	const uint64_t one = 1;

	/* It can only fail when it is set already. */
	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;
}
