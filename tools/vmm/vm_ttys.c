// SPDX-License-Identifier: GPL-2.0-only
/* vm_ttys.c - the serial lines a VM's configuration asks for. */
#include <stdio.h>

#include "supervisor.h"
#include "vm_ttys.h"
#include "os/os.h"

/* One of them; there is one VM in a process. */
static struct tty {
	struct virtio_port *port;
	struct console_channel *channel; /* of one that is a console */
	char why_not[160];		/* of one that is not */
} ttys[VIRTIO_PORTS_MAX];

static uint32_t count;
static struct virtio_port_owner owner;
static int has_owner;

/* ---- between a port and a channel ---------------------------------------- */

static void port_output(void *ctx, const void *data, size_t bytes)
{
	const struct tty *tty = ctx;

	console_write(tty->channel, data, bytes);
}

static void input_space(void *ctx)
{
	const struct tty *tty = ctx;

	console_input_space(tty->channel);
}

static size_t typed(void *ctx, const void *data, size_t bytes)
{
	const struct tty *tty = ctx;

	return virtio_port_input(tty->port, data, bytes);
}

static void resized(void *ctx, unsigned int cols, unsigned int rows)
{
	const struct tty *tty = ctx;

	virtio_port_resize(tty->port, cols, rows);
}

static const struct console_sink sink = { typed, resized };

/* ---- making them --------------------------------------------------------- */

static void made(const char *path, intptr_t file)
{
	supervisor_remove(path, file, 0);
}

static int describe(struct virtio_port_args *port, const struct config_tty *tty,
		    struct problem *problem)
{
	struct tty *own = &ttys[count];

	port->name = tty->name;
	port->kind = tty->kind;
	port->path = tty->path;
	port->mode = tty->mode;
	port->made = made;
	port->owner = has_owner ? &owner : NULL;
	port->ctx = own;
	port->output = port_output;
	port->input_space = input_space;
	if (tty->kind == VIRTIO_PORT_CALLS) {
		own->channel = console_channel(tty->name, &sink, own);
		if (!own->channel)
			return problem_set(problem, tty->name, "too many "
					   "consoles");
	}
	count++;
	return 0;
}

/* Where it ends, for whoever comes for it; a pty's name is known only now. */
static void tell(const struct vm *vm, struct tty *own,
		 const struct config_tty *tty, int quiet)
{
	static const char *const kinds[] = {
		[VIRTIO_PORT_FILE] = "file",
		[VIRTIO_PORT_SOCKET] = "socket",
		[VIRTIO_PORT_PTY] = "pty",
		[VIRTIO_PORT_SERIAL] = "serial line",
	};
	const char *where = tty->path;

	if (tty->kind == VIRTIO_PORT_CALLS)
		return;
	if (tty->kind == VIRTIO_PORT_PTY) {
		where = virtio_port_where(own->port);
		if (!quiet)
			say("cvmctl: %s: %s is %s", vm->info.name, tty->name,
			    where);
	}
	snprintf(own->why_not, sizeof(own->why_not), "it is the %s %.120s",
		 kinds[tty->kind], where);
	console_explain(tty->name, own->why_not);
}

int ttys_add(struct vm *vm, const struct config *config,
	     struct problem *problem)
{
	struct virtio_port_args ports[VIRTIO_PORTS_MAX] = { { 0 } };
	const struct config_tty *tty[VIRTIO_PORTS_MAX];
	uint32_t i;
	int slot;

	has_owner = !os_owner(&owner.uid, &owner.gid);
	/* The guest's hvc1 and up, in the order of their numbers. */
	for (i = 0; i < CONFIG_TTYS; i++) {
		if (!config->tty[i].name[0])
			continue;
		tty[count] = &config->tty[i];
		if (describe(&ports[count], tty[count], problem))
			return -1;
	}
	if (!count)
		return 0;
	slot = virtio_console_add(vm->devices, ports, count, problem);
	if (slot < 0)
		return -1;
	snprintf(vm->device_name[slot], VM_DEVICE_NAME, "ttys");
	for (i = 0; i < count; i++) {
		ttys[i].port = ports[i].port;
		tell(vm, &ttys[i], tty[i], config->quiet);
	}
	return 0;
}

void ttys_report(struct stats_answer *to)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		stats_answer_device(to, virtio_port_name(ttys[i].port));
		virtio_port_report(ttys[i].port, stats_answer_put, to);
	}
}
