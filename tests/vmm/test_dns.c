// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_dns.c - the name server of a card on libslirp: the test is the guest,
 * which asks, and the host's name servers, which answer or do not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_rig.h"
#include "virtio/net/net_dns_frame.h"
#include "virtio/net/net_resolv.h"

#define HEADER	sizeof(struct virtio_net_hdr)
#define ETH	(HEADER + 14)
#define USUAL	(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC)
#define SERVERS	3u
#define PORT	4321u		/* the guest's */

static const uint8_t mac[6] = { 2, 0, 0, 1, 2, 3 };
static const uint8_t guest4[4] = { 10, 0, 2, 15 };
static const uint8_t guest6[16] = { 0xfe, 0xc0, [15] = 15 };
static const uint8_t server4[4] = { 10, 0, 2, 3 };
static const uint8_t server6[16] = { 0xfe, 0xc0, [15] = 3 };
/* Of www.example.org; RFC 1035, 4.1. */
static const uint8_t question[] = {
	0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r',
	'g', 0, 0, 1, 0, 1,
};

#define LATER	2u		/* the ID's second byte of another one */

/* ---- the host's servers -------------------------------------------------- */

/* At 127.0.0.11 and up, with ports that anybody may have. */
static struct server {
	int udp, tcp;
	uint16_t udp_port, tcp_port;
	struct sockaddr_in from;	/* of the last question */
} server[SERVERS];

int __real_connect(int fd, const struct sockaddr *name, socklen_t bytes);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t bytes);

int __wrap_connect(int fd, const struct sockaddr *name, socklen_t bytes)
{
	struct sockaddr_in there;
	socklen_t type_bytes = sizeof(int);
	uint32_t n;
	int type;

	if (name->sa_family != AF_INET)
		return __real_connect(fd, name, bytes);
	memcpy(&there, name, sizeof(there));
	n = (ntohl(there.sin_addr.s_addr) & 0xff) - 11;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes);
	if (n < SERVERS && there.sin_port == htons(53))
		there.sin_port = type == SOCK_DGRAM ? server[n].udp_port :
						      server[n].tcp_port;
	return __real_connect(fd, (struct sockaddr *)&there, bytes);
}

static int bound(int type, uint32_t n, uint16_t *port)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f00000b + n),
	};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(name);

	assert_return_code(bind(fd, (struct sockaddr *)&name, bytes), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&name, &bytes),
			   errno);
	*port = name.sin_port;
	return fd;
}

static void end_server(uint32_t n)
{
	close(server[n].udp);
	close(server[n].tcp);
}

/* The card, and who hands it the text of resolv.conf. */
static int open_card(struct card *c)
{
	struct virtio_net_args args = { .network = 0 };
	int pair[2];
	uint32_t n;

	for (n = 0; n < SERVERS; n++) {
		server[n].udp = bound(SOCK_DGRAM, n, &server[n].udp_port);
		server[n].tcp = bound(SOCK_STREAM, n, &server[n].tcp_port);
	}
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
				      0, pair), errno);
	memcpy(args.mac, mac, sizeof(mac));
	args.resolv = pair[0];
	card_open(c, &args, USUAL, 2048, 8);
	return pair[1];
}

static void close_card(struct card *c, int text)
{
	uint32_t n;

	fake_vm_free(&c->vm);
	close(text);
	for (n = 0; n < SERVERS; n++)
		end_server(n);
}

static void say(int text, const char *lines)
{
	assert_int_equal(send(text, lines, strlen(lines), 0), strlen(lines));
}

/* It was asked; who is in server[n].from. */
static void expect_asked(uint32_t n, uint8_t id)
{
	struct pollfd asked = { .fd = server[n].udp, .events = POLLIN };
	socklen_t len = sizeof(server[n].from);
	uint8_t data[512];

	if (poll(&asked, 1, FAKE_VM_SECONDS * 1000) != 1)
		fail_msg("server %u was not asked", n);
	assert_int_equal(recvfrom(server[n].udp, data, sizeof(data), 0,
				  (struct sockaddr *)&server[n].from, &len),
			 sizeof(question));
	assert_int_equal(data[1], id);
	assert_memory_equal(data + 2, question + 2, sizeof(question) - 2);
}

/* Of so many bytes, with a code. */
static void answer(uint32_t n, uint8_t id, uint32_t bytes, uint8_t code)
{
	static uint8_t data[4096];

	memset(data, 0xaa, sizeof(data));
	memcpy(data, question, sizeof(question));
	data[1] = id;
	data[2] = 0x81;
	data[3] = code;
	assert_int_equal(sendto(server[n].udp, data, bytes, 0,
				(struct sockaddr *)&server[n].from,
				sizeof(server[n].from)), bytes);
}

static bool was_asked(uint32_t n)
{
	struct pollfd asked = { .fd = server[n].udp, .events = POLLIN };

	return poll(&asked, 1, 0) == 1;
}

/* ---- the guest ----------------------------------------------------------- */

static uint32_t checksum(const uint8_t *ip, bool ip6, uint32_t protocol,
			 uint32_t bytes)
{
	const uint8_t *addresses = ip + (ip6 ? 8 : 12);
	uint32_t sum = net_sum(addresses, ip6 ? 32 : 8, protocol + bytes);

	return net_sum(ip + (ip6 ? 40 : 20), bytes, sum);
}

/* A header of IP and the ports, to the name server; what follows them. */
static uint8_t *head(uint8_t *frame, bool ip6, uint32_t protocol,
		     uint32_t bytes)
{
	uint8_t *ip = frame + ETH, *ports = ip + (ip6 ? 40 : 20);

	memset(frame, 0, ETH + 60);
	memset(frame + HEADER, 0x52, 6);
	memcpy(frame + HEADER + 6, mac, 6);
	net_put16(frame + HEADER + 12, ip6 ? 0x86dd : 0x0800);
	ip[0] = ip6 ? 0x60 : 0x45;
	net_put16(ip + (ip6 ? 4 : 2), ip6 ? bytes : 20 + bytes);
	ip[ip6 ? 6 : 9] = (uint8_t)protocol;
	ip[ip6 ? 7 : 8] = 64;
	memcpy(ip + (ip6 ? 8 : 12), ip6 ? guest6 : guest4, ip6 ? 16 : 4);
	memcpy(ip + (ip6 ? 24 : 16), ip6 ? server6 : server4, ip6 ? 16 : 4);
	if (!ip6)
		net_put16(ip + 10, ~net_sum(ip, 20, 0));
	net_put16(ports, PORT);
	net_put16(ports + 2, 53);
	return ports + 4;
}

static void ask(struct card *c, bool ip6, uint8_t id)
{
	uint32_t bytes = 8 + sizeof(question);
	uint8_t frame[256];
	uint8_t *udp = head(frame, ip6, 17, bytes);

	net_put16(udp, bytes);
	memcpy(udp + 4, question, sizeof(question));
	udp[5] = id;
	net_put16(udp + 2, ~checksum(frame + ETH, ip6, 17, bytes));
	card_request(c, NET_TX, frame, (uint32_t)(udp - frame) + 4 +
		     sizeof(question), 0);
}

/* Data of an answer from the name server; its bytes. */
static uint32_t expect_answer(struct card *c, bool ip6, uint8_t *data)
{
	uint32_t ip_bytes = ip6 ? 40 : 20, bytes, all;
	uint8_t frame[2048], *ip = frame + ETH, *udp = ip + ip_bytes;

	all = card_receive(c, frame, sizeof(frame));
	assert_memory_equal(frame + HEADER, mac, 6);
	bytes = (uint32_t)(udp[4] << 8 | udp[5]);
	assert_int_equal(all, ETH + ip_bytes + bytes);
	assert_memory_equal(ip + (ip6 ? 8 : 12), ip6 ? server6 : server4,
			    ip6 ? 16 : 4);
	assert_memory_equal(ip + (ip6 ? 24 : 16), ip6 ? guest6 : guest4,
			    ip6 ? 16 : 4);
	assert_int_equal(udp[0] << 8 | udp[1], 53);
	assert_int_equal(udp[2] << 8 | udp[3], PORT);
	assert_int_equal(checksum(ip, ip6, 17, bytes), 0xffff);
	if (!ip6)
		assert_int_equal(net_sum(ip, 20, 0), 0xffff);
	memcpy(data, udp + 8, bytes - 8);
	return bytes - 8;
}

static void expect_usual(struct card *c, bool ip6, uint8_t id)
{
	uint8_t data[2048];

	assert_int_equal(expect_answer(c, ip6, data), 100);
	assert_int_equal(data[1], id);
	assert_int_equal(data[2], 0x81);
	assert_int_equal(data[99], 0xaa);
}

/* ---- datagrams ----------------------------------------------------------- */

static void test_answer(void **state)
{
	struct card c;
	int text, ip6;

	(void)state;
	text = open_card(&c);
	say(text, "# a comment\nsearch here\nnameserver 127.0.0.12\n");
	for (ip6 = 0; ip6 < 2; ip6++) {
		ask(&c, ip6, 1);
		expect_asked(1, 1);
		answer(1, 1, 100, 0);
		expect_usual(&c, ip6, 1);
	}
	assert_false(was_asked(0));
	close_card(&c, text);
}

/* The first is silent: the second is asked, and first from then on. */
static void test_silent(void **state)
{
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	say(text, "nameserver 127.0.0.11\nnameserver 127.0.0.12\n");
	ask(&c, false, 1);
	expect_asked(0, 1);
	expect_asked(1, 1);
	answer(1, 1, 100, 0);
	expect_usual(&c, false, 1);
	ask(&c, false, LATER);
	expect_asked(1, LATER);
	answer(1, LATER, 100, 0);
	expect_usual(&c, false, LATER);
	assert_false(was_asked(0));
	close_card(&c, text);
}

/* An answer of the first that comes late is one. */
static void test_late(void **state)
{
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	say(text, "nameserver 127.0.0.11\nnameserver 127.0.0.12\n");
	ask(&c, false, 1);
	expect_asked(0, 1);
	expect_asked(1, 1);
	answer(0, 1, 100, 0);
	expect_usual(&c, false, 1);
	close_card(&c, text);
}

/* One is not there, one knows nothing; what the last one says counts. */
static void test_unable(void **state)
{
	uint8_t data[2048];
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	close(server[0].udp);
	say(text, "nameserver 127.0.0.11\nnameserver 127.0.0.12\n"
	    "nameserver 127.0.0.13\n");
	ask(&c, false, 1);
	expect_asked(1, 1);
	answer(1, 1, 100, 2);
	expect_asked(2, 1);
	answer(2, 1, 100, 5);
	assert_int_equal(expect_answer(&c, false, data), 100);
	assert_int_equal(data[3], 5);
	server[0].udp = dup(server[1].udp);
	close_card(&c, text);
}

/* Other servers: who waits asks these, and so does who comes. */
static void test_changed(void **state)
{
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	say(text, "nameserver 127.0.0.11\n");
	ask(&c, false, 1);
	expect_asked(0, 1);
	say(text, "nameserver 127.0.0.13\n");
	expect_asked(2, 1);
	answer(2, 1, 100, 0);
	expect_usual(&c, false, 1);
	ask(&c, true, LATER);
	expect_asked(2, LATER);
	answer(2, LATER, 100, 0);
	expect_usual(&c, true, LATER);
	close_card(&c, text);
}

/* Of another question, or none at all, it is not. */
static void test_foreign(void **state)
{
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	say(text, "nameserver 127.0.0.11\n");
	ask(&c, false, 1);
	expect_asked(0, 1);
	answer(0, LATER, 100, 0);
	answer(0, 1, 100, 0);
	expect_usual(&c, false, 1);
	/* Whoever handed the text over has ended: the servers stay. */
	shutdown(text, SHUT_RDWR);
	ask(&c, false, LATER);
	expect_asked(0, LATER);
	answer(0, LATER, 100, 0);
	expect_usual(&c, false, LATER);
	close_card(&c, text);
}

/* What no frame holds is cut off, and says so. */
static void test_long(void **state)
{
	uint8_t data[2048];
	struct card c;
	int text;

	(void)state;
	text = open_card(&c);
	say(text, "nameserver 127.0.0.11\n");
	ask(&c, false, 1);
	expect_asked(0, 1);
	answer(0, 1, 1472, 0);
	assert_int_equal(expect_answer(&c, false, data), 1472);
	assert_int_equal(data[2], 0x81);
	ask(&c, false, LATER);
	expect_asked(0, LATER);
	answer(0, LATER, 1473, 0);
	assert_int_equal(expect_answer(&c, false, data), sizeof(question));
	assert_int_equal(data[2], 0x83);
	assert_memory_equal(data + 12, question + 12, sizeof(question) - 12);
	close_card(&c, text);
}

/* ---- connections --------------------------------------------------------- */

#define FIN	0x01
#define SYN	0x02
#define ACK	0x10

static uint32_t sequence, acknowledged;

/* RFC 9293: a segment of the guest's. */
static void segment(struct card *c, uint8_t flags, const void *data,
		    uint32_t bytes)
{
	uint8_t frame[256];
	uint8_t *tcp = head(frame, false, 6, 20 + bytes) - 4;
	uint32_t word = htonl(sequence);

	memcpy(tcp + 4, &word, 4);
	word = htonl(acknowledged);
	memcpy(tcp + 8, &word, 4);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	net_put16(tcp + 14, 4096);
	if (bytes)
		memcpy(tcp + 20, data, bytes);
	net_put16(tcp + 16, ~checksum(frame + ETH, false, 6, 20 + bytes));
	card_request(c, NET_TX, frame, ETH + 40 + bytes, 0);
	sequence += bytes + !!(flags & (SYN | FIN));
}

/* The network asks who 10.0.2.15 is (RFC 826). */
static void answer_arp(struct card *c, uint8_t *frame)
{
	uint8_t *arp = frame + ETH;

	memcpy(frame + HEADER, frame + HEADER + 6, 6);
	memcpy(frame + HEADER + 6, mac, 6);
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10);
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, guest4, 4);
	memset(frame, 0, HEADER);
	card_request(c, NET_TX, frame, ETH + 28, 0);
}

/* The next segment to the guest with this flag, or with data: its bytes. */
static uint32_t expect_segment(struct card *c, uint8_t flag, uint8_t *data)
{
	uint8_t frame[2048], *ip = frame + ETH, *tcp = ip + 20;
	uint32_t bytes, word;

	for (;;) {
		card_receive(c, frame, sizeof(frame));
		if (frame[HEADER + 13] == 0x06) {
			answer_arp(c, frame);
			continue;
		}
		if (ip[0] != 0x45 || ip[9] != 6)
			continue;
		assert_memory_equal(ip + 12, server4, 4);
		assert_int_equal(tcp[0] << 8 | tcp[1], 53);
		bytes = (uint32_t)(ip[2] << 8 | ip[3]) - 20;
		assert_int_equal(net_sum(ip, 20, 0), 0xffff);
		assert_int_equal(checksum(ip, false, 6, bytes), 0xffff);
		memcpy(&word, tcp + 4, 4);
		bytes -= (uint32_t)(tcp[12] >> 4) * 4;
		memcpy(data, tcp + (tcp[12] >> 4) * 4, bytes);
		if (!(tcp[13] & flag) && !(flag == ACK && bytes))
			continue;
		if (flag == ACK && !bytes)
			continue;
		acknowledged = ntohl(word) + bytes + (flag != ACK);
		return bytes;
	}
}

static int accepted(uint32_t n)
{
	struct pollfd waits = { .fd = server[n].tcp, .events = POLLIN };

	assert_int_equal(poll(&waits, 1, FAKE_VM_SECONDS * 1000), 1);
	return accept(server[n].tcp, NULL, NULL);
}

/* The first server has no port for it; the second one's answers arrive. */
static void test_connection(void **state)
{
	static const uint8_t asked[] = "\0\4what", told[] = "\0\6nobody";
	uint8_t data[2048];
	struct card c;
	int text, fd;

	(void)state;
	text = open_card(&c);
	assert_return_code(listen(server[1].tcp, 1), errno);
	say(text, "nameserver 127.0.0.11\nnameserver 127.0.0.12\n");
	sequence = 1000;
	acknowledged = 0;
	segment(&c, SYN, NULL, 0);
	expect_segment(&c, SYN, data);
	segment(&c, ACK, asked, 6);
	fd = accepted(1);
	assert_int_equal(recv(fd, data, 6, MSG_WAITALL), 6);
	assert_memory_equal(data, asked, 6);
	assert_int_equal(send(fd, told, 8, 0), 8);
	assert_int_equal(expect_segment(&c, ACK, data), 8);
	assert_memory_equal(data, told, 8);
	segment(&c, ACK, NULL, 0);
	close(fd);
	expect_segment(&c, FIN, data);
	close_card(&c, text);
}

/* ---- parts --------------------------------------------------------------- */

/* Another address and port of both families: the checksum stays right. */
static void test_move(void **state)
{
	static const struct dns_host name = { { 10, 0, 2, 3 },
		{ 0xfe, 0xc0, [15] = 3 } };
	static const struct dns_host other = { { 10, 0, 2, 2 },
		{ 0xfe, 0xc0, [7] = 0xff, [15] = 0xfe } };
	uint8_t frame[256] = { 0 }, before[256];
	struct dns_frame f;
	bool whole, ip6;
	uint32_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		ip6 = i;
		head(frame, ip6, 6, 40)[25] = 0xab;
		net_put16(frame + ETH + (ip6 ? 40 : 20) + 16, 0);
		net_put16(frame + ETH + (ip6 ? 40 : 20) + 16,
			  ~checksum(frame + ETH, ip6, 6, 40));
		memcpy(before, frame, sizeof(frame));
		assert_true(dns_frame_to(&f, &whole, frame + HEADER,
					 14 + 80, &name) && whole && f.tcp);
		dns_frame_move(&f, true, &other, htons(0xfffe));
		assert_true(dns_frame_is(&f, true, &other, htons(0xfffe)));
		assert_int_equal(checksum(frame + ETH, ip6, 6, 40), 0xffff);
		if (!ip6)
			assert_int_equal(net_sum(frame + ETH, 20, 0), 0xffff);
		dns_frame_move(&f, true, &name, htons(53));
		assert_memory_equal(frame, before, sizeof(frame));
	}
}

static void expect_servers(const char *text, const char *const wanted[],
			   uint32_t count)
{
	struct net_resolv resolv;
	char name[INET6_ADDRSTRLEN];
	const void *address;
	uint32_t i;

	net_resolv_read(&resolv, text, strlen(text));
	assert_int_equal(resolv.servers, count);
	for (i = 0; i < count; i++) {
		address = resolv.server[i].ss_family == AF_INET ?
			  (const void *)&((struct sockaddr_in *)
					  &resolv.server[i])->sin_addr :
			  (const void *)&((struct sockaddr_in6 *)
					  &resolv.server[i])->sin6_addr;
		assert_string_equal(inet_ntop(resolv.server[i].ss_family,
					      address, name, sizeof(name)),
				    wanted[i]);
	}
}

static void test_resolv(void **state)
{
	static const char *const none[] = { "127.0.0.1" };
	static const char *const some[] = { "10.1.1.1", "fd00::1",
		"fe80::2" };
	struct net_resolv resolv;

	(void)state;
	expect_servers("", none, 1);
	expect_servers("# nameserver 1.2.3.4\n nameserver 1.2.3.4\n"
		       "nameservers 1.2.3.4\nnameserver\nnameserver what\n"
		       "nameserver 1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1."
		       "2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0\n", none, 1);
	expect_servers("nameserver \t10.1.1.1 # the first\nnameserver fd00::1"
		       "\nsearch a\nnameserver fe80::2%lo\nnameserver 9.9.9.9",
		       some, 3);
	net_resolv_read(&resolv, "nameserver fe80::2%lo", 21);
	assert_int_equal(((struct sockaddr_in6 *)&resolv.server[0])->
			 sin6_scope_id, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_unable),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_resolv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
