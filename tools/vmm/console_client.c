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

struct front {
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

static void finish(struct front *f, int status)
{
	f->done = 1;
	f->status = status;
}

/* Give the terminal back, with the cursor where a message can begin. */
static void end_output(struct front *f)
{
	os_terminal_restore();
	if (f->midline)
		say("%s", "");
	f->midline = 0;
}

static void send_size(struct front *f)
{
	struct packet_size size;
	unsigned int cols, rows;

	if (!f->started || os_terminal_size(&cols, &rows))
		return;
	size.cols = (uint16_t)cols;
	size.rows = (uint16_t)rows;
	os_link_send(f->link, PACKET_SIZE, &size, sizeof(size), OS_LINK_SURE);
}

static void started(struct front *f, const char *greeting)
{
	f->started = 1;
	if (greeting[0])
		say("%s", greeting);
	os_terminal_raw();
	send_size(f);
}

/* A line from the VMM while the terminal is raw. */
static void note(struct front *f, const char *text)
{
	end_output(f);
	say("cvmctl: %s", text);
	if (f->started)
		os_terminal_raw();
}

/* The VMM is gone without a last word. */
static void vmm_lost(struct front *f)
{
	char fate[160] = "";

	end_output(f);
	if (f->owner)
		os_vmm_ending(fate, sizeof(fate));
	say("cvmctl: %s: its process %s, and the VM with it", f->name,
	    fate[0] ? fate : "has died");
	finish(f, EXIT_ENDED);
}

static void from_vmm(struct front *f)
{
	char data[OS_LINK_DATA + 1], letter;
	int bytes = os_link_recv(f->link, &letter, data);

	if (bytes < 0) {
		vmm_lost(f);
		return;
	}
	data[bytes] = '\0';
	switch (letter) {
	case PACKET_STARTED:
		started(f, data);
		break;
	case PACKET_OUTPUT:
		os_output(data, (size_t)bytes);
		if (bytes)
			f->midline = data[bytes - 1] != '\n';
		break;
	case PACKET_NOTE:
		note(f, data);
		break;
	case PACKET_END:
		end_output(f);
		if (bytes > 1 && data[1])
			say("%s", data + 1);
		finish(f, bytes ? data[0] : EXIT_ENDED);
		break;
	case PACKET_REFUSED:
		os_terminal_restore();
		say("cvmctl: %s: %s", f->name, data);
		finish(f, EXIT_REFUSED);
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

static void detach(struct front *f)
{
	leave(f->link);
	end_output(f);
	say("cvmctl: detached; the guest runs on (cvmctl console %s%s%s comes "
	    "back)", f->name, f->port[0] ? " " : "", f->port);
	finish(f, EXIT_OK);
}

static void from_keys(struct front *f)
{
	char data[1024], *key = NULL;
	int bytes = os_input(data, sizeof(data));

	if (bytes <= 0) {
		f->eof = bytes < 0;
		return;
	}
	if (f->key >= 0)
		key = memchr(data, f->key, (size_t)bytes);
	if (key)
		bytes = (int)(key - data);
	if (bytes)
		os_link_send(f->link, PACKET_INPUT, data, (size_t)bytes,
			     OS_LINK_SURE);
	if (key)
		detach(f);
}

/* Who only looks in leaves; who started the VM ends it. */
static void asked_to_stop(struct front *f)
{
	if (!f->owner) {
		detach(f);
	} else if (f->started) {
		os_link_send(f->link, PACKET_STOP, NULL, 0, OS_LINK_SURE);
	} else {
		/* Still loading: nothing there that could be asked. */
		os_vmm_kill();
		say("cvmctl: %s: interrupted before the guest ran", f->name);
		finish(f, EXIT_ENDED);
	}
}

/* Which port, and who we are, for the next who wants it. */
static void attach(struct front *f)
{
	char data[160], terminal[64];
	size_t at = sizeof(f->id);

	os_terminal_name(terminal, sizeof(terminal));
	memcpy(data, &f->id, at);
	at += (size_t)snprintf(data + at, sizeof(data) - at, "%.40s%cprocess "
			       "%ld%s%s", f->port, '\0', os_pid(),
			       terminal[0] ? " on " : "", terminal) + 1;
	os_link_send(f->link, PACKET_ATTACH, data, at, OS_LINK_SURE);
}

static int serve(struct front *f)
{
	struct problem problem = { "" };
	unsigned int which;

	if (os_wait_open(&problem) || os_catch_stop(&problem)) {
		problem_print(&problem);
		finish(f, EXIT_REFUSED);
	} else if (!f->owner) {
		attach(f);
	}
	while (!f->done) {
		/* Keys typed early wait in the terminal. */
		switch (os_wait(&f->link, 1, &which, f->started && !f->eof,
				-1)) {
		case OS_WAIT_STOP:
			asked_to_stop(f);
			break;
		case OS_WAIT_INPUT:
			from_keys(f);
			break;
		case OS_WAIT_LINK:
			from_vmm(f);
			break;
		case OS_WAIT_SIZE:
			send_size(f);
			break;
		default:
			break;
		}
	}
	os_terminal_restore();
	os_link_close(f->link);
	return f->status;
}

int front_run(struct os_link *link, const char *name, int key)
{
	struct front f = {
		.link = link, .key = key, .owner = 1, .name = name, .port = "",
	};

	return serve(&f);
}

int front_attach(struct os_link *link, const struct cvm_user_vm_info *vm,
		 const char *port, int key)
{
	struct front f = {
		.link = link, .key = key, .name = vm->name, .id = vm->id,
		.port = port,
	};

	return serve(&f);
}

int front_detach(struct os_link *link, const char *name)
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
