// SPDX-License-Identifier: GPL-2.0-only
/* console_host_nt.c - ports that end in a thing of Windows. */
#include "console_host.h"

void *virtio_port_open_host(const struct virtio_port_args *args,
			    struct virtio_port *port,
			    const struct virtio_port_ops **ops,
			    struct problem *problem)
{
	(void)port;
	(void)ops;
	problem_set(problem, args->name, "on Windows a port can be a console "
		    "only");
	return NULL;
}
