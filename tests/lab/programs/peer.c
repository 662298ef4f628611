// SPDX-License-Identifier: GPL-2.0-only
/*
 * peer.c - the other end of a guest's port: connects to a socket or opens a
 * terminal, sends stdin, and writes what comes to stdout until it has had as
 * many bytes as wanted and has sent all of its own.
 *
 * usage: peer PATH BYTES
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_peer(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (stat(path, &st))
		die(path);
	if (!S_ISSOCK(st.st_mode)) {
		fd = open(path, O_RDWR | O_NOCTTY);
	} else {
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			die(path);
	}
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK))
		die(path);
	return fd;
}

static void write_all(int fd, const char *data, ssize_t bytes)
{
	ssize_t done;

	for (; bytes > 0; data += done, bytes -= done) {
		done = write(fd, data, (size_t)bytes);
		if (done < 0)
			die("write");
	}
}

int main(int argc, char **argv)
{
	static char to[4096], from[65536];
	ssize_t bytes, have = 0, sent = 0;
	long wanted = argc == 3 ? atol(argv[2]) : -1;
	int fd, eof = 0;

	if (wanted < 0)
		return 2;
	fd = open_peer(argv[1]);
	while (wanted > 0 || !eof || have) {
		struct pollfd polls[2] = {
			{ .fd = fd, .events = POLLIN | (have ? POLLOUT : 0) },
			{ .fd = have || eof ? -1 : 0, .events = POLLIN },
		};

		if (poll(polls, 2, -1) < 0)
			die("poll");
		if (polls[1].revents) {
			have = read(0, to, sizeof(to));
			eof = have <= 0;
			sent = 0;
		}
		if (polls[0].revents & POLLOUT) {
			bytes = write(fd, to + sent, (size_t)have);
			sent += bytes > 0 ? bytes : 0;
			have -= bytes > 0 ? bytes : 0;
		}
		if (polls[0].revents & ~POLLOUT) {
			bytes = read(fd, from, sizeof(from));
			if (!bytes || (bytes < 0 && errno != EAGAIN))
				die("the other end");
			write_all(1, from, bytes);
			wanted -= bytes > 0 ? bytes : 0;
		}
	}
	return 0;
}
