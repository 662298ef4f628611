/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - what a VM is to be: all that this room wants to know of it.
 *
 * Nothing of how it was said: cvmctl/config makes one from files, words and
 * options.  Texts and paths belong to whoever made it, and stay as they are
 * until the VM has ended.  Unused members of an array have an empty name.
 */
#ifndef CVM_VMM_CONFIG_H
#define CVM_VMM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/devices.h"

#define CONFIG_DISKS	64
#define CONFIG_NICS	8
#define CONFIG_TTYS	32
#define CONFIG_EXECS	8

/* Devices are named as in the configuration: "cobd0", "eth1". */
#define CONFIG_NAME	8

/* The guest's disks are the used ones, in the order of the array. */
struct config_disk {
	char name[CONFIG_NAME];
	const char *path;
	char alias[CONFIG_NAME]; /* another name, "hda1", or "" */
	char serial[21];	/* or "" */
	uint64_t grow_bytes;	/* make a shorter file so long; 0: do not */
	uint32_t queues;	/* 0: one */
	bool readonly;
	bool cached;
	bool raw;		/* whatever it looks like */
	bool cdrom;
	enum virtio_blk_engine engine;
};

struct config_nic {
	char name[CONFIG_NAME];
	bool mac_given;		/* else nic_mac() makes one */
	struct virtio_net_args args;
};

/* A serial line of the guest. */
struct config_tty {
	char name[CONFIG_NAME];
	enum virtio_port_kind kind;
	const char *path;	/* or NULL */
	const char *mode;	/* of a line of the host, or NULL: as it is */
};

/* A program of the host that runs beside the VM. */
struct config_exec {
	char name[CONFIG_NAME];
	char *program;		/* a path, or a name to be looked for */
	char *args;		/* one text, or NULL */
};

/* Where in the file system of a guest's disk a file is. */
struct config_inside {
	const struct config_disk *disk;	/* NULL: it is a file of the host */
	uint32_t partition;	/* 0: the system's */
	const char *path;	/* NULL: where distributions have it */
};

struct config {
	const char *kernel;	/* path, or what to call the one inside */
	const char *initrd;	/* the same, or NULL */
	struct config_inside kernel_in, initrd_in;
	const char *platform;	/* object for a kernel without one; or NULL */
	const char *cmdline;	/* the guest's */
	const char *name;
	const char *user;	/* to become before it runs; NULL: chosen */
	uint64_t mem_bytes;	/* whole large pages */
	uint64_t min_hpa;
	uint32_t grace;		/* seconds from asking the guest to ending it */
	uint32_t vcpus;
	int compare;		/* CVM_VM_F_COMPARE */
	int quiet;		/* say only what is a problem */
	struct config_disk disk[CONFIG_DISKS];
	struct config_nic nic[CONFIG_NICS];
	struct config_tty tty[CONFIG_TTYS];
	struct config_exec exec[CONFIG_EXECS];
};

/*
 * good_name - a name is part of a path and of messages.  NAME_RULE tells
 * people what one is; its argument is CVM_NAME_MAX - 1.
 */
#define NAME_RULE	"at most %u letters, digits, '.', '_' and '-', and " \
			"neither '.' nor '-' first"
bool good_name(const char *name);

/* nic_mac - of a VM's card, which only its name and the index decide. */
void nic_mac(uint8_t mac[6], const char *vm, unsigned int index);

/* needs_network - does a card make connections of this process's own? */
bool needs_network(const struct config *config);

#endif /* CVM_VMM_CONFIG_H */
