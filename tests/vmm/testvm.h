/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * testvm.h - a VM without a guest: memory, a slot table, and the test in the
 * place of the driver.
 */
#ifndef TEST_VMM_TESTVM_H
#define TEST_VMM_TESTVM_H

#include <pthread.h>

#include <cvm/virtio.h>

#include "driver.h"
#include "virtio/devices.h"

/* Two ranges with a hole between them, which the sanitizer guards. */
#define TESTVM_GPA	0x40000000ull
#define TESTVM_BYTES	0x800000ull
#define TESTVM_HOLE	(TESTVM_GPA + 0x400000ull)
#define TESTVM_HIGH	(TESTVM_GPA + 0x600000ull)
#define TESTVM_TABLE	(TESTVM_GPA + 0x1000ull)
#define TESTVM_RINGS	(TESTVM_GPA + 0x100000ull)	/* and up */
#define TESTVM_BUFFERS	(TESTVM_GPA + 0x200000ull)
#define TESTVM_VCPUS	2u
#define TESTVM_SECONDS	60	/* longest wait: the machine may be busy */

struct testvm {
	struct virtio_devices *devs;
	struct cvm_user_ranges ranges;
	struct virtio_memory mem;		/* the test's own table */
	uint8_t *map;
	uint64_t rings;			/* next free address for rings */
	uint32_t runs;			/* that take events along */

	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t raised;
	uint64_t events[TESTVM_VCPUS];	/* bits raised and not taken */
	uint32_t raises;
	uint32_t lines;			/* of the log */
	char line[900];			/* the last one, */
	char before[900];		/* and the one before it */
};

void testvm_init(struct testvm *vm);

/* testvm_init_bound - the same, with events bound by these functions. */
void testvm_init_bound(struct testvm *vm,
		       int (*bind)(void *, uint64_t, intptr_t),
		       void (*unbind)(void *, uint64_t, intptr_t),
		       int (*watch)(void *, uint32_t, uint64_t, intptr_t,
				    uint32_t *),
		       void (*unwatch)(void *, uint32_t));
void testvm_free(struct testvm *vm);

struct cvm_virtio_table *testvm_table(struct testvm *vm);
struct cvm_virtio_slot *testvm_slot(struct testvm *vm, uint32_t slot);
void *testvm_at(struct testvm *vm, uint64_t gpa, uint64_t bytes);

/* testvm_doorbell - vCPU 0 rings; as virtio_devices_doorbell(). */
int testvm_doorbell(struct testvm *vm, uint64_t doorbell);

/* testvm_command - write a command, ring, return its result. */
int testvm_command(struct testvm *vm, uint32_t slot, uint32_t command,
		   uint32_t arg);

/* testvm_features - up to FEATURES_OK; did the device take them? */
bool testvm_features(struct testvm *vm, uint32_t slot, uint64_t features);

/* testvm_queue - set a queue up and turn it on; QUEUE_ON's result. */
int testvm_queue(struct testvm *vm, uint32_t slot, uint32_t queue,
		 struct driver_queue *drv, uint16_t size, uint64_t features);
int testvm_driver_ok(struct testvm *vm, uint32_t slot);

/* testvm_ring - a queue's doorbell, if the device wants it. */
void testvm_ring(struct testvm *vm, uint32_t slot, uint32_t queue,
		 struct driver_queue *drv);

/*
 * testvm_wait - sleep until one of these event bits of a vCPU is raised, and
 * take them; 0 when TESTVM_SECONDS pass without.
 */
uint64_t testvm_wait(struct testvm *vm, uint32_t vcpu, uint64_t bits);

/*
 * testvm_wait_broken - sleep until the device asks for a reset (2.1.2), with
 * its event on vCPU 0; false when TESTVM_SECONDS pass without an event.
 */
bool testvm_wait_broken(struct testvm *vm, uint32_t slot);

/*
 * testvm_get - sleep until a request of the queue is used: its id, *len; -1
 * when TESTVM_SECONDS pass.  The slot's interrupts are listened to and taken.
 */
int testvm_get(struct testvm *vm, uint32_t slot, struct driver_queue *drv,
	       uint32_t *len);

/*
 * testvm_counter, testvm_word - what the device in a slot reports by this
 * name, which it must.
 * testvm_counted - sleep until a counter has this value.
 */
uint64_t testvm_counter(struct testvm *vm, uint32_t slot, const char *name);
const char *testvm_word(struct testvm *vm, uint32_t slot, const char *name);
bool testvm_counted(struct testvm *vm, uint32_t slot, const char *name,
		    uint64_t value);

#endif /* TEST_VMM_TESTVM_H */
