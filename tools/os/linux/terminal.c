// SPDX-License-Identifier: GPL-2.0-only
/*
 * terminal.c - stdin, stdout and the terminal they may be.
 *
 * Should the process that made the terminal raw be killed outright, the VMM
 * puts it back: it was split off after linux_terminal_save().
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "linux.h"

static int null_fd = -1;	/* opened while files can be */
static struct termios saved;
static int have_saved;
static int raw;

int os_interactive(void)
{
	return isatty(STDIN_FILENO);
}

int os_colours(void)
{
	return isatty(STDOUT_FILENO);
}

void linux_terminal_save(void)
{
	have_saved = !tcgetattr(STDIN_FILENO, &saved);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void set_saved(void)
{
	if (have_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

/* Safe in signal handlers. */
void os_terminal_restore(void)
{
	raw = 0;
	set_saved();
}

static void crashed(int sig)
{
	set_saved();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* The signals of a crash restore the terminal on their way. */
static void catch_crashes(void)
{
	static const int crash[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS,
		SIGXCPU, SIGXFSZ
	};
	static int done;
	size_t i;

	if (done++)
		return;
	for (i = 0; i < sizeof(crash) / sizeof(crash[0]); i++)
		signal(crash[i], crashed);
	atexit(os_terminal_restore);
}

static void set_raw(void)
{
	struct termios mode = saved;

	if (!have_saved)
		return;
	cfmakeraw(&mode);
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

void os_terminal_raw(void)
{
	catch_crashes();
	raw = 1;
	set_raw();
}

void linux_terminal_pause(void)
{
	set_saved();
	kill(getpid(), SIGSTOP);
}

void linux_terminal_continue(void)
{
	if (raw)
		set_raw();
}

void os_terminal_leave(void)
{
	int out = linux_log() >= 0 ? linux_log() : null_fd;

	if (null_fd < 0)
		return;
	dup2(null_fd, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close(null_fd);
	null_fd = -1;
	have_saved = 0;
}

int os_terminal_size(unsigned int *cols, unsigned int *rows)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) || !size.ws_col ||
	    !size.ws_row)
		return -1;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return 0;
}

void os_terminal_name(char *to, size_t size)
{
	const char *name = ttyname(STDIN_FILENO);

	snprintf(to, size, "%s", name ? name : "");
}

int os_input(void *buf, size_t size)
{
	ssize_t ret = read(STDIN_FILENO, buf, size);

	if (ret < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	return ret > 0 ? (int)ret : -1;
}

/*
 * One write after each POLLOUT, of at most PIPE_BUF bytes, which such a pipe
 * takes without blocking; O_NONBLOCK would be set for everybody who shares
 * the file.
 */
const char *os_output(const void *data, size_t bytes)
{
	const char *at = data;
	ssize_t ret;

	while (bytes) {
		if (linux_wait_writable(STDOUT_FILENO))
			return NULL;
		ret = write(STDOUT_FILENO, at, bytes < 4096 ? bytes : 4096);
		if (ret >= 0) {
			at += ret;
			bytes -= (size_t)ret;
		} else if (errno != EINTR && errno != EAGAIN) {
			return strerror(errno);
		}
	}
	return NULL;
}
