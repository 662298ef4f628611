// SPDX-License-Identifier: GPL-2.0-only
/*
 * nethelp.c - what busybox has not for the tests of networks.
 *
 *	nethelp dns ADDRESS		a name server on 127.0.0.1 that knows
 *					every name and this one address
 *	nethelp silent ADDRESS		one that never answers, at this address
 *	nethelp tap NAME UID		a tap interface that belongs to a user
 *	nethelp no-net-admin CMD ...	run CMD without CAP_NET_ADMIN
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#define HEADER	12	/* RFC 1035, 4.1.1 */
#define ROOM	16	/* of one answer's record */

/* Where the question ends, or 0. */
static size_t question_end(const uint8_t *packet, size_t bytes)
{
	size_t at = HEADER;

	while (at < bytes && packet[at])
		at += packet[at] + 1u;
	return at + 5 <= bytes ? at + 5 : 0;
}

/* Make an answer of a question, in place; its bytes, or 0. */
static size_t answer(uint8_t *packet, size_t bytes, struct in_addr address)
{
	/* The question's name, type A, class IN, a minute, 4 bytes. */
	static const uint8_t record[12] = {
		0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
	size_t end = bytes > HEADER ? question_end(packet, bytes) : 0;

	if (!end)
		return 0;
	packet[2] = 0x84;
	packet[3] = 0;
	memset(packet + 6, 0, 6);
	if (packet[end - 3] != 1)
		return end;
	packet[7] = 1;
	memcpy(packet + end, record, sizeof(record));
	memcpy(packet + end + sizeof(record), &address, sizeof(address));
	return end + sizeof(record) + sizeof(address);
}

/* A socket for questions, or -1. */
static int listen_at(const char *text)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(53),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, text, &name.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&name, sizeof(name))) {
		perror("nethelp");
		return -1;
	}
	return fd;
}

static int silent(const char *text)
{
	if (listen_at(text) < 0)
		return 1;
	for (;;)
		pause();
}

static int dns(const char *text)
{
	struct sockaddr_in from;
	int fd = listen_at("127.0.0.1");
	socklen_t len = sizeof(from);
	struct in_addr address;
	uint8_t packet[512 + ROOM];
	ssize_t got;

	if (fd < 0 || inet_pton(AF_INET, text, &address) != 1)
		return 1;
	while ((got = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from,
			       &len)) >= 0)
		sendto(fd, packet, answer(packet, (size_t)got, address), 0,
		       (struct sockaddr *)&from, len);
	return 1;
}

static int make_tap(const char *name, const char *uid)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) ||
	    ioctl(fd, TUNSETOWNER, strtoul(uid, NULL, 10)) ||
	    ioctl(fd, TUNSETPERSIST, 1)) {
		perror("nethelp tap");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "dns"))
		return dns(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "silent"))
		return silent(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "tap"))
		return make_tap(argv[2], argv[3]);
	if (argc < 3 || strcmp(argv[1], "no-net-admin"))
		return 2;
	/* What the program may have of root's rights from exec on. */
	if (prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0))
		perror("nethelp");
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
