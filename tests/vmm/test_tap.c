// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_tap.c - a network card on a tap interface, which is a socket here: who
 * sends, how often and with how much room is read, and which frames come in.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

#include "net_rig.h"
#include "virtio/net/net_filter.h"

#define HEADER	sizeof(struct virtio_net_hdr)
#define SHORT	60u		/* bytes of a frame */
#define ROOMS	40u
#define INDEX	77		/* of the interface */
#define USUAL	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MAC | \
		 VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ | \
		 VIRTIO_NET_F_CTRL_RX | \
		 VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_MAC_ADDR)
#define LONG	(USUAL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4)

static const uint8_t mac[6] = { 2, 0, 0, 1, 2, 3 };

/* ---- the tap ------------------------------------------------------------- */

static struct {
	int end[2];		/* the device's, and ours */
	pthread_t main;
	/* Of the device's end, since the last look: */
	uint32_t reads;
	uint32_t least;		/* pieces of a read */
	uint32_t own, other;	/* writes by this thread, and others */
	struct fake_queue *_Atomic busy; /* never empty */
	uint32_t kept;		/* writes while the main thread waited */
	int error;		/* of reads that find a frame, */
	uint32_t errors;	/* so many more times */
	int link[2];		/* rtnetlink: the device's end, and ours */
} tap;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __real_readv(int fd, const struct iovec *iov, int count);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int count);
ssize_t __real_writev(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *address, socklen_t bytes);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t bytes);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	if (!strcmp(path, "/dev/net/tun"))
		return dup(tap.end[0]);
	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return __real_open64(path, flags, mode);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct ifreq *interface;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	interface = arg;
	switch (request) {
	case TUNSETIFF:
	case TUNSETVNETHDRSZ:
	case TUNSETOFFLOAD:
		return 0;
	case SIOCGIFINDEX:
		interface->ifr_ifindex = INDEX;
		return 0;
	case SIOCGIFMTU:
		interface->ifr_mtu = NET_MTU;
		return 0;
	case SIOCGIFFLAGS:
		interface->ifr_flags = IFF_UP;
		return 0;
	}
	return __real_ioctl(fd, request, arg);
}

/* rtnetlink; everything else is one. */
int __wrap_socket(int family, int type, int protocol)
{
	return family == AF_NETLINK ? dup(tap.link[0]) :
	       __real_socket(family, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return address->sa_family == AF_NETLINK ? 0 :
	       __real_bind(fd, address, bytes);
}

static void bump(uint32_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static uint32_t taken(uint32_t *counter)
{
	return __atomic_exchange_n(counter, 0, __ATOMIC_SEQ_CST);
}

ssize_t __wrap_readv(int fd, const struct iovec *iov, int count)
{
	ssize_t got = __real_readv(fd, iov, count);

	bump(&tap.reads);
	if (got > 0 && tap.errors) {
		tap.errors--;
		errno = tap.error;
		return -1;
	}
	if ((uint32_t)count < tap.least)
		tap.least = (uint32_t)count;
	return got;
}

/* One more frame, whatever became of those before. */
static void refill(struct fake_queue *queue)
{
	struct fake_buffer buf = {
		FAKE_VM_BUFFERS, HEADER + SHORT, false,
	};
	uint32_t len;

	while (fake_guest_get(queue, &len) >= 0)
		;
	fake_guest_add(queue, &buf, 1);
}

/* proc(5): "pid (name) state"; it waits for a lock. */
static bool main_sleeps(void)
{
	char text[64] = "";
	int fd;

	snprintf(text, sizeof(text), "/proc/self/task/%d/stat", getpid());
	fd = __real_open64(text, O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		abort();
	close(fd);
	return strstr(text, ") S");
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
	struct fake_queue *busy = tap.busy;

	bump(pthread_equal(pthread_self(), tap.main) ? &tap.own : &tap.other);
	if (busy) {
		refill(busy);
		tap.kept += main_sleeps();
	}
	return __real_writev(fd, iov, count);
}

static void open_tap(struct card *c, uint64_t features)
{
	struct virtio_net_args args = { .tap = "tap0" };

	memcpy(args.mac, mac, sizeof(mac));
	memset(&tap, 0, sizeof(tap));
	tap.main = pthread_self();
	assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				      tap.end), errno);
	assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				      tap.link), errno);
	card_open(c, &args, features, 2048, ROOMS);
}

static void close_tap(struct card *c)
{
	fake_vm_free(&c->vm);
	close(tap.end[0]);
	close(tap.end[1]);
	close(tap.link[0]);
	close(tap.link[1]);
}

/* A frame of the host's, with a number in it. */
static void come_to(const uint8_t *to, uint32_t bytes, uint8_t number)
{
	static uint8_t frame[HEADER + NET_FRAME_MAX];
	uint32_t i;

	memset(frame, 0, HEADER);
	for (i = 0; i < bytes; i++)
		frame[HEADER + i] = (uint8_t)(number + i % 251);
	memcpy(frame + HEADER, to, 6);
	assert_int_equal(send(tap.end[1], frame, HEADER + bytes, 0),
			 HEADER + bytes);
}

static void come(uint32_t bytes, uint8_t number)
{
	come_to(mac, bytes, number);
}

/* The guest has it, whole. */
static void expect(struct card *c, uint32_t bytes, uint8_t number)
{
	static uint8_t frame[HEADER + NET_FRAME_MAX];
	uint32_t i;

	assert_int_equal(card_receive(c, frame, sizeof(frame)),
			 HEADER + bytes);
	for (i = 6; i < bytes; i++)
		if (frame[HEADER + i] != (uint8_t)(number + i % 251))
			fail_msg("byte %u of frame %u", i, number);
}

static void come_and_expect(struct card *c, uint32_t bytes, uint8_t number)
{
	come(bytes, number);
	expect(c, bytes, number);
}

/* A frame of the guest's with a number in it. */
static void put(struct card *c, uint8_t number)
{
	uint8_t frame[HEADER + SHORT] = { 0 };

	frame[HEADER + SHORT - 1] = number;
	card_offer(c, NET_TX, frame, sizeof(frame), 0);
}

static void expect_sent(uint8_t number)
{
	uint8_t frame[2048];

	assert_int_equal(recv(tap.end[1], frame, sizeof(frame), 0),
			 HEADER + SHORT);
	assert_int_equal(frame[HEADER + SHORT - 1], number);
}

static bool is_used(struct card *c)
{
	uint32_t len;

	return fake_guest_get(&c->queue[NET_TX], &len) >= 0;
}

static void wait_used(struct card *c)
{
	uint32_t len;

	if (fake_vm_get(&c->vm, 0, &c->queue[NET_TX], &len) < 0)
		fail_msg("it was not sent: \"%s\"", c->vm.line);
}

/* After a few turns of the device's thread only frames that come wake it. */
static void settle(struct card *c)
{
	uint8_t i;

	for (i = 0; i < 4; i++)
		come_and_expect(c, SHORT, i);
}

/* ---- who sends ----------------------------------------------------------- */

static void test_alone(void **state)
{
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	for (i = 0; i < 50; i++) {
		fake_guest_enable_notification(&c.queue[NET_TX]);
		put(&c, i);
		expect_sent(i);
		assert_true(is_used(&c));
		come_and_expect(&c, SHORT, i);
	}
	/* Its interrupt went along with the vCPU. */
	assert_true(c.vm.runs > 0);
	assert_int_equal(tap.own, 50);
	assert_int_equal(tap.other, 0);
	close_tap(&c);
}

static void put_and_wait(struct card *c, uint8_t number)
{
	put(c, number);
	wait_used(c);
	expect_sent(number);
}

/* Frames that nobody answers are the other thread's, until some are again. */
static void test_stream(void **state)
{
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	for (i = 0; i < 20; i++)
		put_and_wait(&c, i);
	assert_int_equal(taken(&tap.own), 5);
	assert_int_equal(taken(&tap.other), 15);
	/* One answer to many frames is no conversation yet. */
	come_and_expect(&c, SHORT, 0);
	put_and_wait(&c, 0);
	assert_int_equal(taken(&tap.other), 1);
	settle(&c);
	put_and_wait(&c, 0);
	assert_int_equal(taken(&tap.own), 1);
	close_tap(&c);
}

/* Few of many at once, and none is lost or overtaken. */
static void test_many(void **state)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, HEADER + SHORT, false };
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	for (i = 0; i < 30; i++) {
		buf.gpa = FAKE_VM_BUFFERS + i * 0x100;
		memset(fake_vm_at(&c.vm, buf.gpa, 0x100), 0, HEADER);
		memset(fake_vm_at(&c.vm, buf.gpa, 0x100) + HEADER, i, SHORT);
		assert_true(fake_guest_add(&c.queue[NET_TX], &buf, 1) >= 0);
	}
	fake_vm_ring(&c.vm, 0, NET_TX, &c.queue[NET_TX]);
	for (i = 0; i < 30; i++)
		wait_used(&c);
	for (i = 0; i < 30; i++)
		expect_sent(i);
	assert_int_equal(tap.own, 4);
	assert_int_equal(tap.other, 26);
	close_tap(&c);
}

static void test_broken(void **state)
{
	uint8_t bytes[HEADER + 5] = { 0 };
	struct card c;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	card_offer(&c, NET_TX, bytes, sizeof(bytes), 0);
	assert_true(fake_vm_slot(&c.vm, 0)->status &
		    VIRTIO_STATUS_NEEDS_RESET);
	assert_non_null(strstr(c.vm.line, "queue 1: 17 bytes"));
	/* Not looked at any more, and the other direction goes on. */
	put(&c, 0);
	come_and_expect(&c, SHORT, 0);
	assert_int_equal(tap.own + tap.other, 0);
	fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
	card_start(&c, USUAL);
	settle(&c);
	put(&c, 1);
	expect_sent(1);
	close_tap(&c);
}

static bool ending;

/* Another vCPU, which rings whether it may or not. */
static void *ring_on(void *arg)
{
	struct card *c = arg;
	struct cvm_user_run run = {
		.vcpu = 1, .arg = { CVM_VIRTIO_DOORBELL(0, NET_TX) },
	};

	while (!__atomic_load_n(&ending, __ATOMIC_ACQUIRE))
		virtio_devices_doorbell(c->vm.devs, &run);
	return NULL;
}

static void test_reset(void **state)
{
	pthread_t thread;
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	ending = false;
	assert_int_equal(pthread_create(&thread, NULL, ring_on, &c), 0);
	for (i = 0; i < 100; i++) {
		put_and_wait(&c, i);
		come_and_expect(&c, SHORT, i);
		put(&c, i);
		come(SHORT, i);
		fake_vm_command(&c.vm, 0, i & 1 ? CVM_VIRTIO_QUEUE_OFF :
				CVM_VIRTIO_RESET, NET_TX);
		fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
		while (recv(tap.end[1], &(uint8_t){ 0 }, 1, 0) >= 0)
			;
		while (recv(tap.end[0], &(uint8_t){ 0 }, 1, 0) >= 0)
			;
		card_start(&c, USUAL | VIRTIO_F_RING_RESET);
	}
	__atomic_store_n(&ending, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close_tap(&c);
}

/* It comes after a few bursts, though the queue never runs empty. */
static void test_reset_busy(void **state)
{
	struct card c;
	uint32_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		open_tap(&c, USUAL);
		refill(&c.queue[NET_TX]);
		tap.busy = &c.queue[NET_TX];
		fake_vm_doorbell(&c.vm, CVM_VIRTIO_DOORBELL(0, NET_TX));
		while (__atomic_load_n(&tap.other, __ATOMIC_SEQ_CST) < 1000)
			;
		fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
		assert_in_range(tap.kept, 0, 200);
		close_tap(&c);
	}
}

/* Commands are answered when the doorbell's call returns. */
static void test_control(void **state)
{
	static const uint8_t command[] = { 0, 0, 0 };
	struct card c;
	uint32_t i, len, at_once = 0;

	(void)state;
	open_tap(&c, USUAL);
	for (i = 0; i < 100; i++) {
		usleep(1000);
		card_offer(&c, NET_CTRL, command, sizeof(command), 1);
		if (fake_guest_get(&c.queue[NET_CTRL], &len) >= 0)
			at_once++;
		else
			assert_true(fake_vm_get(&c.vm, 0, &c.queue[NET_CTRL],
						&len) >= 0);
	}
	assert_true(at_once > 50);
	close_tap(&c);
}

/* ---- reading ------------------------------------------------------------- */

/* Frames that come one by one are read once each, but for one in nine. */
static void test_reads(void **state)
{
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	taken(&tap.reads);
	for (i = 0; i < 90; i++)
		come_and_expect(&c, SHORT, i);
	assert_in_range(taken(&tap.reads), 90, 101);
	/* Several at once arrive all the same. */
	for (i = 0; i < 30; i++)
		come(SHORT, i);
	for (i = 0; i < 30; i++)
		expect(&c, SHORT, i);
	close_tap(&c);
}

/*
 * Short frames are read with few pieces of the driver's room, long ones with
 * all, and one that is long unexpectedly arrives whole.
 */
static void test_pieces(void **state)
{
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, LONG);
	for (i = 0; i < 20; i++)
		come_and_expect(&c, SHORT, i);
	tap.least = ROOMS;
	come_and_expect(&c, SHORT, 20);
	come_and_expect(&c, SHORT, 21);
	assert_int_equal(tap.least, 2);
	come_and_expect(&c, NET_FRAME_MAX, 22);
	/* What is in the room of a frame's end is not the next one's. */
	come_and_expect(&c, 9000, 23);
	tap.least = ROOMS;
	come_and_expect(&c, 1600, 24);
	assert_in_range(tap.least, 30, ROOMS);
	for (i = 0; i < 20; i++)
		come_and_expect(&c, SHORT, i);
	come_and_expect(&c, 2100, 25);
	come_and_expect(&c, SHORT, 26);
	close_tap(&c);
}

/* ---- failures ------------------------------------------------------------ */

/* What rtnetlink says of the interface. */
static void say_link(uint16_t type, unsigned int flags)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} message = {
		.head = { .nlmsg_len = sizeof(message), .nlmsg_type = type },
		.info = { .ifi_index = INDEX, .ifi_flags = flags },
	};

	assert_int_equal(send(tap.link[1], &message, sizeof(message), 0),
			 sizeof(message));
}

static bool has_link(struct card *c)
{
	return fake_vm_slot(&c->vm, 0)->config[6] & 1;
}

static void wait_lines(struct card *c, uint32_t count)
{
	pthread_mutex_lock(&c->vm.lock);
	while (c->vm.lines < count) {
		pthread_mutex_unlock(&c->vm.lock);
		usleep(1000);
		pthread_mutex_lock(&c->vm.lock);
	}
	assert_int_equal(c->vm.lines, count);
	pthread_mutex_unlock(&c->vm.lock);
}

/* A read that fails takes one frame along, is spoken of, and is all. */
static void test_read_fails(void **state)
{
	struct card c;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	tap.error = EINVAL;
	tap.errors = 2;
	come(SHORT, 1);
	come(SHORT, 2);
	come_and_expect(&c, SHORT, 3);
	wait_lines(&c, 1);
	assert_non_null(strstr(c.vm.line, "tap tap0: a frame for the guest "
			       "is lost: Invalid argument"));
	assert_true(fake_vm_counted(&c.vm, 0, "rx_dropped", 2));
	assert_true(has_link(&c));
	close_tap(&c);
}

/* When none succeeds it ends, with a word and the cable, until set up anew. */
static void test_reads_fail(void **state)
{
	struct card c;
	uint8_t i;

	(void)state;
	open_tap(&c, USUAL);
	settle(&c);
	tap.error = EIO;
	tap.errors = 1000;
	for (i = 0; i < 20; i++)
		come(SHORT, i);
	wait_lines(&c, 2);
	assert_false(has_link(&c));
	assert_non_null(strstr(c.vm.line, "tap tap0: 8 reads in a row failed "
			       "(Input/output error)"));
	put(&c, 1);
	expect_sent(1);
	assert_int_equal(tap.errors, 1000 - 8);
	tap.errors = 0;
	say_link(RTM_NEWLINK, 0);
	say_link(RTM_NEWLINK, IFF_UP);
	expect(&c, SHORT, 8);
	assert_true(has_link(&c));
	close_tap(&c);
}

static void test_deleted(void **state)
{
	struct card c;

	(void)state;
	open_tap(&c, USUAL);
	tap.error = EBADFD;
	tap.errors = 1;
	come(SHORT, 1);
	wait_lines(&c, 1);
	assert_false(has_link(&c));
	say_link(RTM_DELLINK, 0);
	put(&c, 1);
	expect_sent(1);
	wait_lines(&c, 1);
	assert_non_null(strstr(c.vm.line, "tap tap0: deleted on the host"));
	close_tap(&c);
}

/* ---- filters ------------------------------------------------------------- */

static const uint8_t own[6] = { 2, 0, 0, 1, 2, 3 };
static const uint8_t other[6] = { 2, 0, 0, 1, 2, 4 };
static const uint8_t listed[6] = { 2, 0, 0, 1, 2, 5 };
static const uint8_t group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t group_too[6] = { 0x33, 0x33, 0, 0, 0, 2 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

/* Letters: own, other, listed, group, too, everybody. */
static void expect_wanted(struct card *c, const char *wanted)
{
	static const struct {
		char letter;
		const uint8_t *to;
	} all[] = {
		{ 'o', own }, { 'x', other }, { 'l', listed }, { 'g', group },
		{ 't', group_too }, { 'e', everybody },
	};
	uint64_t frames = fake_vm_counter(&c->vm, 0, "rx_frames");
	uint64_t unwanted = fake_vm_counter(&c->vm, 0, "rx_unwanted");
	uint8_t i;

	for (i = 0; i < 6; i++)
		come_to(all[i].to, SHORT, i);
	assert_true(fake_vm_counted(&c->vm, 0, "rx_frames",
				    frames + strlen(wanted)));
	assert_true(fake_vm_counted(&c->vm, 0, "rx_unwanted",
				    unwanted + 6 - strlen(wanted)));
	for (i = 0; i < 6; i++)
		if (strchr(wanted, all[i].letter))
			expect(c, SHORT, i);
	assert_int_equal(fake_vm_counter(&c->vm, 0, "rx_dropped"), 0);
}

static void mode(struct card *c, uint8_t number, uint8_t on)
{
	assert_int_equal(CARD_CONTROL(c, 0, number, on), 0);
}

static void set_tables(struct card *c, bool lists)
{
	if (lists)
		assert_int_equal(CARD_CONTROL(c, 1, 0, 1, 0, 0, 0,
					      2, 0, 0, 1, 2, 5, 1, 0, 0, 0,
					      0x33, 0x33, 0, 0, 0, 1), 0);
	else
		assert_int_equal(CARD_CONTROL(c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
				 0);
}

static void test_filter(void **state)
{
	struct card c;

	(void)state;
	open_tap(&c, USUAL);
	expect_wanted(&c, "oe");
	set_tables(&c, true);
	expect_wanted(&c, "olge");
	mode(&c, VIRTIO_NET_CTRL_RX_ALLMULTI, 1);
	expect_wanted(&c, "olgte");
	mode(&c, VIRTIO_NET_CTRL_RX_NOMULTI, 1);
	expect_wanted(&c, "ole");
	mode(&c, VIRTIO_NET_CTRL_RX_ALLUNI, 1);
	expect_wanted(&c, "oxle");
	mode(&c, VIRTIO_NET_CTRL_RX_NOUNI, 1);
	expect_wanted(&c, "e");
	mode(&c, VIRTIO_NET_CTRL_RX_NOBCAST, 1);
	expect_wanted(&c, "");
	mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 1);
	come_and_expect(&c, SHORT, 1);
	fake_vm_command(&c.vm, 0, CVM_VIRTIO_RESET, 0);
	card_start(&c, USUAL);
	expect_wanted(&c, "oe");
	/* A table that is refused changes nothing. */
	set_tables(&c, true);
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0), 1);
	expect_wanted(&c, "olge");
	set_tables(&c, false);
	expect_wanted(&c, "oe");
	close_tap(&c);
}

/* Another address of the card's own takes the place of the first. */
static void test_filter_mac(void **state)
{
	struct card c;

	(void)state;
	open_tap(&c, USUAL);
	assert_int_equal(CARD_CONTROL(&c, 1, 1, 2, 0, 0, 1, 2, 4), 0);
	come_to(own, SHORT, 1);
	come_to(other, SHORT, 2);
	expect(&c, SHORT, 2);
	close_tap(&c);
}

/* More addresses than there is room for: all are wanted. */
static void test_filter_full(void **state)
{
	uint8_t command[2 + 4 + 4 + 65 * 6] = { 1, 0, 0, 0, 0, 0, 65 };
	uint32_t i;
	struct card c;

	(void)state;
	for (i = 0; i < 65; i++)
		command[10 + i * 6] = 1;
	open_tap(&c, USUAL);
	assert_int_equal(card_control(&c, command, sizeof(command)), 0);
	expect_wanted(&c, "ogte");
	command[6] = 64;
	assert_int_equal(card_control(&c, command, sizeof(command) - 6), 0);
	expect_wanted(&c, "oe");
	close_tap(&c);
}

/* A driver that cannot ask gets everything. */
static void test_filter_off(void **state)
{
	struct card c;

	(void)state;
	open_tap(&c,
		 USUAL & ~(VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA));
	come_to(other, SHORT, 1);
	expect(&c, SHORT, 1);
	come_to(group, SHORT, 2);
	expect(&c, SHORT, 2);
	assert_int_equal(CARD_CONTROL(&c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1);
	close_tap(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_busy),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_read_fails),
		cmocka_unit_test(test_reads_fail),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_mac),
		cmocka_unit_test(test_filter_full),
		cmocka_unit_test(test_filter_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
