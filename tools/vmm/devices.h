/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.h - the virtio devices of one VM, as the tool that runs it sees
 * them.  docs/virtio.md has the picture.
 *
 * Set up before the guest runs: cvm_vmm_devices_new(), then what it is to
 * have.  While it runs: every doorbell number that RUN returns goes to
 * cvm_vmm_devices_doorbell(), in the vCPU's own thread.  After its last RUN
 * has returned: cvm_vmm_devices_free().
 */
#ifndef CVM_VMM_DEVICES_H
#define CVM_VMM_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include <cvm/uapi.h>
#include <cvm/virtio.h>

struct cvm_vmm_devices;

/* Why something was refused: "<file or thing>: <reason>". */
struct cvm_vmm_error {
	char text[640];
};

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
	 * Optional: let the driver signal an event (plat.h) whenever the guest
	 * rings this doorbell, instead of returning it from RUN; 0 when it
	 * will.  unbind: not any more.
	 */
	int (*bind)(void *ctx, uint64_t doorbell, intptr_t event);
	void (*unbind)(void *ctx, uint64_t doorbell, intptr_t event);
};

/*
 * cvm_vmm_devices_new - write an empty slot table into guest memory.  NULL
 * with an error: the table is not guest memory, ranges that overlap.
 */
struct cvm_vmm_devices *
cvm_vmm_devices_new(const struct cvm_vmm_args *args,
		    struct cvm_vmm_error *err);

/* cvm_vmm_devices_free - stop and free all devices; NULL is none. */
void cvm_vmm_devices_free(struct cvm_vmm_devices *devs);

/*
 * cvm_vmm_devices_doorbell - the guest rang.  Commands are carried out before
 * it returns.  -CVM_ENOENT: no device has this doorbell; nothing happened.
 */
int cvm_vmm_devices_doorbell(struct cvm_vmm_devices *devs, uint64_t doorbell);

/*
 * cvm_vmm_devices_remove - pull a device out, while the guest runs or not:
 * its queues are stopped, its slot is empty, the guest is told.  -CVM_ENOENT.
 */
int cvm_vmm_devices_remove(struct cvm_vmm_devices *devs, uint32_t slot);

/* ---- devices: the slot, or -1 with an error ------------------------------ */

/* cvm_vmm_devices_add_rng - randomness (5.4 "Entropy Device"). */
int cvm_vmm_devices_add_rng(struct cvm_vmm_devices *devs,
			    struct cvm_vmm_error *err);

#endif /* CVM_VMM_DEVICES_H */
