// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_dns.c - any bytes as what comes to the name server of a slirp network:
 * frames of the guest's and of libslirp's, answers of the host's servers, data
 * on connections, texts of resolv.conf.  Sockets are made here, by --wrap, and
 * have what the input says: each is a descriptor of /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/net/net_dns.h"
#include "replay.h"

#define FRAME_MAX	1600u
#define FDS_MAX		1024	/* more are never open */

static struct {
	unsigned long asked, answered, turned, relayed, texts;
} fuzz_count;

static struct bench {
	struct net_dns dns;
	struct net_poll poll;
	const uint8_t *data;
	size_t left;
	int64_t now_ms;
	bool taken;		/* a frame was not for libslirp */
	int open;		/* sockets */
} bench;

static uint32_t next(uint32_t bytes)
{
	uint32_t value = 0, i;

	for (i = 0; i < bytes && bench.left; i++, bench.left--)
		value |= (uint32_t)*bench.data++ << 8 * i;
	return value;
}

/* So many bytes of the input, and zeroes where it has ended. */
static void fill(void *to, size_t bytes)
{
	size_t part = bytes < bench.left ? bytes : bench.left;

	memcpy(to, bench.data, part);
	memset((uint8_t *)to + part, 0, bytes - part);
	bench.data += part;
	bench.left -= part;
}

/* ---- sockets ------------------------------------------------------------- */

int __wrap_socket(int family, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t bytes);
int __wrap_listen(int fd, int backlog);
int __wrap_getsockname(int fd, struct sockaddr *name, socklen_t *bytes);
int __wrap_getsockopt(int fd, int level, int option, void *to,
		      socklen_t *bytes);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t bytes);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *bytes, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t bytes, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t bytes, int flags);
int __wrap_shutdown(int fd, int how);
int __real_close(int fd);
int __wrap_close(int fd);

static int one_more(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	require(fd > 2 && fd < FDS_MAX);
	bench.open++;
	return fd;
}

int __wrap_socket(int family, int type, int protocol)
{
	require(family == AF_INET || family == AF_INET6);
	require(type & SOCK_NONBLOCK && type & SOCK_CLOEXEC && !protocol);
	errno = EMFILE;
	return next(1) == 0xff ? -1 : one_more();
}

int __wrap_bind(int fd, const struct sockaddr *name, socklen_t bytes)
{
	require(fd > 2 && name && bytes);
	return 0;
}

int __wrap_listen(int fd, int backlog)
{
	require(fd > 2 && backlog > 1);
	return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *name, socklen_t *bytes)
{
	require(fd > 2 && *bytes >= 4);
	name->sa_data[0] = 0x12;
	name->sa_data[1] = 0x34;
	return 0;
}

int __wrap_getsockopt(int fd, int level, int option, void *to,
		      socklen_t *bytes)
{
	require(fd > 2 && level == SOL_SOCKET && option == SO_ERROR &&
		*bytes == sizeof(int));
	*(int *)to = next(1) & 1 ? ECONNREFUSED : 0;
	return 0;
}

int __wrap_connect(int fd, const struct sockaddr *name, socklen_t bytes)
{
	require(fd > 2 && (name->sa_family == AF_INET ||
			   name->sa_family == AF_INET6) && bytes >= 16);
	switch (next(1)) {
	case 0xff:
		errno = ENETUNREACH;
		return -1;
	case 0xfe:
		errno = EINPROGRESS;
		return -1;
	}
	return 0;
}

int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *bytes, int flags)
{
	require(fd > 2 && !name && !bytes && flags);
	errno = EAGAIN;
	return next(1) == 0xff ? -1 : one_more();
}

ssize_t __wrap_send(int fd, const void *data, size_t bytes, int flags)
{
	uint32_t how = next(1);

	require(fd > 2 && flags & MSG_NOSIGNAL && bytes);
	require(memchr(data, 0, bytes) || bytes);
	errno = how & 1 ? EAGAIN : EPIPE;
	if (how >= 0xfe)
		return -1;
	fuzz_count.relayed += bytes;
	return how & 0x80 ? 1 + (ssize_t)(how % bytes) : (ssize_t)bytes;
}

ssize_t __wrap_recv(int fd, void *data, size_t bytes, int flags)
{
	uint32_t want = next(2);

	(void)flags;
	require(fd > 2);
	errno = want & 1 ? EAGAIN : ECONNREFUSED;
	if (want >= 0xfffe)
		return -1;
	want %= 2000;
	fill(data, want < bytes ? want : bytes);
	return (ssize_t)(want < bytes ? want : bytes);
}

int __wrap_shutdown(int fd, int how)
{
	require(fd > 2 && how == SHUT_WR);
	return -(int)(next(1) & 1);
}

int __wrap_close(int fd)
{
	bench.open--;
	return __real_close(fd);
}

/* ---- the network --------------------------------------------------------- */

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t sum(const uint8_t *at, size_t bytes, uint32_t start)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		start += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* What the guest gets is a datagram of its name server, and right. */
static void give(void *ctx, const void *frame, size_t bytes)
{
	const uint8_t *ip = (const uint8_t *)frame + 14, *udp;
	bool ip6 = word(ip - 2) == 0x86dd;
	size_t head = ip6 ? 40 : 20;

	require(ctx == &bench && bytes <= 1514 && bytes >= 14 + head + 8 + 12);
	udp = ip + head;
	require(ip6 ? ip[6] == 17 : ip[9] == 17 && sum(ip, 20, 0) == 0xffff);
	require(word(udp) == 53 && word(udp + 4) == bytes - 14 - head);
	require(sum(udp, bytes - 14 - head,
		    sum(ip + (ip6 ? 8 : 12), ip6 ? 32 : 8,
			17 + (uint32_t)(bytes - 14 - head))) == 0xffff);
	fuzz_count.answered++;
}

/* In a block of its exact size, for the sanitizer. */
static void frame(struct bench *b, bool of_guest)
{
	uint32_t bytes = next(2) % FRAME_MAX;
	uint8_t *at = malloc(bytes ? bytes : 1);
	const uint8_t *turned;

	require(at);
	fill(at, bytes);
	if (of_guest) {
		fuzz_count.asked += net_dns_take(&b->dns, at, bytes,
						 b->now_ms);
	} else {
		turned = net_dns_turn(&b->dns, at, bytes);
		fuzz_count.turned += turned != at;
	}
	free(at);
}

/* Sleep, with what the input says in the end. */
static void sleep_and_run(struct bench *b)
{
	static struct os_notifier event = { .handle = 0 };
	static struct os_notifier *const doorbell[2] = { &event, &event };
	uint32_t limit, i;

	net_poll_begin(&b->poll, doorbell);
	limit = net_dns_wait(&b->dns, &b->poll, next(1) & 1, UINT32_MAX,
			     b->now_ms);
	require(limit == UINT32_MAX || limit <= 30000);
	b->now_ms += next(1) & 1 ? limit % 30001 : 1;
	b->poll.failed = false;
	for (i = 0; i < b->poll.count; i++)
		b->poll.fd[i].revents = (short)(next(1) &
			(b->poll.fd[i].events | POLLERR | POLLHUP));
	net_dns_run(&b->dns, &b->poll, b->now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = &bench;
	uint32_t i;

	memset(&b->dns, 0, sizeof(b->dns));
	b->data = data;
	b->left = size;
	b->now_ms = 0;
	b->open = 0;
	memcpy(b->dns.name.ip4, "\12\0\2\3", 4);
	memcpy(b->dns.gateway.ip4, "\12\0\2\2", 4);
	memcpy(b->dns.name.ip6, "\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\3", 16);
	memcpy(b->dns.gateway.ip6, "\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	b->dns.give = give;
	b->dns.ctx = b;
	net_dns_open(&b->dns, one_more());
	while (b->left) {
		switch (next(1) & 3) {
		case 0:
			frame(b, true);
			break;
		case 1:
			frame(b, false);
			break;
		default:
			sleep_and_run(b);
			break;
		}
		require(b->dns.servers.resolv.servers >= 1 &&
			b->dns.servers.resolv.servers <= NET_RESOLV_SERVERS);
	}
	for (i = 0; i < b->dns.servers.resolv.servers; i++)
		fuzz_count.texts += b->dns.servers.resolv.server[i].ss_family ==
				    AF_INET6;
	net_dns_close(&b->dns);
	require(!b->open);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t value, uint32_t bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
	return at;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
	size_t bytes = strlen(text);

	memcpy(at, text, bytes);
	return at + bytes;
}

static void put_word(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A frame to the name server, or from where connections lead. */
static uint8_t *seed_frame(uint8_t *at, bool ip6, bool tcp, bool back)
{
	static const char question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\0\0\1"
				       "\0\1";
	uint32_t l4 = tcp ? 20 : 8 + sizeof(question) - 1;
	uint8_t *ip, *ports;

	at = put(at, back, 1);
	at = put(at, 14 + (ip6 ? 40 : 20) + l4, 2);
	ip = at + 14;
	memset(at, 0, 14 + 40 + l4);
	put_word(at + 12, ip6 ? 0x86dd : 0x0800);
	ip[0] = ip6 ? 0x60 : 0x45;
	put_word(ip + (ip6 ? 4 : 2), ip6 ? l4 : 20 + l4);
	ip[ip6 ? 6 : 9] = tcp ? 6 : 17;
	if (ip6)
		memcpy(ip + (back ? 8 : 24),
		       "\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\3", 16);
	else
		memcpy(ip + (back ? 12 : 16), "\12\0\2\3", 4);
	if (back)
		ip[ip6 ? 23 : 15] = 2;
	ports = ip + (ip6 ? 40 : 20);
	put_word(ports + (back ? 0 : 2), back ? 0x1234 : 53);
	if (!tcp) {
		put_word(ports + 4, l4);
		memcpy(ports + 8, question, sizeof(question) - 1);
	}
	return ports + l4;
}

/*
 * A sleep that ends with these events: of so many sockets that are there, in
 * the order of net_dns_wait(), behind two doorbells.
 */
static uint8_t *seed_sleep(uint8_t *at, const char *events)
{
	at = put(at, 2, 1);
	at = put(at, 1, 2);
	at = put(at, 0, 2);
	for (; *events; events++)
		at = put(at, *events == 'i' ? POLLIN : *events == 'o' ?
			 POLLOUT : 0, 1);
	return at;
}

static uint8_t *seed_text(uint8_t *at)
{
	static const char text[] = "nameserver 10.1.1.1\nnameserver "
				   "fe80::1%lo\n";

	at = seed_sleep(at, "i--");
	at = put(at, sizeof(text) - 1, 2);
	return put_text(at, text);
}

static uint8_t *seed_question(uint8_t *at, bool ip6)
{
	static const uint8_t answer[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0,
		0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1 };
	uint32_t bytes = fuzz_dice(2) ? sizeof(answer) : 1900;

	at = seed_frame(at, ip6, false, false);
	at = put(at, 0, 3);
	at = seed_sleep(at, "i---");
	at = put(at, bytes, 2);
	memcpy(at, answer, sizeof(answer));
	at[3] = (uint8_t)(0x80 | (fuzz_dice(4) ? 0 : fuzz_dice(6)));
	return at + sizeof(answer);
}

static uint8_t *seed_connection(uint8_t *at, bool ip6)
{
	at = seed_frame(at, ip6, true, false);
	at = seed_frame(at, ip6, true, true);
	at = seed_sleep(at, "-i-");
	at = put(at, 0, 3);
	at = seed_sleep(at, "-o--");
	at = put(at, 0, 1);
	at = seed_sleep(at, "-i---");
	at = put(at, 5, 2);
	at = put(at, 0x03000300, 4);
	at = put(at, 1, 1);
	return put(at, 0, 1);
}

/* Servers, questions, answers, connections. */
static size_t dns_seed(uint8_t *data)
{
	uint8_t *at = put(data, 0, 2);

	if (fuzz_dice(2))
		at = seed_text(at);
	if (fuzz_dice(2))
		at = seed_connection(at, fuzz_dice(2));
	if (fuzz_dice(4))
		at = seed_question(at, fuzz_dice(2));
	return (size_t)(at - data);
}

static void dns_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 2;
	*bytes = 120;
}

static int dns_report(unsigned long inputs)
{
	printf("%lu inputs, %lu frames to the name server, %lu answers, %lu "
	       "frames turned, %lu bytes relayed, %lu servers by IPv6\n",
	       inputs, fuzz_count.asked, fuzz_count.answered,
	       fuzz_count.turned, fuzz_count.relayed, fuzz_count.texts);
	return fuzz_count.asked < inputs / 4 ||
	       fuzz_count.answered < inputs / 100 ||
	       fuzz_count.turned < inputs / 10 ||
	       fuzz_count.relayed < inputs || fuzz_count.texts < inputs / 100;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_dns",
	.max = 1024,
	.seed = dns_seed,
	.hot = dns_hot,
	.report = dns_report,
};
