// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_slirp.c - a network of the guest's own, made by libslirp: what the guest
 * sends becomes connections of this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>
#include <slirp/libslirp.h>

#include "net_backend.h"
#include "net_dns.h"
#include "net_poll.h"

#define FRAME_ROOM	(NET_ETH_BYTES + NET_MTU)
#define FRAMES		256u
/* A poll of the sockets brings no more frames than these, but rarely. */
#define FRAMES_SPARE	128u
#define TIMERS		4u
/* The last number of addresses. */
#define GATEWAY		2u
#define NAME_SERVER	3u
/* Descriptors that connections leave to everything else of this process. */
#define FDS_SPARE	32
/* No end of a connection takes longer (RFC 9293, 3.4.2: 2 MSL). */
#define LINGER_MS	240000

struct timer {
	SlirpTimerCb fn;
	void *arg;
	int64_t due_ms;		/* INT64_MAX: not set */
};

struct slirp {
	struct net_backend backend;
	Slirp *slirp;
	struct net_poll poll;
	struct net_dns dns;
	struct timer timer[TIMERS];
	bool polled;		/* the sockets were looked at */
	uint32_t sockets;	/* of the last list, */
	uint32_t listeners;	/* and as many without connections */
	int64_t used_ms;	/* when there was one */
	int listener[VIRTIO_NET_FORWARDS];	/* of forwarded ports */
	uint32_t ports;
	int fds_max;		/* RLIMIT_NOFILE */
	int fds;		/* of connections */
	bool fds_few;		/* the last ones are in use, or were, */
	bool fds_out;		/* there are none for connections, */
	bool fds_said;		/* as people were told */
	bool probed;		/* can the guest ping? */
	bool checked;		/* the guest trusts our checksums */
	/* What the guest has no room for yet, oldest first. */
	uint32_t first, frames;
	uint16_t bytes[FRAMES];
	uint8_t frame[FRAMES][FRAME_ROOM];
	uint8_t sent[NET_FRAME_MAX];
};

static struct slirp *to_slirp(struct net_backend *backend)
{
	return (struct slirp *)backend;
}

/* ---- what libslirp calls ------------------------------------------------- */

static void give(struct slirp *s, const void *frame, size_t bytes)
{
	static const struct virtio_net_hdr plain, valid = {
		.flags = VIRTIO_NET_HDR_F_DATA_VALID };

	net_receive(s->backend.net, s->checked ? &valid : &plain, frame,
		    bytes);
}

static void queue(void *ctx, const void *frame, size_t bytes)
{
	struct slirp *s = ctx;
	uint32_t at = (s->first + s->frames) % FRAMES;

	if (!s->frames && net_room(s->backend.net, bytes)) {
		give(s, frame, bytes);
		return;
	}
	/* Lost, as on any wire; TCP repeats it. */
	if (s->frames == FRAMES || bytes > FRAME_ROOM) {
		net_lost(s->backend.net);
		return;
	}
	memcpy(s->frame[at], frame, bytes);
	s->bytes[at] = (uint16_t)bytes;
	s->frames++;
}

static ssize_t on_packet(const void *frame, size_t bytes, void *ctx)
{
	struct slirp *s = ctx;

	queue(s, net_dns_turn(&s->dns, frame, bytes), bytes);
	return (ssize_t)bytes;
}

static int64_t on_clock(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int64_t now_ms(struct slirp *s)
{
	return on_clock(s) / 1000000;
}

static void *on_timer_new(SlirpTimerCb fn, void *arg, void *ctx)
{
	struct slirp *s = ctx;
	uint32_t i;

	for (i = 0; i < TIMERS; i++) {
		if (s->timer[i].fn)
			continue;
		s->timer[i] = (struct timer){ fn, arg, INT64_MAX };
		return &s->timer[i];
	}
	return NULL;
}

static void on_timer_free(void *timer, void *ctx)
{
	(void)ctx;
	memset(timer, 0, sizeof(struct timer));
}

static void on_timer_set(void *timer, int64_t due_ms, void *ctx)
{
	(void)ctx;
	((struct timer *)timer)->due_ms = due_ms;
}

static void on_guest_error(const char *text, void *ctx)
{
	/* A guest may send what it likes. */
	(void)text;
	(void)ctx;
}

/* All are asked for before each poll; the lowest number comes first. */
static void on_fd(int fd, void *ctx)
{
	struct slirp *s = ctx;

	s->fds += fd >= 0;
	if (fd < 0 || fd >= s->fds_max - FDS_SPARE)
		s->fds_few = true;
}

static void on_fd_end(int fd, void *ctx)
{
	((struct slirp *)ctx)->fds -= fd >= 0;
}

static void on_notify(void *ctx)
{
	/* Nobody but the thread that polls uses libslirp. */
	(void)ctx;
}

static const SlirpCb callbacks = {
	.send_packet = on_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_new = on_timer_new,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_set,
	.register_poll_fd = on_fd,
	.unregister_poll_fd = on_fd_end,
	.notify = on_notify,
};

static bool listens(const struct slirp *s, int fd)
{
	uint32_t i;

	for (i = 0; i < s->ports && s->listener[i] != fd; i++)
		;
	return i < s->ports;
}

static int on_poll_add(int fd, int events, void *ctx)
{
	struct slirp *s = to_slirp(ctx);
	short want = 0;

	s->sockets++;
	/* accept() would fail, and libslirp try again at once. */
	if (s->fds_out && listens(s, fd))
		return -1;
	if (events & SLIRP_POLL_IN)
		want |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		want |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		want |= POLLPRI;
	return net_poll_add(&s->poll, fd, want);
}

static int on_poll_get(int index, void *ctx)
{
	short got = net_poll_got(&to_slirp(ctx)->poll, index);
	int events = 0;

	if (got & POLLIN)
		events |= SLIRP_POLL_IN;
	if (got & POLLOUT)
		events |= SLIRP_POLL_OUT;
	if (got & POLLPRI)
		events |= SLIRP_POLL_PRI;
	if (got & POLLERR)
		events |= SLIRP_POLL_ERR;
	if (got & POLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

/* ---- frames -------------------------------------------------------------- */

/*
 * 5.1.6.2: the sum of what follows csum_start; its field holds a start.  Words
 * may have the machine's byte order, as long as the field has it too (RFC 1071,
 * 2 B), and be longer than 16 bits until the end (2 C).
 */
static void checksum(uint8_t *frame, size_t bytes,
		     const struct virtio_net_hdr *header)
{
	uint8_t *at = frame + header->csum_start, *end = frame + bytes;
	uint64_t sum = 0;
	uint32_t word;
	uint16_t field;

	for (; end - at >= 4; at += 4) {
		memcpy(&word, at, 4);
		sum += word;
	}
	word = 0;
	memcpy(&word, at, (size_t)(end - at));
	sum += word;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* 0 would say "none" in UDP; 0xffff is the same number. */
	field = (uint16_t)(sum == 0xffff ? sum : ~sum);
	memcpy(frame + header->csum_start + header->csum_offset, &field, 2);
}

static bool slirp_send(struct net_backend *backend,
		       const struct virtio_net_hdr *header,
		       const struct os_iov *iov, uint32_t count, size_t bytes)
{
	struct slirp *s = to_slirp(backend);

	/* libslirp takes segments of any length, and checks their sums. */
	os_iov_get(iov, count, 0, s->sent, bytes);
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		checksum(s->sent, bytes, header);
	if (!net_dns_take(&s->dns, s->sent, bytes, now_ms(s)))
		slirp_input(s->slirp, s->sent, (int)bytes);
	return true;
}

/* ---- time and sockets ---------------------------------------------------- */

static void run_timers(struct slirp *s)
{
	int64_t now = now_ms(s);
	struct timer *timer;

	for (timer = s->timer; timer < s->timer + TIMERS; timer++) {
		if (!timer->fn || timer->due_ms > now)
			continue;
		timer->due_ms = INT64_MAX;
		timer->fn(timer->arg);
	}
}

/* Milliseconds until a timer is due, at most limit. */
static uint32_t next_timer(struct slirp *s, uint32_t limit)
{
	int64_t now = now_ms(s), left;
	uint32_t i;

	for (i = 0; i < TIMERS; i++) {
		if (!s->timer[i].fn)
			continue;
		left = s->timer[i].due_ms - now;
		if (left < limit)
			limit = left < 0 ? 0 : (uint32_t)left;
	}
	return limit;
}

/* What waits for room first, then the sockets as they were looked at. */
static bool receive(struct net_backend *backend)
{
	struct slirp *s = to_slirp(backend);

	while (s->frames && net_room(backend->net, s->bytes[s->first])) {
		give(s, s->frame[s->first], s->bytes[s->first]);
		s->first = (s->first + 1) % FRAMES;
		s->frames--;
	}
	/* Also without: what waited for an answer to ARP is sent by this. */
	slirp_pollfds_poll(s->slirp, !s->polled || s->poll.failed,
			   on_poll_get, s);
	if (s->polled)
		net_dns_run(&s->dns, &s->poll, now_ms(s));
	s->polled = false;
	run_timers(s);
	return false;
}

/*
 * Connections of the guest's fail without a descriptor; those to its forwarded
 * ports stay in the host's queue.
 */
static void count_fds(struct slirp *s)
{
	int fd;

	if (!s->fds_few)
		return;
	fd = fcntl(s->poll.fd[0].fd, F_DUPFD_CLOEXEC, 0);
	s->fds_out = fd < 0 || fd >= s->fds_max - FDS_SPARE;
	if (s->fds_out && !s->fds_said)
		net_say(s->backend.net, EMFILE, "slirp: no more connections "
			"for the guest: all of %d open files are used (ulimit "
			"-n, or LimitNOFILE= of a service, before the VM "
			"starts)", s->fds_max);
	s->fds_said |= s->fds_out;
	if (!s->fds_out && s->fds < s->fds_max / 2)
		s->fds_few = s->fds_said = false;
	if (fd >= 0)
		close(fd);
}

/* What libslirp has to wait for; milliseconds until it wants to be called. */
static uint32_t list_sockets(struct slirp *s)
{
	uint32_t limit = UINT32_MAX;
	int64_t now = now_ms(s);

	count_fds(s);
	s->sockets = 0;
	slirp_pollfds_fill(s->slirp, &limit, on_poll_add, s);
	if (s->sockets > s->listeners)
		s->used_ms = now;
	/* It wants that twice a second for ports that only listen, too. */
	return now - s->used_ms > LINGER_MS ? UINT32_MAX : limit;
}

/* By the VM's own user, who may be another one than who started it. */
static void probe_ping(struct slirp *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	s->probed = true;
	if (fd >= 0)
		close(fd);
	else if (errno == EACCES)
		net_say(s->backend.net, EACCES, "slirp: the guest's ping "
			"goes no further than this host, whose net.ipv4."
			"ping_group_range leaves the VM's group out (sysctl "
			"-w net.ipv4.ping_group_range=\"0 2147483647\")");
}

static void slirp_wait(struct net_backend *backend,
		       struct os_notifier *const doorbell[2], bool full)
{
	struct slirp *s = to_slirp(backend);
	uint32_t limit = UINT32_MAX;

	if (!s->probed)
		probe_ping(s);
	net_poll_begin(&s->poll, doorbell);
	/* Without room for frames, data stays in the host's sockets. */
	s->polled = !full || s->frames < FRAMES - FRAMES_SPARE;
	if (s->polled)
		limit = net_dns_wait(&s->dns, &s->poll, !s->fds_out,
				     list_sockets(s), now_ms(s));
	net_poll_sleep(&s->poll, next_timer(s, limit));
}

static void offload(struct net_backend *backend, uint64_t features)
{
	to_slirp(backend)->checked = features & VIRTIO_NET_F_GUEST_CSUM;
}

/* ---- making one ---------------------------------------------------------- */

static void slirp_close(struct net_backend *backend)
{
	struct slirp *s = to_slirp(backend);

	if (s->slirp)
		slirp_cleanup(s->slirp);
	net_dns_close(&s->dns);
	net_poll_free(&s->poll);
	free(s);
}

static const struct net_backend_ops slirp_ops = {
	.name = "slirp", .features = VIRTIO_NET_F_CSUM |
		VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 |
		VIRTIO_NET_F_HOST_TSO6,
	.offload = offload,
	.send = slirp_send,
	.receive = receive,
	.wait = slirp_wait,
	.close = slirp_close,
};

static struct in_addr address4(uint8_t network, uint8_t host)
{
	return (struct in_addr){ htonl(0x0a000200u + network * 256u + host) };
}

static struct in6_addr address6(uint8_t network, uint8_t host)
{
	struct in6_addr address = { .s6_addr = { 0xfe, 0xc0 } };

	address.s6_addr[7] = network;
	address.s6_addr[15] = host;
	return address;
}

static Slirp *new_network(struct slirp *s, uint8_t network, const char *name)
{
	SlirpConfig config = {
		.version = 1,
		.in_enabled = true,
		.vnetwork = address4(network, 0),
		.vnetmask.s_addr = htonl(0xffffff00),
		.vhost = address4(network, GATEWAY),
		.vnameserver = address4(network, NAME_SERVER),
		.vdhcp_start = address4(network, 15),
		.in6_enabled = true,
		.vprefix_addr6 = address6(network, 0),
		.vprefix_len = 64,
		.vhost6 = address6(network, GATEWAY),
		.vnameserver6 = address6(network, NAME_SERVER),
		.vhostname = name,
		.if_mtu = NET_MTU,
		.if_mru = NET_MTU,
	};

	return slirp_new(&config, &callbacks, s);
}

static struct dns_host dns_host(uint8_t network, uint8_t number)
{
	struct in_addr ip4 = address4(network, number);
	struct in6_addr ip6 = address6(network, number);
	struct dns_host host;

	memcpy(host.ip4, &ip4, sizeof(host.ip4));
	memcpy(host.ip6, &ip6, sizeof(host.ip6));
	return host;
}

static void open_dns(struct slirp *s, const struct virtio_net_args *args)
{
	s->dns.name = dns_host(args->network, NAME_SERVER);
	s->dns.gateway = dns_host(args->network, GATEWAY);
	s->dns.give = queue;
	s->dns.ctx = s;
	net_dns_open(&s->dns, args->resolv > 0 ? args->resolv : -1);
}

static int forward(struct slirp *s, const struct virtio_net_forward *f,
		   struct problem *problem)
{
	struct in_addr host, guest = { INADDR_ANY };
	char text[INET_ADDRSTRLEN];

	memcpy(&host, f->host_ip, sizeof(host));
	if (!slirp_add_hostfwd(s->slirp, f->udp, host, f->host_port, guest,
			       f->guest_port))
		return 0;
	inet_ntop(AF_INET, &host, text, sizeof(text));
	return problem_set(problem, "slirp", "%s port %u of %s: %s",
			   f->udp ? "udp" : "tcp", f->host_port, text,
			   strerror(errno));
}

/* Of libslirp's ports: it lets one connection wait, and drops others. */
static int on_port(int fd, int events, void *ctx)
{
	struct slirp *s = to_slirp(ctx);
	int listening = 0;
	socklen_t bytes = sizeof(listening);

	(void)events;
	s->listeners++;
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes);
	if (listening && !listen(fd, SOMAXCONN))
		s->listener[s->ports++] = fd;
	return -1;
}

static int forward_all(struct slirp *s, const struct virtio_net_args *args,
		       struct problem *problem)
{
	uint32_t limit = UINT32_MAX, i;

	for (i = 0; i < args->forwards; i++)
		if (forward(s, &args->forward[i], problem))
			return -1;
	slirp_pollfds_fill(s->slirp, &limit, on_port, s);
	return 0;
}

/* Texts of libslirp's own: its guest could fill the log with them. */
static void on_log(const char *domain, GLogLevelFlags level, const char *text,
		   void *ctx)
{
	(void)domain;
	(void)level;
	(void)text;
	(void)ctx;
}

struct net_backend *net_slirp_open(const struct virtio_net_args *args,
				   struct problem *problem)
{
	struct slirp *s = calloc(1, sizeof(*s));
	struct rlimit files = { 0 };

	g_log_set_handler("Slirp", G_LOG_LEVEL_MASK, on_log, NULL);
	getrlimit(RLIMIT_NOFILE, &files);
	if (s)
		s->slirp = new_network(s, args->network, args->name);
	if (!s || !s->slirp) {
		free(s);
		problem_set(problem, "slirp", "no memory");
		return NULL;
	}
	s->backend.ops = &slirp_ops;
	s->backend.mtu = NET_MTU;
	s->fds_max = files.rlim_cur < INT_MAX ? (int)files.rlim_cur : INT_MAX;
	/* Once for a VM: its first network's. */
	s->probed = args->network;
	s->used_ms = INT64_MIN / 2;
	open_dns(s, args);
	if (forward_all(s, args, problem)) {
		slirp_close(&s->backend);
		return NULL;
	}
	return &s->backend;
}
