// SPDX-License-Identifier: GPL-2.0-only
/*
 * driver_why.c - why the module is not loaded, and what to do.
 *
 * Whoever loads it is told by an errno that the next command does not know;
 * what the kernel would refuse, and what it has said, it tells anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "os/os.h"

#define LOG_RECORD	8192	/* the longest of the kernel's log */
#define SIGNED		"~Module signature appended~\n"

/* The beginning of a small file, without its line end; "" without it. */
static void read_line(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, to, size - 1);

	to[got > 0 ? got : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static int is_signed(int fd)
{
	char tail[sizeof(SIGNED)] = "";
	off_t end = lseek(fd, 0, SEEK_END);

	return end >= (off_t)sizeof(SIGNED) - 1 &&
	       pread(fd, tail, sizeof(SIGNED) - 1,
		     end - ((off_t)sizeof(SIGNED) - 1)) > 0 &&
	       !strcmp(tail, SIGNED);
}

/* Where modprobe would find it: a descriptor, or -1. */
static int open_module(const char *release, char *path, size_t size)
{
	static const char *const places[] = {
		"updates", "updates/dkms", "extra", "kernel/extra"
	};
	size_t i;
	int fd;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, size, "/lib/modules/%s/%s/cvm.ko", release,
			 places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* Does this line of the kernel's tell of a module that was refused? */
static int tells(const char *line)
{
	return (strstr(line, "oading of ") && strstr(line, "is rejected")) ||
	       strstr(line, "unsigned module loading is restricted") ||
	       strstr(line, "cvm: version magic") ||
	       strstr(line, "cvm: disagrees about version") ||
	       strstr(line, "cvm: Unknown symbol");
}

/* The last such line, or "". */
static void search_log(char *to, size_t size)
{
	char record[LOG_RECORD], *line, *rest;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t got;

	to[0] = '\0';
	if (fd < 0)
		return;
	/* EPIPE: it was overwritten meanwhile, the next one is there. */
	while ((got = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (got < 0 && (errno == EPIPE || errno == EINTR))) {
		record[got > 0 ? got : 0] = '\0';
		for (line = strtok_r(record, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			/* "PRIORITY,NUMBER,TIME,FLAGS;TEXT" */
			line += strcspn(line, ";");
			if (*line && tells(line))
				snprintf(to, size, "%s", line + 1);
		}
	}
	close(fd);
}

/* Locked down: "none [integrity] confidentiality"; "": it is not. */
static void read_lockdown(char *to, size_t size)
{
	char line[80], *mark;

	read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	mark = strchr(line, '[');
	to[0] = '\0';
	if (!mark || !strncmp(mark, "[none]", 6))
		return;
	mark[strcspn(mark, "]")] = '\0';
	snprintf(to, size, "%s", mark + 1);
}

/* What the kernel takes at all; "" where it takes everything. */
static void policy(int module, const char *path, char *to, size_t size)
{
	char line[16], lockdown[32];

	to[0] = '\0';
	read_lockdown(lockdown, sizeof(lockdown));
	read_line("/proc/sys/kernel/modules_disabled", line, sizeof(line));
	if (!strcmp(line, "1")) {
		snprintf(to, size, "kernel.modules_disabled is set: no module "
			 "is loaded until the machine is booted anew");
		return;
	}
	if (lockdown[0]) {
		snprintf(to, size, "this kernel is locked down (%s), as with "
			 "Secure Boot: it lets nobody into ring 0; turn that "
			 "off in the firmware", lockdown);
		return;
	}
	read_line("/sys/module/module/parameters/sig_enforce", line,
		  sizeof(line));
	if (strcmp(line, "Y"))
		return;
	if (module >= 0 && is_signed(module))
		snprintf(to, size, "this kernel takes signed modules only, and "
			 "must know the key of %s: enrol it (mokutil "
			 "--import), or boot without module.sig_enforce",
			 path);
	else
		snprintf(to, size, "this kernel takes signed modules only, and "
			 "cvm.ko is not: sign it (scripts/sign-file of its "
			 "headers) with a key that it knows (mokutil "
			 "--import), or boot without module.sig_enforce");
}

void os_driver_why(char *to, size_t size)
{
	char path[sizeof(((struct utsname *)0)->release) + 64], said[160];
	struct utsname host;
	size_t len;
	int module;

	uname(&host);
	module = open_module(host.release, path, sizeof(path));
	policy(module, path, to, size);
	if (!to[0])
		snprintf(to, size, module >= 0 ? "modprobe cvm loads it" :
			 "build cvm.ko for kernel %s and load it with insmod "
			 "(docs/install.md)", host.release);
	if (module >= 0)
		close(module);
	search_log(said, sizeof(said));
	len = strlen(to);
	if (said[0])
		snprintf(to + len, size - len, " (the kernel has said: %s)",
			 said);
}
