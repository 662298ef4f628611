// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_net.c - ethN: network cards, in coLinux's form.
 *
 *	slirp[,MAC[,FORWARD/FORWARD...]]
 *		FORWARD: tcp|udp[:ADDRESS]:HOSTPORT:GUESTPORT[:COUNT]
 *	tap,NAME[,MAC[,ADDRESS]]	or tuntap,..., coLinux's word
 *		ADDRESS has no meaning, as in coLinux
 */
#include <stdio.h>
#include <string.h>

#include "config_impl.h"

#define MAC_BYTES	6
#define TAP_NAME	64

/* A part of the text, which is not copied. */
struct part {
	const char *at;
	size_t bytes;
};

static int fail(const struct config_reading *r, struct part part,
		const char *why)
{
	return config_fail(r, "\"%.*s\": %s",
			   part.bytes < 64 ? (int)part.bytes : 64, part.at,
			   why);
}

static struct config_nic *nic(const struct config_reading *r)
{
	return &r->config->nic[r->value->number];
}

/* The part up to the next separator; false at the end of the text. */
static int next(struct part *text, char separator, struct part *part)
{
	const char *end;

	part->at = text->at;
	part->bytes = 0;
	if (!text->at)
		return 0;
	end = memchr(text->at, separator, text->bytes);
	part->bytes = end ? (size_t)(end - text->at) : text->bytes;
	text->bytes -= part->bytes + !!end;
	text->at = end ? end + 1 : NULL;
	return 1;
}

static int is(struct part part, const char *word)
{
	return part.bytes == strlen(word) &&
	       !memcmp(part.at, word, part.bytes);
}

/* A number in this base; -1: not a number, or more than max. */
static long number(struct part part, unsigned int base, long max)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *digit;
	long value = 0;
	size_t i;

	for (i = 0; i < part.bytes && value <= max; i++) {
		digit = part.at[i] ? strchr(digits, part.at[i]) : NULL;
		if (!digit)
			return -1;
		digit -= digit - digits >= 16 ? 6 : 0;
		if (digit - digits >= (long)base)
			return -1;
		value = value * base + (digit - digits);
	}
	return part.bytes && value <= max ? value : -1;
}

/* An address: count numbers of a byte, with separators between. */
static int bytes_of(struct part text, char separator, unsigned int base,
		    uint8_t *to, unsigned int count)
{
	struct part part;
	unsigned int i;
	long value;

	for (i = 0; next(&text, separator, &part); i++) {
		value = number(part, base, 255);
		if (i == count || value < 0 || (base == 16 && part.bytes != 2))
			return -1;
		to[i] = (uint8_t)value;
	}
	return i == count ? 0 : -1;
}

static int read_mac(struct config_reading *r, struct part part)
{
	uint8_t mac[MAC_BYTES];

	if (!part.bytes)
		return 0;
	if (bytes_of(part, ':', 16, mac, MAC_BYTES) &&
	    bytes_of(part, '-', 16, mac, MAC_BYTES))
		return fail(r, part, "not a MAC address (02:00:00:12:34:56)");
	if (mac[0] & 1)
		return fail(r, part, "a multicast address; a card needs one of "
			    "its own");
	memcpy(nic(r)->args.mac, mac, sizeof(mac));
	nic(r)->mac_given = true;
	return 0;
}

/* ---- forwards ---- */

static int add_forwards(struct config_reading *r, struct part whole,
			const struct virtio_net_forward *first, long count)
{
	struct virtio_net_args *args = &nic(r)->args;
	long i;

	if (first->host_port + count - 1 > 65535 ||
	    first->guest_port + count - 1 > 65535)
		return fail(r, whole, "the last port is above 65535");
	if (count > (long)(VIRTIO_NET_FORWARDS - args->forwards))
		return fail(r, whole, "more ports than a card can forward");
	for (i = 0; i < count; i++) {
		args->forward[args->forwards] = *first;
		args->forward[args->forwards].host_port += (uint16_t)i;
		args->forward[args->forwards].guest_port += (uint16_t)i;
		args->forwards++;
	}
	return 0;
}

static int read_forward(struct config_reading *r, struct part whole)
{
	/* The loopback address, unless another one is named. */
	struct virtio_net_forward f = { .host_ip = { 127, 0, 0, 1 } };
	struct part rest = whole, part, count;
	long host, guest, ports = 1;

	next(&rest, ':', &part);
	f.udp = is(part, "udp");
	if (!f.udp && !is(part, "tcp"))
		return fail(r, part, "neither tcp nor udp");
	next(&rest, ':', &part);
	if (memchr(part.at ? part.at : "", '.', part.bytes)) {
		if (bytes_of(part, '.', 10, f.host_ip, 4))
			return fail(r, part, "not an IPv4 address");
		next(&rest, ':', &part);
	}
	host = number(part, 10, 65535);
	if (host <= 0)
		return fail(r, whole, "the host's port must be 1 .. 65535");
	next(&rest, ':', &part);
	guest = number(part, 10, 65535);
	if (guest <= 0)
		return fail(r, whole, "the guest's port must be 1 .. 65535");
	if (next(&rest, ':', &count))
		ports = number(count, 10, 65535);
	if (ports <= 0 || rest.at)
		return fail(r, whole, "not a forward "
			    "(tcp|udp[:ADDRESS]:HOSTPORT:GUESTPORT[:COUNT])");
	f.host_port = (uint16_t)host;
	f.guest_port = (uint16_t)guest;
	return add_forwards(r, whole, &f, ports);
}

/* ---- kinds ---- */

static int read_slirp(struct config_reading *r, struct part rest)
{
	struct part part, forward;

	if (next(&rest, ',', &part) && read_mac(r, part))
		return -1;
	if (next(&rest, ',', &part))
		while (next(&part, '/', &forward))
			if (read_forward(r, forward))
				return -1;
	return rest.at ? fail(r, rest, "unexpected text after the ports") : 0;
}

static int read_tap(struct config_reading *r, struct part rest)
{
	uint8_t ignored[4];
	struct part part;

	if (!next(&rest, ',', &part) || !part.bytes)
		return fail(r, (struct part){ "", 0 },
			    "tap needs the name of an interface");
	if (part.bytes >= TAP_NAME)
		return fail(r, part, "too long for the name of an interface");
	nic(r)->args.tap = config_copy(r, part.at, part.bytes);
	if (!nic(r)->args.tap)
		return -1;
	if (next(&rest, ',', &part) && read_mac(r, part))
		return -1;
	/* coLinux takes the host's address here and does nothing with it. */
	if (next(&rest, ',', &part) &&
	    bytes_of(part, '.', 10, ignored, sizeof(ignored)))
		return fail(r, part, "not an IPv4 address");
	if (rest.at)
		return fail(r, rest, "unexpected text after the address");
	return part.at ? config_note(r, "ignored: the host's address is set "
				     "with ip(8)") : 0;
}

static int read_kind(struct config_reading *r, struct part kind,
		     struct part rest)
{
	if (is(kind, "slirp"))
		return read_slirp(r, rest);
	/* "tuntap" is coLinux's name of it. */
	if (is(kind, "tap") || is(kind, "tuntap"))
		return read_tap(r, rest);
	if (is(kind, "pcap-bridge") || is(kind, "ndis-bridge"))
		return fail(r, kind, "not supported; use tap,NAME and put the "
			    "interface into a bridge of the host");
	return fail(r, kind, "unknown kind of network; use slirp or tap");
}

int config_read_eth(struct config_reading *r)
{
	struct part rest = { r->text, strlen(r->text) }, kind;

	snprintf(nic(r)->name, sizeof(nic(r)->name), "eth%u",
		 r->value->number % 100);
	next(&rest, ',', &kind);
	return read_kind(r, kind, rest);
}
