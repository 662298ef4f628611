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

/* Three texts, each with its NUL; data has one more behind all of them. */
static void counter(const struct question *q, const char *data, size_t bytes)
{
	const char *name = data + strlen(data) + 1, *value;

	if (name >= data + bytes)
		return;
	value = name + strlen(name) + 1;
	if (value < data + bytes)
		q->fn(q->ctx, data, name, strtoull(value, NULL, 10));
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
	if (letter == PACKET_COUNTER)
		counter(q, data, (size_t)bytes);
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
