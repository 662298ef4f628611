/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_dns.h - the name server of a slirp network.
 *
 * It hands what the guest asks on to the host's name servers, one after the
 * other until one answers: the one that did is asked first from then on.
 * Datagrams are taken from the guest's frames; of connections the frames are
 * sent to a port of the host's loopback address instead, where net_dns_tcp.c
 * listens, for libslirp knows how to speak TCP.
 *
 * All of it belongs to the card's thread.
 */
#ifndef CVM_VIRTIO_NET_NET_DNS_H
#define CVM_VIRTIO_NET_NET_DNS_H

#include "net_dns_frame.h"
#include "net_dns_tcp.h"
#include "net_poll.h"
#include "net_resolv.h"

#define DNS_QUERIES	64u	/* at once; the oldest makes room */
#define DNS_QUERY_BYTES	512u	/* without EDNS; questions are short */

/* A question that has no answer yet. */
struct dns_query {
	uint32_t bytes;		/* 0: none */
	uint8_t data[DNS_QUERY_BYTES];
	uint8_t head[DNS_HEAD_MAX];
	bool ip6;
	uint32_t turn;		/* how often somebody was asked */
	int64_t due_ms;		/* the next one's turn */
	int fd[NET_RESOLV_SERVERS];	/* sockets of those asked, or -1 */
	int poll[NET_RESOLV_SERVERS];	/* net_poll_add()'s */
};

struct net_dns {
	struct dns_host name;	/* where the guest asks */
	struct dns_host gateway; /* what the host's loopback is to it */
	void (*give)(void *ctx, const void *frame, size_t bytes);
	void *ctx;
	struct dns_servers servers;
	int text;		/* a socket: resolv.conf's, or -1 */
	int text_poll;
	struct dns_query query[DNS_QUERIES];
	uint32_t next;		/* query[] that is the oldest */
	struct dns_tcp tcp;
	uint8_t frame[2048];	/* to the guest */
	uint8_t answer[65536];
};

/*
 * net_dns_open - ->name, ->gateway, ->give and ->ctx are set, the rest is 0.
 * text: a socket that each text of resolv.conf comes from as one packet, which
 * is the callee's from now on; -1: there is none.
 */
void net_dns_open(struct net_dns *dns, int text);
void net_dns_close(struct net_dns *dns);

/*
 * net_dns_take - a frame of the guest's: true when that is the end of it.  It
 * may be changed.
 */
bool net_dns_take(struct net_dns *dns, uint8_t *frame, size_t bytes,
		  int64_t now_ms);

/*
 * net_dns_turn - a frame of libslirp's: what the guest is to see of it, the
 * frame itself or a changed copy.
 */
const void *net_dns_turn(struct net_dns *dns, const void *frame, size_t bytes);

/*
 * net_dns_wait - list what there is to wait for; milliseconds, at most limit.
 * more: there are descriptors for further connections.
 */
uint32_t net_dns_wait(struct net_dns *dns, struct net_poll *poll, bool more,
		      uint32_t limit, int64_t now_ms);

/* net_dns_run - do what the sleep has ended for. */
void net_dns_run(struct net_dns *dns, const struct net_poll *poll,
		 int64_t now_ms);

#endif /* CVM_VIRTIO_NET_NET_DNS_H */
