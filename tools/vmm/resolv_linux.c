// SPDX-License-Identifier: GPL-2.0-only
/*
 * resolv_linux.c - what the host's resolv.conf says.
 *
 * The file is mostly a link, to one that is replaced, in a directory that may
 * come later or go; a VPN makes it a link to elsewhere.  So each directory on
 * the way is watched for the one name that leads on, and the way is walked
 * again whenever one of them changes.  A watch comes before the look at what
 * it watches: nothing is missed between.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolv_linux.h"

#define TEXT_BYTES	8192	/* as many as net_dns.c takes */
#define STEPS		64	/* names on the way; links may go in circles */

#define DIRECTORY	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | \
			 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | \
			 IN_ONLYDIR)
#define FILE_ITSELF	(IN_MODIFY | IN_ATTRIB)

static struct {
	const char *path;
	int inotify;
	int mounts;		/* one may hide any part of the way */
	unsigned int steps;	/* as it was walked last: directories with the
				 * name that leads on, the file with none */
	struct step {
		int watch;
		char name[NAME_MAX + 1];
	} step[STEPS];
	char text[TEXT_BYTES];
	size_t bytes;
	unsigned int readers;
	struct {
		int fd;
		int behind;	/* it does not know the text yet */
	} reader[CONFIG_NICS];
} self;

/* ---- the way ---- */

static void watch(const char *path, uint32_t events, const char *name)
{
	struct step *next = &self.step[self.steps];

	next->watch = inotify_add_watch(self.inotify, path, events);
	if (next->watch < 0)
		return;
	snprintf(next->name, sizeof(next->name), "%s", name);
	self.steps++;
}

/* The first name of what is left of a path; 0: there is none. */
static int next_name(char *left, char *name, size_t size)
{
	size_t skip = strspn(left, "/"), bytes = strcspn(left + skip, "/");

	if (!bytes || bytes >= size)
		return 0;
	memcpy(name, left + skip, bytes);
	name[bytes] = '\0';
	memmove(left, left + skip + bytes, strlen(left + skip + bytes) + 1);
	return 1;
}

/* What a link says stands in client of what is left. */
static int follow(char *left, const char *target, char *here)
{
	char rest[PATH_MAX];

	snprintf(rest, sizeof(rest), "%s", left);
	if (target[0] == '/')
		here[0] = '\0';
	return snprintf(left, PATH_MAX, "%s%s", target, rest) < PATH_MAX;
}

/* One name further: 1, or 0 where the way ends. */
static int step(char *here, char *left)
{
	char name[NAME_MAX + 1], target[PATH_MAX], *slash;
	size_t end = strlen(here);
	ssize_t bytes;

	if (!next_name(left, name, sizeof(name)))
		return 0;
	if (!strcmp(name, "."))
		return 1;
	if (!strcmp(name, "..")) {
		slash = strrchr(here, '/');
		if (slash)
			*slash = '\0';
		return 1;
	}
	watch(*here ? here : "/", DIRECTORY, name);
	if (snprintf(here + end, PATH_MAX - end, "/%s", name) >=
	    (int)(PATH_MAX - end))
		return 0;
	bytes = readlink(here, target, sizeof(target) - 1);
	if (bytes < 0)
		return errno == EINVAL;
	target[bytes] = '\0';
	here[end] = '\0';
	return follow(left, target, here);
}

static int is_watched(int watch)
{
	unsigned int i;

	for (i = 0; i < self.steps; i++)
		if (self.step[i].watch == watch)
			return 1;
	return 0;
}

static void walk(void)
{
	char here[PATH_MAX] = "", left[PATH_MAX];
	unsigned int before = self.steps, i;
	int more = 1, old[STEPS];

	for (i = 0; i < before; i++)
		old[i] = self.step[i].watch;
	self.steps = 0;
	snprintf(left, sizeof(left), "%s", self.path);
	while (more && self.steps < STEPS - 1)
		more = step(here, left);
	if (*here && !*left)
		watch(here, FILE_ITSELF, "");
	for (i = 0; i < before; i++)
		if (!is_watched(old[i]))
			inotify_rm_watch(self.inotify, old[i]);
}

/* Is it about the way?  (There are many names in these directories.) */
static int concerns(const struct inotify_event *event)
{
	unsigned int i;

	if (event->mask & IN_Q_OVERFLOW)
		return 1;
	for (i = 0; i < self.steps; i++)
		if (self.step[i].watch == event->wd &&
		    (!event->len || !strcmp(self.step[i].name, event->name)))
			return 1;
	return 0;
}

static int has_changed(void)
{
	_Alignas(struct inotify_event) char data[4096];
	const struct inotify_event *event;
	int changed = 0;
	ssize_t got, at;

	while ((got = read(self.inotify, data, sizeof(data))) > 0) {
		for (at = 0; at < got; at += (ssize_t)(sizeof(*event) +
						      event->len)) {
			event = (const struct inotify_event *)(data + at);
			changed |= concerns(event);
		}
	}
	return changed;
}

/* ---- the text ---- */

/* A packet of nothing would be the end of the connection. */
static size_t read_text(char *text)
{
	int fd = open(self.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 0;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		got = pread(fd, text, TEXT_BYTES, 0);
	if (fd >= 0)
		close(fd);
	if (got > 0)
		return (size_t)got;
	text[0] = '\n';
	return 1;
}

static void look(void)
{
	char text[TEXT_BYTES];
	unsigned int i;
	size_t bytes;

	walk();
	bytes = read_text(text);
	if (bytes == self.bytes && !memcmp(text, self.text, bytes))
		return;
	memcpy(self.text, text, bytes);
	self.bytes = bytes;
	for (i = 0; i < self.readers; i++)
		self.reader[i].behind = 1;
}

static void tell(unsigned int i)
{
	if (send(self.reader[i].fd, self.text, self.bytes,
		 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		self.reader[i].behind = 0;
	else if (errno != EAGAIN && errno != EINTR)
		self.reader[i].behind = -1;
}

/* ---- whoever wants to know ---- */

void resolv_add(int fd, const char *path)
{
	if (self.readers == CONFIG_NICS) {
		close(fd);
		return;
	}
	if (!self.readers) {
		self.path = path;
		self.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		self.mounts = open("/proc/self/mountinfo",
				   O_RDONLY | O_CLOEXEC);
	}
	self.reader[self.readers].fd = fd;
	self.reader[self.readers].behind = 1;
	self.readers++;
	look();
}

unsigned int resolv_polls(struct pollfd *polls)
{
	unsigned int i;

	if (!self.readers)
		return 0;
	polls[0] = (struct pollfd){ .fd = self.inotify, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = self.mounts, .events = POLLPRI };
	for (i = 0; i < self.readers; i++)
		polls[2 + i] = (struct pollfd){
			.fd = self.reader[i].behind > 0 ?
			      self.reader[i].fd : -1,
			.events = POLLOUT,
		};
	return 2 + self.readers;
}

void resolv_handle(const struct pollfd *polls)
{
	unsigned int i;

	if (!self.readers)
		return;
	if ((polls[0].revents && has_changed()) || polls[1].revents)
		look();
	for (i = 0; i < self.readers; i++)
		if (polls[2 + i].revents)
			tell(i);
}
