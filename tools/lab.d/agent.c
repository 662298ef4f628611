// SPDX-License-Identifier: GPL-2.0-only
/*
 * agent.c - the lab's hands inside a machine.
 *
 * Runs commands for the lab and carries their input, output and exit status
 * over one byte stream: a virtio-serial port in the host, the console (hvc0)
 * in the guest.  A console may carry kernel messages too, so everything is
 * sent as frames with a magic and a CRC; the receiver takes what lies between
 * frames for text.  frames.py is the other end.
 *
 *	agent serve DEVICE	speak frames on DEVICE until it closes
 *	agent shell DEVICE	a login shell with DEVICE as its terminal
 *	agent clock		the time of day, to the nanosecond
 *
 * Towards the agent, 0x0f and 0x10 travel as 0x10 and the byte XOR 0x40: a
 * Linux console takes 0x0f (ctrl-O) for the start of a SysRq command.
 *
 * Frame: magic 4, type 1, zero 3, id 4, length 4, crc32 4 (of the first 16
 * bytes and the payload), payload.  Little endian.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ESCAPE		0x10
#define ESCAPE_FLIP	0x40
#define FRAME_HEAD	20u
#define FRAME_DATA	4096u
#define STDIN_WINDOW	65536u
#define JOBS		16u
#define BEAT_SECONDS	5

static const unsigned char magic[4] = { 0xc5, 0x1e, 'V', 0x9d };

enum frame_type {
	/* from the lab */
	FRAME_EXEC = 1,		/* flags u32, rows u16, cols u16, argv... */
	FRAME_STDIN = 2,	/* empty = end of file */
	FRAME_SIGNAL = 3,	/* number u32 */
	FRAME_RESIZE = 4,	/* rows u16, cols u16 */
	/* to the lab */
	FRAME_HELLO = 16,
	FRAME_STDOUT = 17,
	FRAME_STDERR = 18,
	FRAME_EXIT = 19,	/* status u32 as a shell tells it */
	FRAME_ACK = 20,		/* bytes of stdin delivered, u32 */
	FRAME_BEAT = 21
};

#define EXEC_TTY	1u

struct job {
	int used;
	uint32_t id;
	pid_t pid;
	int in, out, err;	/* -1 once closed; a pty is in and out */
	int tty;
	int in_eof;
	int reaped;
	uint32_t status;
	unsigned char *pending;	/* stdin not yet delivered */
	size_t pending_len, pending_cap;
};

static struct job jobs[JOBS];
static int port = -1;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t crc32(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	int bit;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1u));
	}
	return ~crc;
}

static void put32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	p[2] = (unsigned char)(v >> 16);
	p[3] = (unsigned char)(v >> 24);
}

static uint32_t get32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Blocking: the lab always reads, so waiting here cannot deadlock. */
static void write_all(int fd, const unsigned char *p, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&pfd, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			exit(1);
		}
	}
}

static void send_frame(enum frame_type type, uint32_t id, const void *data,
		       size_t len)
{
	unsigned char buf[FRAME_HEAD + FRAME_DATA];
	uint32_t crc;

	memset(buf, 0, FRAME_HEAD);
	memcpy(buf, magic, sizeof(magic));
	buf[4] = (unsigned char)type;
	put32(buf + 8, id);
	put32(buf + 12, (uint32_t)len);
	if (len)
		memcpy(buf + FRAME_HEAD, data, len);
	crc = crc32(0, buf, 16);
	crc = crc32(crc, buf + FRAME_HEAD, len);
	put32(buf + 16, crc);
	write_all(port, buf, FRAME_HEAD + len);
}

static void send_u32(enum frame_type type, uint32_t id, uint32_t value)
{
	unsigned char buf[4];

	put32(buf, value);
	send_frame(type, id, buf, sizeof(buf));
}

static struct job *job_find(uint32_t id)
{
	unsigned int i;

	for (i = 0; i < JOBS; i++)
		if (jobs[i].used && jobs[i].id == id)
			return &jobs[i];
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void set_size(int fd, const unsigned char *p)
{
	struct winsize ws;

	memset(&ws, 0, sizeof(ws));
	ws.ws_row = (unsigned short)(p[0] | p[1] << 8);
	ws.ws_col = (unsigned short)(p[2] | p[3] << 8);
	if (ws.ws_row && ws.ws_col)
		ioctl(fd, TIOCSWINSZ, &ws);
}

static void child_exec(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int spawn_tty(struct job *job, char **argv)
{
	int master;

	job->pid = forkpty(&master, NULL, NULL, NULL);
	if (job->pid < 0)
		return -1;
	if (!job->pid)
		child_exec(argv);
	job->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	job->out = master;
	fcntl(master, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int spawn_pipes(struct job *job, char **argv)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC))
		return -1;
	job->pid = fork();
	if (job->pid < 0)
		return -1;
	if (!job->pid) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		child_exec(argv);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	job->in = in[1];
	job->out = out[0];
	job->err = err[0];
	return 0;
}

static void job_start(uint32_t id, unsigned char *data, size_t len)
{
	char *argv[256];
	struct job *job = NULL;
	size_t pos = 8, n = 0;
	unsigned int i;

	for (i = 0; i < JOBS && !job; i++)
		if (!jobs[i].used)
			job = &jobs[i];
	while (pos < len && n < 255) {
		argv[n++] = (char *)data + pos;
		pos += strlen((char *)data + pos) + 1;
	}
	argv[n] = NULL;
	if (!job || !n) {
		send_u32(FRAME_EXIT, id, 125);
		return;
	}
	memset(job, 0, sizeof(*job));
	job->id = id;
	job->in = job->out = job->err = -1;
	job->tty = !!(get32(data) & EXEC_TTY);
	if ((job->tty ? spawn_tty : spawn_pipes)(job, argv)) {
		send_u32(FRAME_EXIT, id, 125);
		return;
	}
	job->used = 1;
	if (job->tty)
		set_size(job->out, data + 4);
	fcntl(job->in, F_SETFL, O_NONBLOCK);
}

static void job_stdin(struct job *job, const unsigned char *data, size_t len)
{
	if (!len)
		job->in_eof = 1;
	if (job->in < 0) {	/* nobody reads any more: swallow */
		send_u32(FRAME_ACK, job->id, (uint32_t)len);
		return;
	}
	if (job->pending_len + len > job->pending_cap) {
		job->pending_cap = job->pending_len + len + STDIN_WINDOW;
		job->pending = realloc(job->pending, job->pending_cap);
		if (!job->pending)
			die("memory");
	}
	if (len)
		memcpy(job->pending + job->pending_len, data, len);
	job->pending_len += len;
}

static void job_deliver(struct job *job)
{
	ssize_t n;

	if (job->in < 0)
		return;
	if (job->pending_len) {
		n = write(job->in, job->pending, job->pending_len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			n = (ssize_t)job->pending_len;
		job->pending_len -= (size_t)n;
		memmove(job->pending, job->pending + n, job->pending_len);
		send_u32(FRAME_ACK, job->id, (uint32_t)n);
	}
	if (!job->pending_len && job->in_eof) {
		/* A terminal has no end of file but the EOF character. */
		if (job->tty && write(job->in, "\004", 1) < 0 &&
		    errno == EAGAIN)
			return;
		close_fd(&job->in);
	}
}

static void job_output(struct job *job, int *fd, enum frame_type type)
{
	unsigned char buf[FRAME_DATA];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n > 0)
		send_frame(type, job->id, buf, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		close_fd(fd);	/* a pty ends with EIO */
}

static void frame_in(unsigned char type, uint32_t id, unsigned char *data,
		     size_t len)
{
	struct job *job = job_find(id);

	if (type == FRAME_EXEC && len > 8) {
		data[len - 1] = 0;
		job_start(id, data, len);
		return;
	}
	if (!job)
		return;
	if (type == FRAME_STDIN)
		job_stdin(job, data, len);
	else if (type == FRAME_SIGNAL && len == 4)
		kill(-job->pid, (int)get32(data));
	else if (type == FRAME_RESIZE && len == 4 && job->tty && job->out >= 0)
		set_size(job->out, data);
}

/* Take whole frames out of buf; return the bytes used. */
static size_t frames_parse(unsigned char *buf, size_t have)
{
	size_t pos = 0, len;
	uint32_t crc;

	while (have - pos >= FRAME_HEAD) {
		unsigned char *p = buf + pos;

		len = get32(p + 12);
		if (memcmp(p, magic, sizeof(magic)) || len > FRAME_DATA) {
			pos++;
			continue;
		}
		if (have - pos < FRAME_HEAD + len)
			break;
		crc = crc32(crc32(0, p, 16), p + FRAME_HEAD, len);
		if (crc != get32(p + 16)) {
			pos++;
			continue;
		}
		frame_in(p[4], get32(p + 8), p + FRAME_HEAD, len);
		pos += FRAME_HEAD + len;
	}
	return pos;
}

/* Undo the escapes of n bytes in place; return how many are left. */
static size_t unescape(unsigned char *p, size_t n)
{
	static int escaped;
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (!escaped && p[i] == ESCAPE) {
			escaped = 1;
			continue;
		}
		p[kept++] = escaped ? p[i] ^ ESCAPE_FLIP : p[i];
		escaped = 0;
	}
	return kept;
}

static void port_read(void)
{
	static unsigned char buf[2 * (FRAME_HEAD + FRAME_DATA)];
	static size_t have;
	size_t used;
	ssize_t n = read(port, buf + have, sizeof(buf) - have);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {		/* a port nobody has opened reads as EOF */
		usleep(50000);
		return;
	}
	have += unescape(buf + have, (size_t)n);
	used = frames_parse(buf, have);
	have -= used;
	memmove(buf, buf + used, have);
}

static void reap(void)
{
	unsigned int i;
	int status;

	for (i = 0; i < JOBS; i++) {
		struct job *job = &jobs[i];

		if (!job->used)
			continue;
		if (!job->reaped &&
		    waitpid(job->pid, &status, WNOHANG) == job->pid) {
			job->reaped = 1;
			job->status = WIFEXITED(status) ?
				(uint32_t)WEXITSTATUS(status) :
				128u + (uint32_t)WTERMSIG(status);
		}
	}
}

/*
 * A job is over when its process is and its output was read empty.  What its
 * own children leave running may hold the pipes open for ever, so an empty
 * pipe is enough; it need not be closed.
 */
static void finish(void)
{
	unsigned int i;

	for (i = 0; i < JOBS; i++) {
		struct job *job = &jobs[i];
		struct pollfd pfd[2] = {
			{ .fd = job->out, .events = POLLIN },
			{ .fd = job->err, .events = POLLIN },
		};

		if (!job->used || !job->reaped)
			continue;
		if (poll(pfd, 2, 0) > 0 &&
		    ((pfd[0].revents | pfd[1].revents) & (POLLIN | POLLHUP)))
			continue;
		close_fd(&job->in);
		close_fd(&job->out);
		close_fd(&job->err);
		free(job->pending);
		job->used = 0;
		send_u32(FRAME_EXIT, job->id, job->status);
	}
}

static void on_child(int sig)
{
	(void)sig;	/* only to end poll() early */
}

static void poll_jobs(void)
{
	struct pollfd pfd[1 + 3 * JOBS];
	unsigned int i;

	pfd[0].fd = port;
	pfd[0].events = POLLIN;
	for (i = 0; i < JOBS; i++) {
		struct job *job = &jobs[i];
		struct pollfd *p = &pfd[1 + 3 * i];
		int wants = job->used && (job->pending_len || job->in_eof);

		p[0].fd = wants ? job->in : -1;
		p[0].events = POLLOUT;
		p[1].fd = job->used ? job->out : -1;
		p[1].events = POLLIN;
		p[2].fd = job->used ? job->err : -1;
		p[2].events = POLLIN;
	}
	if (poll(pfd, 1 + 3 * JOBS, 1000) < 0)
		return;
	for (i = 0; i < JOBS; i++) {
		struct job *job = &jobs[i];
		struct pollfd *p = &pfd[1 + 3 * i];

		if (job->used && p[0].revents)
			job_deliver(job);
		if (job->used && p[1].revents)
			job_output(job, &job->out, FRAME_STDOUT);
		if (job->used && p[2].revents)
			job_output(job, &job->err, FRAME_STDERR);
	}
	if (pfd[0].revents)
		port_read();
}

static void port_open(const char *device)
{
	struct termios tio;

	port = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (port < 0)
		die(device);
	if (!tcgetattr(port, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(port, TCSANOW, &tio);
		klogctl(8, NULL, 1);	/* a console: emergencies only */
	}
	fcntl(port, F_SETFL, O_NONBLOCK);
}

static _Noreturn void serve(const char *device)
{
	struct sigaction sa = { .sa_handler = on_child };
	struct timespec now;
	time_t beat = 0;

	port_open(device);
	sigaction(SIGCHLD, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	send_frame(FRAME_HELLO, 0, NULL, 0);
	for (;;) {
		poll_jobs();
		reap();
		finish();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= beat) {
			beat = now.tv_sec + BEAT_SECONDS;
			send_frame(FRAME_BEAT, 0, NULL, 0);
		}
	}
}

static _Noreturn void shell(const char *device)
{
	int fd;

	setsid();
	fd = open(device, O_RDWR);
	if (fd < 0)
		die(device);
	ioctl(fd, TIOCSCTTY, 1);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
	execl("/bin/sh", "-sh", (char *)NULL);
	die("/bin/sh");
}

static int print_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "shell"))
		shell(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "clock"))
		return print_clock();
	fprintf(stderr, "usage: agent serve|shell DEVICE | agent clock\n");
	return 2;
}
