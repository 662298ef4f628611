// SPDX-License-Identifier: GPL-2.0-only
/* console_server.c - the consoles of a running VM, in the VMM's process. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console_server.h"
#include "packet.h"
#include "scrollback.h"
#include "supervisor.h"
#include "os/thread.h"

#define KEYS		65536u	/* input the guest has not taken yet */
#define CLIENTS		(CONSOLE_CHANNELS + 4u)
#define WHO		96u

struct console_channel {
	const char *name;	/* "": the guest's own */
	const struct console_sink *sink;
	void *ctx;
	int full;		/* until console_input_space() */
	char holder[WHO];	/* who is attached */
	size_t keys_len;
	char keys[KEYS];

	struct os_lock lock;	/* of what follows, for writers */
	struct os_link *link;	/* of the terminal attached, or NULL */
	struct scrollback back;
};

struct client {
	struct os_link *link;	/* NULL: a free place */
	struct console_channel *channel; /* NULL: has not said what for */
	int owner;		/* it started the VM, and its end ends it */
};

static struct {
	int served;
	int copy;		/* served: stdout gets the output too */
	int left;		/* the terminal we started on is let go of */
	int eof;		/* direct: stdin has ended */
	int broken;		/* stdout is gone */
	int running;
	uint32_t id;		/* of the VM */
	char greeting[256];
	struct client client[CLIENTS];
	struct console_channel channel[CONSOLE_CHANNELS];
	unsigned int channels;
	struct {
		const char *name, *why;
	} other[32];		/* names that are no channels, and why */
	unsigned int others;
	void (*report)(void *ctx, struct stats_answer *a);
	void (*rescan)(void *ctx, const char *disk, struct stats_answer *a);
	void *report_ctx;
} con;

/* The guest's own. */
static struct console_channel *const own = &con.channel[0];

/* ---- start and end ---- */

static int begin(struct problem *problem)
{
	os_lock_init(&own->lock);
	own->name = "";
	con.channels = 1;
	return os_wait_open(problem);
}

int console_direct(struct problem *problem)
{
	snprintf(own->holder, WHO, "files or pipes of process %ld",
		 os_pid());
	return begin(problem);
}

int console_served(struct os_link *first, int copy, struct problem *problem)
{
	con.served = 1;
	con.copy = copy;
	if (first) {
		con.client[0] = (struct client){ first, own, 1 };
		own->link = first;
		snprintf(own->holder, WHO, "process %ld", os_pid());
	}
	return begin(problem);
}

int console_claim(const char *name, struct problem *problem)
{
	return os_link_listen(name, supervisor_remove, problem);
}

int console_ready(uint32_t id, const char *greeting, struct problem *problem)
{
	con.id = id;
	snprintf(con.greeting, sizeof(con.greeting), "%s", greeting);
	return os_catch_stop(problem);
}

void console_running(void)
{
	if (__atomic_exchange_n(&con.running, 1, __ATOMIC_ACQ_REL))
		return;
	os_lock(&own->lock);
	if (own->link)
		os_link_send(own->link, PACKET_STARTED, con.greeting,
			     strlen(con.greeting), OS_LINK_BLOCK);
	os_unlock(&own->lock);
}

/* Does stderr reach anybody a client would not? */
static int speaks_itself(void)
{
	return !con.served || con.copy || con.left;
}

void console_last(const char *line, int logged)
{
	if (line[0] && speaks_itself() && (logged || !con.left))
		say("%s", line);
}

void console_end(int status, const char *line)
{
	char data[OS_LINK_DATA];
	unsigned int i;
	int len;

	data[0] = (char)status;
	len = snprintf(data + 1, sizeof(data) - 1, "%s", line) + 1;
	for (i = 0; i < CLIENTS; i++) {
		if (!con.client[i].link)
			continue;
		/* Waits for a slow terminal, but not when the VM was ended. */
		if (os_link_send(con.client[i].link, PACKET_END, data,
				 (size_t)len, OS_LINK_NOW) == OS_LINK_FULL)
			os_link_send(con.client[i].link, PACKET_END, data,
				     (size_t)len, OS_LINK_BLOCK);
		os_link_close(con.client[i].link);
		con.client[i].link = NULL;
	}
	os_link_unlisten();
}

/* ---- channels ---- */

struct console_channel *console_channel(const char *name,
					const struct console_sink *sink,
					void *ctx)
{
	struct console_channel *channel = own;

	if (name) {
		if (con.channels == CONSOLE_CHANNELS)
			return NULL;
		channel = &con.channel[con.channels++];
		channel->name = name;
		os_lock_init(&channel->lock);
	}
	channel->sink = sink;
	channel->ctx = ctx;
	return channel;
}

void console_explain(const char *name, const char *why)
{
	if (con.others == sizeof(con.other) / sizeof(con.other[0]))
		return;
	con.other[con.others].name = name;
	con.other[con.others++].why = why;
}

void console_input_space(struct console_channel *channel)
{
	__atomic_store_n(&channel->full, 0, __ATOMIC_SEQ_CST);
	os_wake();
}

/* Room may be told while the sink still says that there is none. */
static void offer_keys(struct console_channel *channel)
{
	size_t took;

	while (channel->sink && channel->keys_len &&
	       !__atomic_exchange_n(&channel->full, 1, __ATOMIC_SEQ_CST)) {
		took = channel->sink->input(channel->ctx, channel->keys,
					    channel->keys_len);
		if (took == channel->keys_len)
			__atomic_store_n(&channel->full, 0, __ATOMIC_SEQ_CST);
		channel->keys_len -= took;
		memmove(channel->keys, channel->keys + took,
			channel->keys_len);
	}
}

static void offer_all(void)
{
	unsigned int i;

	for (i = 0; i < con.channels; i++)
		offer_keys(&con.channel[i]);
}

/* ---- output ---- */

static void write_stdout(const char *data, size_t bytes)
{
	const char *why = con.broken ? NULL : os_output(data, bytes);

	if (!why)
		return;
	con.broken = 1;
	say("cvmctl: stdout: %s; the guest runs on, its output is dropped",
	    why);
}

static void write_channel(struct console_channel *channel, const char *data,
			  size_t bytes)
{
	size_t part;

	os_lock(&channel->lock);
	scrollback_put(&channel->back, data, bytes);
	while (bytes && channel->link) {
		part = bytes < OS_LINK_DATA ? bytes : OS_LINK_DATA;
		if (os_link_send(channel->link, PACKET_OUTPUT, data, part,
				 OS_LINK_BLOCK))
			break;	/* console_wait() sees it too */
		data += part;
		bytes -= part;
	}
	os_unlock(&channel->lock);
}

void console_write(struct console_channel *channel, const void *data,
		   size_t bytes)
{
	if (channel == own && (!con.served || con.copy))
		write_stdout(data, bytes);
	if (channel != own || con.served)
		write_channel(channel, data, bytes);
}

void console_note(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (speaks_itself())
		say("cvmctl: %s", line);
	os_lock(&own->lock);
	if (own->link)
		os_link_send(own->link, PACKET_NOTE, line, strlen(line),
			     OS_LINK_BLOCK);
	os_unlock(&own->lock);
}

/* ---- who comes and goes ---- */

static void drop_client(struct client *client)
{
	struct console_channel *channel = client->channel;

	/* A writer may hold the lock, waiting for this very client. */
	os_link_shut(client->link);
	if (channel) {
		os_lock(&channel->lock);
		channel->link = NULL;
		os_unlock(&channel->lock);
		channel->holder[0] = '\0';
	}
	os_link_close(client->link);
	*client = (struct client){ 0 };
}

static void new_client(void)
{
	struct problem problem = { "" };
	struct os_link *link = os_link_accept(&problem);
	unsigned int i;

	if (problem.text[0])
		console_note("%s", problem.text);
	for (i = 0; link && i < CLIENTS; i++) {
		if (con.client[i].link)
			continue;
		con.client[i].link = link;
		return;
	}
	if (link)
		os_link_close(link);
}

static void refuse(struct client *client, const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 2, 3)));

static void refuse(struct client *client, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	os_link_send(client->link, PACKET_REFUSED, text, strlen(text),
		     OS_LINK_NOW);
	drop_client(client);
}

static void refuse_port(struct client *client, const char *port)
{
	unsigned int i;

	for (i = 0; i < con.others; i++) {
		if (strcmp(con.other[i].name, port))
			continue;
		refuse(client, "%s: %s", port, con.other[i].why);
		return;
	}
	refuse(client, "%s: no such port", port);
}

/* The other end runs as the same user as we do, but need not be in order. */
static const char *text_at(const char *data, size_t bytes, size_t at)
{
	return at < bytes && memchr(data + at, '\0', bytes - at) ?
	       data + at : "";
}

static void attach(struct client *client, const char *data, size_t bytes)
{
	const char *port = text_at(data, bytes, 0);
	const char *who = text_at(data, bytes, strlen(port) + 1);
	struct console_channel *channel;
	const char *part;
	uint64_t at = 0;
	unsigned int i;
	size_t n;

	for (i = 0; i < con.channels && strcmp(con.channel[i].name, port); i++)
		;
	if (i == con.channels) {
		refuse_port(client, port);
		return;
	}
	channel = &con.channel[i];
	if (channel->holder[0]) {
		refuse(client, "another terminal is attached: %s",
		       channel->holder);
		return;
	}
	snprintf(channel->holder, WHO, "%s", who);
	client->channel = channel;
	os_lock(&channel->lock);
	os_link_send(client->link, PACKET_STARTED, con.greeting,
		     strlen(con.greeting), OS_LINK_NOW);
	while ((n = scrollback_part(&channel->back, &at, &part)) > 0) {
		if (n > OS_LINK_DATA) {
			at -= n - OS_LINK_DATA;
			n = OS_LINK_DATA;
		}
		if (os_link_send(client->link, PACKET_OUTPUT, part, n,
				 OS_LINK_NOW))
			break;
	}
	channel->link = client->link;
	os_unlock(&channel->lock);
}

/* ---- counters ---- */

void console_on_stats(void (*report)(void *ctx, struct stats_answer *a),
		      void (*rescan)(void *ctx, const char *disk,
				     struct stats_answer *a),
		      void *ctx)
{
	con.report = report;
	con.rescan = rescan;
	con.report_ctx = ctx;
}

/* A packet that is being filled. */
struct stats_answer {
	struct os_link *to;
	const char *device;
	size_t bytes;
	char data[OS_LINK_DATA];
};

/* Few packets, for nobody waits until there is room for more. */
static void send_answer(struct stats_answer *a)
{
	os_link_send(a->to, PACKET_COUNTERS, a->data, a->bytes, OS_LINK_NOW);
	a->bytes = 0;
}

void stats_answer_device(struct stats_answer *a, const char *name)
{
	a->device = name;
}

void stats_answer_put(void *to, const char *name, const char *text,
		      uint64_t number)
{
	struct stats_answer *a = to;
	char digits[24], row[200];
	size_t len;

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	len = (size_t)snprintf(row, sizeof(row), "%.60s%c%.60s%c%.60s",
			       a->device, '\0', name, '\0',
			       text ? text : digits) + 1;
	if (len > sizeof(a->data) - a->bytes)
		send_answer(a);
	memcpy(a->data + a->bytes, row, len);
	a->bytes += len;
}

/* disk: whose length is to be looked at; NULL: it is counters. */
static void answer(struct client *client, const char *disk)
{
	struct stats_answer a = { .to = client->link };

	if (con.report && disk)
		con.rescan(con.report_ctx, disk, &a);
	else if (con.report)
		con.report(con.report_ctx, &a);
	send_answer(&a);
	os_link_send(client->link, PACKET_END, "", 1, OS_LINK_NOW);
	drop_client(client);
}

/* ---- input ---- */

static void type(struct console_channel *channel, const char *data,
		 size_t bytes)
{
	/* Nobody types that far ahead: what is too much is lost. */
	if (bytes > KEYS - channel->keys_len)
		bytes = KEYS - channel->keys_len;
	memcpy(channel->keys + channel->keys_len, data, bytes);
	channel->keys_len += bytes;
	offer_keys(channel);
}

static void resize(struct console_channel *channel, const char *data,
		   size_t bytes)
{
	struct packet_size size;

	if (bytes != sizeof(size) || !channel->sink)
		return;
	memcpy(&size, data, sizeof(size));
	channel->sink->resize(channel->ctx, size.cols, size.rows);
}

static enum console_wait_end from_attached(struct client *client, char letter,
					   const char *data, size_t bytes)
{
	switch (letter) {
	case PACKET_INPUT:
		type(client->channel, data, bytes);
		break;
	case PACKET_SIZE:
		resize(client->channel, data, bytes);
		break;
	case PACKET_STOP:
		return CONSOLE_STOP;
	case PACKET_DETACH:
		if (client->owner) {
			os_terminal_leave();
			con.left = 1;
		}
		drop_client(client);
		break;
	}
	return CONSOLE_WAKE;
}

/* The first packet of a client. */
static enum console_wait_end from_new(struct client *client, char letter,
				      const char *data, size_t bytes)
{
	uint32_t id;

	if (bytes < sizeof(id)) {
		drop_client(client);
		return CONSOLE_WAKE;
	}
	memcpy(&id, data, sizeof(id));
	data += sizeof(id);
	bytes -= sizeof(id);
	if (id != con.id)
		refuse(client, "the socket of this name is that of VM %u, not "
		       "of VM %u",
		       con.id, id);
	else if (letter == PACKET_ATTACH)
		attach(client, data, bytes);
	else if (letter == PACKET_STATS)
		answer(client, NULL);
	else if (letter == PACKET_RESCAN)
		answer(client, text_at(data, bytes, 0));
	else if (letter == PACKET_KILL)
		return CONSOLE_KILL;
	else if (letter == PACKET_POWEROFF)
		return CONSOLE_POWEROFF;
	else
		drop_client(client);
	return CONSOLE_WAKE;
}

/* One packet of a client. */
static enum console_wait_end read_client(struct client *client)
{
	char data[OS_LINK_DATA], letter;
	int bytes = os_link_recv(client->link, &letter, data);
	int owner = client->owner;

	if (bytes < 0) {
		if (owner)
			os_terminal_restore();
		drop_client(client);
		return owner ? CONSOLE_LOST : CONSOLE_WAKE;
	}
	if (client->channel)
		return from_attached(client, letter, data, (size_t)bytes);
	return letter ? from_new(client, letter, data, (size_t)bytes) :
	       CONSOLE_WAKE;
}

static void read_stdin(void)
{
	int got = os_input(own->keys, KEYS);

	if (got < 0)
		con.eof = 1;
	else
		own->keys_len = (size_t)got;
}

/* ---- waiting ---- */

/* Does the guest's own console read stdin now? */
static int wants_stdin(void)
{
	return !con.served && !con.eof && !own->keys_len;
}

static enum console_wait_end serve(enum os_wait_end event, unsigned int which)
{
	switch (event) {
	case OS_WAIT_STOP:
		return CONSOLE_STOP;
	case OS_WAIT_LINK:
		return read_client(&con.client[which]);
	case OS_WAIT_INPUT:
		read_stdin();
		break;
	case OS_WAIT_LISTEN:
		new_client();
		break;
	default:
		break;
	}
	return CONSOLE_WAKE;
}

enum console_wait_end console_wait(int ms)
{
	struct os_link *links[CLIENTS];
	enum os_wait_end event;
	unsigned int i, which;

	offer_all();
	for (i = 0; i < CLIENTS; i++)
		links[i] = con.client[i].link;
	event = os_wait(links, CLIENTS, &which, wants_stdin(), ms);
	return serve(event, which);
}
