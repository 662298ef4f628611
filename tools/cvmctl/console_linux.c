// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_linux.c - the console of a VM, in the VMM's process.
 *
 * Direct: stdin and stdout as they are, with back-pressure both ways.
 * Served: one terminal process at a time over a socket; without one, output
 * is kept in a ring and shown to the next that comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "console_linux.h"
#include "platform.h"

#define RING		16384u	/* output kept for the next terminal */
#define KEYS		65536u	/* input the guest has not taken yet */

static struct {
	int served;
	int wake;		/* eventfd: plat_console_wake() */
	int unblock;		/* eventfd, stays set: writers give up */
	int signals;		/* signalfd, -1 until the guest has started */
	int in;			/* direct: stdin, -1 after its end */
	int broken;		/* direct: stdout is gone */
	int listen;		/* served: new terminals */
	int client;		/* served: the terminal, or -1 */
	int owner;		/* client is the one that started the VM */
	int started;
	struct sockaddr_un addr;
	char greeting[256];
	pthread_mutex_t lock;	/* client against writers, and the ring */
	uint64_t written;	/* bytes ever put into the ring */
	char ring[RING];
	size_t keys_len;
	char keys[KEYS];
} con = {
	.wake = -1, .unblock = -1, .signals = -1, .in = -1, .listen = -1,
	.client = -1, .lock = PTHREAD_MUTEX_INITIALIZER,
};

/* ---- packets ---- */

int packet_send(int sock, char letter, const void *data, size_t bytes,
		int flags)
{
	char packet[1 + PACKET_DATA];
	ssize_t ret;

	if (bytes > PACKET_DATA)
		bytes = PACKET_DATA;
	packet[0] = letter;
	if (bytes)
		memcpy(packet + 1, data, bytes);
	do {
		ret = send(sock, packet, 1 + bytes, MSG_NOSIGNAL | flags);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -1 : 0;
}

ssize_t packet_recv(int sock, char *letter, void *data, int flags)
{
	char packet[1 + PACKET_DATA];
	ssize_t ret;

	*letter = 0;
	/*
	 * When the other end closes without having read everything, one
	 * recv() reports that before the packets that were sent earlier.
	 */
	do {
		ret = recv(sock, packet, sizeof(packet), flags);
	} while (ret < 0 && (errno == EINTR || errno == ECONNRESET));
	if (ret < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (ret <= 0)
		return -1;
	*letter = packet[0];
	memcpy(data, packet + 1, (size_t)ret - 1);
	return ret - 1;
}

void packet_path(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	snprintf(addr->sun_path, sizeof(addr->sun_path), RUN_DIR "/%.64s.sock",
		 name);
}

/* ---- start and end ---- */

static int console_open(struct problem *problem)
{
	signal(SIGPIPE, SIG_IGN);
	con.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	con.unblock = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (con.wake < 0 || con.unblock < 0)
		return problem_set(problem, "console", "eventfd: %s",
				   strerror(errno));
	return 0;
}

int plat_console_direct(struct problem *problem)
{
	con.in = STDIN_FILENO;
	return console_open(problem);
}

int plat_console_served(int first, struct problem *problem)
{
	con.served = 1;
	con.client = first;
	con.owner = 1;
	return console_open(problem);
}

/* A socket file nobody listens on was left by a VMM that was killed. */
static int bind_socket(int sock)
{
	int probe, used;

	if (!bind(sock, (struct sockaddr *)&con.addr, sizeof(con.addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	used = probe >= 0 && !connect(probe, (struct sockaddr *)&con.addr,
				      sizeof(con.addr));
	if (probe >= 0)
		close(probe);
	errno = EADDRINUSE;
	if (used || unlink(con.addr.sun_path))
		return -1;
	return bind(sock, (struct sockaddr *)&con.addr, sizeof(con.addr));
}

static int console_listen(const char *name, struct problem *problem)
{
	mode_t old;
	int sock, ret;

	packet_path(&con.addr, name);
	/* A system as small as an initrd may not even have the first. */
	if ((mkdir("/run", 0755) && errno != EEXIST) ||
	    (mkdir(RUN_DIR, 0700) && errno != EEXIST))
		return problem_set(problem, RUN_DIR, "%s", strerror(errno));
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return problem_set(problem, "console", "socket: %s",
				   strerror(errno));
	old = umask(0177);
	ret = bind_socket(sock);
	umask(old);
	if (!ret && !listen(sock, 4)) {
		con.listen = sock;
		return 0;
	}
	ret = errno;
	close(sock);
	if (ret == EADDRINUSE)
		return problem_set(problem, name, "a VM of this name is "
				   "running; choose another --name");
	return problem_set(problem, con.addr.sun_path, "%s", strerror(ret));
}

int plat_console_started(const char *name, const char *greeting,
			 struct problem *problem)
{
	sigset_t set;

	if (con.served && console_listen(name, problem))
		return -1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	con.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (con.signals < 0)
		return problem_set(problem, "console", "signalfd: %s",
				   strerror(errno));
	con.started = 1;
	snprintf(con.greeting, sizeof(con.greeting), "%s", greeting);
	if (con.client >= 0)
		packet_send(con.client, PACKET_STARTED, greeting,
			    strlen(greeting), 0);
	return 0;
}

/* Without a terminal there is nothing to hold on to. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
}

void plat_console_end(int status, const char *line)
{
	char data[PACKET_DATA];
	int len;

	if (!con.served) {
		if (line[0])
			fprintf(stderr, "%s\n", line);
		return;
	}
	if (con.listen >= 0)
		unlink(con.addr.sun_path);
	if (con.client < 0)
		return;
	data[0] = (char)status;
	len = snprintf(data + 1, sizeof(data) - 1, "%s", line);
	/* Waits for a slow terminal; a dead one is an error at once. */
	packet_send(con.client, PACKET_END, data, (size_t)len + 1, 0);
	close(con.client);
	con.client = -1;
}

/* ---- output ---- */

/* Until fd takes data: 0, or -1 when the VM is to end first. */
static int wait_writable(int fd)
{
	struct pollfd polls[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = con.unblock, .events = POLLIN },
	};
	int ret;

	do {
		ret = poll(polls, 2, -1);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 || polls[1].revents ? -1 : 0;
}

/*
 * One write after each POLLOUT, of at most PIPE_BUF bytes, which such a pipe
 * takes without blocking; O_NONBLOCK would be set for everybody who shares
 * the file.
 */
static void write_direct(const char *data, size_t bytes)
{
	ssize_t ret;

	while (bytes && !con.broken) {
		if (wait_writable(STDOUT_FILENO))
			return;
		ret = write(STDOUT_FILENO, data, bytes < 4096 ? bytes : 4096);
		if (ret >= 0) {
			data += ret;
			bytes -= (size_t)ret;
		} else if (errno != EINTR && errno != EAGAIN) {
			con.broken = 1;
			fprintf(stderr, "cvmctl: stdout: %s; the guest runs "
				"on, its output is dropped\n",
				strerror(errno));
		}
	}
}

static void ring_put(const char *data, size_t bytes)
{
	size_t i;

	if (bytes > RING) {
		con.written += bytes - RING;
		data += bytes - RING;
		bytes = RING;
	}
	for (i = 0; i < bytes; i++)
		con.ring[con.written++ % RING] = data[i];
}

static void ring_replay(int sock)
{
	uint64_t at = con.written > RING ? con.written - RING : 0;
	char data[PACKET_DATA];
	size_t n;

	while (at < con.written) {
		for (n = 0; n < sizeof(data) && at < con.written; n++)
			data[n] = con.ring[at++ % RING];
		if (packet_send(sock, PACKET_OUTPUT, data, n, MSG_DONTWAIT))
			return;
	}
}

static void write_served(const char *data, size_t bytes)
{
	size_t part;

	pthread_mutex_lock(&con.lock);
	ring_put(data, bytes);
	while (bytes && con.client >= 0) {
		part = bytes < PACKET_DATA ? bytes : PACKET_DATA;
		if (wait_writable(con.client))
			break;
		if (!packet_send(con.client, PACKET_OUTPUT, data, part,
				 MSG_DONTWAIT)) {
			data += part;
			bytes -= part;
		} else if (errno != EAGAIN) {
			break;	/* plat_console_wait() sees it too */
		}
	}
	pthread_mutex_unlock(&con.lock);
}

void plat_console_write(const void *data, size_t bytes)
{
	if (con.served)
		write_served(data, bytes);
	else
		write_direct(data, bytes);
}

static void ring_bell(int fd)
{
	const uint64_t one = 1;

	/* It can only fail when it is set already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void plat_console_wake(void)
{
	ring_bell(con.wake);
}

void plat_console_unblock(void)
{
	ring_bell(con.unblock);
}

/* ---- input ---- */

static void drop_client(void)
{
	/* A writer may hold the lock, waiting for this very client. */
	shutdown(con.client, SHUT_RDWR);
	pthread_mutex_lock(&con.lock);
	close(con.client);
	con.client = -1;
	con.owner = 0;
	pthread_mutex_unlock(&con.lock);
}

static void new_client(void)
{
	int sock = accept4(con.listen, NULL, NULL, SOCK_CLOEXEC);

	if (sock < 0)
		return;
	if (con.client >= 0) {
		packet_send(sock, PACKET_BUSY, NULL, 0, MSG_DONTWAIT);
		close(sock);
		return;
	}
	pthread_mutex_lock(&con.lock);
	packet_send(sock, PACKET_STARTED, con.greeting, strlen(con.greeting),
		    MSG_DONTWAIT);
	ring_replay(sock);
	con.client = sock;
	pthread_mutex_unlock(&con.lock);
}

/* One packet of the terminal; an event to report, or CONSOLE_INPUT. */
static enum console_event read_client(void)
{
	enum console_event event = CONSOLE_INPUT;
	char data[PACKET_DATA], letter;
	ssize_t bytes;

	bytes = packet_recv(con.client, &letter, data, MSG_DONTWAIT);
	if (bytes < 0) {
		if (con.owner) {
			terminal_restore();
			event = CONSOLE_LOST;
		}
		drop_client();
		return event;
	}
	switch (letter) {
	case PACKET_INPUT:
		/* Nobody types that far ahead: what is too much is lost. */
		if ((size_t)bytes > KEYS - con.keys_len)
			bytes = (ssize_t)(KEYS - con.keys_len);
		memcpy(con.keys + con.keys_len, data, (size_t)bytes);
		con.keys_len += (size_t)bytes;
		break;
	case PACKET_STOP:
		return CONSOLE_STOP;
	case PACKET_DETACH:
		leave_terminal();
		drop_client();
		break;
	}
	return event;
}

static size_t take_keys(void *buf, size_t size)
{
	size_t n = con.keys_len < size ? con.keys_len : size;

	memcpy(buf, con.keys, n);
	con.keys_len -= n;
	memmove(con.keys, con.keys + n, con.keys_len);
	return n;
}

static enum console_event read_stdin(void *buf, size_t size, size_t *bytes)
{
	ssize_t ret = read(con.in, buf, size);

	if (ret > 0) {
		*bytes = (size_t)ret;
		return CONSOLE_INPUT;
	}
	if (ret < 0 && (errno == EINTR || errno == EAGAIN))
		return CONSOLE_WAKE;
	con.in = -1;
	return CONSOLE_EOF;
}

static int clear_event(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static int take_signal(void)
{
	struct signalfd_siginfo info;

	return read(con.signals, &info, sizeof(info)) == sizeof(info);
}

enum console_event plat_console_wait(void *buf, size_t size, size_t *bytes)
{
	enum { SIGNAL, WAKE, LISTEN, CLIENT, INPUT, FDS };
	enum console_event event;

	for (;;) {
		/* poll() passes over negative descriptors. */
		struct pollfd polls[FDS] = {
			[SIGNAL] = { .fd = con.signals, .events = POLLIN },
			[WAKE] = { .fd = con.wake, .events = POLLIN },
			[LISTEN] = { .fd = con.listen, .events = POLLIN },
			[CLIENT] = { .fd = con.client, .events = POLLIN },
			[INPUT] = { .fd = buf ? con.in : -1,
				    .events = POLLIN },
		};

		if (buf && con.keys_len) {
			*bytes = take_keys(buf, size);
			return CONSOLE_INPUT;
		}
		if (poll(polls, FDS, -1) < 0)
			continue;
		if (polls[SIGNAL].revents && take_signal())
			return CONSOLE_STOP;
		if (polls[WAKE].revents && clear_event(con.wake))
			return CONSOLE_WAKE;
		if (polls[CLIENT].revents) {
			event = read_client();
			if (event != CONSOLE_INPUT)
				return event;
			/* It may be leaving: all of it before a new one. */
			continue;
		}
		if (polls[LISTEN].revents)
			new_client();
		if (polls[INPUT].revents)
			return read_stdin(buf, size, bytes);
	}
}
