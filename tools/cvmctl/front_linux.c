// SPDX-License-Identifier: GPL-2.0-only
/*
 * front_linux.c - the process that owns the terminal.
 *
 * It holds no VM: it copies keys and output, and puts the terminal back
 * whatever happens.  Should it be killed outright, the VMM does that
 * (console_linux.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "console_linux.h"
#include "platform.h"

static struct termios saved;	/* as it was when plat_split() was called */
static int have_saved;
static pid_t vmm_pid;

int plat_interactive(void)
{
	return isatty(STDIN_FILENO);
}

int plat_colours(void)
{
	return isatty(STDOUT_FILENO);
}

/* ---- the terminal ---- */

static void terminal_save(void)
{
	have_saved = !tcgetattr(STDIN_FILENO, &saved);
}

/* Safe in signal handlers. */
void terminal_restore(void)
{
	if (have_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void terminal_raw(void)
{
	struct termios raw = saved;

	if (!have_saved)
		return;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void crashed(int sig)
{
	terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

/*
 * Signals that end or stop this process are read in turn from a descriptor;
 * those of a crash restore the terminal on their way.
 */
static int catch_signals(void)
{
	static const int crash[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS,
		SIGXCPU, SIGXFSZ
	};
	sigset_t set;
	size_t i;

	for (i = 0; i < sizeof(crash) / sizeof(crash[0]); i++)
		signal(crash[i], crashed);
	signal(SIGPIPE, SIG_IGN);
	atexit(terminal_restore);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- processes and connections ---- */

int plat_split(int *sock, struct problem *problem)
{
	int pair[2];
	pid_t pid;

	terminal_save();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(problem, "console", "socketpair: %s",
				   strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return problem_set(problem, "console", "fork: %s",
				   strerror(errno));
	*sock = pair[pid ? 0 : 1];
	close(pair[pid ? 1 : 0]);
	if (pid) {
		vmm_pid = pid;
		return 1;
	}
	/* Out of reach of the terminal's signals: the front passes them on. */
	setsid();
	return 0;
}

int plat_attach(const char *name, struct problem *problem)
{
	struct sockaddr_un addr;
	int sock, err;

	terminal_save();
	packet_path(&addr, name);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock >= 0 &&
	    !connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		return sock;
	err = errno;
	if (sock >= 0)
		close(sock);
	if (err == ENOENT || err == ECONNREFUSED)
		return problem_set(problem, name, "no VM of this name that one "
				   "can attach to (see cvmctl list)");
	return problem_set(problem, addr.sun_path, "%s", strerror(err));
}

/* ---- the front ---- */

struct front {
	int sock;
	int signals;
	int in;			/* stdin, -1 after its end */
	int key;		/* detach key or -1 */
	int started;
	int done;
	int status;
	int midline;		/* the guest left the cursor within a line */
	const char *name;
};

static void finish(struct front *f, int status)
{
	f->done = 1;
	f->status = status;
}

/* Give the terminal back, with the cursor where a message can begin. */
static void end_output(struct front *f)
{
	terminal_restore();
	if (f->midline)
		fputc('\n', stderr);
	f->midline = 0;
}

static void write_all(const char *data, size_t bytes)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t ret;

	while (bytes) {
		ret = write(STDOUT_FILENO, data, bytes);
		if (ret >= 0) {
			data += ret;
			bytes -= (size_t)ret;
		} else if (errno == EAGAIN) {
			poll(&out, 1, -1);
		} else if (errno != EINTR) {
			return;
		}
	}
}

static void started(struct front *f, const char *greeting, int bytes)
{
	f->started = 1;
	if (bytes)
		fprintf(stderr, "%.*s\n", bytes, greeting);
	terminal_raw();
}

/* The VMM is gone without a last word. */
static void vmm_lost(struct front *f)
{
	int status = 0;

	end_output(f);
	if (vmm_pid && waitpid(vmm_pid, &status, 0) == vmm_pid &&
	    WIFSIGNALED(status))
		fprintf(stderr, "cvmctl: %s: its process was ended by signal "
			"%d (%s), and the VM with it\n", f->name,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "cvmctl: %s: its process has died, and the VM "
			"with it\n", f->name);
	finish(f, EXIT_ENDED);
}

static void from_vmm(struct front *f)
{
	char data[PACKET_DATA + 1], letter;
	ssize_t bytes = packet_recv(f->sock, &letter, data, 0);

	if (bytes < 0) {
		vmm_lost(f);
		return;
	}
	data[bytes] = '\0';
	switch (letter) {
	case PACKET_STARTED:
		started(f, data, (int)bytes);
		break;
	case PACKET_OUTPUT:
		write_all(data, (size_t)bytes);
		if (bytes)
			f->midline = data[bytes - 1] != '\n';
		break;
	case PACKET_END:
		end_output(f);
		if (bytes > 1 && data[1])
			fprintf(stderr, "%s\n", data + 1);
		finish(f, bytes ? data[0] : EXIT_ENDED);
		break;
	case PACKET_BUSY:
		terminal_restore();
		fprintf(stderr, "cvmctl: %s: another terminal is attached\n",
			f->name);
		finish(f, EXIT_REFUSED);
		break;
	}
}

/*
 * The VMM closes the connection when it has let go of our files; a session
 * that ends right after this must not find them still in use.
 */
static void leave(int sock)
{
	struct pollfd end = { .fd = sock, .events = POLLIN };
	char data[PACKET_DATA], letter;

	packet_send(sock, PACKET_DETACH, NULL, 0, 0);
	while (poll(&end, 1, 2000) > 0 &&
	       packet_recv(sock, &letter, data, 0) >= 0)
		;
}

static void detach(struct front *f)
{
	leave(f->sock);
	end_output(f);
	fprintf(stderr, "cvmctl: detached; the guest runs on (cvmctl attach "
		"%s comes back)\n", f->name);
	finish(f, EXIT_OK);
}

static void from_keys(struct front *f)
{
	char data[1024], *key = NULL;
	ssize_t bytes = read(f->in, data, sizeof(data));

	if (bytes <= 0) {
		if (bytes < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		f->in = -1;
		return;
	}
	if (f->key >= 0)
		key = memchr(data, f->key, (size_t)bytes);
	if (key)
		bytes = key - data;
	if (bytes)
		packet_send(f->sock, PACKET_INPUT, data, (size_t)bytes, 0);
	if (!key)
		return;
	detach(f);
}

static void from_signal(struct front *f)
{
	struct signalfd_siginfo info;

	if (read(f->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGTSTP:
		terminal_restore();
		kill(getpid(), SIGSTOP);
		break;
	case SIGCONT:
		if (f->started)
			terminal_raw();
		break;
	default:
		/* Who only looks in leaves; who started the VM ends it. */
		if (!vmm_pid) {
			detach(f);
			break;
		}
		if (f->started) {
			packet_send(f->sock, PACKET_STOP, NULL, 0, 0);
			break;
		}
		/* Still loading: nothing there that could be asked. */
		kill(vmm_pid, SIGTERM);
		fprintf(stderr, "cvmctl: %s: interrupted before the guest "
			"ran\n", f->name);
		finish(f, EXIT_ENDED);
		break;
	}
}

int plat_front(int sock, const char *name, int key)
{
	struct front f = {
		.sock = sock, .in = STDIN_FILENO, .key = key, .name = name,
	};

	f.signals = catch_signals();
	while (!f.done) {
		struct pollfd polls[3] = {
			{ .fd = f.signals, .events = POLLIN },
			{ .fd = sock, .events = POLLIN },
			/* Keys typed early wait in the terminal. */
			{ .fd = f.started ? f.in : -1, .events = POLLIN },
		};

		if (poll(polls, 3, -1) < 0)
			continue;
		if (polls[0].revents)
			from_signal(&f);
		if (!f.done && polls[1].revents)
			from_vmm(&f);
		if (!f.done && polls[2].revents)
			from_keys(&f);
	}
	terminal_restore();
	return f.status;
}

int plat_front_detach(int sock)
{
	char data[PACKET_DATA + 1], letter;
	ssize_t bytes;

	do {
		bytes = packet_recv(sock, &letter, data, 0);
		if (bytes < 0)
			return EXIT_ENDED;
	} while (letter != PACKET_STARTED && letter != PACKET_END);
	data[bytes] = '\0';
	if (letter == PACKET_STARTED) {
		leave(sock);
		return EXIT_OK;
	}
	if (bytes > 1 && data[1])
		fprintf(stderr, "%s\n", data + 1);
	return bytes ? data[0] : EXIT_ENDED;
}
