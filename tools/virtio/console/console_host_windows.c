// SPDX-License-Identifier: GPL-2.0-only
/* console_host_windows.c - ports that end in a thing of Windows. */
#include "console_host.h"

void *cvm_port_open_host(const struct cvm_port_args *args,
			 struct cvm_port *port,
			 const struct cvm_port_ops **ops,
			 struct problem *problem)
{
	(void)port;
	(void)ops;
	problem_set(problem, args->name, "on Windows a port can be a console "
		    "only");
	return NULL;
}
