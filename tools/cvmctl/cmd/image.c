// SPDX-License-Identifier: GPL-2.0-only
/* image.c - disks for guests: make one, or tell what is in one. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "image.h"
#include "os/file.h"

#define SMALLEST	(512ull << 20)	/* Debian and some room */

/* What the command line says; keys and password are freed by run(). */
struct given {
	struct image_wish wish;
	const char *key_file, *password_file;
	char *keys, *password;
	int json;
};

/* ---- what create is given ---- */

/* A small text file, without newlines at its end; NULL with a problem. */
static char *read_text(const char *path, const char *what,
		       struct problem *problem)
{
	const struct file_kind kind = { what, 64u << 10 };
	struct file file;
	char *text = NULL;
	size_t n;

	if (file_map(&file, path, &kind, problem)) {
		file_close(&file);
		return NULL;
	}
	if (memchr(file.data, '\0', file.bytes))
		problem_set(problem, path, "not a text file: it has a NUL "
			    "byte");
	else
		text = malloc((size_t)file.bytes + 1);
	if (text) {
		n = (size_t)file.bytes;
		memcpy(text, file.data, n);
		while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		text[n] = '\0';
	}
	file_close(&file);
	return text;
}

static int read_keys(struct given *given, struct problem *problem)
{
	const char *path = given->key_file;

	if (!path)
		return 0;
	given->keys = read_text(path, "a file of keys", problem);
	if (!given->keys)
		return problem_set(problem, path, "no memory");
	if (strstr(given->keys, "PRIVATE KEY"))
		return problem_set(problem, path, "this is the private key; "
				   "give the public one, %s.pub", path);
	if (strncmp(given->keys, "ssh-", 4) &&
	    strncmp(given->keys, "ecdsa-", 6) &&
	    strncmp(given->keys, "sk-", 3))
		return problem_set(problem, path, "not an SSH public key");
	given->wish.keys = given->keys;
	return 0;
}

static int read_password(struct given *given, struct problem *problem)
{
	const char *path = given->password_file;

	if (!path)
		return 0;
	given->password = read_text(path, "a file with a password", problem);
	if (!given->password)
		return problem_set(problem, path, "no memory");
	if (!given->password[0] || strchr(given->password, '\n'))
		return problem_set(problem, path, "it must hold the password "
				   "as its only line");
	given->wish.password = given->password;
	return 0;
}

/* Only letters, digits and others: it goes into commands and files. */
static int plain(const char *text, const char *others)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    (!i || !strchr(others, text[i])))
			return 0;
	return i > 0;
}

static void fill_defaults(struct image_wish *w)
{
	if (!w->suite)
		w->suite = "bookworm";
	if (!w->hostname)
		w->hostname = "debian";
	if (!w->bytes)
		w->bytes = 8ull << 30;
	if (!w->kernel)
		w->kernel = "linux-image-cloud-amd64";
	else if (!strcmp(w->kernel, "none"))
		w->kernel = NULL;
}

static int check_wish(const struct command *cmd, const struct image_wish *w)
{
	if (!plain(w->suite, "-._"))
		return usage_error(cmd, "--suite %s: not the name of a Debian "
				   "release", w->suite);
	if (!plain(w->hostname, "-.") || strlen(w->hostname) > 63)
		return usage_error(cmd, "--hostname %s: not a host name "
				   "(letters, digits, - and ., at most "
				   "63)", w->hostname);
	if (w->kernel && !plain(w->kernel, "-.+"))
		return usage_error(cmd, "--kernel %s: not the name of a "
				   "package, nor none", w->kernel);
	if (w->packages && !plain(w->packages, "-.+:,"))
		return usage_error(cmd, "--packages %s: not a list of packages "
				   "(names separated by commas)", w->packages);
	if (w->bytes < SMALLEST)
		return usage_error(cmd, "--size: too small; Debian needs at "
				   "least 512M");
	return PARSE_GO_ON;
}

/* ---- the command ---- */

static int create(struct given *given, struct problem *problem)
{
	if (read_keys(given, problem) || read_password(given, problem) ||
	    image_create(&given->wish, problem))
		return -1;
	return image_info(given->wish.path, 0, problem);
}

static int act(const struct command *cmd, const char *const *words,
	       struct given *given, struct problem *problem)
{
	int ret;

	given->wish.path = words[1];
	if (!strcmp(words[0], "info"))
		return image_info(words[1], given->json, problem) ?
		       EXIT_REFUSED : EXIT_OK;
	fill_defaults(&given->wish);
	ret = check_wish(cmd, &given->wish);
	if (ret != PARSE_GO_ON)
		return ret;
	return create(given, problem) ? EXIT_REFUSED : EXIT_OK;
}

/* An option of the other verb is refused. */
static int check_words(const struct command *cmd, const char *const *words,
		       const struct given *given)
{
	const struct image_wish *w = &given->wish;

	if (!words[0] || (strcmp(words[0], "create") &&
			  strcmp(words[0], "info")))
		return usage_error(cmd, "%s%s; use create or info",
				   words[0] ? words[0] : "no verb given",
				   words[0] ? ": unknown verb" : "");
	if (!words[1])
		return usage_error(cmd, "%s: no FILE given", words[0]);
	if (!strcmp(words[0], "create") && given->json)
		return usage_error(cmd, "--json is for info only");
	if (!strcmp(words[0], "info") &&
	    (w->suite || w->bytes || w->hostname || given->key_file ||
	     given->password_file || w->kernel || w->packages || w->mirror))
		return usage_error(cmd, "info takes no option but --json");
	return PARSE_GO_ON;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct given g = { 0 };
	const char *words[2] = { NULL, NULL };
	struct problem problem = { "" };
	const struct opt opts[] = {
		{ "suite", OPT_TEXT, "NAME", &g.wish.suite,
		  "create: Debian's release (default bookworm)" },
		{ "size", OPT_MIB, "MIB", &g.wish.bytes,
		  "create: size of the disk in MiB, or with K, M, G\n"
		  "(default 8G; what is unused takes no room)" },
		{ "hostname", OPT_TEXT, "NAME", &g.wish.hostname,
		  "create: host name of the guest (default debian)" },
		{ "ssh-key", OPT_TEXT, "FILE", &g.key_file,
		  "create: public keys that may log in as root;\n"
		  "installs the ssh server" },
		{ "password", OPT_TEXT, "FILE", &g.password_file,
		  "create: the file's only line is root's password;\n"
		  "without it root is logged in on the consoles, and\n"
		  "no password is accepted elsewhere" },
		{ "kernel", OPT_TEXT, "PACKAGE", &g.wish.kernel,
		  "create: the guest's kernel, which kernel=cobd0:\n"
		  "starts, or none (default linux-image-cloud-amd64)" },
		{ "packages", OPT_TEXT, "LIST", &g.wish.packages,
		  "create: more packages, separated by commas" },
		{ "mirror", OPT_TEXT, "URL", &g.wish.mirror,
		  "create: where packages come from: a URL, a line\n"
		  "\"deb ...\", or a file of such lines (default\n"
		  "deb.debian.org with updates and security)" },
		{ "json", OPT_FLAG, NULL, &g.json,
		  "info: print one JSON object" },
		{ 0 }
	};
	int ret;

	ret = parse_options(cmd, opts, argc, argv, words, 2);
	if (ret == PARSE_GO_ON)
		ret = check_words(cmd, words, &g);
	if (ret == PARSE_GO_ON)
		ret = act(cmd, words, &g, &problem);
	if (problem.text[0])
		problem_print(&problem);
	free(g.keys);
	free(g.password);
	return ret;
}

const struct command cmd_image = {
	"image", run, "create FILE [OPTIONS] | info FILE [--json]",
	"make a disk image with Debian, or look into one",
	"  create    a new disk image with a Debian that boots as a guest,\n"
	"            from Debian's mirror: ext4 on the whole disk, Debian's\n"
	"            kernel, systemd, network by DHCP, a login on the\n"
	"            console.  Needs mmdebstrap, e2fsprogs, and root or, for\n"
	"            a user, uidmap\n"
	"  info      a disk's partitions and file systems, whether it is\n"
	"            complete, and the keys that give it to a guest\n\n"
	"Examples:\n"
	"  cvmctl image create debian.img\n"
	"  cvmctl image create web.img --size 20G --hostname web \\\n"
	"      --ssh-key ~/.ssh/id_ed25519.pub --packages nginx\n"
	"  cvmctl image info debian.img\n",
	NULL
};
