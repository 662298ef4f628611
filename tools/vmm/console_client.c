// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_client.c - the process that owns the terminal.
 *
 * It holds no VM: it copies keys and output, and puts the terminal back
 * whatever happens.
 */
#include <stdio.h>
#include <string.h>

#include "console_client.h"
#include "packet.h"

struct client {
	struct os_link *link;
	int key;		/* detach key or -1 */
	int owner;		/* this process started the VM */
	int started;
	int eof;		/* no more keys */
	int done;
	int status;
	int midline;		/* the guest left the cursor within a line */
	const char *name;
	uint32_t id;		/* of the VM attached to */
	const char *port;	/* attached to; "": the guest's own console */
};

static void finish(struct client *client, int status)
{
	client->done = 1;
	client->status = status;
}

/* Give the terminal back, with the cursor where a message can begin. */
static void end_output(struct client *client)
{
	os_terminal_restore();
	if (client->midline)
		say("%s", "");
	client->midline = 0;
}

static void send_size(struct client *client)
{
	struct packet_size size;
	unsigned int cols, rows;

	if (!client->started || os_terminal_size(&cols, &rows))
		return;
	size.cols = (uint16_t)cols;
	size.rows = (uint16_t)rows;
	os_link_send(client->link, PACKET_SIZE, &size, sizeof(size),
		     OS_LINK_SURE);
}

static void started(struct client *client, const char *greeting)
{
	client->started = 1;
	if (greeting[0])
		say("%s", greeting);
	os_terminal_raw();
	send_size(client);
}

/* A line from the VMM while the terminal is raw. */
static void note(struct client *client, const char *text)
{
	end_output(client);
	say("cvmctl: %s", text);
	if (client->started)
		os_terminal_raw();
}

/* The VMM is gone without a last word. */
static void vmm_lost(struct client *client)
{
	char fate[160] = "";

	end_output(client);
	if (client->owner)
		os_vmm_ending(fate, sizeof(fate));
	say("cvmctl: %s: its process %s, and the VM with it", client->name,
	    fate[0] ? fate : "has died");
	finish(client, EXIT_ENDED);
}

static void from_vmm(struct client *client)
{
	char data[OS_LINK_DATA + 1], letter;
	int bytes = os_link_recv(client->link, &letter, data);

	if (bytes < 0) {
		vmm_lost(client);
		return;
	}
	data[bytes] = '\0';
	switch (letter) {
	case PACKET_STARTED:
		started(client, data);
		break;
	case PACKET_OUTPUT:
		os_output(data, (size_t)bytes);
		if (bytes)
			client->midline = data[bytes - 1] != '\n';
		break;
	case PACKET_NOTE:
		note(client, data);
		break;
	case PACKET_END:
		end_output(client);
		if (bytes > 1 && data[1])
			say("%s", data + 1);
		finish(client, bytes ? data[0] : EXIT_ENDED);
		break;
	case PACKET_REFUSED:
		os_terminal_restore();
		say("cvmctl: %s: %s", client->name, data);
		finish(client, EXIT_REFUSED);
		break;
	}
}

/*
 * The VMM closes the connection when it has let go of our files; a session
 * that ends right after this must not find them still in use.
 */
static void leave(struct os_link *link)
{
	char data[OS_LINK_DATA], letter;
	unsigned int which;

	os_link_send(link, PACKET_DETACH, NULL, 0, OS_LINK_SURE);
	while (os_wait(&link, 1, &which, 0, 2000) == OS_WAIT_LINK &&
	       os_link_recv(link, &letter, data) >= 0)
		;
}

static void detach(struct client *client)
{
	leave(client->link);
	end_output(client);
	say("cvmctl: detached; the guest runs on (cvmctl console %s%s%s comes "
	    "back)", client->name, client->port[0] ? " " : "", client->port);
	finish(client, EXIT_OK);
}

static void from_keys(struct client *client)
{
	char data[1024], *key = NULL;
	int bytes = os_input(data, sizeof(data));

	if (bytes <= 0) {
		client->eof = bytes < 0;
		return;
	}
	if (client->key >= 0)
		key = memchr(data, client->key, (size_t)bytes);
	if (key)
		bytes = (int)(key - data);
	if (bytes)
		os_link_send(client->link, PACKET_INPUT, data, (size_t)bytes,
			     OS_LINK_SURE);
	if (key)
		detach(client);
}

/* Who only looks in leaves; who started the VM ends it. */
static void asked_to_stop(struct client *client)
{
	if (!client->owner) {
		detach(client);
	} else if (client->started) {
		os_link_send(client->link, PACKET_STOP, NULL, 0, OS_LINK_SURE);
	} else {
		/* Still loading: nothing there that could be asked. */
		os_vmm_kill();
		say("cvmctl: %s: interrupted before the guest ran",
		    client->name);
		finish(client, EXIT_ENDED);
	}
}

/* Which port, and who we are, for the next who wants it. */
static void attach(struct client *client)
{
	char data[160], terminal[64];
	size_t at = sizeof(client->id);

	os_terminal_name(terminal, sizeof(terminal));
	memcpy(data, &client->id, at);
	at += (size_t)snprintf(data + at, sizeof(data) - at, "%.40s%cprocess "
			       "%ld%s%s", client->port, '\0', os_pid(),
			       terminal[0] ? " on " : "", terminal) + 1;
	os_link_send(client->link, PACKET_ATTACH, data, at, OS_LINK_SURE);
}

static int serve(struct client *client)
{
	struct problem problem = { "" };
	unsigned int which;

	if (os_wait_open(&problem) || os_catch_stop(&problem)) {
		problem_print(&problem);
		finish(client, EXIT_REFUSED);
	} else if (!client->owner) {
		attach(client);
	}
	while (!client->done) {
		/* Keys typed early wait in the terminal. */
		switch (os_wait(&client->link, 1, &which,
				client->started && !client->eof, -1)) {
		case OS_WAIT_STOP:
			asked_to_stop(client);
			break;
		case OS_WAIT_INPUT:
			from_keys(client);
			break;
		case OS_WAIT_LINK:
			from_vmm(client);
			break;
		case OS_WAIT_SIZE:
			send_size(client);
			break;
		default:
			break;
		}
	}
	os_terminal_restore();
	os_link_close(client->link);
	return client->status;
}

int console_client_run(struct os_link *link, const char *name, int key)
{
	struct client client = {
		.link = link, .key = key, .owner = 1, .name = name, .port = "",
	};

	return serve(&client);
}

int console_client_attach(struct os_link *link,
			  const struct cvm_user_vm_info *vm, const char *port,
			  int key)
{
	struct client client = {
		.link = link, .key = key, .name = vm->name, .id = vm->id,
		.port = port,
	};

	return serve(&client);
}

int console_client_detach(struct os_link *link, const char *name)
{
	char data[OS_LINK_DATA + 1] = "", letter = 0;
	struct problem problem = { "" };
	unsigned int which;
	int bytes = 0;

	if (os_wait_open(&problem)) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	do {
		if (os_wait(&link, 1, &which, 0, -1) != OS_WAIT_LINK)
			continue;
		bytes = os_link_recv(link, &letter, data);
		if (bytes < 0) {
			os_vmm_ending(data, sizeof(data));
			say("cvmctl: %s: its process %s before the guest ran",
			    name, data[0] ? data : "has died");
			return EXIT_ENDED;
		}
	} while (letter != PACKET_STARTED && letter != PACKET_END);
	data[bytes] = '\0';
	if (letter == PACKET_STARTED) {
		leave(link);
		return EXIT_OK;
	}
	if (bytes > 1 && data[1])
		say("%s", data + 1);
	return bytes ? data[0] : EXIT_ENDED;
}
