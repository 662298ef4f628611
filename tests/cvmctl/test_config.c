// SPDX-License-Identifier: GPL-2.0-only
/* test_config.c - what a configuration file may say, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cvmctl/config/config_impl.h"
#include "os/os.h"

static struct config config;
static struct config_sources sources;
static struct problem problem;

static void begin(void)
{
	config_free(&sources);
	memset(&config, 0, sizeof(config));
	memset(&problem, 0, sizeof(problem));
}

static int parse(const char *path, const char *text)
{
	begin();
	return config_text(&sources, path, text, strlen(text), &problem) ||
	       config_read(&config, &sources, &problem) ? -1 : 0;
}

/* The guest's command line, without the console it gets. */
static const char *cmdline(void)
{
	const char *console = "console=hvc0";
	size_t bytes = strlen(console);

	assert_memory_equal(config.cmdline, console, bytes);
	assert_true(config.cmdline[bytes] == ' ' || !config.cmdline[bytes]);
	return config.cmdline + bytes + (config.cmdline[bytes] == ' ');
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
			       "initrd=\"a b.img\"\r\nname=web\nuser=me"), 0);
	assert_string_equal(config.kernel, "vmlinux");
	assert_string_equal(config.initrd, "a b.img");
	assert_string_equal(config.name, "web");
	assert_string_equal(config.user, "me");
	assert_true(config.mem_bytes == 64ull << 20);
	assert_string_equal(cmdline(), "");
	assert_int_equal(parse("vm.conf", "mem=1G"), 0);
	assert_true(config.mem_bytes == 1ull << 30);
	assert_null(config.kernel);
}

static void test_disks(void **state)
{
	(void)state;
	assert_int_equal(parse("/vm/c", "cobd1=\"b, c.img\" cobd0=/dev/sdb "
			       "cobd31=last"), 0);
	assert_string_equal(config.disk[0].path, "/dev/sdb");
	assert_string_equal(config.disk[1].path, "/vm/b, c.img");
	assert_null(config.disk[2].path);
	assert_string_equal(config.disk[31].path, "/vm/last");
	refused("cobd32=x", "vm.conf:1: cobd32: no such number; the last is "
		"cobd31");
	refused("cobd99999999999999999999=x", "vm.conf:1: "
		"cobd99999999999999999999: no such number; the last is cobd31");
	refused("cobd0=x\ncobd0=y", "vm.conf:2: cobd0: given a second time, "
		"first in line 1");
	refused("cobd0=x\ncobd00=y", "vm.conf:2: cobd00: given a second time, "
		"first in line 1");
	refused("cbd0=x", "vm.conf:1: cbd0: unknown key; did you mean cobd0?");
	refused("mem0=1", "vm.conf:1: mem0: unknown key; did you mean mem?");
	refused("cobd=x", "vm.conf:1: cobd: unknown key; did you mean cobd0?");
	if (!os_path_foreign("c:\\x"))
		return;
	refused("\ncobd0=c:\\coLinux\\root", "vm.conf:2: cobd0: "
		"c:\\coLinux\\root: a Windows path; give one of this host");
	refused("cobd0=\\Device\\Harddisk0\\Partition1", "vm.conf:1: cobd0: "
		"\\Device\\Harddisk0\\Partition1: a Windows path; give one of "
		"this host");
}

static void test_disk_options(void **state)
{
	(void)state;
	assert_int_equal(parse("c", "setcobd1=readonly,queues=4,serial=A-1,"
			       "format=raw "
			       "cobd0=x cobd1=y setcobd=sync "
			       "setcobd0=async,cached"), 0);
	assert_int_equal(config.disk[0].engine, VIRTIO_BLK_ENGINE_ANY);
	assert_true(config.disk[0].cached && !config.disk[0].readonly);
	assert_int_equal(config.disk[1].engine, VIRTIO_BLK_ENGINE_THREADS);
	assert_true(config.disk[1].readonly && !config.disk[1].cached);
	assert_true(config.disk[1].raw && !config.disk[0].raw);
	assert_int_equal(config.disk[1].queues, 4);
	assert_string_equal(config.disk[1].serial, "A-1");
	refused("setcobd=fast", "vm.conf:1: setcobd: fast: unknown option "
		"(sync, async, readonly, cached, format=raw, queues=N, "
		"serial=TEXT)");
	refused("cobd0=x setcobd=sync,cached,async", "vm.conf:1: setcobd: "
		"async: it repeats or contradicts an option before it");
	refused("cobd0=x setcobd0=queues=1,serial=a,queues=2", "vm.conf:1: "
		"setcobd0: queues=2: it repeats or contradicts an option "
		"before it");
	assert_int_equal(parse("c", "setcobd=sync"), 0);
	assert_string_equal(sources.notes, "c:1: setcobd: ignored: no disk is "
			    "defined");
	refused("cobd0=x setcobd0=format=qcow2", "vm.conf:1: setcobd0: qcow2: "
		"a guest's disk is raw; cvmctl image info tells how to make "
		"one of another");
	refused("cobd0=x setcobd1=sync", "vm.conf:1: setcobd1: no disk cobd1 "
		"is defined");
	refused("cobd0=x setcobd0=queues=17", "vm.conf:1: setcobd0: 17: not a "
		"number of queues (1 .. 16)");
	refused("cobd0=x setcobd0=serial=123456789012345678901", "vm.conf:1: "
		"setcobd0: 123456789012345678901: a serial number has 1 to 20 "
		"characters");
}

static void test_aliases(void **state)
{
	(void)state;
	assert_int_equal(parse("c", "hdb=two hda1=:cobd2 cobd2=a cobd0=b "
			       "sda3=three root=/dev/hda1"), 0);
	assert_string_equal(config.disk[2].alias, "hda1");
	assert_string_equal(config.disk[1].path, "two");
	assert_string_equal(config.disk[1].alias, "hdb");
	assert_string_equal(config.disk[3].path, "three");
	assert_string_equal(cmdline(), "root=/dev/vdc");
	refused("hda1=:cobd1", "vm.conf:1: hda1: no disk cobd1 is defined");
	refused("hda1=:cobd32", "vm.conf:1: hda1: :cobd32: no such disk "
		"(:cobd0 .. :cobd31)");
	refused("cobd0=x hda1=:cobd0\nhda2=:cobd0", "vm.conf:2: hda2: cobd0 is "
		"called hda1 already");
	refused("hda1=x hda1=y", "vm.conf:1: hda1: given a second time, first "
		"in line 1");
}

static void test_scsi(void **state)
{
	(void)state;
	assert_int_equal(parse("/d/c", "scsi1=disk,\"a,b\",64 scsi0=cdrom,c "
			       "cobd5=r root=/dev/sda2"), 0);
	assert_string_equal(config.disk[33].path, "/d/a,b");
	assert_true(config.disk[33].grow_bytes == 64ull << 20);
	assert_true(config.disk[32].readonly);
	assert_string_equal(cmdline(), "root=/dev/vdc2");
	assert_int_equal(parse("c", "scsi3=cdrom,c root=/dev/sr0"), 0);
	assert_string_equal(cmdline(), "root=/dev/vda");
	refused("scsi0=tape,x", "vm.conf:1: scsi0: tape: not supported; use "
		"disk or cdrom");
	refused("scsi0=disk", "vm.conf:1: scsi0: no path given (disk,PATH)");
	refused("scsi0=disk,x,lots", "vm.conf:1: scsi0: lots: not a size (a "
		"number of MiB)");
	refused("scsi0=disk,x,1,2", "vm.conf:1: scsi0: unexpected text after "
		"the size");
}

/* What coLinux's kernel called its disks. */
static void test_root(void **state)
{
	static const char *const words[][2] = {
		{ "root=/dev/cobd0", "root=/dev/vda" },
		{ "root=/dev/cobd/2", "root=/dev/vdb" },
		{ "resume=/dev/cobd2", "resume=/dev/vdb" },
		{ "root=/dev/hda1", "root=/dev/vdb1" },
		{ "root=/dev/hda", "root=/dev/vdb" },
		{ "root=/dev/sdq1", "root=/dev/sdq1" },
		{ "root=/dev/vda1", "root=/dev/vda1" },
		{ "root=UUID=1", "root=UUID=1" },
		{ "init=/dev/cobd0", "init=/dev/cobd0" },
	};
	char text[100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(text, sizeof(text), "%s cobd0=a cobd2=b "
			 "hda=:cobd2", words[i][0]);
		assert_int_equal(parse("c", text), 0);
		assert_string_equal(cmdline(), words[i][1]);
	}
	refused("cobd0=x root=/dev/cobd1", "vm.conf:1: root=/dev/cobd1: no "
		"such disk is defined");
	refused("cobd0=x root=/dev/hda1", "vm.conf:1: root=/dev/hda1: no disk "
		"has this name; add hda1=PATH or hda1=:cobd0");
	/* The letters of the 27th disk. */
	assert_int_equal(parse("c", "cobd0=x cobd1=x cobd2=x cobd3=x cobd4=x "
			       "cobd5=x cobd6=x cobd7=x cobd8=x cobd9=x "
			       "cobd10=x cobd11=x cobd12=x cobd13=x cobd14=x "
			       "cobd15=x cobd16=x cobd17=x cobd18=x cobd19=x "
			       "cobd20=x cobd21=x cobd22=x cobd23=x cobd24=x "
			       "cobd25=x cobd26=x root=/dev/cobd26"), 0);
	assert_string_equal(cmdline(), "root=/dev/vdaa");
}

static void test_exec(void **state)
{
	(void)state;
	assert_int_equal(parse("/c/x", "exec0=./p,\":0 -a \"\"b c\"\"\" "
			       "exec7=xterm"), 0);
	assert_string_equal(config.exec[0].program, "/c/./p");
	assert_string_equal(config.exec[0].args, ":0 -a \"b c\"");
	assert_string_equal(config.exec[7].program, "xterm");
	assert_null(config.exec[7].args);
	refused("exec0=a,b,c", "vm.conf:1: exec0: unexpected text after the "
		"arguments; put quotes around them");
	refused("exec0=,b", "vm.conf:1: exec0: no program given");
	refused("exec8=x", "vm.conf:1: exec8: no such number; the last is "
		"exec7");
}

/* What coLinux had and a guest has not. */
static void test_colinux(void **state)
{
	(void)state;
	assert_int_equal(parse("c", "cocon=80x25x500 cursor=50 "
			       "color=gray,black"), 0);
	assert_null(sources.notes);
	assert_string_equal(cmdline(), "");
	assert_int_equal(parse("c", "pci0=0,scsi,0\nvideo0=4 pci=noacpi "
			       "video=off"), 0);
	assert_string_equal(sources.notes, "c:1: pci0: ignored: a guest has no "
			    "pci device\nc:2: video0: ignored: a guest has no "
			    "video device");
	assert_string_equal(cmdline(), "pci=noacpi video=off");
	assert_int_equal(parse("c", "eth1=tuntap,tap0,,10.0.0.1"), 0);
	assert_string_equal(sources.notes, "c:1: eth1: ignored: the host's "
			    "address is set with ip(8)");
	refused("cocon=1x2", "vm.conf:1: cocon: 1x2: not the size of a console "
		"(80x25 or 80x25x500)");
	refused("cursor=101", "vm.conf:1: cursor: 101: not the height of a "
		"cursor (0 .. 100)");
	refused("color=gray,pink", "vm.conf:1: color: pink: not a colour");
	refused("color=gray", "vm.conf:1: color: not two colours (as in "
		"gray,black)");
	assert_int_equal(parse("c", "cofs0=/home"), -1);
	assert_non_null(strstr(problem.text, "c:1: cofs0: a directory of the "
			       "host cannot"));
}

/* Later files win over earlier ones, the command line over all. */
static void test_sources(void **state)
{
	static const char *const words[] = { "mem=3", "single", "name=c" };
	static const char *const twice[] = { "mem=3", "mem=4" };

	(void)state;
	begin();
	assert_int_equal(config_text(&sources, "a/x", "mem=1 cobd0=p name=a "
				     "quiet", 26, &problem), 0);
	assert_int_equal(config_text(&sources, "b/y", "mem=2 name=b cobd0=q",
				     20, &problem), 0);
	assert_int_equal(config_words(&sources, words, 3, &problem), 0);
	assert_int_equal(config_read(&config, &sources, &problem), 0);
	/* In whole large pages. */
	assert_true(config.mem_bytes == 4 << 20);
	assert_string_equal(config.disk[0].path, "b/q");
	assert_string_equal(config.name, "c");
	assert_string_equal(cmdline(), "quiet single");
	begin();
	assert_int_equal(config_words(&sources, twice, 2, &problem), -1);
	assert_string_equal(problem.text, "command line: mem: given a second "
			    "time");
	assert_false(sources.usage);
}

static int options(const char *key, const char *text)
{
	const struct config_given given[] = { { "initrd", NULL },
					      { key, text }, { NULL, NULL } };
	const char *const words[] = { "single", "mem=3", "min-address=4G" };
	const char *text_of_file = "mem=1 quiet initrd=\"i j\" grace=5";

	begin();
	return config_text(&sources, "a/x", text_of_file,
			   strlen(text_of_file), &problem) ||
	       config_words(&sources, words, 3, &problem) ||
	       config_options(&sources, given, &problem) ||
	       config_read(&config, &sources, &problem) ? -1 : 0;
}

static void bad_option(const char *key, const char *text, const char *message)
{
	assert_int_equal(options(key, text), -1);
	assert_string_equal(problem.text, message);
	assert_true(sources.usage);
}

/* Options win over both, and are taken as the shell has them. */
static void test_options(void **state)
{
	(void)state;
	assert_int_equal(options("kernel", "\"k, l\""), 0);
	assert_string_equal(config.kernel, "\"k, l\"");
	assert_string_equal(config.initrd, "a/i j");
	assert_true(config.mem_bytes == 4 << 20 && config.min_hpa == 0);
	assert_int_equal(config.grace, 5);
	/* What is an option alone is a word of the guest's. */
	assert_string_equal(cmdline(), "quiet single min-address=4G");
	assert_int_equal(options("mem", "1G"), 0);
	assert_true(config.mem_bytes == 1 << 30);
	assert_int_equal(options("min-address", "4G"), 0);
	assert_true(config.min_hpa == 4ull << 30);
	assert_int_equal(options("cmdline", "a=\"b c\""), 0);
	assert_string_equal(config.cmdline, "a=\"b c\" single "
			    "min-address=4G");
	assert_int_equal(options("cmdline", ""), 0);
	assert_string_equal(config.cmdline, "single min-address=4G");
	bad_option("mem", "3x", "--mem 3x: not a size (a number of MiB, or "
		   "one with K, M or G)");
	bad_option("mem", "0", "--mem 0: memory size too small");
	bad_option("mem", "9000000000G", "--mem 9000000000G: memory size too "
		   "large");
	bad_option("min-address", "9000000000G", "--min-address 9000000000G: "
		   "address too high");
	bad_option("name", "a/b", "--name a/b: not a name (at most 31 "
		   "letters, digits, '.', '_' and '-', and neither '.' nor '-' "
		   "first)");
	bad_option("kernel", "", "--kernel: empty value");
}

/* What nobody says. */
static void test_presets(void **state)
{
	(void)state;
	assert_int_equal(parse("c", ""), 0);
	assert_true(config.mem_bytes == 256 << 20);
	assert_int_equal(config.grace, 60);
	assert_int_equal(config.vcpus, 1);
	assert_null(config.kernel);
	assert_null(config.name);
	assert_string_equal(config.cmdline, "console=hvc0");
	assert_int_equal(parse("c", "ro console=ttyS0"), 0);
	assert_string_equal(config.cmdline, "ro console=ttyS0");
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
	assert_string_equal(cmdline(),
			    "root=/dev/vda1 ro quiet dyndbg=\"file a.c +p\"");
	assert_null(config.kernel);
	/* Of one letter each, but two away, or no key=value at all. */
	assert_int_equal(parse("c", "init=/bin/sh memory=1 names=x mem"), -1);
	assert_int_equal(parse("c", "init=/bin/sh memmap=1 kern md=0 x#y"), 0);
	assert_string_equal(cmdline(),
			    "init=/bin/sh memmap=1 kern md=0 x");
	assert_int_equal(parse("c", "x=\"a#b\"#c\nmem=8"), 0);
	assert_string_equal(cmdline(), "x=\"a#b\"");
	assert_int_equal(parse("c", "\xef\xbb\xbf" "mem=8"), 0);
	assert_true(config.mem_bytes == 8ull << 20);
	assert_int_equal(parse("c", ""), 0);
}

static void test_mistakes(void **state)
{
	(void)state;
	refused("\nkernal=x", "vm.conf:2: kernal: unknown key; did you mean "
		"kernel?");
	refused("Kernel=x", "vm.conf:1: Kernel: unknown key; did you mean "
		"kernel?");
	refused("kernle=x", "vm.conf:1: kernle: unknown key; did you mean "
		"kernel?");
	refused("ramdisk=1 intrd=x", "vm.conf:1: intrd: unknown key; did you "
		"mean initrd?");
	refused("initrrd=x", "vm.conf:1: initrrd: unknown key; did you mean "
		"initrd?");
	refused("mem=12q", "vm.conf:1: mem: not a size (a number of MiB, or "
		"one with K, M or G)");
	refused("mem=0", "vm.conf:1: mem: memory size too small");
	refused("kernel=", "vm.conf:1: kernel: empty value");
	refused("kernel", "vm.conf:1: kernel: no value given; write "
		"kernel=VALUE");
	refused("mem=1\n\nmem=2", "vm.conf:3: mem: given a second time, first "
		"in line 1");
	refused("kernel=\"a b\nmem=3", "vm.conf:1: kernel=\"a b: the closing "
		"\" is missing");
}

static void test_binary(void **state)
{
	(void)state;
	begin();
	assert_int_equal(config_text(&sources, "x", "\x7f" "ELF\0\0", 6,
				     &problem), -1);
	assert_non_null(strstr(problem.text, "not a text file"));
}

static int clean(void **state)
{
	(void)state;
	begin();
	return 0;
}

static const struct config_nic *nic = config.nic;

static void bad_net(const char *text, const char *message)
{
	char key[200], whole[300];

	snprintf(key, sizeof(key), "\neth1=%s", text);
	snprintf(whole, sizeof(whole), "vm.conf:2: eth1: %s", message);
	refused(key, whole);
}

static void good_net(const char *text)
{
	char key[200];

	snprintf(key, sizeof(key), "eth0=%s", text);
	assert_int_equal(parse("vm.conf", key), 0);
	assert_string_equal(nic->name, "eth0");
}

static void test_mac(void **state)
{
	static const uint8_t given[6] = { 2, 0, 0xab, 0xCD, 1, 0xff };
	uint8_t first[6], other[6];

	(void)state;
	good_net("slirp,02:00:aB:cD:01:FF");
	assert_memory_equal(nic->args.mac, given, 6);
	good_net("tuntap,tap0,02-00-ab-cd-01-ff");
	assert_memory_equal(nic->args.mac, given, 6);
	assert_true(nic->mac_given);
	assert_string_equal(nic->args.tap, "tap0");
	assert_false(needs_network(&config));
	good_net("slirp");
	assert_false(nic->mac_given);
	assert_true(needs_network(&config));
	bad_net("slirp,02:00:00:00:00", "\"02:00:00:00:00\": not a MAC address "
		"(02:00:00:12:34:56)");
	bad_net("slirp,03:00:00:00:00:01", "\"03:00:00:00:00:01\": a multicast "
		"address; a card needs one of its own");
	nic_mac(first, "vm", 0);
	assert_int_equal(first[0], 2);
	nic_mac(other, "vm", 0);
	assert_memory_equal(other, first, 6);
	nic_mac(other, "vm", 1);
	assert_memory_not_equal(other, first, 6);
	nic_mac(other, "vn", 0);
	assert_memory_not_equal(other, first, 6);
}

static void test_forwards(void **state)
{
	static const uint8_t local[4] = { 127, 0, 0, 1 }, any[4];

	(void)state;
	good_net("slirp,,tcp:2222:22/udp:53:54:3/tcp:0.0.0.0:80:8080");
	assert_int_equal(nic->args.forwards, 5);
	assert_false(nic->args.forward[0].udp);
	assert_memory_equal(nic->args.forward[0].host_ip, local, 4);
	assert_int_equal(nic->args.forward[0].host_port, 2222);
	assert_int_equal(nic->args.forward[0].guest_port, 22);
	assert_true(nic->args.forward[3].udp);
	assert_int_equal(nic->args.forward[3].host_port, 55);
	assert_int_equal(nic->args.forward[3].guest_port, 56);
	assert_memory_equal(nic->args.forward[4].host_ip, any, 4);
	assert_int_equal(nic->args.forward[4].guest_port, 8080);
	bad_net("slirp,,sctp:1:2", "\"sctp\": neither tcp nor udp");
	bad_net("slirp,,tcp:0:2", "\"tcp:0:2\": the host's port must be 1 .. "
		"65535");
	bad_net("slirp,,tcp:1", "\"tcp:1\": the guest's port must be 1 .. "
		"65535");
	bad_net("slirp,,tcp:1:2:3:4", "\"tcp:1:2:3:4\": not a forward "
		"(tcp|udp[:ADDRESS]:HOSTPORT:GUESTPORT[:COUNT])");
	bad_net("slirp,,tcp:65535:1:2", "\"tcp:65535:1:2\": the last port is "
		"above 65535");
	bad_net("slirp,,tcp:1:1:33", "\"tcp:1:1:33\": more ports than a card "
		"can forward");
	bad_net("slirp,,tcp:1.2.3:1:2", "\"1.2.3\": not an IPv4 address");
	bad_net("slirp,,tcp:1:2,x", "\"x\": unexpected text after the ports");
	bad_net("tuntap", "\"\": tap needs the name of an interface");
	good_net("tuntap,tap0,,192.168.0.1");
	bad_net("tap,x,,y", "\"y\": not an IPv4 address");
	bad_net("tap,x,,1.2.3.4,", "\"\": unexpected text after the address");
	bad_net("pcap-bridge,LAN", "\"pcap-bridge\": not supported; use "
		"tap,NAME and put the interface into a bridge of the host");
	bad_net("pcap", "\"pcap\": unknown kind of network; use slirp or tap");
}

static void tty_is(const char *text, enum virtio_port_kind kind,
		   const char *path, const char *mode)
{
	const struct config_tty *tty = &config.tty[3];

	assert_int_equal(parse("/vm/c", text), 0);
	assert_string_equal(tty->name, "ttys3");
	assert_int_equal(tty->kind, kind);
	assert_string_equal(tty->path ? tty->path : "none", path);
	assert_string_equal(tty->mode ? tty->mode : "none", mode);
}

static void test_ttys(void **state)
{
	(void)state;
	tty_is("ttys3=console", VIRTIO_PORT_CALLS, "none", "none");
	tty_is("ttys3=pty", VIRTIO_PORT_PTY, "none", "none");
	tty_is("ttys3=socket:a.sock", VIRTIO_PORT_SOCKET, "/vm/a.sock", "none");
	tty_is("ttys3=file:/tmp/x", VIRTIO_PORT_FILE, "/tmp/x", "none");
	tty_is("ttys3=/dev/ttyS1", VIRTIO_PORT_SERIAL, "/dev/ttyS1", "none");
	/* coLinux's own example, but for the name of the device */
	tty_is("ttys3=/dev/ttyS0,\"BAUD=115200 PARITY=n DATA=8 STOP=1 dtr=on "
	       "rts=on\"", VIRTIO_PORT_SERIAL, "/dev/ttyS0",
	       "BAUD=115200 PARITY=n DATA=8 STOP=1 dtr=on rts=on");
	refused("ttys0=file:", "vm.conf:1: ttys0: no path given");
	refused("ttys0=,BAUD=9600", "vm.conf:1: ttys0: no path given");
	refused("ttys0=socket:x,BAUD=9600", "vm.conf:1: ttys0: only a serial "
		"line of the host has a mode");
	refused("ttys0=file:x,BAUD=9600", "vm.conf:1: ttys0: only a serial "
		"line of the host has a mode");
	refused("ttys0=pty,BAUD=9600", "vm.conf:1: ttys0: only a serial line "
		"of the host has a mode");
	refused("ttys0=COM1,\"BAUD=9600\"", "vm.conf:1: ttys0: COM1 is a name "
		"of Windows; did you mean /dev/ttyS0?");
	refused("ttys0=a,b,c", "vm.conf:1: ttys0: unexpected text after the "
		"mode");
	refused("ttys32=pty", "vm.conf:1: ttys32: no such number; the last is "
		"ttys31");
	refused("ttys0=pty ttys1=pty ttys2=pty ttys3=pty ttys4=pty ttys5=pty "
		"ttys6=pty\nttys7=pty", "vm.conf:2: ttys7: too many (a guest "
		"has at most 7)");
}

/* ---- docs/configuration.md, as the first argument ---- */

static char page[1 << 16];
static const char *page_path;

static int read_page(void **state)
{
	FILE *f = fopen(page_path, "r");
	size_t bytes;

	(void)state;
	assert_non_null(f);
	bytes = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[bytes] = '\0';
	return bytes && bytes < sizeof(page) - 1 ? 0 : -1;
}

/* "`mem`", "`cobd0` .. `cobd31`", "`hda` .. `hdh`" */
static void documented_name(const struct config_key *key, char *to, size_t size)
{
	const char *name = key->name;

	switch (key->suffix) {
	case SUFFIX_NONE:
		snprintf(to, size, "`%s`", name);
		break;
	case SUFFIX_NUMBER:
		snprintf(to, size, "`%s0` .. `%s%u`", name, name,
			 key->count - 1);
		break;
	case SUFFIX_DRIVE:
		snprintf(to, size, "`%sa` .. `%s%c`", name, name,
			 'a' + (int)key->count - 1);
		break;
	}
}

/* Each key is in the table, and what it is if nobody says it, in --help too. */
static void test_documented(void **state)
{
	const struct config_key *key;
	char name[64], option[64], preset[64], row[4096];
	const char *at;
	size_t i;

	(void)state;
	for (i = 0; (key = config_key_at(i)) != NULL; i++) {
		snprintf(option, sizeof(option), "`--%s`", key->name);
		if (key->place != PLACE_WORDS && !strstr(page, option))
			fail_msg("no word of %s", option);
		if (key->place == PLACE_OPTION)
			continue;
		documented_name(key, name, sizeof(name));
		at = strstr(strstr(page, "## Keys"), name);
		if (!at)
			fail_msg("no word of %s", name);
		snprintf(row, sizeof(row), "%.*s", (int)strcspn(at, "\n"), at);
		snprintf(preset, sizeof(preset), "; %s |",
			 key->preset ? key->preset : "");
		if (key->preset && !strstr(row, preset))
			fail_msg("%s: not %s", row, preset);
		if (key->preset && !strstr(key->help, key->preset))
			fail_msg("%s: not %s", key->help, key->preset);
	}
}

/* Each `word` of the table's first column is a key, or a key and a value. */
static void test_no_others(void **state)
{
	char *line, *next, *word, *end;
	const struct config_key *key;
	unsigned long number;
	unsigned int words = 0;

	(void)state;
	line = strstr(page, "## Keys");
	for (; strncmp(line, "### ", 4); line = next) {
		next = strchr(line, '\n') + 1;
		end = strncmp(line, "| `", 3) ? line : strchr(line + 1, '|');
		for (word = line; (word = memchr(word, '`', (size_t)
						 (end - word))); words++) {
			word++;
			if (config_key_find(word, strcspn(word, "=`"), &key,
					    &number) != MATCH_KEY)
				fail_msg("no key: %.20s", word);
			word = strchr(word, '`') + 1;
		}
	}
	assert_true(words > 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_keys, clean),
		cmocka_unit_test_teardown(test_mac, clean),
		cmocka_unit_test(test_ttys),
		cmocka_unit_test_teardown(test_forwards, clean),
		cmocka_unit_test_teardown(test_disks, clean),
		cmocka_unit_test_teardown(test_disk_options, clean),
		cmocka_unit_test_teardown(test_aliases, clean),
		cmocka_unit_test_teardown(test_scsi, clean),
		cmocka_unit_test_teardown(test_root, clean),
		cmocka_unit_test_teardown(test_exec, clean),
		cmocka_unit_test_teardown(test_colinux, clean),
		cmocka_unit_test_teardown(test_sources, clean),
		cmocka_unit_test_teardown(test_options, clean),
		cmocka_unit_test_teardown(test_presets, clean),
		cmocka_unit_test_teardown(test_paths, clean),
		cmocka_unit_test_teardown(test_cmdline, clean),
		cmocka_unit_test_teardown(test_mistakes, clean),
		cmocka_unit_test_teardown(test_binary, clean),
	};

	const struct CMUnitTest documented[] = {
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_no_others),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (argc < 2)
		return failed;
	page_path = argv[1];
	return failed + cmocka_run_group_tests(documented, read_page, NULL);
}
