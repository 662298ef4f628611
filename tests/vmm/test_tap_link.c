// SPDX-License-Identifier: GPL-2.0-only
/* test_tap_link.c - what rtnetlink says of an interface, from a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

#include "virtio/net/net_tap_link.h"

#define OURS	7
#define OTHER	8

struct message {
	struct nlmsghdr header;
	struct ifinfomsg info;
};

static int end[2];

static struct message message(uint16_t type, int index, unsigned int flags)
{
	return (struct message){
		.header = { .nlmsg_len = sizeof(struct message),
			    .nlmsg_type = type },
		.info = { .ifi_index = index, .ifi_flags = flags },
	};
}

static void say(const void *data, size_t bytes)
{
	assert_int_equal(send(end[1], data, bytes, 0), bytes);
}

static void say_one(uint16_t type, int index, unsigned int flags)
{
	struct message one = message(type, index, flags);

	say(&one, sizeof(one));
}

static void expect(enum tap_link link)
{
	assert_int_equal(tap_link_read(end[0], OURS), link);
	/* It was all read. */
	assert_int_equal(tap_link_read(end[0], OURS), TAP_LINK_SAME);
}

static void test_words(void **state)
{
	(void)state;
	expect(TAP_LINK_SAME);
	say_one(RTM_NEWLINK, OURS, IFF_UP);
	expect(TAP_LINK_UP);
	say_one(RTM_NEWLINK, OURS, 0);
	expect(TAP_LINK_DOWN);
	say_one(RTM_NEWLINK, OTHER, IFF_UP);
	say_one(RTM_NEWADDR, OURS, IFF_UP);
	expect(TAP_LINK_SAME);
	/* The last word counts, of one datagram or several. */
	say_one(RTM_NEWLINK, OURS, 0);
	say_one(RTM_NEWLINK, OURS, IFF_UP);
	say_one(RTM_DELLINK, OTHER, 0);
	expect(TAP_LINK_UP);
	say_one(RTM_DELLINK, OURS, 0);
	expect(TAP_LINK_GONE);
}

static void test_two_in_one(void **state)
{
	struct message both[2] = {
		message(RTM_NEWLINK, OURS, IFF_UP),
		message(RTM_NEWLINK, OURS, 0),
	};

	(void)state;
	say(both, sizeof(both));
	expect(TAP_LINK_DOWN);
}

/* A bridge says that a port was deleted, of its list of ports. */
static void test_bridge(void **state)
{
	struct message left = message(RTM_DELLINK, OURS, 0);

	(void)state;
	left.info.ifi_family = AF_BRIDGE;
	say(&left, sizeof(left));
	expect(TAP_LINK_SAME);
}

static void test_cut_off(void **state)
{
	struct message one = message(RTM_NEWLINK, OURS, IFF_UP);

	(void)state;
	say(&one, sizeof(one) - 1);
	expect(TAP_LINK_SAME);
	one.header.nlmsg_len = sizeof(one.header);
	say(&one, sizeof(one.header));
	expect(TAP_LINK_SAME);
	one.header.nlmsg_len = 0;
	say(&one, sizeof(one));
	expect(TAP_LINK_SAME);
}

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, end);
}

static int close_pair(void **state)
{
	(void)state;
	close(end[0]);
	close(end[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_two_in_one),
		cmocka_unit_test(test_bridge),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, open_pair, close_pair);
}
