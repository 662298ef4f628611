/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - one VM from its creation to its first instruction.
 *
 *   config			what it is to be, as the command made it
 *   vm, vm_devices, vm_ttys	what it is made of
 *   run_loop			its vCPUs' threads, until it has ended
 *   console_server, _client	its consoles, and who comes to them; packet.h is
 *				what they say, scrollback what is kept
 *   stats_client		who asks a running VM
 *   confine, filter, landlock	what its process may do
 *   supervisor, programs, resolv	the process that outlives it
 *   driver			the driver, and which VM a word means
 *
 * This room includes os/, kernel/ and virtio/devices.h, and is included by
 * cvmctl/.
 *
 * Threads: one for each vCPU (run_loop.c), those of devices, and the first,
 * which calls console_wait() and owns all the rest.  Locks: a console channel's
 * (console_server.c) is innermost, and a device may be writing under its own.
 */
#ifndef CVM_VMM_VM_H
#define CVM_VMM_VM_H

#include <cvm/boot.h>

#include "virtio/devices.h"

#include "config.h"
#include "kernel/kernel_file.h"

#define VM_DEVICE_NAME	16

struct vm {
	struct os_driver *driver;	/* the VM's own handle */
	struct cvm_user_version version;
	struct cvm_user_vm info;
	struct cvm_user_ranges ranges;
	struct cvm_user_vcpu vcpu[CVM_MAX_VCPUS];
	struct cvm_boot_plan plan;
	uint8_t *map;		/* guest memory; holes fault */
	uint64_t map_gpa;
	uint64_t map_bytes;
	struct virtio_devices *devices;
	char device_name[CVM_VIRTIO_SLOTS][VM_DEVICE_NAME]; /* by slot */
};

/*
 * vm_build - everything up to, not including, the first RUN.  -1 with a
 * problem; vm_close() in every case.
 */
int vm_build(struct vm *vm, const struct config *config,
	     struct problem *problem);
void vm_close(struct vm *vm);

/* vm_memory - our address of guest memory, NULL unless it is all granted. */
void *vm_memory(const struct vm *vm, uint64_t gpa, uint64_t bytes);

#endif /* CVM_VMM_VM_H */
