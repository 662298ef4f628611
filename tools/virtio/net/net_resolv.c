// SPDX-License-Identifier: GPL-2.0-only
/* net_resolv.c - the host's name servers, by resolv.conf(5). */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "net_resolv.h"

#define KEYWORD	"nameserver"
#define PORT	53
/* An address with the name of an interface: fe80::1%eth0. */
#define WORD	(INET6_ADDRSTRLEN + IF_NAMESIZE)

socklen_t net_resolv_bytes(const struct sockaddr_storage *server)
{
	return server->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	       sizeof(struct sockaddr_in);
}

static bool read_address(struct sockaddr_storage *to, char *word)
{
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)to;
	struct sockaddr_in *ip4 = (struct sockaddr_in *)to;
	char *link = strchr(word, '%');

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, word, &ip4->sin_addr) == 1) {
		ip4->sin_family = AF_INET;
		ip4->sin_port = htons(PORT);
		return true;
	}
	if (link) {
		*link++ = '\0';
		ip6->sin6_scope_id = if_nametoindex(link);
	}
	if (inet_pton(AF_INET6, word, &ip6->sin6_addr) != 1)
		return false;
	ip6->sin6_family = AF_INET6;
	ip6->sin6_port = htons(PORT);
	return true;
}

/* The word behind the keyword of a line, or "". */
static void read_line(const char *line, size_t bytes, char word[WORD])
{
	size_t at = sizeof(KEYWORD) - 1, n = 0;

	if (bytes > at && !memcmp(line, KEYWORD, at) &&
	    (line[at] == ' ' || line[at] == '\t')) {
		while (at < bytes && (line[at] == ' ' || line[at] == '\t'))
			at++;
		while (at < bytes && n + 1 < WORD && line[at] > ' ')
			word[n++] = line[at++];
	}
	word[n] = '\0';
}

void net_resolv_read(struct net_resolv *to, const char *text, size_t bytes)
{
	const char *end = text + bytes, *next;
	char here[] = "127.0.0.1", word[WORD];

	to->servers = 0;
	for (; text < end && to->servers < NET_RESOLV_SERVERS; text = next) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next + 1 : end;
		read_line(text, (size_t)(next - text), word);
		if (word[0] && read_address(&to->server[to->servers], word))
			to->servers++;
	}
	if (!to->servers && read_address(&to->server[0], here))
		to->servers = 1;
}
