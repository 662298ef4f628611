// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_resolv.c - what the supervisor says of resolv.conf, in a tree of the
 * test's own: links, directories that come and go, files that are replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/resolv_linux.h"

#define WAIT_MS		60000

static char conf[PATH_MAX];	/* etc/resolv.conf */
static int reader[2];

/* ---- the tree ------------------------------------------------------------ */

static void make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void link_to(const char *name, const char *target)
{
	assert_return_code(symlink(target, "new"), errno);
	assert_return_code(rename("new", name), errno);
}

static int begin(void **state)
{
	char *dir = malloc(PATH_MAX);

	assert_non_null(dir);
	snprintf(dir, PATH_MAX, "/tmp/test-resolv-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_return_code(chdir(dir), errno);
	snprintf(conf, sizeof(conf), "%s/etc/resolv.conf", dir);
	assert_return_code(mkdir("etc", 0755), errno);
	assert_return_code(mkdir("run", 0755), errno);
	*state = dir;
	return 0;
}

static int end(void **state)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return chdir("/") || system(command);
}

/*
 * ---- the supervisor
 * ----------------------------------------------------------
 */

/* Until there is something to do, and that. */
static bool turn(int ms)
{
	struct pollfd polls[RESOLV_POLLS];
	int ready = poll(polls, resolv_polls(polls), ms);

	if (ready > 0)
		resolv_handle(polls);
	return ready > 0;
}

static void expect(int fd, const char *text)
{
	char data[9000];
	ssize_t got;

	while ((got = recv(fd, data, sizeof(data), MSG_DONTWAIT)) < 0)
		if (!turn(WAIT_MS))
			fail_msg("not a word of \"%s\"", text);
	data[got] = '\0';
	assert_string_equal(data, text);
}

/* Nothing is said, and nobody looks for ever. */
static void expect_quiet(void)
{
	char data[16];
	int i;

	for (i = 0; i < 20 && turn(0); i++)
		;
	assert_true(i < 20);
	assert_int_equal(recv(reader[0], data, sizeof(data), MSG_DONTWAIT),
			 -1);
}

static int add_reader(void)
{
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, reader),
			   errno);
	resolv_add(reader[1], conf);
	return reader[0];
}

/* ---- tests --------------------------------------------------------------- */

/* In one process, one after the other: each begins where the last ended. */
static void follow_file(int fd)
{
	expect(fd, "\n");
	make("etc/resolv.conf", "one\n");
	expect(fd, "one\n");
	make("etc/other", "x");
	expect_quiet();
	make("etc/new", "two\n");
	rename("etc/new", "etc/resolv.conf");
	expect(fd, "two\n");
	/* The same once more is no news. */
	make("etc/new", "two\n");
	rename("etc/new", "etc/resolv.conf");
	expect_quiet();
	unlink("etc/resolv.conf");
	expect(fd, "\n");
}

static void follow_links(int fd)
{
	/* To where there is nothing yet. */
	link_to("etc/resolv.conf", "../run/vpn/resolv.conf");
	expect_quiet();
	assert_return_code(mkdir("run/new", 0755), errno);
	make("run/new/resolv.conf", "vpn\n");
	rename("run/new", "run/vpn");
	expect(fd, "vpn\n");
	/* A directory on the way is another one. */
	assert_return_code(mkdir("run/new", 0755), errno);
	make("run/new/resolv.conf", "other\n");
	rename("run/vpn", "run/old");
	expect(fd, "\n");
	rename("run/new", "run/vpn");
	expect(fd, "other\n");
	/* What is not on the way any more is none of our business. */
	make("run/old/resolv.conf", "old\n");
	expect_quiet();
	/* A link to a link, to the root. */
	link_to("run/vpn/resolv.conf", "../third");
	expect(fd, "\n");
	make("there", "third\n");
	link_to("run/third", conf[0] == '/' ? "./../there" : "");
	expect(fd, "third\n");
	/* In circles. */
	link_to("run/third", "third");
	expect(fd, "\n");
	link_to("run/third", "../there");
	expect(fd, "third\n");
}

static void test_follow(void **state)
{
	int fd = add_reader(), other;

	(void)state;
	follow_file(fd);
	follow_links(fd);
	/* Written in place, by who keeps it open. */
	other = open("there", O_WRONLY);
	assert_int_equal(write(other, "T", 1), 1);
	expect(fd, "Third\n");
	close(other);
	/* No file to wait for. */
	unlink("run/third");
	expect(fd, "\n");
	assert_return_code(mkfifo("run/third", 0644), errno);
	expect_quiet();
	link_to("run/third", "../there");
	expect(fd, "Third\n");
}

/* Who does not read gets the last word, and holds up nobody. */
static void test_slow(void **state)
{
	char text[64], data[9000], last[9000] = "";
	int slow = reader[0], fd = add_reader(), i;
	ssize_t got;

	(void)state;
	expect(fd, "Third\n");
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "text %d\n", i);
		make("new", text);
		rename("new", "there");
		expect(fd, text);
	}
	do {
		while ((got = recv(slow, data, sizeof(data),
				   MSG_DONTWAIT)) > 0) {
			data[got] = '\0';
			strcpy(last, data);
		}
	} while (strcmp(last, text) && turn(WAIT_MS));
	assert_string_equal(last, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_slow),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
