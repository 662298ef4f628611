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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_keys, clean),
		cmocka_unit_test_teardown(test_numbered, clean),
		cmocka_unit_test_teardown(test_paths, clean),
		cmocka_unit_test_teardown(test_cmdline, clean),
		cmocka_unit_test_teardown(test_mistakes, clean),
		cmocka_unit_test_teardown(test_binary, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
