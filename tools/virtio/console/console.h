/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.h - a console device's ports, as their back ends see them.
 *
 * The stock driver waits for each piece of output with interrupts off until
 * the device gives its buffer back (Linux's put_chars() in virtio_console.c).
 * So output is taken in the vCPU's own thread, in the doorbell's call, and
 * where a reader is slow that call waits: the guest stands still, the host
 * does not.
 */
#ifndef CVM_VIRTIO_CONSOLE_CONSOLE_H
#define CVM_VIRTIO_CONSOLE_CONSOLE_H

#include "virtio/core/transport.h"

struct virtio_port;

/* What stands behind a port. */
struct virtio_port_ops {
	/*
	 * Optional: as of struct virtio_device_ops; until then destroy() leaves
	 * nothing behind.
	 */
	void (*settle)(void *backend);

	/*
	 * The guest's output, in guest memory.  All of it is taken; may wait
	 * until hangup().  A vCPU's thread.
	 */
	void (*output)(void *backend, const struct os_iov *iov,
		       uint32_t count);

	/*
	 * virtio_port_input() takes something again, or for the first time.  A
	 * vCPU's thread.
	 */
	void (*input_space)(void *backend);

	/* The VM is ending: output() waits for nobody any more.  Any thread. */
	void (*hangup)(void *backend);

	/* Optional: where people find it, for messages. */
	const char *(*where)(void *backend);

	/* Free the back end; nothing is called any more. */
	void (*destroy)(void *backend);

	bool threaded;		/* it needs virtio_port_thread() */
};

/* virtio_port_thread - the back end's own, from the first input_space() on. */
struct os_thread *virtio_port_thread(struct virtio_port *port);

/*
 * virtio_port_open - the back end that args ask for; NULL with a problem.  It
 * begins with the port's first input_space().
 */
void *virtio_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port,
		       const struct virtio_port_ops **ops,
		       struct problem *problem);

/* virtio_port_log - a line about the port.  Any thread. */
void virtio_port_log(struct virtio_port *port, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * virtio_port_connected - is somebody at the other end?  If nothing else is
 * said, somebody is.  Any thread.
 */
void virtio_port_connected(struct virtio_port *port, bool connected);

#endif /* CVM_VIRTIO_CONSOLE_CONSOLE_H */
