// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_net.c - a network card on libslirp: the test is the driver and speaks
 * DHCP and UDP by hand, in both ring formats, and breaks the rules.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_rig.h"

#define ROOMS	8u
#define HEADER	sizeof(struct virtio_net_hdr)
#define USUAL	(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC | \
		 VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | \
		 VIRTIO_NET_F_CTRL_MAC_ADDR)

static const uint8_t mac[6] = { 2, 0, 0, 1, 2, 3 };

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

/* The host lets everybody ping, or the device would speak of it. */
int __wrap_socket(int family, int type, int protocol)
{
	return __real_socket(family, type, protocol == IPPROTO_ICMP ? 0 :
			     protocol);
}

static void open_card(struct card *c, uint64_t features, uint32_t room)
{
	struct virtio_net_args args = { .forwards = 0 };

	memcpy(args.mac, mac, sizeof(mac));
	card_open(c, &args, features, room, ROOMS);
}

/* ---- frames -------------------------------------------------------------- */

/*
 * A datagram to everybody with a header before it.  offload: the device is to
 * make its checksum, whose field holds the pseudo header's.
 */
static uint32_t datagram(uint8_t *to, uint16_t from, uint16_t port,
			 const uint8_t *data, uint32_t bytes, bool offload)
{
	uint8_t *eth = to + HEADER, *ip = eth + 14, *udp = ip + 20;
	struct virtio_net_hdr header = { 0 };
	uint32_t all = 8 + bytes, pseudo;

	memset(to, 0, HEADER + 42);
	memset(eth, 0xff, 6);
	memcpy(eth + 6, mac, 6);
	net_put16(eth + 12, 0x0800);
	ip[0] = 0x45;
	net_put16(ip + 2, 20 + all);
	ip[8] = 64;
	ip[9] = 17;
	memset(ip + 16, 0xff, 4);
	net_put16(ip + 10, ~net_sum(ip, 20, 0));
	net_put16(udp, from);
	net_put16(udp + 2, port);
	net_put16(udp + 4, all);
	memcpy(udp + 8, data, bytes);
	pseudo = net_sum(ip + 12, 8, 17 + all);
	if (offload) {
		net_put16(udp + 6, pseudo);
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = 34;
		header.csum_offset = 6;
	} else {
		net_put16(udp + 6, ~net_sum(udp, all, pseudo));
	}
	memcpy(to, &header, HEADER);
	return (uint32_t)HEADER + 42 + bytes;
}

static uint32_t discover(uint8_t *to, bool offload)
{
	/* RFC 2131: BOOTREQUEST on Ethernet, then option 53, DISCOVER. */
	static const uint8_t options[] = {
		0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
	uint8_t dhcp[300] = { 1, 1, 6 };

	memcpy(dhcp + 28, mac, 6);
	memcpy(dhcp + 236, options, sizeof(options));
	return datagram(to, 68, 67, dhcp, sizeof(dhcp), offload);
}

static void expect_offer_of(struct card *c, uint8_t network, uint32_t buffers,
			    uint8_t flags)
{
	const uint8_t address[4] = { 10, 0, 2 + network, 15 };
	uint8_t frame[2048];
	struct virtio_net_hdr header;
	const uint8_t *ip = frame + HEADER + 14;

	assert_true(card_receive(c, frame, sizeof(frame)) > HEADER + 42 + 240);
	memcpy(&header, frame, sizeof(header));
	assert_int_equal(header.flags, flags);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_true(buffers ? header.num_buffers == buffers :
		    header.num_buffers > 1);
	assert_int_equal(net_sum(ip, 20, 0), 0xffff);
	assert_int_equal(ip[28], 2);
	assert_memory_equal(ip + 28 + 16, address, 4);
}

static void expect_offer(struct card *c, uint32_t buffers, uint8_t flags)
{
	expect_offer_of(c, 0, buffers, flags);
}

/* ---- tests --------------------------------------------------------------- */

static void dhcp(uint64_t features, uint32_t room, uint32_t buffers)
{
	bool offload = features & VIRTIO_NET_F_CSUM;
	struct card c;
	uint8_t frame[1024];
	uint32_t bytes = discover(frame, offload), i;

	open_card(&c, USUAL | features, room);
	/* More often than there are receive buffers. */
	for (i = 0; i < 3 * ROOMS; i++) {
		assert_int_equal(card_request(&c, NET_TX, frame, bytes, 0), 0);
		expect_offer(&c, buffers, features & VIRTIO_NET_F_GUEST_CSUM ?
			     VIRTIO_NET_HDR_F_DATA_VALID : 0);
	}
	fake_vm_free(&c.vm);
}

static void test_dhcp(void **state)
{
	static const uint64_t rings[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED,
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		dhcp(rings[i], 2048, 1);
		dhcp(rings[i] | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM,
		     2048, 1);
		dhcp(rings[i] | VIRTIO_NET_F_MRG_RXBUF, 128, 0);
	}
}

static void test_network(void **state)
{
	struct virtio_net_args args = { .mac = { 2, 0, 0, 1, 2, 3 },
				     .network = 1 };
	uint8_t frame[1024];
	uint32_t bytes = discover(frame, false);
	struct card c;

	(void)state;
	card_open(&c, &args, USUAL, 2048, ROOMS);
	card_request(&c, NET_TX, frame, bytes, 0);
	expect_offer_of(&c, 1, 1, 0);
	fake_vm_free(&c.vm);
}

static void test_config(void **state)
{
	struct card c;
	uint8_t *config;

	(void)state;
	open_card(&c, USUAL, 2048);
	config = fake_vm_slot(&c.vm, 0)->config;
	assert_memory_equal(config, mac, 6);
	assert_int_equal(config[6], 1);
	assert_int_equal(config[10] | config[11] << 8, NET_MTU);
	fake_vm_free(&c.vm);
}

static void test_control(void **state)
{
	static const uint8_t other[6] = { 2, 9, 8, 7, 6, 5 };
	struct card c;
	uint8_t *config;

	(void)state;
	open_card(&c, USUAL, 2048);
	config = fake_vm_slot(&c.vm, 0)->config;
	assert_int_equal(CARD_CONTROL(&c, 0, 0, 1), 0);
	assert_int_equal(CARD_CONTROL(&c, 0, 1, 0), 0);
	assert_int_equal(CARD_CONTROL(&c, 0, 0), 1);
	/* Of a feature that was not negotiated, and of none. */
	assert_int_equal(CARD_CONTROL(&c, 0, 2, 1), 1);
	assert_int_equal(CARD_CONTROL(&c, 4, 0, 1, 0), 1);
	assert_int_equal(CARD_CONTROL(&c, 1, 1, 2, 9, 8, 7, 6, 5), 0);
	assert_memory_equal(config, other, 6);
	assert_int_equal(CARD_CONTROL(&c, 1, 1, 3, 9, 8, 7, 6, 5), 1);
	assert_int_equal(CARD_CONTROL(&c, 1, 1, 2, 9, 8, 7, 6), 1);
	assert_memory_equal(config, other, 6);
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1,
				 0, 0, 0, 0), 0);
	/* More addresses than bytes, and none of the second table. */
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 255, 255, 255, 255, 0, 0, 0, 0),
			 1);
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 0, 0, 0, 0), 1);
	fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
	assert_memory_equal(config, mac, 6);
	fake_vm_free(&c.vm);
}

/* "Offloads State Configuration": off, on again, and never more than that. */
static void test_offloads(void **state)
{
	uint8_t frame[1024];
	uint32_t bytes = discover(frame, false);
	struct card c;

	(void)state;
	open_card(&c,
		  USUAL | VIRTIO_NET_F_GUEST_CSUM |
		  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 2048);
	assert_int_equal(CARD_CONTROL(&c, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
	card_request(&c, NET_TX, frame, bytes, 0);
	expect_offer(&c, 1, 0);
	assert_int_equal(CARD_CONTROL(&c, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0), 0);
	card_request(&c, NET_TX, frame, bytes, 0);
	expect_offer(&c, 1, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(CARD_CONTROL(&c, 5, 0, 0x82, 0, 0, 0, 0, 0, 0, 0), 1);
	assert_int_equal(CARD_CONTROL(&c, 5, 0, 2, 0, 0, 0), 1);
	assert_int_equal(CARD_CONTROL(&c, 5, 1, 2, 0, 0, 0, 0, 0, 0, 0), 1);
	fake_vm_free(&c.vm);

	open_card(&c, USUAL | VIRTIO_NET_F_GUEST_CSUM, 2048);
	assert_int_equal(CARD_CONTROL(&c, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0), 1);
	fake_vm_free(&c.vm);
}

/* ---- forwards ------------------------------------------------------------ */

/* A socket of the host's, bound to a free port of the loopback address. */
static int udp_socket(struct sockaddr_in *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(*name);

	*name = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_return_code(bind(fd, (struct sockaddr *)name, len), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)name, &len),
			   errno);
	return fd;
}

static const struct virtio_net_args forwarding = {
	.mac = { 2, 0, 0, 1, 2, 3 },
	.forwards = 1,
	.forward = { { .udp = true, .host_ip = { 127, 0, 0, 1 },
		       .guest_port = 7 } },
};

/* The network asks who 10.0.2.15 is before it sends to it (RFC 826). */
static void answer_arp(struct card *c)
{
	static const uint8_t address[4] = { 10, 0, 2, 15 };
	uint8_t frame[2048], *arp = frame + HEADER + 14;

	assert_int_equal(card_receive(c, frame, sizeof(frame)),
			 HEADER + 14 + 28);
	assert_memory_equal(frame + HEADER + 12, "\x08\x06", 2);
	assert_memory_equal(arp + 24, address, 4);
	memcpy(frame + HEADER, frame + HEADER + 6, 6);
	memcpy(frame + HEADER + 6, mac, 6);
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10);
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, address, 4);
	memset(frame, 0, HEADER);
	card_request(c, NET_TX, frame, HEADER + 14 + 28, 0);
}

static void test_forward(void **state)
{
	struct virtio_net_args args = forwarding;
	struct sockaddr_in taken, from;
	int fd = udp_socket(&taken), sender = udp_socket(&from);
	uint8_t frame[2048];
	struct card c;

	(void)state;
	/* Nobody else's any more, the device's instead. */
	close(fd);
	args.forward[0].host_port = ntohs(taken.sin_port);
	card_open(&c, &args, USUAL, 2048, ROOMS);
	assert_int_equal(sendto(sender, "hello", 5, 0,
				(struct sockaddr *)&taken, sizeof(taken)), 5);
	answer_arp(&c);
	assert_int_equal(card_receive(&c, frame, sizeof(frame)),
			 HEADER + 42 + 5);
	assert_int_equal(frame[HEADER + 14 + 22] << 8 | frame[HEADER + 14 + 23],
			 7);
	assert_memory_equal(frame + HEADER + 42, "hello", 5);
	assert_string_equal(fake_vm_word(&c.vm, 0, "backend"), "slirp");
	assert_true(fake_vm_counted(&c.vm, 0, "rx_frames", 2));
	assert_true(fake_vm_counted(&c.vm, 0, "rx_bytes", 42 + 42 + 5));
	assert_int_equal(fake_vm_counter(&c.vm, 0, "tx_frames"), 1);
	assert_int_equal(fake_vm_counter(&c.vm, 0, "tx_dropped"), 0);
	close(sender);
	fake_vm_free(&c.vm);
}

static void test_port_taken(void **state)
{
	struct virtio_net_args args = forwarding;
	struct problem problem = { "" };
	struct sockaddr_in taken;
	int fd = udp_socket(&taken);
	struct fake_vm vm;
	char text[80];

	(void)state;
	args.forward[0].host_port = ntohs(taken.sin_port);
	fake_vm_init(&vm);
	assert_int_equal(virtio_net_add(vm.devs, &args, &problem), -1);
	snprintf(text, sizeof(text), "slirp: udp port %u of 127.0.0.1: Address "
		 "already in use", ntohs(taken.sin_port));
	assert_string_equal(problem.text, text);
	assert_int_equal(fake_vm_slot(&vm, 0)->device_id, 0);
	close(fd);
	fake_vm_free(&vm);
}

/* A broken rule ends in NEEDS_RESET and one line. */
static void expect_broken(struct card *c, const char *line)
{
	assert_true(fake_vm_wait_broken(&c->vm, 0));
	assert_int_equal(c->vm.lines, 1);
	if (!strstr(c->vm.line, line))
		fail_msg("\"%s\" is not about \"%s\"", c->vm.line, line);
	fake_vm_command(&c->vm, 0, CVM_VIRTIO_RESET, 0);
	assert_int_equal(fake_vm_slot(&c->vm, 0)->status, 0);
	fake_vm_free(&c->vm);
}

static void hostile(uint64_t features, const struct virtio_net_hdr *header,
		    uint32_t bytes, const char *line)
{
	uint8_t frame[128] = { 0 };
	struct card c;

	open_card(&c, USUAL | features, 2048);
	memcpy(frame, header, sizeof(*header));
	card_offer(&c, NET_TX, frame, bytes, 0);
	expect_broken(&c, line);
}

/* Buffers that no header fits into are noticed by the first frame. */
static void test_hostile_room(void **state)
{
	uint8_t frame[1024];
	uint32_t bytes = discover(frame, false);
	struct card c;

	(void)state;
	open_card(&c, USUAL | VIRTIO_NET_F_MRG_RXBUF, HEADER - 1);
	card_offer(&c, NET_TX, frame, bytes, 0);
	expect_broken(&c, "queue 0: a buffer of 11 bytes");
}

/* A frame that is longer than the one buffer it may have is lost. */
static void test_short_room(void **state)
{
	uint8_t frame[1024];
	uint32_t bytes = discover(frame, false);
	struct card c;

	(void)state;
	open_card(&c, USUAL, 128);
	assert_int_equal(card_request(&c, NET_TX, frame, bytes, 0), 0);
	assert_true(fake_vm_counted(&c.vm, 0, "rx_dropped", 1));
	assert_int_equal(fake_vm_counter(&c.vm, 0, "rx_frames"), 0);
	assert_int_equal(fake_vm_counter(&c.vm, 0, "tx_frames"), 1);
	fake_vm_free(&c.vm);
}

static void test_hostile(void **state)
{
	struct virtio_net_hdr plain = { 0 };
	struct virtio_net_hdr csum = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 40, .csum_offset = 7 };
	struct virtio_net_hdr far = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 0xffff, .csum_offset = 0xffff };
	struct virtio_net_hdr tso = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 };

	(void)state;
	hostile(0, &plain, 25, "25 bytes");
	hostile(0, &csum, 100, "a checksum that was not negotiated");
	hostile(VIRTIO_NET_F_CSUM, &csum, 60, "a checksum outside the frame");
	hostile(VIRTIO_NET_F_CSUM, &far, 100, "a checksum outside the frame");
	hostile(VIRTIO_NET_F_CSUM, &tso, 100, "a segmentation that was not");
	tso.gso_size = 0;
	hostile(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4, &tso, 100,
		"without size or checksum");
	tso.gso_type = 3;
	hostile(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4, &tso, 100,
		"an unknown segmentation");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_port_taken),
		cmocka_unit_test(test_short_room),
		cmocka_unit_test(test_hostile_room),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
