// SPDX-License-Identifier: GPL-2.0-only
/* ask.c - of a VM's own process. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "packet.h"
#include "platform.h"

#define ANSWER_MS	2000

struct question {
	void (*fn)(void *ctx, const char *device, const char *counter,
		   uint64_t value);
	void *ctx;
};

/* Three texts each, with their NULs; there is one more behind all of them. */
static void counters(const struct question *q, const char *data, size_t bytes)
{
	const char *device = data, *end = data + bytes, *counter, *value;

	while (device < end) {
		counter = device + strlen(device) + 1;
		value = counter < end ? counter + strlen(counter) + 1 : end;
		if (value >= end)
			return;
		q->fn(q->ctx, device, counter, strtoull(value, NULL, 10));
		device = value + strlen(value) + 1;
	}
}

/* 1 while there may be more. */
static int read_answer(const struct question *q, struct link *link)
{
	char data[LINK_DATA + 1], letter;
	unsigned int which;
	int bytes;

	if (plat_wait(&link, 1, &which, 0, ANSWER_MS) != WAIT_LINK)
		return 0;
	bytes = plat_link_recv(link, &letter, data);
	if (bytes < 0 || letter == PACKET_END)
		return 0;
	data[bytes] = '\0';
	if (letter == PACKET_COUNTERS)
		counters(q, data, (size_t)bytes);
	return 1;
}

void ask_counters(const char *name,
		  void (*fn)(void *ctx, const char *device,
			     const char *counter, uint64_t value),
		  void *ctx)
{
	const struct question q = { fn, ctx };
	struct problem ignored = { "" };
	struct link *link = plat_connect(name, &ignored);

	if (!link)
		return;
	if (!plat_wait_open(&ignored) &&
	    !plat_link_send(link, PACKET_ASK, NULL, 0, LINK_SURE))
		while (read_answer(&q, link))
			;
	plat_link_close(link);
}

void tell_killed(const char *name)
{
	struct problem ignored = { "" };
	struct link *link = plat_connect(name, &ignored);

	if (!link)
		return;
	plat_link_send(link, PACKET_KILL, NULL, 0, LINK_SURE);
	plat_link_close(link);
}
