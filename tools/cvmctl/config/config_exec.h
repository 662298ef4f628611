/* SPDX-License-Identifier: GPL-2.0-only */
/* config_exec.h - execN: programs of the host that run beside the VM. */
#ifndef CVMCTL_CONFIG_CONFIG_EXEC_H
#define CVMCTL_CONFIG_CONFIG_EXEC_H

#define CONFIG_EXECS	8

struct config_exec {
	char *program;		/* a path, or a name to be looked for */
	char *args;		/* one text, or NULL */
};

#endif /* CVMCTL_CONFIG_CONFIG_EXEC_H */
