/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.h - the virtio devices of one VM, as the tool that runs it sees
 * them.  docs/virtio.md has the picture.
 *
 *   devices.h		the contract: all that vmm/ includes (cvmctl looks at
 *			images by blk/blk_format.h too)
 *   counters.def	what devices count
 *   core/		slots, transport, rings, guest memory, workers, warnings
 *   blk/ net/ console/ rng/	the devices; each includes core/, none another
 *
 * This room includes os/thread.h, os/disk.h, os/iov.h and os/problem.h.
 *
 * Locks, the outermost first: a slot's, under which a device's functions are
 * called; the device's own (net: the transmit queue's, then the card's;
 * console: .control, a port's or its back end's, one at a time);
 * virtio_device.state_lock.  The calls of struct virtio_devices_args are made
 * under any of them: they must not call back.
 *
 * Set up before the guest runs: virtio_devices_new(), then what it is to
 * have, virtio_devices_settle(), virtio_devices_threads() and, when nothing
 * else can fail, virtio_devices_commit().  While it runs: every doorbell that
 * RUN returns goes to virtio_devices_doorbell(), in the vCPU's own thread.
 * After its last RUN has returned: virtio_devices_free().
 */
#ifndef CVM_VIRTIO_DEVICES_H
#define CVM_VIRTIO_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cvm/uapi.h>
#include <cvm/virtio.h>

#include "os/problem.h"

struct virtio_devices;

struct virtio_devices_args {
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
 * virtio_devices_new - write an empty slot table into guest memory.  NULL
 * with a problem: the table is not guest memory, ranges that overlap.
 */
struct virtio_devices *
virtio_devices_new(const struct virtio_devices_args *args,
		   struct problem *problem);

/* virtio_devices_free - stop and free all devices; NULL is none. */
void virtio_devices_free(struct virtio_devices *devs);

/*
 * virtio_devices_settle - everything that takes rights is claimed, before they
 * are given up: do what takes them too.  What devices have made until then is
 * gone again with virtio_devices_free(), if this was not called.
 */
void virtio_devices_settle(struct virtio_devices *devs);

/*
 * virtio_devices_commit - everything the VM needs is claimed, threads too:
 * change what its devices change on the host, as files that are to be longer.
 * Before the guest runs, and again for what is added later.  -1 with a problem.
 */
int virtio_devices_commit(struct virtio_devices *devs,
			  struct problem *problem);

/*
 * virtio_devices_threads - have the threads that the devices need, whatever
 * their driver does.  Before the guest runs, and again for what is added
 * later, before its first doorbell is answered; what is confined by thread was
 * confined before.  -1 with a problem: there are none to be had.
 */
int virtio_devices_threads(struct virtio_devices *devs,
			   struct problem *problem);

/* virtio_devices_threads_free - have none again; the guest has not run. */
void virtio_devices_threads_free(struct virtio_devices *devs);

/*
 * virtio_devices_doorbell - the guest rang: RUN has returned the doorbell
 * run->arg[0].  Commands are carried out before it returns.  What is raised in
 * this vCPU meanwhile may be added to run->events, for the next RUN, instead
 * of going by .raise.  -CVM_ENOENT: no device has this doorbell; nothing
 * happened.
 */
int virtio_devices_doorbell(struct virtio_devices *devs,
			    struct cvm_user_run *run);

/*
 * virtio_devices_console_size - tell the guest how large the window of the
 * terminal at its own console is (not a port of ours, but the line that the
 * monitor carries).  Any thread.
 */
void virtio_devices_console_size(struct virtio_devices *devs,
				 uint32_t cols, uint32_t rows);

/*
 * virtio_devices_hangup - the VM is ending: virtio_devices_doorbell() waits
 * for no slow reader any more.  Any thread.
 */
void virtio_devices_hangup(struct virtio_devices *devs);

/*
 * virtio_devices_remove - pull a device out, while the guest runs or not:
 * its queues are stopped, its slot is empty, the guest is told.  -CVM_ENOENT.
 */
int virtio_devices_remove(struct virtio_devices *devs, uint32_t slot);

/* virtio_devices_kind - of the device in a slot, "blk"; NULL: there is none. */
const char *virtio_devices_kind(struct virtio_devices *devs, uint32_t slot);

/*
 * Told of each thing that a device has to report: a counter (counters.def), or
 * with text a word, as which back end it has.
 */
typedef void virtio_report_fn(void *ctx, const char *name, const char *text,
			      uint64_t number);

/*
 * virtio_devices_report - of the device in a slot; -CVM_ENOENT.  Any thread,
 * but not while devices are removed: it waits for nobody.
 */
int virtio_devices_report(struct virtio_devices *devs, uint32_t slot,
			  virtio_report_fn *fn, void *ctx);

/* ---- devices: the slot, or -1 with a problem ----------------------------- */

/* virtio_rng_add - randomness (5.4 "Entropy Device"). */
int virtio_rng_add(struct virtio_devices *devs, struct problem *problem);

enum virtio_blk_engine {
	VIRTIO_BLK_ENGINE_ANY,		/* the best there is */
	VIRTIO_BLK_ENGINE_THREADS,	/* a thread a queue, one at a time */
	VIRTIO_BLK_ENGINE_URING		/* Linux: many at once */
};

struct virtio_blk_args {
	const char *path;	/* a raw image, a disk, a partition */
	bool raw;		/* it is one, whatever it looks like */
	const char *insist;	/* how people say that, for messages; NULL */
	const char *serial;	/* at most 20 bytes are seen; NULL: none */
	uint64_t offset;	/* the disk begins here, */
	uint64_t bytes;		/* is this long; 0: to the end */
	bool grow;		/* a shorter file becomes so long, when all is
				 * claimed: virtio_devices_commit() */
	uint32_t queues;	/* 1 .. 16; 0: 1 */
	bool readonly;
	bool cached;		/* always through the host's cache */
	enum virtio_blk_engine engine;
};

/*
 * virtio_blk_add - a disk (5.2 "Block Device").  The file is opened,
 * claimed against other writers, refused if it looks like anything but a raw
 * disk and was none before, and compared with its partition table.
 */
int virtio_blk_add(struct virtio_devices *devs,
		   const struct virtio_blk_args *args,
		   struct problem *problem);

/* How long a disk is, in bytes. */
struct virtio_blk_size {
	uint64_t bytes, before;
};

/*
 * virtio_blk_rescan - look how long a disk's file is now, and tell the
 * guest if that is new.  -CVM_ENOENT: no disk in this slot.
 */
int virtio_blk_rescan(struct virtio_devices *devs, uint32_t slot,
		      struct virtio_blk_size *size);

#define VIRTIO_NET_FORWARDS 32u

/* Ports of the host whose connections go to the guest, slirp only. */
struct virtio_net_forward {
	bool udp;
	uint8_t host_ip[4];	/* of the host, to listen on */
	uint16_t host_port;
	uint16_t guest_port;
};

struct virtio_net_args {
	uint8_t mac[6];
	const char *name;	/* slirp: the host name DHCP gives, or NULL */
	const char *tap;	/* the host's interface; NULL: slirp */
	uint8_t network;	/* slirp: N of 10.0.(2+N).0/24, 0 .. 250 */
	int resolv;		/* slirp on Linux: a socket that each text of
				 * the host's resolv.conf comes from as one
				 * packet, the card's from now on; 0: none */
	uint32_t forwards;
	struct virtio_net_forward forward[VIRTIO_NET_FORWARDS];
};

/*
 * virtio_net_add - a network card (5.1 "Network Device"): on a tap
 * interface of the host, or in a network of its own that libslirp makes, with
 * the host as 10.0.2.2 and fec0::2, DHCP, and DNS at 10.0.2.3; further ones are
 * 10.0.3.0/24 and fec0:0:0:1::/64, and so on.
 */
int virtio_net_add(struct virtio_devices *devs,
		   const struct virtio_net_args *args,
		   struct problem *problem);

#define VIRTIO_PORTS_MAX	7u	/* hvc1 .. hvc7: Linux has no more */
#define VIRTIO_PORT_NAME	32u

enum virtio_port_kind {
	VIRTIO_PORT_CALLS,	/* this program, by the functions below */
	VIRTIO_PORT_FILE,	/* output is put at the end of a file */
	VIRTIO_PORT_SOCKET,	/* listens at a path, one peer at a time */
	VIRTIO_PORT_PTY,	/* a new pseudo terminal */
	VIRTIO_PORT_SERIAL	/* a serial line of the host */
};

struct virtio_port;

struct virtio_port_owner {
	uint32_t uid, gid;
};

struct virtio_port_args {
	const char *name;	/* in the guest, and in messages */
	enum virtio_port_kind kind;
	const char *path;	/* of file, socket or line; else NULL */
	const char *mode;	/* of the line, or NULL: as it is */

	/*
	 * Optional: this name was made in the file system, and stays when the
	 * port is gone, for by then the process may be allowed nothing.  file:
	 * a descriptor of what it names, during the call.
	 */
	void (*made)(const char *path, intptr_t file);

	/* Optional: who is to have what is made here; NULL: this process. */
	const struct virtio_port_owner *owner;

	/* VIRTIO_PORT_CALLS: as in struct virtio_port_ops (console.h) */
	void *ctx;
	void (*output)(void *ctx, const void *data, size_t bytes);
	void (*input_space)(void *ctx);

	/* out; it lives until virtio_devices_free() */
	struct virtio_port *port;
};

/*
 * virtio_console_add - ports that are ttys of the guest (5.3 "Console
 * Device").  Their names are copied.
 */
int virtio_console_add(struct virtio_devices *devs,
		       struct virtio_port_args *ports, uint32_t count,
		       struct problem *problem);

/*
 * virtio_port_input - something was typed: how many of the bytes the guest had
 * room for.  After fewer than all, input_space() when there is more.  Any
 * thread.
 */
size_t virtio_port_input(struct virtio_port *port, const void *data,
			 size_t bytes);

/* virtio_port_resize - the size of the window there.  Any thread. */
void virtio_port_resize(struct virtio_port *port, uint32_t cols, uint32_t rows);

/* virtio_port_where - where people find it, or "". */
const char *virtio_port_where(const struct virtio_port *port);

/* virtio_port_name - as it was given to virtio_console_add(). */
const char *virtio_port_name(const struct virtio_port *port);

/* virtio_port_report - as virtio_devices_report(). */
void virtio_port_report(const struct virtio_port *port, virtio_report_fn *fn,
			void *ctx);

#endif /* CVM_VIRTIO_DEVICES_H */
