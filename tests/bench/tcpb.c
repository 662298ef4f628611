// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcpb.c - what a byte there and back, and a MiB there, cost over TCP.
 *
 *	tcpb serve PORT		answer, one connection after the other
 *	tcpb ROW ADDRESS PORT	measure a row (bench.h) against such a server
 *
 * The first byte of a connection says what the server is to do with the rest:
 * send each byte back, or take whole MiBs and send a byte after each batch,
 * whose length follows as 32 bits.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define CHUNK	(64u * 1024)
#define MIB	(1024u * 1024)

enum { ECHO = 'e', STREAM = 's' };

static int sock;
static unsigned char chunk[CHUNK];

static void must(int good, const char *what)
{
	if (!good)
		bench_fail("tcpb", what);
}

static void send_all(const void *from, size_t bytes)
{
	const unsigned char *at = from;
	ssize_t n;

	for (; bytes; at += n, bytes -= (size_t)n) {
		n = write(sock, at, bytes);
		must(n > 0, "write");
	}
}

/* 0: the other side has closed. */
static int receive(void *to, size_t bytes)
{
	unsigned char *at = to;
	ssize_t n;

	for (; bytes; at += n, bytes -= (size_t)n) {
		n = read(sock, at, bytes);
		must(n >= 0, "read");
		if (!n)
			return 0;
	}
	return 1;
}

static void no_delay(void)
{
	int one = 1;

	must(!setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
	     "TCP_NODELAY");
}

/* ---- the server ---------------------------------------------------------- */

static void serve_echo(void)
{
	while (receive(chunk, 1))
		send_all(chunk, 1);
}

static void serve_stream(void)
{
	uint64_t left;
	uint32_t mib;
	ssize_t n;

	while (receive(&mib, sizeof(mib))) {
		for (left = (uint64_t)mib * MIB; left; left -= (uint64_t)n) {
			n = read(sock, chunk, left < CHUNK ? left : CHUNK);
			must(n > 0, "read");
		}
		send_all(chunk, 1);
	}
}

static void serve_one(void)
{
	unsigned char what;

	no_delay();
	if (!receive(&what, 1))
		return;
	if (what == ECHO)
		serve_echo();
	else
		serve_stream();
}

static void serve(const struct sockaddr_in *at)
{
	int one = 1, door = socket(AF_INET, SOCK_STREAM, 0);

	must(door >= 0 && !setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one,
				      sizeof(one)), "socket");
	must(!bind(door, (const struct sockaddr *)at, sizeof(*at)) &&
	     !listen(door, 4), "listen");
	for (;;) {
		sock = accept(door, NULL, NULL);
		must(sock >= 0, "accept");
		serve_one();
		close(sock);
	}
}

/* ---- the rows ------------------------------------------------------------ */

static void there_and_back(unsigned int ops)
{
	while (ops--) {
		send_all(chunk, 1);
		must(receive(chunk, 1), "the server");
	}
}

static void stream(unsigned int mib)
{
	uint32_t count = mib;
	unsigned int i;

	send_all(&count, sizeof(count));
	for (i = 0; i < mib * (MIB / CHUNK); i++)
		send_all(chunk, CHUNK);
	must(receive(chunk, 1), "the server");
}

static const struct row {
	struct bench_row bench;
	unsigned char what;
} rows[] = {
	{ { "tcp_rr", there_and_back, 50, 16 }, ECHO },
	{ { "tcp_stream", stream, 8, 8 }, STREAM },
};

static int measure(const char *name, const struct sockaddr_in *server)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(name, rows[i].bench.name))
			continue;
		sock = socket(AF_INET, SOCK_STREAM, 0);
		must(sock >= 0 && !connect(sock, (const void *)server,
					   sizeof(*server)), "connect");
		no_delay();
		send_all(&rows[i].what, 1);
		bench_run("tcpb", &rows[i].bench);
		return 0;
	}
	fprintf(stderr, "tcpb: no row '%s'\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	if (argc == 3 && !strcmp(argv[1], "serve")) {
		at.sin_port = htons((uint16_t)atoi(argv[2]));
		serve(&at);
	}
	if (argc == 4 && inet_pton(AF_INET, argv[2], &at.sin_addr) == 1) {
		at.sin_port = htons((uint16_t)atoi(argv[3]));
		return measure(argv[1], &at);
	}
	fputs("usage: tcpb serve PORT | tcpb ROW ADDRESS PORT\n", stderr);
	return 2;
}
