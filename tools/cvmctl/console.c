// SPDX-License-Identifier: GPL-2.0-only
/* console.c - the console of a running VM, in the VMM's process. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "packet.h"

#define RING		16384u	/* output kept for the next terminal */
#define KEYS		65536u	/* input the guest has not taken yet */

/* The lock keeps client and ring against writers. */
static struct {
	int served;
	int copy;		/* served: stdout gets the output too */
	int eof;		/* direct: stdin has ended */
	int broken;		/* stdout is gone */
	struct link *client;	/* served: the terminal, or NULL */
	int owner;		/* client is the one that started the VM */
	char greeting[256];
	uint64_t written;	/* bytes ever put into the ring */
	char ring[RING];
	size_t keys_len;
	char keys[KEYS];
} con;

/* ---- start and end ---- */

int console_direct(struct problem *problem)
{
	return plat_wait_open(problem);
}

int console_served(struct link *first, int copy, struct problem *problem)
{
	con.served = 1;
	con.copy = copy;
	con.client = first;
	con.owner = first != NULL;
	return plat_wait_open(problem);
}

int console_open(const char *name, struct problem *problem)
{
	if (con.served && plat_listen(name, problem))
		return -1;
	return plat_catch_stop(problem);
}

void console_started(const char *greeting)
{
	snprintf(con.greeting, sizeof(con.greeting), "%s", greeting);
	if (con.client)
		plat_link_send(con.client, PACKET_STARTED, greeting,
			       strlen(greeting), LINK_SURE);
}

void console_end(int status, const char *line)
{
	char data[LINK_DATA];
	int len;

	if (line[0] && (!con.served || con.copy))
		say("%s", line);
	if (!con.served)
		return;
	plat_unlisten();
	if (!con.client)
		return;
	data[0] = (char)status;
	len = snprintf(data + 1, sizeof(data) - 1, "%s", line);
	/* Waits for a slow terminal; a dead one is an error at once. */
	plat_link_send(con.client, PACKET_END, data, (size_t)len + 1,
		       LINK_SURE);
	plat_link_close(con.client);
	con.client = NULL;
}

/* ---- output ---- */

static void write_stdout(const char *data, size_t bytes)
{
	const char *why = con.broken ? NULL : plat_output(data, bytes);

	if (!why)
		return;
	con.broken = 1;
	say("cvmctl: stdout: %s; the guest runs on, its output is dropped",
	    why);
}

static void ring_put(const char *data, size_t bytes)
{
	size_t i;

	if (bytes > RING) {
		con.written += bytes - RING;
		data += bytes - RING;
		bytes = RING;
	}
	for (i = 0; i < bytes; i++)
		con.ring[con.written++ % RING] = data[i];
}

static void ring_replay(struct link *link)
{
	uint64_t at = con.written > RING ? con.written - RING : 0;
	char data[LINK_DATA];
	size_t n;

	while (at < con.written) {
		for (n = 0; n < sizeof(data) && at < con.written; n++)
			data[n] = con.ring[at++ % RING];
		if (plat_link_send(link, PACKET_OUTPUT, data, n, LINK_NOW))
			return;
	}
}

static void write_served(const char *data, size_t bytes)
{
	size_t part;

	plat_lock();
	ring_put(data, bytes);
	while (bytes && con.client) {
		part = bytes < LINK_DATA ? bytes : LINK_DATA;
		if (plat_link_send(con.client, PACKET_OUTPUT, data, part,
				   LINK_BLOCK))
			break;	/* console_wait() sees it too */
		data += part;
		bytes -= part;
	}
	plat_unlock();
}

void console_write(const void *data, size_t bytes)
{
	if (!con.served || con.copy)
		write_stdout(data, bytes);
	if (con.served)
		write_served(data, bytes);
}

void console_note(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!con.served || con.copy)
		say("cvmctl: %s", line);
	plat_lock();
	if (con.client)
		plat_link_send(con.client, PACKET_NOTE, line, strlen(line),
			       LINK_BLOCK);
	plat_unlock();
}

/* ---- input ---- */

static void drop_client(void)
{
	/* A writer may hold the lock, waiting for this very client. */
	plat_link_shut(con.client);
	plat_lock();
	plat_link_close(con.client);
	con.client = NULL;
	con.owner = 0;
	plat_unlock();
}

static void new_client(void)
{
	struct link *link = plat_accept();

	if (!link)
		return;
	if (con.client) {
		plat_link_send(link, PACKET_BUSY, NULL, 0, LINK_NOW);
		plat_link_close(link);
		return;
	}
	plat_lock();
	plat_link_send(link, PACKET_STARTED, con.greeting,
		       strlen(con.greeting), LINK_NOW);
	ring_replay(link);
	con.client = link;
	plat_unlock();
}

/* One packet of the terminal; an event to report, or CONSOLE_INPUT. */
static enum console_event read_client(void)
{
	enum console_event event = CONSOLE_INPUT;
	char data[LINK_DATA], letter;
	int bytes;

	bytes = plat_link_recv(con.client, &letter, data);
	if (bytes < 0) {
		if (con.owner) {
			plat_terminal_restore();
			event = CONSOLE_LOST;
		}
		drop_client();
		return event;
	}
	switch (letter) {
	case PACKET_INPUT:
		/* Nobody types that far ahead: what is too much is lost. */
		if ((size_t)bytes > KEYS - con.keys_len)
			bytes = (int)(KEYS - con.keys_len);
		memcpy(con.keys + con.keys_len, data, (size_t)bytes);
		con.keys_len += (size_t)bytes;
		break;
	case PACKET_STOP:
		return CONSOLE_STOP;
	case PACKET_DETACH:
		plat_terminal_leave();
		drop_client();
		break;
	}
	return event;
}

static size_t take_keys(void *buf, size_t size)
{
	size_t n = con.keys_len < size ? con.keys_len : size;

	memcpy(buf, con.keys, n);
	con.keys_len -= n;
	memmove(con.keys, con.keys + n, con.keys_len);
	return n;
}

static enum console_event read_stdin(void *buf, size_t size, size_t *bytes)
{
	int got = plat_input(buf, size);

	if (got > 0) {
		*bytes = (size_t)got;
		return CONSOLE_INPUT;
	}
	if (!got)
		return CONSOLE_WAKE;
	con.eof = 1;
	return CONSOLE_EOF;
}

enum console_event console_wait(void *buf, size_t size, size_t *bytes)
{
	enum console_event event;

	for (;;) {
		if (buf && con.keys_len) {
			*bytes = take_keys(buf, size);
			return CONSOLE_INPUT;
		}
		switch (plat_wait(con.client, buf && !con.served && !con.eof,
				  -1)) {
		case WAIT_STOP:
			return CONSOLE_STOP;
		case WAIT_KILL:
			return CONSOLE_KILL;
		case WAIT_WAKE:
			return CONSOLE_WAKE;
		case WAIT_INPUT:
			return read_stdin(buf, size, bytes);
		case WAIT_LINK:
			event = read_client();
			if (event != CONSOLE_INPUT)
				return event;
			break;
		case WAIT_LISTEN:
			new_client();
			break;
		case WAIT_TIME:
			break;
		}
	}
}
