// SPDX-License-Identifier: GPL-2.0-only
/* test_config.c - what a configuration file may say, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "net_config.h"

static struct config config;
static struct problem problem;

static int parse(const char *path, const char *text)
{
	config_free(&config);
	memset(&problem, 0, sizeof(problem));
	return config_parse(&config, path, text, strlen(text), &problem);
}

static void refused(const char *text, const char *message)
{
	assert_int_equal(parse("vm.conf", text), -1);
	assert_string_equal(problem.text, message);
}

static void test_keys(void **state)
{
	(void)state;
	assert_int_equal(parse("vm.conf", "kernel=vmlinux\nmem=64\n"
			       "initrd=\"a b.img\"\r\nname=web\n"), 0);
	assert_string_equal(config.kernel, "vmlinux");
	assert_string_equal(config.initrd, "a b.img");
	assert_string_equal(config.name, "web");
	assert_true(config.mem_bytes == 64ull << 20);
	assert_null(config.cmdline);
	assert_int_equal(parse("vm.conf", "mem=1G"), 0);
	assert_true(config.mem_bytes == 1ull << 30);
	assert_null(config.kernel);
}

static void test_numbered(void **state)
{
	(void)state;
	assert_int_equal(parse("/vm/c", "cobd1=b.img cobd0=/dev/sdb "
			       "cobd31=last"), 0);
	assert_string_equal(config.cobd[0], "/dev/sdb");
	assert_string_equal(config.cobd[1], "/vm/b.img");
	assert_null(config.cobd[2]);
	assert_string_equal(config.cobd[31], "/vm/last");
	refused("cobd32=x", "vm.conf:1: cobd32: the last one is cobd31");
	refused("cobd99999999999999999999=x", "vm.conf:1: "
		"cobd99999999999999999999: the last one is cobd31");
	refused("cobd0=x\ncobd0=y", "vm.conf:2: cobd0: given a second time");
	refused("cbd0=x", "vm.conf:1: cbd0: no such key; is cobd0 meant?");
	refused("mem0=1", "vm.conf:1: mem0: no such key; is mem meant?");
}

static void test_paths(void **state)
{
	(void)state;
	assert_int_equal(parse("/etc/vm/web.conf", "kernel=k initrd=/i"), 0);
	assert_string_equal(config.kernel, "/etc/vm/k");
	assert_string_equal(config.initrd, "/i");
}

static void test_cmdline(void **state)
{
	(void)state;
	assert_int_equal(parse("c", "# a comment\nroot=/dev/vda1 ro\n"
			       "mem=32 quiet # kernel=x\n"
			       "dyndbg=\"file a.c +p\"\n"), 0);
	assert_string_equal(config.cmdline,
			    "root=/dev/vda1 ro quiet dyndbg=\"file a.c +p\"");
	assert_null(config.kernel);
	/* Of one letter each, but two away, or no key=value at all. */
	assert_int_equal(parse("c", "init=/bin/sh memory=1 names=x mem"), -1);
	assert_int_equal(parse("c", "init=/bin/sh memmap=1 kern nam x#y"), 0);
	assert_string_equal(config.cmdline,
			    "init=/bin/sh memmap=1 kern nam x#y");
	assert_int_equal(parse("c", "\xef\xbb\xbf" "mem=8"), 0);
	assert_true(config.mem_bytes == 8ull << 20);
	assert_int_equal(parse("c", ""), 0);
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("\nkernal=x", "vm.conf:2: kernal: no such key; is kernel "
		"meant?");
	refused("Kernel=x", "vm.conf:1: Kernel: no such key; is kernel meant?");
	refused("kernle=x", "vm.conf:1: kernle: no such key; is kernel meant?");
	refused("ramdisk=1 intrd=x", "vm.conf:1: intrd: no such key; is "
		"initrd meant?");
	refused("initrrd=x", "vm.conf:1: initrrd: no such key; is initrd "
		"meant?");
	refused("mem=12q", "vm.conf:1: mem: not a size (a number of MiB, or "
		"one with K, M or G)");
	refused("mem=0", "vm.conf:1: mem: not a size (a number of MiB, or "
		"one with K, M or G)");
	refused("kernel=", "vm.conf:1: kernel: there is nothing behind the =");
	refused("kernel", "vm.conf:1: kernel: = and a value are missing");
	refused("mem=1\n\nmem=2", "vm.conf:3: mem: given a second time, first "
		"in line 1");
	refused("kernel=\"a b\nmem=3", "vm.conf:1: kernel=a b: the closing \" "
		"is missing");
}

static void test_binary(void **state)
{
	(void)state;
	assert_int_equal(config_parse(&config, "x", "\x7f" "ELF\0\0", 6,
				      &problem), -1);
	assert_non_null(strstr(problem.text, "no text file"));
}

static int clean(void **state)
{
	(void)state;
	config_free(&config);
	memset(&problem, 0, sizeof(problem));
	return 0;
}

static struct net_config net;

static void bad_net(const char *text, const char *message)
{
	memset(&problem, 0, sizeof(problem));
	assert_int_equal(net_config_read(&net, text, "vm", 1, "vm.conf",
					 &problem), -1);
	assert_string_equal(problem.text, message);
}

static void good_net(const char *text, const char *name, unsigned int index)
{
	assert_int_equal(net_config_read(&net, text, name, index, NULL,
					 &problem), 0);
}

static void test_mac(void **state)
{
	static const uint8_t given[6] = { 2, 0, 0xab, 0xCD, 1, 0xff };
	uint8_t first[6];

	(void)state;
	good_net("slirp,02:00:aB:cD:01:FF", "vm", 0);
	assert_memory_equal(net.args.mac, given, 6);
	good_net("tuntap,tap0,02-00-ab-cd-01-ff", "vm", 0);
	assert_memory_equal(net.args.mac, given, 6);
	assert_string_equal(net.args.tap, "tap0");
	good_net("slirp", "vm", 0);
	memcpy(first, net.args.mac, 6);
	assert_int_equal(first[0], 2);
	good_net("tap,x", "vm", 0);
	assert_memory_equal(net.args.mac, first, 6);
	good_net("slirp", "vm", 1);
	assert_memory_not_equal(net.args.mac, first, 6);
	good_net("slirp", "vn", 0);
	assert_memory_not_equal(net.args.mac, first, 6);
	bad_net("slirp,02:00:00:00:00", "vm.conf: eth1: \"02:00:00:00:00\": "
		"not a MAC address (02:00:00:12:34:56)");
	bad_net("slirp,03:00:00:00:00:01", "vm.conf: eth1: "
		"\"03:00:00:00:00:01\": a MAC address of a group, not of "
		"one card");
}

static void test_forwards(void **state)
{
	static const uint8_t local[4] = { 127, 0, 0, 1 }, any[4];

	(void)state;
	good_net("slirp,,tcp:2222:22/udp:53:54:3/tcp:0.0.0.0:80:8080", "v", 0);
	assert_int_equal(net.args.forwards, 5);
	assert_false(net.args.forward[0].udp);
	assert_memory_equal(net.args.forward[0].host_ip, local, 4);
	assert_int_equal(net.args.forward[0].host_port, 2222);
	assert_int_equal(net.args.forward[0].guest_port, 22);
	assert_true(net.args.forward[3].udp);
	assert_int_equal(net.args.forward[3].host_port, 55);
	assert_int_equal(net.args.forward[3].guest_port, 56);
	assert_memory_equal(net.args.forward[4].host_ip, any, 4);
	assert_int_equal(net.args.forward[4].guest_port, 8080);
	bad_net("slirp,,sctp:1:2", "vm.conf: eth1: \"sctp\": neither tcp nor "
		"udp");
	bad_net("slirp,,tcp:0:2", "vm.conf: eth1: \"tcp:0:2\": the host's "
		"port is no number of 1 .. 65535");
	bad_net("slirp,,tcp:1", "vm.conf: eth1: \"tcp:1\": the guest's port "
		"is no number of 1 .. 65535");
	bad_net("slirp,,tcp:1:2:3:4", "vm.conf: eth1: \"tcp:1:2:3:4\": not "
		"PROTOCOL:HOSTPORT:GUESTPORT:COUNT");
	bad_net("slirp,,tcp:65535:1:2", "vm.conf: eth1: "
		"\"tcp:65535:1:2\": ports end at 65535");
	bad_net("slirp,,tcp:1:1:33", "vm.conf: eth1: \"tcp:1:1:33\": more "
		"ports than a card can forward");
	bad_net("slirp,,tcp:1.2.3:1:2", "vm.conf: eth1: \"1.2.3\": not an "
		"IPv4 address");
	bad_net("slirp,,tcp:1:2,x", "vm.conf: eth1: \"x\": nothing can follow "
		"the ports");
	bad_net("tuntap", "vm.conf: eth1: \"\": tap needs the name of an "
		"interface");
	good_net("tuntap,tap0,,192.168.0.1", "v", 0);
	bad_net("tap,x,,y", "vm.conf: eth1: \"y\": not an IPv4 address");
	bad_net("tap,x,,1.2.3.4,", "vm.conf: eth1: \"\": nothing can follow "
		"the address");
	bad_net("pcap-bridge,LAN", "vm.conf: eth1: \"pcap-bridge\": coLinux's "
		"on Windows; here a tap interface in a bridge of the host "
		"does it (tap,NAME)");
	bad_net("pcap", "vm.conf: eth1: \"pcap\": not a kind of network "
		"(slirp, tap)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_keys, clean),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test_teardown(test_numbered, clean),
		cmocka_unit_test_teardown(test_paths, clean),
		cmocka_unit_test_teardown(test_cmdline, clean),
		cmocka_unit_test_teardown(test_mistakes, clean),
		cmocka_unit_test_teardown(test_binary, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
