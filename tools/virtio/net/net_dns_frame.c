// SPDX-License-Identifier: GPL-2.0-only
/* net_dns_frame.c - frames to and from the name server of a network. */
#include <string.h>

#include "net_dns_frame.h"

#define ETH		14u
#define IP4		20u	/* without options, */
#define IP6		40u	/* without extensions */
#define UDP		8u
#define TCP		20u
#define PROTOCOL_TCP	6u
#define PROTOCOL_UDP	17u
#define HOPS		64u

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* ---- what is in it ------------------------------------------------------- */

/* The protocol of an IP packet, and where it is from and to; 0: none. */
static uint32_t read_ip(struct dns_frame *f, uint8_t *frame, size_t bytes)
{
	uint32_t type;

	if (bytes < ETH + IP4)
		return 0;
	type = get16(frame + 12);
	f->ip = frame + ETH;
	f->ip6 = type == 0x86dd;
	if (f->ip6 && bytes >= ETH + IP6) {
		f->from = f->ip + 8;
		f->address_bytes = 16;
	} else if (type == 0x0800) {
		f->from = f->ip + 12;
		f->address_bytes = 4;
	} else {
		return 0;
	}
	f->to = f->from + f->address_bytes;
	return f->ip[f->ip6 ? 6 : 9];
}

/* RFC 791 and 8200: one header, one whole packet. */
static bool read_ports(struct dns_frame *f, size_t bytes)
{
	size_t head = f->ip6 ? IP6 : IP4, all, need = f->tcp ? TCP : UDP;

	if (f->ip6)
		all = IP6 + get16(f->ip + 4);
	else if (f->ip[0] == 0x45 && !(get16(f->ip + 6) & 0x3fff))
		all = get16(f->ip + 2);
	else
		return false;
	if (all < head + need || all > bytes - ETH)
		return false;
	f->ports = f->ip + head;
	f->head_bytes = ETH + head + UDP;
	f->bytes = all - head - UDP;
	if (f->tcp)
		return true;
	if (get16(f->ports + 4) < UDP || get16(f->ports + 4) > all - head)
		return false;
	f->bytes = get16(f->ports + 4) - UDP;
	return true;
}

bool dns_frame_whole(struct dns_frame *f, uint8_t *frame, size_t bytes)
{
	uint32_t protocol = read_ip(f, frame, bytes);

	f->tcp = protocol == PROTOCOL_TCP;
	return (f->tcp || protocol == PROTOCOL_UDP) && read_ports(f, bytes);
}

static const uint8_t *address_of(const struct dns_frame *f,
				 const struct dns_host *host)
{
	return f->ip6 ? host->ip6 : host->ip4;
}

bool dns_frame_to(struct dns_frame *f, bool *whole, uint8_t *frame,
		  size_t bytes, const struct dns_host *host)
{
	uint32_t protocol = read_ip(f, frame, bytes);

	if ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) ||
	    memcmp(f->to, address_of(f, host), f->address_bytes))
		return false;
	*whole = dns_frame_whole(f, frame, bytes);
	return true;
}

bool dns_frame_is(const struct dns_frame *f, bool to,
		  const struct dns_host *host, uint16_t port)
{
	return !memcmp(f->ports + 2 * to, &port, 2) &&
	       !memcmp(to ? f->to : f->from, address_of(f, host),
		       f->address_bytes);
}

/* ---- checksums ----------------------------------------------------------- */

/* RFC 1071: one's complement, in words of the network's order. */
static uint32_t add(uint32_t sum, const uint8_t *at, size_t bytes)
{
	for (; bytes >= 2; at += 2, bytes -= 2)
		sum += get16(at);
	if (bytes)
		sum += (uint32_t)at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* RFC 1624, equation 3: these words of what a checksum covers change. */
static void change(uint8_t *checksum, uint8_t *at, const uint8_t *to,
		   size_t bytes)
{
	uint32_t sum = ~get16(checksum) & 0xffff;

	sum += ~add(0, at, bytes) & 0xffff;
	put16(checksum, ~add(add(sum, NULL, 0), to, bytes));
}

void dns_frame_move(const struct dns_frame *f, bool to,
		    const struct dns_host *host, uint16_t port)
{
	uint8_t *address = to ? f->to : f->from, *ports = f->ports + 2 * to;
	uint8_t *checksum = f->ports + (f->tcp ? 16 : 6), other[2];

	memcpy(other, &port, 2);
	if (!f->ip6)
		change(f->ip + 10, address, host->ip4, 4);
	change(checksum, address, address_of(f, host), f->address_bytes);
	change(checksum, ports, other, 2);
	memcpy(address, address_of(f, host), f->address_bytes);
	memcpy(ports, other, 2);
}

/* ---- answers ------------------------------------------------------------- */

static void swap(uint8_t *to, const uint8_t *from, size_t bytes)
{
	memcpy(to, from + bytes, bytes);
	memcpy(to + bytes, from, bytes);
}

static void ip4_head(uint8_t *ip, const uint8_t *from, size_t all)
{
	memset(ip, 0, IP4);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)all);
	ip[8] = HOPS;
	ip[9] = PROTOCOL_UDP;
	swap(ip + 12, from + 12, 4);
	put16(ip + 10, ~add(0, ip, IP4));
}

static void ip6_head(uint8_t *ip, const uint8_t *from, size_t all)
{
	memset(ip, 0, IP6);
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)(all - IP6));
	ip[6] = PROTOCOL_UDP;
	ip[7] = HOPS;
	swap(ip + 8, from + 8, 16);
}

size_t dns_frame_answer(uint8_t *room, const uint8_t *head, bool ip6,
			const void *data, size_t bytes)
{
	size_t ip_bytes = ip6 ? IP6 : IP4, udp_bytes = UDP + bytes;
	uint8_t *ip = room + ETH, *udp = ip + ip_bytes;
	uint32_t sum = PROTOCOL_UDP + (uint32_t)udp_bytes;

	swap(room, head, 6);
	memcpy(room + 12, head + 12, 2);
	if (ip6)
		ip6_head(ip, head + ETH, ip_bytes + udp_bytes);
	else
		ip4_head(ip, head + ETH, ip_bytes + udp_bytes);
	swap(udp, head + ETH + ip_bytes, 2);
	put16(udp + 4, (uint32_t)udp_bytes);
	put16(udp + 6, 0);
	memcpy(udp + UDP, data, bytes);
	sum = add(sum, ip + (ip6 ? 8 : 12), ip6 ? 32 : 8);
	sum = ~add(sum, udp, udp_bytes) & 0xffff;
	/* 0 would say that there is none (RFC 768). */
	put16(udp + 6, sum ? sum : 0xffff);
	return ETH + ip_bytes + udp_bytes;
}
