// SPDX-License-Identifier: GPL-2.0-only
/*
 * image_create_linux.c - run image_create.sh, and show how far it is.
 *
 * The script and all it starts are one process group, which a signal to us
 * ends as a whole; it removes what it made.  The image grows under another
 * name and gets its own when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "os/visible.h"

#define BAR		24
#define BAR_FROM	64	/* columns; a narrower terminal has none */
#define LAST_LINES	15
#define LINE_MAX_BYTES	1023	/* a longer line is taken in parts */

extern const char image_create_sh[], image_setup_sh[], image_initrd_sh[];

/* What every image has beside Debian's essential packages and apt. */
static const char usual[] =
	"ca-certificates,dbus,e2fsprogs,iproute2,iputils-ping,kmod,less,"
	"netbase,passwd,procps,systemd-resolved,systemd-sysv,udev";

/* An initrd is packed with the better of the methods that are there. */
static const char with_kernel[] = ",initramfs-tools,zstd,";

struct work {
	const struct image_wish *wish;
	char part[4096];	/* where the image grows */
	int part_fd;
	int complete;		/* and on the disk */
	int terminal;		/* one line that changes, else one a step */
	time_t began, shown;
	struct image_progress progress;
	char last[LAST_LINES][200];	/* what the programs printed last */
	unsigned int lines;
};

static volatile pid_t group;
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = number;
	if (group)
		kill(-group, SIGTERM);
}

static void catch_signals(void)
{
	struct sigaction act = {
		.sa_handler = on_signal,
		.sa_flags = SA_RESTART,
	};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

/* ---- the terminal ---- */

static void show(struct work *w)
{
	const struct image_progress *p = &w->progress;
	unsigned int fill = p->permille * BAR / 1000;
	long seconds;
	struct winsize size = { 0 };
	char line[200], out[VISIBLE_GROWS * sizeof(line)];
	int len;

	w->shown = time(NULL);
	seconds = (long)(w->shown - w->began);
	if (ioctl(2, TIOCGWINSZ, &size) || size.ws_col < 20)
		size.ws_col = 80;
	len = snprintf(line, sizeof(line), "%3u %% ", p->permille / 10);
	if (size.ws_col >= BAR_FROM)
		len += snprintf(line + len, sizeof(line) - len, "[%.*s%*s] ",
				(int)fill, "########################",
				(int)(BAR - fill), "");
	snprintf(line + len, sizeof(line) - len, "%ld:%02ld  %s%s%s",
		 seconds / 60, seconds % 60, p->what ? p->what : "starting",
		 p->item[0] ? ": " : "", p->item);
	visible(out, sizeof(out), line, sizeof(line));
	fprintf(stderr, "\r%.*s\033[K", size.ws_col - 1, out);
	fflush(stderr);
}

static void take_line(struct work *w, const char *line)
{
	enum image_news news = image_progress_line(&w->progress, line);

	snprintf(w->last[w->lines++ % LAST_LINES], sizeof(w->last[0]), "%.199s",
		 line);
	if (news != NEWS_NONE && w->terminal)
		show(w);
	else if (news == NEWS_STEP)
		say("%s: %s", w->wish->path, w->progress.what);
}

/* Take complete lines, and those too long; the bytes that are left. */
static size_t take_lines(struct work *w, char *text, size_t len)
{
	char *line = text, *end;

	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		take_line(w, line);
		line = end + 1;
	}
	len -= (size_t)(line - text);
	memmove(text, line, len);
	if (len < LINE_MAX_BYTES)
		return len;
	take_line(w, text);
	return 0;
}

/* Take all they print, and show the time on a terminal meanwhile. */
static void watch(struct work *w, int from)
{
	struct pollfd in = { .fd = from, .events = POLLIN };
	char text[LINE_MAX_BYTES + 1];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (w->terminal && time(NULL) != w->shown)
			show(w);
		if (w->terminal && !poll(&in, 1, 1000))
			continue;
		n = read(from, text + len, LINE_MAX_BYTES - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		len = take_lines(w, text, len);
	}
	if (w->terminal)
		fprintf(stderr, "\r\033[K");
}

/* ---- the script ---- */

static void set(const char *name, const char *value)
{
	setenv(name, value ? value : "", 1);
}

static _Noreturn void be_script(const struct work *w, int password, int out)
{
	const struct image_wish *wish = w->wish;
	char packages[4096], bytes[24];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(packages, sizeof(packages), "%s%s%s%s%s%s", usual,
		 wish->kernel ? with_kernel : "",
		 wish->kernel ? wish->kernel : "",
		 wish->keys ? ",openssh-server" : "",
		 wish->packages ? "," : "",
		 wish->packages ? wish->packages : "");
	snprintf(bytes, sizeof(bytes), "%llu",
		 (unsigned long long)wish->bytes);
	set("IMAGE_PART", w->part);
	set("IMAGE_BYTES", bytes);
	set("IMAGE_SUITE", wish->suite);
	set("IMAGE_MIRROR", wish->mirror);
	set("IMAGE_PACKAGES", packages);
	set("IMAGE_HOSTNAME", wish->hostname);
	set("IMAGE_KEYS", wish->keys);
	set("IMAGE_ASKS", wish->password ? "password" : NULL);
	set("IMAGE_SETUP", image_setup_sh);
	set("IMAGE_INITRD", wish->kernel ? image_initrd_sh : "true");
	dup2(password, 0);
	dup2(out, 1);
	dup2(out, 2);
	execl("/bin/sh", "sh", "-c", image_create_sh, "cvmctl-image", NULL);
	_exit(127);
}

/*
 * The script reads the password as its stdin: what is in its environment is
 * in that of every package's scripts too.  A descriptor, or -1.
 */
static int open_password(const struct image_wish *wish)
{
	const char *password = wish->password ? wish->password : "";
	size_t bytes = strlen(password);
	int fd = memfd_create("password", MFD_CLOEXEC);

	if (fd < 0 || (write(fd, password, bytes) == (ssize_t)bytes &&
		       !lseek(fd, 0, SEEK_SET)))
		return fd;
	close(fd);
	return -1;
}

/* 0, or -1 with a problem. */
static int run_script(struct work *w, struct problem *problem)
{
	int ends[2], password, status = 0;
	pid_t child;

	password = open_password(w->wish);
	if (password < 0)
		return problem_set(problem, "memfd", "%s", strerror(errno));
	if (pipe2(ends, O_CLOEXEC))
		return problem_set(problem, "pipe", "%s", strerror(errno));
	child = fork();
	if (child < 0)
		return problem_set(problem, "fork", "%s", strerror(errno));
	if (!child)
		be_script(w, password, ends[1]);
	close(password);
	setpgid(child, child);
	group = child;
	if (stopped)
		on_signal(stopped);
	close(ends[1]);
	watch(w, ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	group = 0;
	return status;
}

/* ---- the file ---- */

/*
 * The name it grows under is locked: one that was left by a killed cvmctl is
 * taken over, another's is not.
 */
static int open_part(struct work *w, struct problem *problem)
{
	const char *path = w->wish->path;

	if (!access(path, F_OK))
		return problem_set(problem, path, "file exists already");
	if (snprintf(w->part, sizeof(w->part), "%s.part", path) >=
	    (int)sizeof(w->part))
		return problem_set(problem, path, "this name is too long");
	w->part_fd = open(w->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	if (w->part_fd < 0)
		return problem_set(problem, path, "%s", strerror(errno));
	if (flock(w->part_fd, LOCK_EX | LOCK_NB))
		return problem_set(problem, path, "another cvmctl is making "
				   "this image");
	/* Only the owner may read it: it has host keys and password hashes. */
	if (fchmod(w->part_fd, 0600) || ftruncate(w->part_fd, 0))
		return problem_set(problem, w->part, "%s", strerror(errno));
	return 0;
}

/* Give it its name, unless somebody has taken that meanwhile. */
static int give_name(const char *part, const char *path)
{
	int fd, err;

	if (!renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	/* NFS does not know the flag, and says so. */
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return -1;
	if (!link(part, path)) {
		unlink(part);
		return 0;
	}
	if (errno == EEXIST)
		return -1;
	/* FAT has no links: what is replaced is ours then. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	if (!rename(part, path))
		return 0;
	err = errno;
	unlink(path);
	errno = err;
	return -1;
}

/* Sync and rename.  A complete image is kept, whatever fails. */
static int finish(struct work *w, struct problem *problem)
{
	const char *path = w->wish->path;

	if (fsync(w->part_fd))
		return problem_set(problem, path, "%s", strerror(errno));
	w->complete = 1;
	if (!give_name(w->part, path))
		return 0;
	return problem_set(problem, path, "%s; the image is complete, as %s",
			   strerror(errno), w->part);
}

/* If no program said why, print the last lines of their output. */
static int failed(const struct work *w, struct problem *problem)
{
	const struct image_progress *p = &w->progress;
	unsigned int i = w->lines > LAST_LINES ? w->lines - LAST_LINES : 0;

	if (stopped)
		return problem_set(problem, w->wish->path, "interrupted; what "
				   "was made is removed");
	for (; !p->error[0] && i < w->lines; i++)
		say("  | %s", w->last[i % LAST_LINES]);
	return problem_set(problem, w->wish->path, "%s%s%s",
			   p->what ? p->what : "", p->what ? " failed: " : "",
			   p->error[0] ? p->error :
			   "see the last lines above");
}

int image_create(const struct image_wish *wish, struct problem *problem)
{
	struct work *w = calloc(1, sizeof(*w));
	int ret = -1;

	if (!w)
		return problem_set(problem, wish->path, "no memory");
	w->wish = wish;
	w->terminal = isatty(2);
	w->began = time(NULL);
	catch_signals();
	if (!open_part(w, problem)) {
		if (run_script(w, problem) || stopped)
			ret = failed(w, problem);
		else
			ret = finish(w, problem);
		if (ret && !w->complete)
			unlink(w->part);
	}
	if (w->part_fd > 0)
		close(w->part_fd);
	free(w);
	return ret;
}
