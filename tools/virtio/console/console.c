// SPDX-License-Identifier: GPL-2.0-only
/*
 * console.c - ttys for a guest (VIRTIO 1.2, 5.3 "Console Device").
 *
 * Queues (5.3.2): 0 and 1 are port 0's, to the driver and from it; 2 and 3
 * the same for control; 2n + 2 and 2n + 3 port n's.  A driver that knows
 * nothing of ports uses the first two alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "virtio/core/transport_impl.h"

#define VIRTIO_ID_CONSOLE	3u
#define QUEUE_SIZE		64u
#define PIECES			64u

/* 5.3.3 "Feature bits" */
#define VIRTIO_CONSOLE_F_SIZE		(1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT	(1ull << 1)

/* 5.3.4 "Device configuration layout" */
struct console_config {
	uint16_t cols, rows;
	uint32_t max_nr_ports;
	uint32_t emerg_wr;
};

/* 5.3.6.2 "Multiport Device Operation" */
struct console_control {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};

enum {
	VIRTIO_CONSOLE_DEVICE_READY = 0,
	VIRTIO_CONSOLE_PORT_ADD = 1,
	VIRTIO_CONSOLE_PORT_READY = 3,
	VIRTIO_CONSOLE_CONSOLE_PORT = 4,
	VIRTIO_CONSOLE_RESIZE = 5,
	VIRTIO_CONSOLE_PORT_OPEN = 6,
	VIRTIO_CONSOLE_PORT_NAME = 7,
};

#define BIT(event)	(1u << (event))
#define CONTROL_IN	2u
#define CONTROL_OUT	3u

struct console;

struct port_counters {
#define PORT_COUNTER(name, counts) uint64_t name;
#include "virtio/counters.def"
};

struct virtio_port {
	struct console *con;
	uint32_t id;
	char name[VIRTIO_PORT_NAME];
	const struct virtio_port_ops *ops;
	void *backend;
	struct virtio_queue *in;		/* to the guest */
	struct os_lock lock;	/* of .in and .live */
	bool live;			/* .in is served */
	struct port_counters count;

	/* under console.control */
	bool ready;		/* the driver knows the port */
	bool connected;		/* somebody is at our end */
	uint32_t pending;	/* BIT() of what the driver is to be told */
	uint16_t cols, rows;
};

struct console {
	struct virtio_device dev;
	struct os_lock control;	/* of the queue CONTROL_IN, too */
	bool control_live;
	uint32_t count;
	struct virtio_port port[VIRTIO_PORTS_MAX];
};

static struct console *to_console(struct virtio_device *dev)
{
	return (struct console *)dev;
}

/* 5.3.2; control queues have none. */
static struct virtio_port *port_of(const struct virtio_queue *queue)
{
	struct console *con = to_console(queue->dev);
	uint32_t index = queue->index;

	if (index == CONTROL_IN || index == CONTROL_OUT)
		return NULL;
	return &con->port[index < CONTROL_IN ? 0 : index / 2 - 1];
}

static void broken(struct virtio_queue *queue)
{
	virtio_device_needs_reset(queue->dev, "queue %u: %s", queue->index,
				  queue->vq.reason);
}

/* ---- control, to the driver ---------------------------------------------- */

/* The first thing pending, or 0 with nothing. */
static size_t next_message(struct virtio_port *port, void *to)
{
	struct console_control head = { .id = port->id, .value = 1 };
	uint16_t size[2] = { port->cols, port->rows };
	uint8_t *body = (uint8_t *)to + sizeof(head);
	size_t bytes = 0;

	if (port->pending & BIT(VIRTIO_CONSOLE_PORT_ADD)) {
		head.event = VIRTIO_CONSOLE_PORT_ADD;
	} else if (port->pending & BIT(VIRTIO_CONSOLE_CONSOLE_PORT)) {
		head.event = VIRTIO_CONSOLE_CONSOLE_PORT;
	} else if (port->pending & BIT(VIRTIO_CONSOLE_PORT_NAME)) {
		head.event = VIRTIO_CONSOLE_PORT_NAME;
		bytes = strlen(port->name);	/* no NUL is sent */
		memcpy(body, port->name, bytes);
	} else if (port->pending & BIT(VIRTIO_CONSOLE_PORT_OPEN)) {
		head.event = VIRTIO_CONSOLE_PORT_OPEN;
		head.value = port->connected;
	} else if (port->pending & BIT(VIRTIO_CONSOLE_RESIZE)) {
		head.event = VIRTIO_CONSOLE_RESIZE;
		bytes = sizeof(size);
		memcpy(body, size, bytes);
	} else {
		return 0;
	}
	port->pending &= ~BIT(head.event);
	memcpy(to, &head, sizeof(head));
	return sizeof(head) + bytes;
}

static struct virtio_port *port_pending(struct console *con)
{
	uint32_t i;

	for (i = 0; i < con->count; i++)
		if (con->port[i].pending)
			return &con->port[i];
	return NULL;
}

/* Under .control: 1 when a message went out, as vq_pop() otherwise. */
static int send_message(struct console *con, struct virtio_port *port)
{
	struct virtio_queue *queue = &con->dev.queue[CONTROL_IN];
	uint8_t text[sizeof(struct console_control) + VIRTIO_PORT_NAME];
	struct os_iov iov[PIECES];
	struct vq_chain chain = { .iov = iov, .space = PIECES };
	int ret = vq_pop(&queue->vq, &chain);
	size_t bytes;

	if (ret <= 0)
		return ret;
	bytes = next_message(port, text);
	if (chain.write_bytes < bytes)
		return vq_break(&queue->vq, "a control message needs %u "
				"bytes, not %llu", (unsigned int)bytes,
				(unsigned long long)chain.write_bytes);
	os_iov_put(iov + chain.readable, chain.writable, 0, text, bytes);
	vq_push(&queue->vq, &chain, (uint32_t)bytes);
	virtio_queue_publish(queue);
	return 1;
}

/* Under .control: tell the driver what it is to know, while there is room. */
static void send_control(struct console *con)
{
	struct virtio_queue *queue = &con->dev.queue[CONTROL_IN];
	struct virtio_port *port;
	int ret = 1;

	while (con->control_live && ret >= 0 && (port = port_pending(con))) {
		ret = send_message(con, port);
		if (!ret && !vq_enable_notification(&queue->vq))
			return;
	}
	if (ret < 0) {
		con->control_live = false;
		broken(queue);
	}
}

static void tell(struct virtio_port *port, uint32_t events)
{
	port->pending |= events;
	send_control(port->con);
}

/* ---- control, from the driver -------------------------------------------- */

static void port_ready(struct virtio_port *port)
{
	port->ready = true;
	tell(port,
	     BIT(VIRTIO_CONSOLE_CONSOLE_PORT) | BIT(VIRTIO_CONSOLE_PORT_NAME) |
	     (port->connected ? BIT(VIRTIO_CONSOLE_PORT_OPEN) : 0) |
	     (port->cols ? BIT(VIRTIO_CONSOLE_RESIZE) : 0));
}

static int take_message(struct console *con, struct virtio_queue *queue,
			const struct console_control *message)
{
	uint32_t i;

	if (message->event != VIRTIO_CONSOLE_DEVICE_READY &&
	    message->id >= con->count)
		return vq_break(&queue->vq, "a control message about port "
				"%u of %u", message->id, con->count);
	os_lock(&con->control);
	if (message->event == VIRTIO_CONSOLE_DEVICE_READY && message->value)
		for (i = 0; i < con->count; i++)
			tell(&con->port[i], BIT(VIRTIO_CONSOLE_PORT_ADD));
	else if (message->event == VIRTIO_CONSOLE_PORT_READY && message->value)
		port_ready(&con->port[message->id]);
	os_unlock(&con->control);
	return 0;
}

static int serve_control(struct virtio_queue *queue)
{
	struct os_iov iov[PIECES];
	struct vq_chain chain = { .iov = iov, .space = PIECES };
	struct console_control message;
	int ret = vq_pop(&queue->vq, &chain);

	if (ret <= 0)
		return ret;
	if (os_iov_get(iov, chain.readable, 0, &message, sizeof(message)) <
	    sizeof(message))
		return vq_break(&queue->vq, "a control message of %llu "
				"bytes", (unsigned long long)
				chain.read_bytes);
	if (take_message(to_console(queue->dev), queue, &message))
		return -1;
	vq_push(&queue->vq, &chain, 0);
	virtio_queue_publish(queue);
	return 1;
}

/* ---- what goes through --------------------------------------------------- */

static int serve_output(struct virtio_queue *queue)
{
	struct virtio_port *port = port_of(queue);
	struct os_iov iov[PIECES];
	struct vq_chain chain = { .iov = iov, .space = PIECES };
	int ret = vq_pop(&queue->vq, &chain);

	if (ret <= 0)
		return ret;
	port->ops->output(port->backend, iov, chain.readable);
	__atomic_add_fetch(&port->count.bytes_out, chain.read_bytes,
			   __ATOMIC_RELAXED);
	vq_push(&queue->vq, &chain, 0);
	virtio_queue_publish(queue);
	return 1;
}

/* Doorbells stay on: the driver may wait for us with interrupts off. */
static void serve_all(struct virtio_queue *queue,
		      int (*serve)(struct virtio_queue *queue))
{
	int ret;

	do {
		while ((ret = serve(queue)) > 0)
			;
	} while (!ret && vq_enable_notification(&queue->vq));
	if (ret < 0)
		broken(queue);
}

/* Under .lock: one buffer's worth; 0: there is none, -1: broken. */
static int64_t put_input(struct virtio_queue *queue, const uint8_t *data,
			 size_t bytes)
{
	struct os_iov iov[PIECES];
	struct vq_chain chain = { .iov = iov, .space = PIECES };
	int ret = vq_pop(&queue->vq, &chain);
	size_t put;

	if (ret <= 0)
		return ret;
	put = os_iov_put(iov + chain.readable, chain.writable, 0, data,
			 bytes);
	if (!put)
		return vq_break(&queue->vq, "a buffer without room");
	vq_push(&queue->vq, &chain, (uint32_t)put);
	return (int64_t)put;
}

size_t virtio_port_input(struct virtio_port *port, const void *data,
			 size_t bytes)
{
	size_t done = 0;
	int64_t put = 1;

	os_lock(&port->lock);
	if (port->live)
		vq_disable_notification(&port->in->vq);
	while (port->live && done < bytes && put >= 0) {
		put = put_input(port->in, (const uint8_t *)data + done,
				bytes - done);
		if (put > 0)
			done += (size_t)put;
		else if (!put && !vq_enable_notification(&port->in->vq))
			break;
	}
	if (done)
		virtio_queue_publish(port->in);
	if (put < 0) {
		port->live = false;
		broken(port->in);
	}
	os_unlock(&port->lock);
	__atomic_add_fetch(&port->count.bytes_in, done, __ATOMIC_RELAXED);
	return done;
}

/* ---- what back ends and the tool tell ------------------------------------ */

void virtio_port_resize(struct virtio_port *port, uint32_t cols, uint32_t rows)
{
	struct console *con = port->con;
	uint16_t size[2] = { (uint16_t)cols, (uint16_t)rows };

	os_lock(&con->control);
	port->cols = size[0];
	port->rows = size[1];
	if (port->ready)
		tell(port, BIT(VIRTIO_CONSOLE_RESIZE));
	os_unlock(&con->control);
	if (!port->id)
		virtio_device_config(&con->dev, 0, size, sizeof(size), true);
}

void virtio_port_connected(struct virtio_port *port, bool connected)
{
	os_lock(&port->con->control);
	port->connected = connected;
	if (port->ready)
		tell(port, BIT(VIRTIO_CONSOLE_PORT_OPEN));
	os_unlock(&port->con->control);
}

struct os_thread *virtio_port_thread(struct virtio_port *port)
{
	return port->in->thread;
}

const char *virtio_port_where(const struct virtio_port *port)
{
	return port->ops->where ? port->ops->where(port->backend) : "";
}

const char *virtio_port_name(const struct virtio_port *port)
{
	return port->name;
}

void virtio_port_report(const struct virtio_port *port, virtio_report_fn *fn,
			void *ctx)
{
	static const char *const names[] = {
#define PORT_COUNTER(name, counts) #name,
#include "virtio/counters.def"
		NULL
	};

	virtio_counters_report(names, (const uint64_t *)&port->count, fn, ctx);
}

void virtio_port_log(struct virtio_port *port, const char *fmt, ...)
{
	const struct virtio_devices_args *args = &port->con->dev.devs->args;
	char text[320], line[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s: %s", port->name, text);
	args->log(args->ctx, line);
}

/* ---- the device ---------------------------------------------------------- */

static void serve_queue(struct virtio_queue *queue)
{
	struct console *con = to_console(queue->dev);
	struct virtio_port *port = port_of(queue);

	if (queue->index == CONTROL_OUT) {
		serve_all(queue, serve_control);
	} else if (queue->index == CONTROL_IN) {
		os_lock(&con->control);
		send_control(con);
		os_unlock(&con->control);
	} else if (queue == port->in) {
		port->ops->input_space(port->backend);
	} else {
		serve_all(queue, serve_output);
	}
}

static void doorbell(struct virtio_queue *queue,
		     struct cvm_user_run *run)
{
	/* Input comes from other threads as well: it is raised. */
	(void)run;
	serve_queue(queue);
}

static void set_live(struct virtio_queue *queue, bool live)
{
	struct console *con = to_console(queue->dev);
	struct virtio_port *port = port_of(queue);

	if (queue->index == CONTROL_IN) {
		os_lock(&con->control);
		con->control_live = live;
		os_unlock(&con->control);
	} else if (port && queue == port->in) {
		os_lock(&port->lock);
		port->live = live;
		os_unlock(&port->lock);
	}
}

/* What is in a queue already was not rung for, or nobody listened. */
static void start(struct virtio_queue *queue)
{
	set_live(queue, true);
	serve_queue(queue);
}

static void stop(struct virtio_queue *queue)
{
	set_live(queue, false);
}

static void reset(struct virtio_device *dev)
{
	struct console *con = to_console(dev);
	uint32_t i;

	os_lock(&con->control);
	for (i = 0; i < con->count; i++) {
		con->port[i].ready = false;
		con->port[i].pending = 0;
	}
	os_unlock(&con->control);
}

static void hangup(struct virtio_device *dev)
{
	struct console *con = to_console(dev);
	uint32_t i;

	for (i = 0; i < con->count; i++)
		con->port[i].ops->hangup(con->port[i].backend);
}

static void settle(struct virtio_device *dev)
{
	struct console *con = to_console(dev);
	uint32_t i;

	for (i = 0; i < con->count; i++)
		if (con->port[i].ops->settle)
			con->port[i].ops->settle(con->port[i].backend);
}

static void destroy(struct virtio_device *dev)
{
	struct console *con = to_console(dev);

	while (con->count) {
		struct virtio_port *port = &con->port[--con->count];

		port->ops->destroy(port->backend);
		os_lock_destroy(&port->lock);
	}
	os_lock_destroy(&con->control);
	virtio_device_exit(dev);
	free(con);
}

static const struct virtio_device_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.settle = settle,
	.queue_start = start,
	.queue_stop = stop,
	.doorbell = doorbell,
	.hangup = hangup,
	.reset = reset,
	.destroy = destroy,
};

static int open_port(struct console *con, struct virtio_port_args *args,
		     struct problem *problem)
{
	uint32_t id = con->count;
	struct virtio_port *port = &con->port[id];

	port->con = con;
	port->id = id;
	port->connected = true;
	port->in = &con->dev.queue[id ? 2 * id + 2 : 0];
	snprintf(port->name, sizeof(port->name), "%s", args->name);
	os_lock_init(&port->lock);
	port->backend = virtio_port_open(args, port, &port->ops, problem);
	if (!port->backend) {
		os_lock_destroy(&port->lock);
		return -1;
	}
	port->in->threaded = port->ops->threaded;
	args->port = port;
	con->count++;
	return 0;
}

/* A device without queues is one that could not be made. */
static struct console *new_console(struct virtio_devices *devs,
				   uint32_t count)
{
	struct console *con = calloc(1, sizeof(*con));
	struct console_config *config;

	if (!con)
		return NULL;
	os_lock_init(&con->control);
	if (virtio_device_init(&con->dev, &console_ops, 2 * count + 2,
			       QUEUE_SIZE)) {
		destroy(&con->dev);
		return NULL;
	}
	virtio_device_in_place(&con->dev);
	con->dev.devs = devs;
	con->dev.features = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT;
	con->dev.config_len = sizeof(*config);
	config = (struct console_config *)con->dev.config;
	config->max_nr_ports = count;
	return con;
}

int virtio_console_add(struct virtio_devices *devs,
		       struct virtio_port_args *ports, uint32_t count,
		       struct problem *problem)
{
	struct console *con;
	uint32_t i;
	int slot;

	if (!count || count > VIRTIO_PORTS_MAX)
		return problem_set(problem,
				   count ? ports[VIRTIO_PORTS_MAX].name :
				   "console", "a guest has %u such ports at "
				   "most", VIRTIO_PORTS_MAX);
	con = new_console(devs, count);
	if (!con)
		return problem_set(problem, "console", "out of memory or file "
				   "handles");
	for (i = 0; i < count; i++) {
		if (open_port(con, &ports[i], problem)) {
			destroy(&con->dev);
			return -1;
		}
	}
	slot = virtio_device_plug(devs, &con->dev);
	if (slot < 0) {
		destroy(&con->dev);
		return problem_set(problem, "console", "all %u slots are taken",
				   CVM_VIRTIO_SLOTS);
	}
	return slot;
}
