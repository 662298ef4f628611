/* SPDX-License-Identifier: GPL-2.0-only */
/* console_host.h - ports that end in a thing of the host. */
#ifndef CVM_VIRTIO_CONSOLE_CONSOLE_HOST_H
#define CVM_VIRTIO_CONSOLE_CONSOLE_HOST_H

#include "console.h"

/*
 * virtio_port_open_host - virtio_port_open() for all kinds but
 * VIRTIO_PORT_CALLS. Everything is opened here; later there is a peer to accept
 * at most.
 */
void *virtio_port_open_host(const struct virtio_port_args *args,
			    struct virtio_port *port,
			    const struct virtio_port_ops **ops,
			    struct problem *problem);

#endif /* CVM_VIRTIO_CONSOLE_CONSOLE_HOST_H */
