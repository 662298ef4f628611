// SPDX-License-Identifier: GPL-2.0-only
/* net_dns.c - the name server of a slirp network. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_dns.h"

#define SERVER_MS	1000	/* until the next server's turn, */
#define ROUNDS		2u
#define LAST_MS		10000	/* after the last one's until it is given up */
#define TEXT_BYTES	8192u	/* of resolv.conf; servers stand in front */

/* RFC 1035, 4.1.1: an ID, flags, and four counts. */
#define DNS_HEADER	12u
#define DNS_RESPONSE	0x80u	/* in byte 2 */
#define DNS_TRUNCATED	0x02u
#define DNS_CODE	0x0fu	/* in byte 3: */
#define DNS_SERVFAIL	2u
#define DNS_NOTIMP	4u
#define DNS_REFUSED	5u
/* What fits into a packet of 1,500 bytes with its headers. */
#define ANSWER_IP4	1472u
#define ANSWER_IP6	1452u

/* ---- questions ----------------------------------------------------------- */

static void drop_socket(struct dns_query *q, uint32_t i)
{
	if (q->fd[i] >= 0)
		close(q->fd[i]);
	q->fd[i] = -1;
	q->poll[i] = -1;
}

static void drop_sockets(struct dns_query *q)
{
	uint32_t i;

	for (i = 0; i < NET_RESOLV_SERVERS; i++)
		drop_socket(q, i);
}

static void end(struct dns_query *q)
{
	drop_sockets(q);
	q->bytes = 0;
}

/* A port of its own for each question and server (RFC 5452, 9.2). */
static bool send_to(struct dns_query *q, uint32_t i,
		    const struct sockaddr_storage *to)
{
	if (q->fd[i] < 0) {
		q->fd[i] = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK |
				  SOCK_CLOEXEC, 0);
		q->poll[i] = -1;
	}
	if (q->fd[i] >= 0 &&
	    !connect(q->fd[i], (const struct sockaddr *)to,
		     net_resolv_bytes(to)) &&
	    send(q->fd[i], q->data, q->bytes, MSG_NOSIGNAL) >= 0)
		return true;
	drop_socket(q, i);
	return false;
}

/* The next server that can be asked; after some rounds that is all. */
static void ask_next(struct net_dns *dns, struct dns_query *q, int64_t now_ms)
{
	const struct net_resolv *resolv = &dns->servers.resolv;
	uint32_t turns = ROUNDS * resolv->servers, i;

	while (q->turn < turns) {
		i = dns_server(&dns->servers, q->turn++);
		if (send_to(q, i, &resolv->server[i])) {
			q->due_ms = now_ms + (q->turn < turns ? SERVER_MS :
					      LAST_MS);
			return;
		}
	}
	if (q->due_ms <= now_ms)
		end(q);
}

static void begin(struct net_dns *dns, struct dns_query *q, int64_t now_ms)
{
	q->turn = 0;
	q->due_ms = now_ms;
	ask_next(dns, q, now_ms);
}

static bool is_same(const struct dns_query *q, const struct dns_frame *f,
		    const uint8_t *frame)
{
	size_t ports = f->head_bytes - 8;

	return q->bytes == f->bytes && q->ip6 == f->ip6 &&
	       !memcmp(q->head + ports, frame + ports, 4) &&
	       !memcmp(q->data, frame + f->head_bytes, f->bytes);
}

/* One that is asked again keeps its sockets: a late answer is one, too. */
static void take_question(struct net_dns *dns, const struct dns_frame *f,
			  const uint8_t *frame, int64_t now_ms)
{
	struct dns_query *q;
	uint32_t i;

	if (f->bytes < DNS_HEADER || f->bytes > DNS_QUERY_BYTES)
		return;
	for (i = 0; i < DNS_QUERIES && !is_same(&dns->query[i], f, frame); i++)
		;
	if (i == DNS_QUERIES) {
		i = dns->next;
		dns->next = (i + 1) % DNS_QUERIES;
		end(&dns->query[i]);
	}
	q = &dns->query[i];
	memcpy(q->head, frame, f->head_bytes);
	memcpy(q->data, frame + f->head_bytes, f->bytes);
	q->bytes = (uint32_t)f->bytes;
	q->ip6 = f->ip6;
	begin(dns, q, now_ms);
}

/* ---- answers ------------------------------------------------------------- */

/* Where the question of a message ends; 0: it has none, or more. */
static size_t question_end(const uint8_t *data, size_t bytes)
{
	size_t at = DNS_HEADER;

	if (data[4] || data[5] != 1)
		return 0;
	while (at < bytes && data[at] && data[at] < 64)
		at += 1 + data[at];
	return at + 5 <= bytes && !data[at] ? at + 5 : 0;
}

/* 4.2.1: what does not fit is left out, and the guest asks by TCP. */
static size_t cut(uint8_t *data, size_t bytes, size_t room)
{
	if (bytes <= room)
		return bytes;
	data[2] |= DNS_TRUNCATED;
	bytes = question_end(data, bytes);
	memset(data + 6, 0, 6);
	return bytes && bytes <= room ? bytes : 0;
}

static void give(struct net_dns *dns, struct dns_query *q, size_t bytes)
{
	bytes = cut(dns->answer, bytes, q->ip6 ? ANSWER_IP6 : ANSWER_IP4);
	if (bytes)
		dns->give(dns->ctx, dns->frame,
			  dns_frame_answer(dns->frame, q->head, q->ip6,
					   dns->answer, bytes));
	end(q);
}

/* As the C library does: not a word about the name, so another one may know. */
static bool is_unable(const uint8_t *data)
{
	uint8_t code = data[3] & DNS_CODE;

	return code == DNS_SERVFAIL || code == DNS_NOTIMP ||
	       code == DNS_REFUSED;
}

static void hear(struct net_dns *dns, struct dns_query *q, uint32_t i,
		 int64_t now_ms)
{
	ssize_t got = recv(q->fd[i], dns->answer, sizeof(dns->answer), 0);
	uint8_t *data = dns->answer;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got >= (ssize_t)DNS_HEADER &&
	    (memcmp(data, q->data, 2) || !(data[2] & DNS_RESPONSE)))
		return;
	if (got >= (ssize_t)DNS_HEADER &&
	    (!is_unable(data) || q->turn >= dns->servers.resolv.servers)) {
		if (!is_unable(data))
			dns->servers.first = i;
		give(dns, q, (size_t)got);
		return;
	}
	/* Nobody is there, or no help. */
	drop_socket(q, i);
	ask_next(dns, q, now_ms);
}

/* ---- frames -------------------------------------------------------------- */

bool net_dns_take(struct net_dns *dns, uint8_t *frame, size_t bytes,
		  int64_t now_ms)
{
	struct dns_frame f;
	uint16_t port;
	bool whole;

	if (!dns_frame_to(&f, &whole, frame, bytes, &dns->name))
		return false;
	if (!whole || !dns_frame_is(&f, true, &dns->name, htons(53)))
		return true;
	if (!f.tcp) {
		take_question(dns, &f, frame, now_ms);
		return true;
	}
	port = dns->tcp.port[f.ip6 ? DNS_IP6 : DNS_IP4];
	if (port)
		dns_frame_move(&f, true, &dns->gateway, port);
	return !port;
}

const void *net_dns_turn(struct net_dns *dns, const void *frame, size_t bytes)
{
	struct dns_frame f;
	uint16_t port;

	/* (Only looked at: nearly all of them stay as they are.) */
	if (bytes > sizeof(dns->frame) ||
	    !dns_frame_whole(&f, (uint8_t *)(uintptr_t)frame, bytes) || !f.tcp)
		return frame;
	port = dns->tcp.port[f.ip6 ? DNS_IP6 : DNS_IP4];
	if (!port || !dns_frame_is(&f, false, &dns->gateway, port))
		return frame;
	memcpy(dns->frame, frame, bytes);
	dns_frame_whole(&f, dns->frame, bytes);
	dns_frame_move(&f, false, &dns->name, htons(53));
	return dns->frame;
}

/* ---- the host's servers -------------------------------------------------- */

/* Others than before: who waits for an answer asks these. */
static void read_text(struct net_dns *dns, int64_t now_ms)
{
	char text[TEXT_BYTES];
	ssize_t got = recv(dns->text, text, sizeof(text), MSG_DONTWAIT);
	struct dns_query *q;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close(dns->text);
		dns->text = -1;
		return;
	}
	net_resolv_read(&dns->servers.resolv, text, (size_t)got);
	dns->servers.first = 0;
	for (q = dns->query; q < dns->query + DNS_QUERIES; q++) {
		drop_sockets(q);
		if (q->bytes)
			begin(dns, q, now_ms);
	}
}

void net_dns_open(struct net_dns *dns, int text)
{
	struct dns_query *q;
	uint32_t i;

	for (q = dns->query; q < dns->query + DNS_QUERIES; q++)
		for (i = 0; i < NET_RESOLV_SERVERS; i++)
			q->fd[i] = q->poll[i] = -1;
	net_resolv_read(&dns->servers.resolv, "", 0);
	dns->text = text;
	dns->text_poll = -1;
	dns_tcp_open(&dns->tcp);
}

void net_dns_close(struct net_dns *dns)
{
	uint32_t i;

	for (i = 0; i < DNS_QUERIES; i++)
		end(&dns->query[i]);
	if (dns->text >= 0)
		close(dns->text);
	dns_tcp_close(&dns->tcp);
}

/* ---- waiting ------------------------------------------------------------- */

uint32_t net_dns_wait(struct net_dns *dns, struct net_poll *poll, bool more,
		      uint32_t limit, int64_t now_ms)
{
	struct dns_query *q;
	uint32_t i;

	for (q = dns->query; q < dns->query + DNS_QUERIES; q++) {
		if (!q->bytes)
			continue;
		limit = dns_until(q->due_ms, now_ms, limit);
		for (i = 0; i < NET_RESOLV_SERVERS; i++)
			q->poll[i] = q->fd[i] < 0 ? -1 :
				     net_poll_add(poll, q->fd[i], POLLIN);
	}
	dns->text_poll = dns->text < 0 ? -1 :
			 net_poll_add(poll, dns->text, POLLIN);
	return dns_tcp_wait(&dns->tcp, poll, more, limit, now_ms);
}

void net_dns_run(struct net_dns *dns, const struct net_poll *poll,
		 int64_t now_ms)
{
	struct dns_query *q;
	uint32_t i;

	if (net_poll_got(poll, dns->text_poll))
		read_text(dns, now_ms);
	for (q = dns->query; q < dns->query + DNS_QUERIES; q++) {
		for (i = 0; i < NET_RESOLV_SERVERS && q->bytes; i++)
			if (net_poll_got(poll, q->poll[i]))
				hear(dns, q, i, now_ms);
		if (q->bytes && q->due_ms <= now_ms)
			ask_next(dns, q, now_ms);
	}
	dns_tcp_run(&dns->tcp, poll, &dns->servers, now_ms);
}
