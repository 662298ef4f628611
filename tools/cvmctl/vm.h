/* SPDX-License-Identifier: GPL-2.0-only */
/* vm.h - one VM from its creation to its first instruction. */
#ifndef CVMCTL_VM_H
#define CVMCTL_VM_H

#include <cvm/boot.h>

#include <devices.h>

#include "config.h"
#include "image.h"

#define VM_NICS		CONFIG_NICS
#define VM_DEVICE_NAME	16

struct vm_config {
	const char *kernel;	/* path */
	const char *initrd;	/* path or NULL */
	const char *cmdline;
	const char *name;
	uint64_t mem_bytes;
	uint64_t min_hpa;
	uint32_t vcpus;
	uint32_t flags;		/* CVM_VM_F_* */
	int quiet;		/* nothing is said that is no problem */
	const struct config_disk *disk;	/* CONFIG_DISKS of them */
	const struct config_exec *exec;	/* CONFIG_EXECS of them */
	const struct config_tty *tty;	/* CONFIG_TTYS of them */
	const char *nic[VM_NICS]; /* the same, as of net_config.h */
};

struct vm {
	struct device *dev;	/* the VM's own handle */
	struct cvm_user_version version;
	struct cvm_user_vm info;
	struct cvm_user_ranges ranges;
	struct cvm_user_vcpu vcpu[CVM_MAX_VCPUS];
	struct cvm_boot_plan plan;
	uint8_t *map;		/* guest memory; holes fault */
	uint64_t map_gpa;
	uint64_t map_bytes;
	struct cvm_vmm_devices *devices;
	char device_name[CVM_VIRTIO_SLOTS][VM_DEVICE_NAME]; /* by slot */
};

/*
 * vm_build - everything up to, not including, the first RUN.  -1 with a
 * problem; vm_close() in every case.
 */
int vm_build(struct vm *vm, const struct vm_config *config,
	     struct problem *problem);
void vm_close(struct vm *vm);

/* vm_memory - our address of guest memory, NULL unless it is all granted. */
void *vm_memory(const struct vm *vm, uint64_t gpa, uint64_t bytes);

#endif /* CVMCTL_VM_H */
