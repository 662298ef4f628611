// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_slirp.c - what a network card on libslirp does with the sockets of its
 * host: many connections at once, more than there are descriptors for, pings
 * that the host does not let through.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_rig.h"

#define HEADER	sizeof(struct virtio_net_hdr)
#define ETH	(HEADER + 14)
#define USUAL	(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC)
#define CLIENTS	110u
#define FILES	128u		/* for fewer connections than that */

static const uint8_t mac[6] = { 2, 0, 0, 1, 2, 3 };

/* ---- sockets, as libslirp and the device see them ------------------------ */

static bool no_ping;
static uint32_t refused;	/* accept() without a descriptor for it */

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

/* net.ipv4.ping_group_range leaves us out, or does not. */
int __wrap_socket(int family, int type, int protocol)
{
	if (protocol != IPPROTO_ICMP)
		return __real_socket(family, type, protocol);
	if (!no_ping)
		return __real_socket(family, type, 0);
	errno = EACCES;
	return -1;
}

/* In libslirp's place before the C library's. */
int accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
	static int (*real)(int, struct sockaddr *, socklen_t *);
	int got;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "accept");
	got = real(fd, address, bytes);
	if (got < 0 && errno == EMFILE)
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
	return got;
}

/* ---- a card with a forwarded port ---------------------------------------- */

static struct sockaddr_in port_name(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static uint16_t free_port(void)
{
	struct sockaddr_in name = port_name(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(name);

	assert_return_code(bind(fd, (struct sockaddr *)&name, len), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&name, &len),
			   errno);
	close(fd);
	return ntohs(name.sin_port);
}

static struct virtio_net_args forwarding(uint16_t port)
{
	struct virtio_net_args args = {
		.forwards = 1,
		.forward = { { .host_ip = { 127, 0, 0, 1 },
			       .host_port = port, .guest_port = 80 } },
	};

	memcpy(args.mac, mac, sizeof(mac));
	return args;
}

static int begin_connect(uint16_t port)
{
	struct sockaddr_in name = port_name(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Fifty at once are all let in, while nobody has taken one yet. */
static void test_many_clients(void **state)
{
	struct pollfd client = { .events = POLLOUT };
	struct problem problem = { "" };
	uint16_t port = free_port();
	struct virtio_net_args args = forwarding(port);
	struct fake_vm vm;
	int fd[50];
	uint32_t i;

	(void)state;
	fake_vm_init(&vm);
	if (virtio_net_add(vm.devs, &args, &problem))
		fail_msg("%s", problem.text);
	for (i = 0; i < 50; i++) {
		fd[i] = begin_connect(port);
		assert_true(fd[i] >= 0);
		client.fd = fd[i];
		/* The host answers for itself, there is nothing to wait for. */
		if (poll(&client, 1, 10000) != 1)
			fail_msg("client %u waits outside", i);
	}
	while (i)
		close(fd[--i]);
	fake_vm_free(&vm);
}

/* ---- more connections than descriptors ----------------------------------- */

/* A process with clients of the port. */
static pid_t start_clients(uint16_t port)
{
	pid_t pid = fork();
	uint32_t i;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < CLIENTS; i++)
		if (begin_connect(port) < 0)
			_exit(1);
	for (;;)
		pause();
}

static uint32_t lines(struct card *c)
{
	uint32_t count;

	pthread_mutex_lock(&c->vm.lock);
	count = c->vm.lines;
	pthread_mutex_unlock(&c->vm.lock);
	return count;
}

static void wait_line(struct card *c, const char *text)
{
	uint32_t i;

	for (i = 0; i < FAKE_VM_SECONDS * 1000 && !lines(c); i++)
		usleep(1000);
	if (lines(c) != 1 || !strstr(c->vm.line, text))
		fail_msg("%u lines, \"%s\" not \"%s\"", lines(c), c->vm.line,
			 text);
}

static void swap(uint8_t *a, uint8_t *b, size_t bytes)
{
	uint8_t old[16];

	memcpy(old, a, bytes);
	memcpy(a, b, bytes);
	memcpy(b, old, bytes);
}

/* RFC 826: 10.0.2.15 is here. */
static void answer_arp(struct card *c, uint8_t *frame)
{
	uint8_t *arp = frame + ETH;

	memcpy(frame + HEADER, frame + HEADER + 6, 6);
	memcpy(frame + HEADER + 6, mac, 6);
	arp[7] = 2;
	swap(arp + 8, arp + 18, 10);
	memcpy(arp + 8, mac, 6);
	memset(frame, 0, HEADER);
	card_request(c, NET_TX, frame, ETH + 28, 0);
}

/* RFC 9293, 3.5.2: nobody listens here.  The port it came from. */
static uint16_t answer_syn(struct card *c, uint8_t *frame)
{
	uint8_t *ip = frame + ETH, *tcp = ip + 20;
	uint16_t from = (uint16_t)(tcp[0] << 8 | tcp[1]);
	uint32_t next;

	memcpy(&next, tcp + 4, 4);
	next = htonl(ntohl(next) + 1);
	swap(frame + HEADER, frame + HEADER + 6, 6);
	swap(ip + 12, ip + 16, 4);
	net_put16(ip + 2, 40);
	memset(ip + 10, 0, 2);
	net_put16(ip + 10, ~net_sum(ip, 20, 0));
	swap(tcp, tcp + 2, 2);
	memset(tcp + 4, 0, 4);
	memcpy(tcp + 8, &next, 4);
	tcp[12] = 5 << 4;
	tcp[13] = 0x14;			/* RST, ACK */
	memset(tcp + 14, 0, 6);
	net_put16(tcp + 16, ~net_sum(tcp, 20, net_sum(ip + 12, 8, 6 + 20)));
	memset(frame, 0, HEADER);
	card_request(c, NET_TX, frame, ETH + 40, 0);
	return from;
}

/* Refuse connections until so many came. */
static void refuse_all(struct card *c, uint32_t wanted)
{
	static bool seen[65536];
	uint8_t frame[2048];
	uint16_t from;

	memset(seen, 0, sizeof(seen));
	while (wanted) {
		card_receive(c, frame, sizeof(frame));
		if (frame[HEADER + 13] == 0x06) {
			answer_arp(c, frame);
		} else if (frame[ETH] == 0x45 && frame[ETH + 9] == 6 &&
			   frame[ETH + 33] == 2) {
			from = answer_syn(c, frame);
			wanted -= !seen[from];
			seen[from] = true;
		}
	}
}

/*
 * With no descriptor left there is one line, and nobody tries in vain.  When
 * some come back it goes on.
 */
static void test_no_files(void **state)
{
	uint16_t port = free_port();
	struct virtio_net_args args = forwarding(port);
	struct rlimit old, few;
	struct card c;
	pid_t clients;

	(void)state;
	assert_return_code(getrlimit(RLIMIT_NOFILE, &old), errno);
	few = old;
	few.rlim_cur = FILES;
	refused = 0;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
	card_open(&c, &args, USUAL, 2048, 40);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &old), errno);
	clients = start_clients(port);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), errno);
	wait_line(&c, "slirp: no more connections for the guest: all of 128 ");
	refuse_all(&c, CLIENTS);
	assert_int_equal(lines(&c), 1);
	assert_int_equal(refused, 0);
	kill(clients, SIGKILL);
	waitpid(clients, NULL, 0);
	fake_vm_free(&c.vm);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &old), errno);
}

/* ---- ping ---------------------------------------------------------------- */

static void test_no_ping(void **state)
{
	struct virtio_net_args args = { .mac = { 2, 0, 0, 1, 2, 3 } };
	struct card c;

	(void)state;
	no_ping = true;
	card_open(&c, &args, USUAL, 2048, 8);
	wait_line(&c, "net.ipv4.ping_group_range");
	fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
	card_start(&c, USUAL);
	fake_vm_free(&c.vm);
	assert_int_equal(c.vm.lines, 1);
	/* Said once for a VM: not by its second network. */
	args.network = 1;
	card_open(&c, &args, USUAL, 2048, 8);
	fake_vm_free(&c.vm);
	assert_int_equal(c.vm.lines, 0);
	no_ping = false;
}

/* An echo request by IPv6 to the world outside. */
static uint32_t ping6(uint8_t *frame)
{
	static const uint8_t addresses[32] = {
		0xfe, 0xc0, [15] = 15, 0x20, 0x01, 0x0d, 0xb8, [31] = 1 };
	uint8_t *ip = frame + ETH, *icmp = ip + 40;

	memset(frame, 0, ETH + 48);
	memset(frame + HEADER, 0x52, 6);
	memcpy(frame + HEADER + 6, mac, 6);
	net_put16(frame + HEADER + 12, 0x86dd);
	ip[0] = 0x60;
	net_put16(ip + 4, 8);
	ip[6] = 58;
	ip[7] = 64;
	memcpy(ip + 8, addresses, 32);
	icmp[0] = 128;
	net_put16(icmp + 2, ~net_sum(icmp, 8, net_sum(ip + 8, 32, 58 + 8)));
	return ETH + 48;
}

/* What libslirp cannot do a guest may ask for as often as it likes. */
static void test_no_words(void **state)
{
	struct virtio_net_args args = { .mac = { 2, 0, 0, 1, 2, 3 } };
	int out[2], old = dup(STDERR_FILENO);
	uint8_t frame[256];
	uint32_t bytes = ping6(frame), i;
	struct card c;

	(void)state;
	assert_return_code(pipe2(out, O_NONBLOCK), errno);
	card_open(&c, &args, USUAL, 2048, 8);
	dup2(out[1], STDERR_FILENO);
	for (i = 0; i < 10; i++)
		card_request(&c, NET_TX, frame, bytes, 0);
	fake_vm_free(&c.vm);
	dup2(old, STDERR_FILENO);
	close(old);
	close(out[1]);
	assert_int_equal(read(out[0], frame, sizeof(frame)), 0);
	close(out[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_no_ping),
		cmocka_unit_test(test_no_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
