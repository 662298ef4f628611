/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_dns_tcp.h - connections to the name server of a slirp network: each is
 * one to a server of the host's, and what comes from one goes to the other.
 */
#ifndef CVM_VIRTIO_NET_NET_DNS_TCP_H
#define CVM_VIRTIO_NET_NET_DNS_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "net_poll.h"
#include "net_resolv.h"

#define DNS_RELAYS	16u	/* connections at once; others wait */

/* Whom to ask: the last that answered first. */
struct dns_servers {
	struct net_resolv resolv;
	uint32_t first;
};

/* dns_server - the server whose turn it is; turns wrap around. */
uint32_t dns_server(const struct dns_servers *servers, uint32_t turn);

/* One direction. */
struct dns_flow {
	uint32_t first, end;	/* of what was not sent on yet */
	bool ended;		/* no more will come */
	uint8_t data[2048];
};

enum { DNS_GUEST, DNS_SERVER, DNS_ENDS };

struct dns_relay {
	bool used;
	bool connecting;	/* to a server */
	uint32_t turn;		/* servers tried */
	int64_t due_ms;		/* it has waited long enough */
	int fd[DNS_ENDS];
	int poll[DNS_ENDS];
	struct dns_flow flow[DNS_ENDS];	/* from the guest, from the server */
};

/* Where libslirp connects to on the host's side, by family. */
enum { DNS_IP4, DNS_IP6, DNS_FAMILIES };

struct dns_tcp {
	int fd[DNS_FAMILIES];	/* -1: none, as where there is no loopback */
	int poll[DNS_FAMILIES];
	uint16_t port[DNS_FAMILIES];	/* in the network's order, or 0 */
	struct dns_relay relay[DNS_RELAYS];
};

void dns_tcp_open(struct dns_tcp *tcp);
void dns_tcp_close(struct dns_tcp *tcp);

/* As net_dns_wait() and net_dns_run(). */
uint32_t dns_tcp_wait(struct dns_tcp *tcp, struct net_poll *poll, bool more,
		      uint32_t limit, int64_t now_ms);
void dns_tcp_run(struct dns_tcp *tcp, const struct net_poll *poll,
		 struct dns_servers *servers, int64_t now_ms);

/* dns_until - milliseconds until then, at most limit. */
uint32_t dns_until(int64_t due_ms, int64_t now_ms, uint32_t limit);

#endif /* CVM_VIRTIO_NET_NET_DNS_TCP_H */
