/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console_kinds.h - the kinds of ports that Linux has: each opens what stands
 * behind one; NULL with a problem.
 */
#ifndef CVM_VIRTIO_CONSOLE_CONSOLE_KINDS_H
#define CVM_VIRTIO_CONSOLE_CONSOLE_KINDS_H

#include "console.h"

/* Those of fd_port_ops (console_fd.h). */
void *pty_port_open(const struct virtio_port_args *args,
		    struct virtio_port *port, struct problem *problem);
void *socket_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port, struct problem *problem);
void *serial_port_open(const struct virtio_port_args *args,
		       struct virtio_port *port, struct problem *problem);

extern const struct virtio_port_ops file_port_ops;
void *file_port_open(const struct virtio_port_args *args,
		     struct virtio_port *port, struct problem *problem);

#endif /* CVM_VIRTIO_CONSOLE_CONSOLE_KINDS_H */
