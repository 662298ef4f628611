// SPDX-License-Identifier: GPL-2.0-only
/* net_dns_tcp.c - connections to the name server of a slirp network. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_dns_tcp.h"

#define CONNECT_MS	2000	/* until the next server's turn */
#define IDLE_MS		30000	/* nothing is asked or answered */

uint32_t dns_server(const struct dns_servers *servers, uint32_t turn)
{
	return (servers->first + turn) % servers->resolv.servers;
}

uint32_t dns_until(int64_t due_ms, int64_t now_ms, uint32_t limit)
{
	int64_t left = due_ms - now_ms;

	if (left >= limit)
		return limit;
	return left < 0 ? 0 : (uint32_t)left;
}

/* ---- listening ----------------------------------------------------------- */

static void listen_at(struct dns_tcp *tcp, uint32_t family)
{
	struct sockaddr_in6 ip6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct sockaddr_in ip4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *at = family == DNS_IP6 ? (struct sockaddr *)&ip6 :
						  (struct sockaddr *)&ip4;
	socklen_t bytes = family == DNS_IP6 ? sizeof(ip6) : sizeof(ip4);
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
			SOCK_CLOEXEC, 0);

	tcp->fd[family] = fd;
	if (fd >= 0 && !bind(fd, at, bytes) && !listen(fd, DNS_RELAYS) &&
	    !getsockname(fd, at, &bytes)) {
		tcp->port[family] = family == DNS_IP6 ? ip6.sin6_port :
							ip4.sin_port;
		return;
	}
	if (fd >= 0)
		close(fd);
	tcp->fd[family] = -1;
}

void dns_tcp_open(struct dns_tcp *tcp)
{
	listen_at(tcp, DNS_IP4);
	listen_at(tcp, DNS_IP6);
}

/* ---- a connection -------------------------------------------------------- */

static void end(struct dns_relay *r)
{
	uint32_t i;

	for (i = 0; i < DNS_ENDS; i++)
		if (r->fd[i] >= 0)
			close(r->fd[i]);
	r->used = false;
}

void dns_tcp_close(struct dns_tcp *tcp)
{
	uint32_t i;

	for (i = 0; i < DNS_RELAYS; i++)
		if (tcp->relay[i].used)
			end(&tcp->relay[i]);
	for (i = 0; i < DNS_FAMILIES; i++)
		if (tcp->fd[i] >= 0)
			close(tcp->fd[i]);
}

/* The next server that can be tried. */
static void try_next(struct dns_relay *r, const struct dns_servers *servers,
		     int64_t now_ms)
{
	const struct sockaddr_storage *to;

	if (r->fd[DNS_SERVER] >= 0)
		close(r->fd[DNS_SERVER]);
	r->fd[DNS_SERVER] = -1;
	r->poll[DNS_SERVER] = -1;
	while (r->turn < servers->resolv.servers) {
		to = &servers->resolv.server[dns_server(servers, r->turn++)];
		r->fd[DNS_SERVER] = socket(to->ss_family, SOCK_STREAM |
					   SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (r->fd[DNS_SERVER] < 0)
			continue;
		r->due_ms = now_ms + CONNECT_MS;
		if (!connect(r->fd[DNS_SERVER], (const struct sockaddr *)to,
			     net_resolv_bytes(to)) || errno == EINPROGRESS)
			return;
		close(r->fd[DNS_SERVER]);
		r->fd[DNS_SERVER] = -1;
	}
	end(r);
}

static void let_in(struct dns_tcp *tcp, uint32_t family,
		 const struct dns_servers *servers, int64_t now_ms)
{
	struct dns_relay *r = tcp->relay;
	int fd = accept4(tcp->fd[family], NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	while (fd >= 0 && r < tcp->relay + DNS_RELAYS && r->used)
		r++;
	if (fd < 0)
		return;
	if (r == tcp->relay + DNS_RELAYS) {
		close(fd);
		return;
	}
	memset(r, 0, sizeof(*r));
	r->used = true;
	r->connecting = true;
	r->fd[DNS_GUEST] = fd;
	r->fd[DNS_SERVER] = -1;
	r->poll[DNS_GUEST] = -1;
	try_next(r, servers, now_ms);
}

/* Is there a connection now? */
static void connected(struct dns_relay *r, struct dns_servers *servers,
		      int64_t now_ms)
{
	int error = 0;
	socklen_t bytes = sizeof(error);

	if (getsockopt(r->fd[DNS_SERVER], SOL_SOCKET, SO_ERROR, &error,
		       &bytes) || error) {
		try_next(r, servers, now_ms);
		return;
	}
	r->connecting = false;
	r->due_ms = now_ms + IDLE_MS;
}

/* ---- data ---------------------------------------------------------------- */

/* false: the connection has broken. */
static bool receive(struct dns_flow *flow, int from)
{
	ssize_t got = recv(from, flow->data, sizeof(flow->data), 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->first = 0;
	flow->end = (uint32_t)got;
	flow->ended = !got;
	return true;
}

static bool pass_on(struct dns_flow *flow, int to)
{
	ssize_t sent;

	if (flow->ended)
		return !shutdown(to, SHUT_WR);
	sent = send(to, flow->data + flow->first, flow->end - flow->first,
		    MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->first += (uint32_t)sent;
	return true;
}

/* What can be moved now; false: that was all. */
static bool move(struct dns_relay *r, const struct net_poll *poll)
{
	struct dns_flow *flow;
	uint32_t i;

	for (i = 0; i < DNS_ENDS; i++) {
		flow = &r->flow[i];
		if (net_poll_got(poll, r->poll[i]) & (POLLIN | POLLHUP |
						      POLLERR) &&
		    flow->first == flow->end && !flow->ended) {
			if (!receive(flow, r->fd[i]) ||
			    ((flow->first < flow->end || flow->ended) &&
			     !pass_on(flow, r->fd[!i])))
				return false;
		} else if (net_poll_got(poll, r->poll[!i]) & POLLOUT &&
			   flow->first < flow->end) {
			if (!pass_on(flow, r->fd[!i]))
				return false;
		}
	}
	return !r->flow[0].ended || !r->flow[1].ended;
}

static void run(struct dns_relay *r, const struct net_poll *poll,
		struct dns_servers *servers, int64_t now_ms)
{
	bool due = r->due_ms <= now_ms;

	if (r->connecting) {
		if (net_poll_got(poll, r->poll[DNS_SERVER]))
			connected(r, servers, now_ms);
		else if (due)
			try_next(r, servers, now_ms);
		return;
	}
	if (!net_poll_got(poll, r->poll[DNS_GUEST]) &&
	    !net_poll_got(poll, r->poll[DNS_SERVER])) {
		if (due)
			end(r);
		return;
	}
	r->due_ms = now_ms + IDLE_MS;
	if (!move(r, poll))
		end(r);
}

void dns_tcp_run(struct dns_tcp *tcp, const struct net_poll *poll,
		 struct dns_servers *servers, int64_t now_ms)
{
	uint32_t i;

	for (i = 0; i < DNS_RELAYS; i++)
		if (tcp->relay[i].used)
			run(&tcp->relay[i], poll, servers, now_ms);
	for (i = 0; i < DNS_FAMILIES; i++)
		if (net_poll_got(poll, tcp->poll[i]))
			let_in(tcp, i, servers, now_ms);
}

/* ---- waiting ------------------------------------------------------------- */

static short wanted(const struct dns_relay *r, uint32_t i)
{
	const struct dns_flow *in = &r->flow[i], *out = &r->flow[!i];
	short events = 0;

	if (r->connecting)
		return i == DNS_SERVER ? POLLOUT : 0;
	if (in->first == in->end && !in->ended)
		events |= POLLIN;
	if (out->first < out->end)
		events |= POLLOUT;
	return events;
}

uint32_t dns_tcp_wait(struct dns_tcp *tcp, struct net_poll *poll, bool more,
		      uint32_t limit, int64_t now_ms)
{
	struct dns_relay *r;
	bool room = false;
	uint32_t i;
	short events;

	for (r = tcp->relay; r < tcp->relay + DNS_RELAYS; r++) {
		room |= !r->used;
		if (!r->used)
			continue;
		limit = dns_until(r->due_ms, now_ms, limit);
		for (i = 0; i < DNS_ENDS; i++) {
			events = wanted(r, i);
			r->poll[i] = events ? net_poll_add(poll, r->fd[i],
							   events) : -1;
		}
	}
	for (i = 0; i < DNS_FAMILIES; i++)
		tcp->poll[i] = more && room && tcp->fd[i] >= 0 ?
			       net_poll_add(poll, tcp->fd[i], POLLIN) : -1;
	return limit;
}
