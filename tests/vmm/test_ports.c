// SPDX-License-Identifier: GPL-2.0-only
/* test_ports.c - ports that end in files, sockets and terminals of Linux. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "console_rig.h"

#define KEPT		65536u	/* what a port keeps for the next peer */
#define PIECE		1024u

static char dir[64];		/* of this test's files */
static struct virtio_port *port;

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static char made[128];

static void note_made(const char *path, intptr_t file)
{
	struct stat there, given;

	assert_int_equal(lstat(path, &there), 0);
	assert_int_equal(fstat((int)file, &given), 0);
	assert_int_equal(given.st_ino, there.st_ino);
	snprintf(made, sizeof(made), "%s", path);
}

static int plug(struct rig *rig, enum virtio_port_kind kind, const char *path,
		const char *mode, struct problem *problem)
{
	struct virtio_port_args args = {
		.name = "ttys0", .kind = kind, .path = path, .mode = mode,
		.made = note_made,
	};

	made[0] = '\0';
	fake_vm_init(&rig->vm);
	if (virtio_console_add(rig->vm.devs, &args, 1, problem) < 0)
		return -1;
	port = args.port;
	virtio_devices_settle(rig->vm.devs);
	rig_start(rig, VIRTIO_CONSOLE_F_MULTIPORT);
	return 0;
}

static void must_plug(struct rig *rig, enum virtio_port_kind kind,
		      const char *path, const char *mode)
{
	struct problem problem = { "" };

	if (plug(rig, kind, path, mode, &problem))
		fail_msg("%s", problem.text);
}

static void refused(enum virtio_port_kind kind, const char *path,
		    const char *mode, const char *words)
{
	struct problem problem = { "" };
	struct rig rig;

	assert_int_equal(plug(&rig, kind, path, mode, &problem), -1);
	if (!strstr(problem.text, words) || strncmp(problem.text, "ttys0: ", 7))
		fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
	fake_vm_free(&rig.vm);
}

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

/* The n-th byte of what the guest prints. */
static uint8_t nth(size_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static void print(struct rig *rig, size_t from, size_t bytes)
{
	uint8_t piece[PIECE];
	size_t i, part;

	for (; bytes; from += part, bytes -= part) {
		part = bytes < PIECE ? bytes : PIECE;
		for (i = 0; i < part; i++)
			piece[i] = nth(from + i);
		rig_put(rig, 1, piece, (uint32_t)part);
	}
}

static void expect_printed(int fd, size_t from, size_t bytes)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	uint8_t got[4096];
	ssize_t i, n;

	while (bytes) {
		assert_int_equal(poll(&readable, 1,
				      FAKE_VM_SECONDS * 1000), 1);
		n = read(fd, got, bytes < sizeof(got) ? bytes : sizeof(got));
		assert_true(n > 0);
		for (i = 0; i < n; i++)
			assert_int_equal(got[i], nth(from + (size_t)i));
		from += (size_t)n;
		bytes -= (size_t)n;
	}
}

/* What the guest reads next, in buffers it makes room with. */
static void expect_typed(struct rig *rig, const char *text, size_t bytes)
{
	char got[RIG_ROOM];
	size_t done = 0;
	uint32_t len;
	int id;

	while (done < bytes) {
		rig_give(rig, 0, 1);
		id = fake_vm_get(&rig->vm, 0, &rig->queue[0], &len);
		assert_true(id >= 0);
		memcpy(got, fake_vm_at(&rig->vm, RIG_IN(0) +
				       (uint32_t)id * RIG_ROOM, RIG_ROOM),
		       RIG_ROOM);
		assert_true(len <= bytes - done);
		assert_memory_equal(got, text + done, len);
		done += len;
	}
}

static void send_all(int fd, const char *text, size_t bytes)
{
	assert_int_equal(write(fd, text, bytes), bytes);
}

/* ---- sockets ------------------------------------------------------------- */

/* To nobody: the last of it is kept for who comes. */
static void test_socket_kept(void **state)
{
	const char *path = in_dir("kept");
	struct rig rig;
	int fd;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_SOCKET, path, NULL);
	assert_string_equal(virtio_port_where(port), path);
	print(&rig, 0, KEPT + 5000);
	fd = dial(path);
	expect_printed(fd, 5000, KEPT);
	print(&rig, KEPT + 5000, 100);
	expect_printed(fd, KEPT + 5000, 100);
	close(fd);
	fake_vm_free(&rig.vm);
}

/* A guest that prints in a thread of its own, and the peer's end. */
struct printer {
	struct rig rig;
	size_t bytes;		/* at most, */
	bool stop;		/* or until this */
	pthread_t thread;
	int fd;
};

static void *printer_main(void *arg)
{
	struct printer *printer = arg;
	size_t at;

	for (at = 0; at < printer->bytes &&
	     !__atomic_load_n(&printer->stop, __ATOMIC_ACQUIRE); at += PIECE)
		print(&printer->rig, at, PIECE);
	return NULL;
}

static void printer_start(struct printer *printer, const char *path)
{
	must_plug(&printer->rig, VIRTIO_PORT_SOCKET, path, NULL);
	printer->fd = dial(path);
	send_all(printer->fd, "here", 4);
	expect_typed(&printer->rig, "here", 4);
	assert_int_equal(pthread_create(&printer->thread, NULL, printer_main,
					printer), 0);
}

static void printer_end(struct printer *printer)
{
	pthread_join(printer->thread, NULL);
	close(printer->fd);
	fake_vm_free(&printer->rig.vm);
}

/* A peer that reads slowly: the guest waits, and nothing is lost. */
static void test_socket_slow(void **state)
{
	struct printer printer = { .bytes = 1 << 20 };

	(void)state;
	printer_start(&printer, in_dir("slow"));
	expect_printed(printer.fd, 0, printer.bytes);
	printer_end(&printer);
}

static void note_out(void *ctx, const char *name, const char *text,
		     uint64_t number)
{
	(void)text;
	if (!strcmp(name, "bytes_out"))
		*(uint64_t *)ctx = number;
}

/* One that never reads: the guest waits until nobody is to wait any more. */
static void test_socket_stuck(void **state)
{
	struct printer printer = { .bytes = 4 << 20 };
	uint64_t out;

	(void)state;
	printer_start(&printer, in_dir("stuck"));
	do {
		usleep(1000);
		virtio_port_report(port, note_out, &out);
	} while (out < KEPT);
	usleep(100000);
	virtio_port_report(port, note_out, &out);
	assert_true(out < printer.bytes);
	virtio_devices_hangup(printer.rig.vm.devs);
	printer_end(&printer);
}

/* What a peer sent before it went arrives; then the next one's turn comes. */
static void test_socket_peers(void **state)
{
	const char *path = in_dir("peers");
	char text[5 * RIG_ROOM];
	struct rig rig;
	int first, second;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'z';
	must_plug(&rig, VIRTIO_PORT_SOCKET, path, NULL);
	first = dial(path);
	second = dial(path);
	send_all(second, "second", 6);
	send_all(first, text, sizeof(text));
	close(first);
	expect_typed(&rig, text, sizeof(text));
	expect_typed(&rig, "second", 6);
	print(&rig, 0, 10);
	expect_printed(second, 0, 10);
	close(second);
	fake_vm_free(&rig.vm);
}

/* Called for the next descriptor that a thread of a port closes. */
static void (*closed)(int fd);
static pthread_t test_thread;

int __wrap_close(int fd);
int __real_close(int fd);

int __wrap_close(int fd)
{
	void (*tell)(int fd) = NULL;
	int ret = __real_close(fd);

	if (!pthread_equal(pthread_self(), test_thread))
		tell = __atomic_exchange_n(&closed, NULL, __ATOMIC_ACQ_REL);
	if (tell)
		tell(fd);
	return ret;
}

static struct {
	struct rig rig;
	int file[2];		/* somebody's, a pipe to see what gets there */
	sem_t done;
} reuse;

/* The number is another file's already, and the guest prints. */
static void print_into(int fd)
{
	assert_int_equal(dup2(reuse.file[1], fd), fd);
	print(&reuse.rig, 0, 100);
	__real_close(fd);
	sem_post(&reuse.done);
}

/* A peer's descriptor is nobody's any more before it is closed. */
static void test_socket_number(void **state)
{
	const char *path = in_dir("number");
	char got;
	int fd;

	(void)state;
	sem_init(&reuse.done, 0, 0);
	assert_int_equal(pipe2(reuse.file, O_NONBLOCK), 0);
	must_plug(&reuse.rig, VIRTIO_PORT_SOCKET, path, NULL);
	fd = dial(path);
	send_all(fd, "here", 4);
	expect_typed(&reuse.rig, "here", 4);
	__atomic_store_n(&closed, print_into, __ATOMIC_RELEASE);
	close(fd);
	sem_wait(&reuse.done);
	assert_int_equal(read(reuse.file[0], &got, 1), -1);
	fd = dial(path);
	expect_printed(fd, 0, 100);
	close(fd);
	fake_vm_free(&reuse.rig.vm);
	close(reuse.file[0]);
	close(reuse.file[1]);
	sem_destroy(&reuse.done);
}

#define FULL		3u	/* looks before there is room again */
#define SPIN		1000u	/* so many are a loop that never sleeps */

static bool full;		/* there is no descriptor for who comes */
static uint32_t looks, naps;

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (!__atomic_load_n(&full, __ATOMIC_ACQUIRE))
		return __real_accept4(fd, addr, len, flags);
	if (++looks == SPIN || naps == FULL)
		__atomic_store_n(&full, false, __ATOMIC_RELEASE);
	errno = EMFILE;
	return -1;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);

/* A nap of a port's thread is over at once. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	if (pthread_equal(pthread_self(), test_thread) || ms < 0 ||
	    !__atomic_load_n(&full, __ATOMIC_ACQUIRE))
		return __real_poll(fds, count, ms);
	naps++;
	return __real_poll(fds, count, 0);
}

/* Who cannot be let in waits, and nobody spins; people hear of it once. */
static void test_socket_full(void **state)
{
	const char *path = in_dir("closed");
	struct rig rig;
	int fd;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_SOCKET, path, NULL);
	print(&rig, 0, 100);
	__atomic_store_n(&full, true, __ATOMIC_RELEASE);
	fd = dial(path);
	expect_printed(fd, 0, 100);
	assert_int_equal(naps, FULL);
	assert_int_equal(looks, FULL + 1);
	assert_int_equal(rig.vm.lines, 1);
	assert_non_null(strstr(rig.vm.line, "Too many open files; who "
			       "connects has to wait"));
	close(fd);
	fake_vm_free(&rig.vm);
}

/* They come and go while the guest prints. */
static void test_socket_crowd(void **state)
{
	const char *path = in_dir("crowd");
	struct printer printer = { .bytes = SIZE_MAX };
	uint32_t i;
	char got;
	int fd;

	(void)state;
	printer_start(&printer, path);
	for (i = 0; i < 100; i++) {
		fd = dial(path);
		close(printer.fd);
		assert_int_equal(read(fd, &got, 1), 1);
		printer.fd = fd;
	}
	__atomic_store_n(&printer.stop, true, __ATOMIC_RELEASE);
	virtio_devices_hangup(printer.rig.vm.devs);
	printer_end(&printer);
}

static void test_socket_path(void **state)
{
	const char *path = in_dir("path");
	char longer[200];
	struct stat st;
	struct rig rig;
	FILE *file;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_SOCKET, path, NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(made, path);
	refused(VIRTIO_PORT_SOCKET, path, NULL, "already in use");
	assert_string_equal(made, "");	/* another's is nobody's to remove */
	fake_vm_free(&rig.vm);
	/* Nobody listens on it any more. */
	must_plug(&rig, VIRTIO_PORT_SOCKET, path, NULL);
	fake_vm_free(&rig.vm);
	path = in_dir("plain");
	file = fopen(path, "w");
	fclose(file);
	refused(VIRTIO_PORT_SOCKET, path, NULL, "File exists");
	refused(VIRTIO_PORT_SOCKET, "/no/such/socket", NULL, "No such file");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	refused(VIRTIO_PORT_SOCKET, longer, NULL, "too long");
}

/* ---- terminals ----------------------------------------------------------- */

static void test_pty(void **state)
{
	struct termios mode;
	struct rig rig;
	char path[128];
	int fd, round;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_PTY, NULL, NULL);
	snprintf(path, sizeof(path), "%s", virtio_port_where(port));
	assert_int_equal(strncmp(path, "/dev/pts/", 9), 0);
	for (round = 0; round < 3; round++) {
		print(&rig, 0, 300);	/* to nobody */
		fd = open(path, O_RDWR | O_NOCTTY);
		assert_true(fd >= 0);
		assert_int_equal(tcgetattr(fd, &mode), 0);
		assert_int_equal(mode.c_lflag & (ECHO | ICANON), 0);
		expect_printed(fd, 0, 300);
		print(&rig, 300, 700);
		expect_printed(fd, 300, 700);
		send_all(fd, "line\r\n\003", 7);
		expect_typed(&rig, "line\r\n\003", 7);
		close(fd);
	}
	fake_vm_free(&rig.vm);
}

/* The other end of a pseudo terminal in place of a line. */
static int make_line(char *path, size_t size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(fd >= 0 && !grantpt(fd) && !unlockpt(fd));
	assert_int_equal(ptsname_r(fd, path, size), 0);
	return fd;
}

static void test_serial(void **state)
{
	struct termios mode;
	struct rig rig;
	char path[128];
	int fd = make_line(path, sizeof(path));

	(void)state;
	must_plug(&rig, VIRTIO_PORT_SERIAL, path,
		  "BAUD=9600 PARITY=n DATA=7 STOP=2 xon=on");
	assert_int_equal(tcgetattr(fd, &mode), 0);
	assert_int_equal(cfgetospeed(&mode), B9600);
	assert_true(mode.c_cflag & CSTOPB);
	assert_true(mode.c_iflag & IXON);
	assert_int_equal(mode.c_lflag & (ECHO | ICANON), 0);
	send_all(fd, "typed", 5);
	expect_typed(&rig, "typed", 5);
	print(&rig, 0, 2000);
	expect_printed(fd, 0, 2000);
	/* Gone for good: the guest is not kept waiting. */
	close(fd);
	while (!__atomic_load_n(&rig.vm.lines, __ATOMIC_ACQUIRE))
		usleep(1000);
	assert_non_null(strstr(rig.vm.line, "the line is gone"));
	print(&rig, 0, 3 * KEPT);
	fake_vm_free(&rig.vm);
}

static void test_serial_refused(void **state)
{
	static const char *const modes[] = {
		"BAUD=7", "BAUD=", "BAUD", "PARITY=x", "DATA=9", "DATA=77",
		"STOP=3", "xon=maybe", "dtr=2", "rts=", "color=red", "=",
		"BAUD=9600 PARITY",
	};
	char path[128];
	size_t i;
	int fd = make_line(path, sizeof(path));

	(void)state;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		refused(VIRTIO_PORT_SERIAL, path, modes[i], "no mode of a "
			"line");
	refused(VIRTIO_PORT_SERIAL, "/dev/null", NULL, "no serial line");
	refused(VIRTIO_PORT_SERIAL, "/no/such", NULL, "No such file");
	close(fd);
}

/* ---- files --------------------------------------------------------------- */

static void test_file(void **state)
{
	const char *path = in_dir("file");
	struct rig rig;
	int fd;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_FILE, path, NULL);
	print(&rig, 0, 3000);
	fake_vm_free(&rig.vm);
	must_plug(&rig, VIRTIO_PORT_FILE, path, NULL);
	print(&rig, 3000, 3000);
	fake_vm_free(&rig.vm);
	fd = open(path, O_RDONLY);
	expect_printed(fd, 0, 6000);
	assert_int_equal(lseek(fd, 0, SEEK_END), 6000);
	close(fd);
	refused(VIRTIO_PORT_FILE, dir, NULL, "Is a directory");
	refused(VIRTIO_PORT_FILE, "/dev/null", NULL, "not a regular file");
}

/* What cannot be written is told, by its reason, and not without end. */
static void test_file_full(void **state)
{
	struct rlimit all, few = { 3000, RLIM_INFINITY };
	char line[256];
	struct rig rig;
	uint32_t i;

	(void)state;
	must_plug(&rig, VIRTIO_PORT_FILE, in_dir("full"), NULL);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	print(&rig, 0, 3000);
	assert_int_equal(rig.vm.lines, 0);
	for (i = 0; i < 20; i++)
		print(&rig, 3000, 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(rig.vm.lines, 8);
	snprintf(line, sizeof(line), "ttys0: %s: File too large; what the "
		 "guest prints there is lost (while this stays so, it is said "
		 "once in an hour)", in_dir("full"));
	assert_string_equal(rig.vm.line, line);
	fake_vm_free(&rig.vm);
}

/* ---- all ----------------------------------------------------------------- */

static int make_dir(void **state)
{
	(void)state;
	test_thread = pthread_self();
	snprintf(dir, sizeof(dir), "/tmp/cvm-ports-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {
		"kept", "slow", "stuck", "peers", "number", "closed", "crowd",
		"path", "plain", "file", "full",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket_kept),
		cmocka_unit_test(test_socket_slow),
		cmocka_unit_test(test_socket_stuck),
		cmocka_unit_test(test_socket_peers),
		cmocka_unit_test(test_socket_number),
		cmocka_unit_test(test_socket_full),
		cmocka_unit_test(test_socket_crowd),
		cmocka_unit_test(test_socket_path),
		cmocka_unit_test(test_pty),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_serial_refused),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_full),
	};

	signal(SIGPIPE, SIG_IGN);	/* as every program with devices */
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
