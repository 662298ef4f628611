// SPDX-License-Identifier: GPL-2.0-only
/* console_host_linux.c - what of the host's can stand behind a port. */
#include "console_fd.h"
#include "console_host.h"
#include "console_kinds.h"

void *virtio_port_open_host(const struct virtio_port_args *args,
			    struct virtio_port *port,
			    const struct virtio_port_ops **ops,
			    struct problem *problem)
{
	*ops = &fd_port_ops;
	switch (args->kind) {
	case VIRTIO_PORT_FILE:
		*ops = &file_port_ops;
		return file_port_open(args, port, problem);
	case VIRTIO_PORT_SOCKET:
		return socket_port_open(args, port, problem);
	case VIRTIO_PORT_PTY:
		return pty_port_open(args, port, problem);
	case VIRTIO_PORT_SERIAL:
		return serial_port_open(args, port, problem);
	case VIRTIO_PORT_CALLS:
		break;
	}
	problem_set(problem, args->name, "no such kind of port");
	return NULL;
}
