/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.h - the virtio devices of one VM, as the tool that runs it sees
 * them.  docs/virtio.md has the picture.
 *
 *   core/	slots, transport, rings, guest memory, workers, complaints
 *   blk/ net/ console/ rng/	the devices; none includes another
 *
 * This room includes os/thread.h and os/disk.h, and is included by vmm/.
 *
 * Set up before the guest runs: cvm_vmm_devices_new(), then what it is to
 * have, cvm_vmm_devices_settle(), cvm_vmm_devices_threads() and, when nothing
 * else can fail, cvm_vmm_devices_commit().  While it runs: every doorbell that
 * RUN returns goes to cvm_vmm_devices_doorbell(), in the vCPU's own thread.
 * After its last RUN has returned: cvm_vmm_devices_free().
 */
#ifndef CVM_VIRTIO_DEVICES_H
#define CVM_VIRTIO_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>
#include <cvm/virtio.h>

#include "os/problem.h"

struct cvm_vmm_devices;

struct cvm_vmm_args {
	/* Guest memory: its ranges in one mapping that begins at map_gpa. */
	const struct cvm_user_ranges *ranges;
	void *map;
	uint64_t map_gpa;
	uint64_t table_gpa;	/* CVM_VIRTIO_TABLE_BYTES reserved, aligned */
	uint32_t vcpus;

	void *ctx;		/* first argument of the calls below */

	/*
	 * Raise event bits of a vCPU (CVM_USER_EVENT).  Any thread; from the
	 * first device on, so perhaps before there is a vCPU, when it may be
	 * dropped.
	 */
	void (*raise)(void *ctx, uint32_t vcpu, uint64_t bits);

	/* One line about a device whose driver went wrong.  Any thread. */
	void (*log)(void *ctx, const char *line);

	/*
	 * Optional: let the driver signal an event (os/thread.h) whenever the
	 * guest rings this doorbell, instead of returning it from RUN; 0 when
	 * it will.  unbind: not any more.
	 */
	int (*bind)(void *ctx, uint64_t doorbell, intptr_t event);
	void (*unbind)(void *ctx, uint64_t doorbell, intptr_t event);

	/*
	 * Optional: let the driver raise event bits of a vCPU whenever an
	 * event is signalled, which is cheaper than .raise; 0 when it will,
	 * with *id for unwatch.
	 */
	int (*watch)(void *ctx, uint32_t vcpu, uint64_t bits, intptr_t event,
		     uint32_t *id);
	void (*unwatch)(void *ctx, uint32_t id);
};

/*
 * cvm_vmm_devices_new - write an empty slot table into guest memory.  NULL
 * with a problem: the table is not guest memory, ranges that overlap.
 */
struct cvm_vmm_devices *
cvm_vmm_devices_new(const struct cvm_vmm_args *args,
		    struct problem *problem);

/* cvm_vmm_devices_free - stop and free all devices; NULL is none. */
void cvm_vmm_devices_free(struct cvm_vmm_devices *devs);

/*
 * cvm_vmm_devices_settle - everything that takes rights is claimed, before they
 * are given up: do what takes them too.  What devices have made until then is
 * gone again with cvm_vmm_devices_free(), if this was not called.
 */
void cvm_vmm_devices_settle(struct cvm_vmm_devices *devs);

/*
 * cvm_vmm_devices_commit - everything the VM needs is claimed, threads too:
 * change what its devices change on the host, as files that are to be longer.
 * Before the guest runs, and again for what is added later.  -1 with a problem.
 */
int cvm_vmm_devices_commit(struct cvm_vmm_devices *devs,
			   struct problem *problem);

/*
 * cvm_vmm_devices_threads - have the threads that the devices need, whatever
 * their driver does.  Before the guest runs, and again for what is added
 * later, before its first doorbell is answered; what is confined by thread was
 * confined before.  -1 with a problem: there are none to be had.
 */
int cvm_vmm_devices_threads(struct cvm_vmm_devices *devs,
			    struct problem *problem);

/* cvm_vmm_devices_threads_free - have none again; the guest has not run. */
void cvm_vmm_devices_threads_free(struct cvm_vmm_devices *devs);

/*
 * cvm_vmm_devices_doorbell - the guest rang: RUN has returned the doorbell
 * run->arg[0].  Commands are carried out before it returns.  What is raised in
 * this vCPU meanwhile may be added to run->events, for the next RUN, instead
 * of going by .raise.  -CVM_ENOENT: no device has this doorbell; nothing
 * happened.
 */
int cvm_vmm_devices_doorbell(struct cvm_vmm_devices *devs,
			     struct cvm_user_run *run);

/*
 * cvm_vmm_devices_console_size - tell the guest how large the window of the
 * terminal at its own console is (not a port of ours, but the line that the
 * monitor carries).  Any thread.
 */
void cvm_vmm_devices_console_size(struct cvm_vmm_devices *devs,
				  uint32_t cols, uint32_t rows);

/*
 * cvm_vmm_devices_hangup - the VM is ending: cvm_vmm_devices_doorbell() waits
 * for no slow reader any more.  Any thread.
 */
void cvm_vmm_devices_hangup(struct cvm_vmm_devices *devs);

/*
 * cvm_vmm_devices_remove - pull a device out, while the guest runs or not:
 * its queues are stopped, its slot is empty, the guest is told.  -CVM_ENOENT.
 */
int cvm_vmm_devices_remove(struct cvm_vmm_devices *devs, uint32_t slot);

/* What a device and its driver told each other. */
struct cvm_device_counts {
	const char *kind;	/* "blk" */
	uint64_t doorbells;	/* as the guest counts them */
	uint64_t interrupts;
};

/*
 * cvm_vmm_devices_counts - of the device in a slot; -CVM_ENOENT.  Any thread,
 * but not while devices are removed: it waits for nobody.
 */
int cvm_vmm_devices_counts(struct cvm_vmm_devices *devs, uint32_t slot,
			   struct cvm_device_counts *counts);

/* ---- devices: the slot, or -1 with a problem ----------------------------- */

/* cvm_vmm_devices_add_rng - randomness (5.4 "Entropy Device"). */
int cvm_vmm_devices_add_rng(struct cvm_vmm_devices *devs,
			    struct problem *problem);

enum cvm_blk_engine_name {
	CVM_BLK_ANY,		/* the best there is */
	CVM_BLK_THREADS,	/* one request after the other, a queue */
	CVM_BLK_URING		/* Linux: many at once */
};

struct cvm_blk_args {
	const char *path;	/* a raw image, a disk, a partition */
	bool raw;		/* it is one, whatever it looks like */
	const char *insist;	/* how people say that, for messages; NULL */
	const char *serial;	/* at most 20 bytes are seen; NULL: none */
	uint64_t offset;	/* the disk begins here, */
	uint64_t bytes;		/* is this long; 0: to the end */
	bool grow;		/* a shorter file becomes so long, when all is
				 * claimed: cvm_vmm_devices_commit() */
	uint32_t queues;	/* 1 .. 16; 0: 1 */
	bool readonly;
	bool cached;		/* always through the host's cache */
	enum cvm_blk_engine_name engine;
};

/*
 * cvm_vmm_devices_add_blk - a disk (5.2 "Block Device").  The file is opened,
 * claimed against other writers, refused if it looks like anything but a raw
 * disk and was none before, and compared with its partition table.
 */
int cvm_vmm_devices_add_blk(struct cvm_vmm_devices *devs,
			    const struct cvm_blk_args *args,
			    struct problem *problem);

/* What a disk has done. */
struct cvm_blk_stats {
	const char *engine;	/* "threads" or "io_uring" */
	bool direct;		/* past the host's cache where it can be */
	uint64_t reads, writes;	/* requests that succeeded */
	uint64_t flushes;
	uint64_t discards, zeroes;
	uint64_t failed;	/* any kind, refused or failed */
	uint64_t syncs;		/* fdatasync() and the like that returned 0 */
};

/* cvm_vmm_devices_blk_stats - -CVM_ENOENT: no disk in this slot. */
int cvm_vmm_devices_blk_stats(struct cvm_vmm_devices *devs, uint32_t slot,
			      struct cvm_blk_stats *stats);

/* How long a disk is, in bytes. */
struct cvm_blk_size {
	uint64_t bytes, before;
};

/*
 * cvm_vmm_devices_blk_rescan - look how long a disk's file is now, and tell the
 * guest if that is new.  -CVM_ENOENT: no disk in this slot.
 */
int cvm_vmm_devices_blk_rescan(struct cvm_vmm_devices *devs, uint32_t slot,
			       struct cvm_blk_size *size);

#define CVM_NET_FORWARDS 32u

/* Ports of the host whose connections go to the guest, slirp only. */
struct cvm_net_forward {
	bool udp;
	uint8_t host_ip[4];	/* of the host, to listen on */
	uint16_t host_port;
	uint16_t guest_port;
};

struct cvm_net_args {
	uint8_t mac[6];
	const char *name;	/* slirp: the host name DHCP gives, or NULL */
	const char *tap;	/* the host's interface; NULL: slirp */
	uint8_t network;	/* slirp: N of 10.0.(2+N).0/24, 0 .. 250 */
	int resolv;		/* slirp on Linux: a socket that each text of
				 * the host's resolv.conf comes from as one
				 * packet, the card's from now on; 0: none */
	uint32_t forwards;
	struct cvm_net_forward forward[CVM_NET_FORWARDS];
};

/*
 * cvm_vmm_devices_add_net - a network card (5.1 "Network Device"): on a tap
 * interface of the host, or in a network of its own that libslirp makes, with
 * the host as 10.0.2.2 and fec0::2, DHCP, and DNS at 10.0.2.3; further ones are
 * 10.0.3.0/24 and fec0:0:0:1::/64, and so on.
 */
int cvm_vmm_devices_add_net(struct cvm_vmm_devices *devs,
			    const struct cvm_net_args *args,
			    struct problem *problem);

/* What a card has done in one direction. */
struct cvm_net_direction {
	uint64_t frames, bytes;	/* Ethernet's, without virtio's header */
	uint64_t dropped;
};

struct cvm_net_stats {
	const char *backend;	/* "slirp" or "tap" */
	struct cvm_net_direction rx, tx; /* to the guest, and from it */
	uint64_t unwanted;	/* came, but the guest had not asked for them */
};

/* cvm_vmm_devices_net_stats - -CVM_ENOENT: no network card in this slot. */
int cvm_vmm_devices_net_stats(struct cvm_vmm_devices *devs, uint32_t slot,
			      struct cvm_net_stats *stats);

#define CVM_PORTS_MAX	7u	/* hvc1 .. hvc7: Linux has no more */
#define CVM_PORT_NAME	32u

enum cvm_port_kind {
	CVM_PORT_CALLS,		/* this program, by the functions below */
	CVM_PORT_FILE,		/* output is put at the end of a file */
	CVM_PORT_SOCKET,	/* listens at a path, one peer at a time */
	CVM_PORT_PTY,		/* a new pseudo terminal */
	CVM_PORT_SERIAL		/* a serial line of the host */
};

struct cvm_port;

struct cvm_port_owner {
	uint32_t uid, gid;
};

struct cvm_port_args {
	const char *name;	/* in the guest, and in messages */
	enum cvm_port_kind kind;
	const char *path;	/* of file, socket or line; else NULL */
	const char *mode;	/* of the line, or NULL: as it is */

	/*
	 * Optional: this name was made in the file system, and stays when the
	 * port is gone, for by then the process may be allowed nothing.  file:
	 * a descriptor of what it names, during the call.
	 */
	void (*made)(const char *path, intptr_t file);

	/* Optional: who is to have what is made here; NULL: this process. */
	const struct cvm_port_owner *owner;

	/* CVM_PORT_CALLS: as in struct cvm_port_ops (console.h) */
	void *ctx;
	void (*output)(void *ctx, const void *data, size_t bytes);
	void (*room)(void *ctx);

	struct cvm_port *port;	/* out; lives until cvm_vmm_devices_free() */
};

/*
 * cvm_vmm_devices_add_console - ports that are ttys of the guest (5.3 "Console
 * Device").  Their names are copied.
 */
int cvm_vmm_devices_add_console(struct cvm_vmm_devices *devs,
				struct cvm_port_args *ports, uint32_t count,
				struct problem *problem);

/*
 * cvm_port_input - something was typed: how many of the bytes the guest had
 * room for.  After fewer than all, room() when there is more.  Any thread.
 */
size_t cvm_port_input(struct cvm_port *port, const void *data, size_t bytes);

/* cvm_port_resize - the size of the window there.  Any thread. */
void cvm_port_resize(struct cvm_port *port, uint32_t cols, uint32_t rows);

/* cvm_port_where - where people find it, or "". */
const char *cvm_port_where(const struct cvm_port *port);

/* What went through a port, in bytes. */
struct cvm_port_stats {
	const char *name;
	uint64_t in, out;	/* to the guest, from it */
};

/* cvm_port_stats - any thread. */
void cvm_port_stats(const struct cvm_port *port, struct cvm_port_stats *stats);

#endif /* CVM_VIRTIO_DEVICES_H */
