/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_vm.h - a VM without a guest: memory, a slot table, and the test in the
 * place of the driver.
 */
#ifndef TEST_VMM_FAKE_VM_H
#define TEST_VMM_FAKE_VM_H

#include <pthread.h>

#include <cvm/virtio.h>

#include "fake_guest.h"
#include "virtio/devices.h"

/* Two ranges with a hole between them, which the sanitizer guards. */
#define FAKE_VM_GPA	0x40000000ull
#define FAKE_VM_BYTES	0x800000ull
#define FAKE_VM_HOLE	(FAKE_VM_GPA + 0x400000ull)
#define FAKE_VM_HIGH	(FAKE_VM_GPA + 0x600000ull)
#define FAKE_VM_TABLE	(FAKE_VM_GPA + 0x1000ull)
#define FAKE_VM_RINGS	(FAKE_VM_GPA + 0x100000ull)	/* and up */
#define FAKE_VM_BUFFERS	(FAKE_VM_GPA + 0x200000ull)
#define FAKE_VM_VCPUS	2u
#define FAKE_VM_SECONDS	60	/* longest wait: the machine may be busy */

struct fake_vm {
	struct virtio_devices *devs;
	struct cvm_user_ranges ranges;
	struct virtio_memory mem;		/* the test's own table */
	uint8_t *map;
	uint64_t rings;			/* next free address for rings */
	uint32_t runs;			/* that take events along */

	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t raised;
	uint64_t events[FAKE_VM_VCPUS];	/* bits raised and not taken */
	uint32_t raises;
	uint32_t lines;			/* of the log */
	char line[900];			/* the last one, */
	char before[900];		/* and the one before it */
};

void fake_vm_init(struct fake_vm *vm);

/* fake_vm_init_bound - the same, with events bound by these functions. */
void fake_vm_init_bound(struct fake_vm *vm,
			int (*bind)(void *, uint64_t, intptr_t),
			void (*unbind)(void *, uint64_t, intptr_t),
			int (*watch)(void *, uint32_t, uint64_t, intptr_t,
				     uint32_t *),
			void (*unwatch)(void *, uint32_t));
void fake_vm_free(struct fake_vm *vm);

struct cvm_virtio_table *fake_vm_table(struct fake_vm *vm);
struct cvm_virtio_slot *fake_vm_slot(struct fake_vm *vm, uint32_t slot);
void *fake_vm_at(struct fake_vm *vm, uint64_t gpa, uint64_t bytes);

/* fake_vm_doorbell - vCPU 0 rings; as virtio_devices_doorbell(). */
int fake_vm_doorbell(struct fake_vm *vm, uint64_t doorbell);

/* fake_vm_command - write a command, ring, return its result. */
int fake_vm_command(struct fake_vm *vm, uint32_t slot, uint32_t command,
		    uint32_t arg);

/* fake_vm_features - up to FEATURES_OK; did the device take them? */
bool fake_vm_features(struct fake_vm *vm, uint32_t slot, uint64_t features);

/* fake_vm_queue - set a queue up and turn it on; QUEUE_ON's result. */
int fake_vm_queue(struct fake_vm *vm, uint32_t slot, uint32_t queue,
		  struct fake_queue *drv, uint16_t size, uint64_t features);
int fake_vm_driver_ok(struct fake_vm *vm, uint32_t slot);

/* fake_vm_ring - a queue's doorbell, if the device wants it. */
void fake_vm_ring(struct fake_vm *vm, uint32_t slot, uint32_t queue,
		  struct fake_queue *drv);

/*
 * fake_vm_wait - sleep until one of these event bits of a vCPU is raised, and
 * take them; 0 when FAKE_VM_SECONDS pass without.
 */
uint64_t fake_vm_wait(struct fake_vm *vm, uint32_t vcpu, uint64_t bits);

/*
 * fake_vm_wait_broken - sleep until the device asks for a reset (2.1.2), with
 * its event on vCPU 0; false when FAKE_VM_SECONDS pass without an event.
 */
bool fake_vm_wait_broken(struct fake_vm *vm, uint32_t slot);

/*
 * fake_vm_get - sleep until a request of the queue is used: its id, *len; -1
 * when FAKE_VM_SECONDS pass.  The slot's interrupts are listened to and taken.
 */
int fake_vm_get(struct fake_vm *vm, uint32_t slot, struct fake_queue *drv,
		uint32_t *len);

/*
 * fake_vm_counter, fake_vm_word - what the device in a slot reports by this
 * name, which it must.
 * fake_vm_counted - sleep until a counter has this value.
 */
uint64_t fake_vm_counter(struct fake_vm *vm, uint32_t slot, const char *name);
const char *fake_vm_word(struct fake_vm *vm, uint32_t slot, const char *name);
bool fake_vm_counted(struct fake_vm *vm, uint32_t slot, const char *name,
		     uint64_t value);

#endif /* TEST_VMM_FAKE_VM_H */
