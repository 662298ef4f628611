// SPDX-License-Identifier: GPL-2.0-only
/* fake_vm.c - a VM without a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_vm.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)	((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes)	((void)(at), (void)(bytes))
#endif

#define HOLE_BYTES	(FAKE_VM_HIGH - FAKE_VM_HOLE)

static void raise_events(void *ctx, uint32_t vcpu, uint64_t bits)
{
	struct fake_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	vm->events[vcpu] |= bits;
	vm->raises++;
	pthread_cond_broadcast(&vm->raised);
	pthread_mutex_unlock(&vm->lock);
}

static void log_line(void *ctx, const char *line)
{
	struct fake_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	memcpy(vm->before, vm->line, sizeof(vm->before));
	snprintf(vm->line, sizeof(vm->line), "%s", line);
	/* Who waits for a line reads it then. */
	__atomic_store_n(&vm->lines, vm->lines + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&vm->lock);
}

void fake_vm_init_bound(struct fake_vm *vm,
			int (*bind)(void *, uint64_t, intptr_t),
			void (*unbind)(void *, uint64_t, intptr_t),
			int (*watch)(void *, uint32_t, uint64_t, intptr_t,
				     uint32_t *),
			void (*unwatch)(void *, uint32_t))
{
	struct virtio_devices_args args = {
		.ranges = &vm->ranges,
		.map_gpa = FAKE_VM_GPA,
		.table_gpa = FAKE_VM_TABLE,
		.vcpus = FAKE_VM_VCPUS,
		.ctx = vm,
		.raise = raise_events,
		.log = log_line,
		.bind = bind,
		.unbind = unbind,
		.watch = watch,
		.unwatch = unwatch,
	};
	struct problem problem = { "" };

	memset(vm, 0, sizeof(*vm));
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->raised, NULL);
	vm->rings = FAKE_VM_RINGS;
	vm->map = aligned_alloc(4096, FAKE_VM_BYTES);
	if (!vm->map)
		abort();
	memset(vm->map, 0, FAKE_VM_BYTES);
	vm->ranges.count = 2;
	vm->ranges.range[0] = (struct cvm_user_range){
		FAKE_VM_GPA, FAKE_VM_HOLE - FAKE_VM_GPA };
	vm->ranges.range[1] = (struct cvm_user_range){
		FAKE_VM_HIGH, FAKE_VM_GPA + FAKE_VM_BYTES - FAKE_VM_HIGH };
	ASAN_POISON_MEMORY_REGION(vm->map + (FAKE_VM_HOLE - FAKE_VM_GPA),
				  HOLE_BYTES);
	args.map = vm->map;
	if (virtio_memory_from_map(&vm->mem, &vm->ranges, vm->map, FAKE_VM_GPA))
		abort();
	vm->devs = virtio_devices_new(&args, &problem);
	if (!vm->devs)
		abort();
}

void fake_vm_init(struct fake_vm *vm)
{
	fake_vm_init_bound(vm, NULL, NULL, NULL, NULL);
}

void fake_vm_free(struct fake_vm *vm)
{
	virtio_devices_free(vm->devs);
	ASAN_UNPOISON_MEMORY_REGION(vm->map + (FAKE_VM_HOLE - FAKE_VM_GPA),
				    HOLE_BYTES);
	free(vm->map);
	pthread_cond_destroy(&vm->raised);
	pthread_mutex_destroy(&vm->lock);
}

void *fake_vm_at(struct fake_vm *vm, uint64_t gpa, uint64_t bytes)
{
	void *at = virtio_memory_at(&vm->mem, gpa, bytes);

	if (!at)
		abort();
	return at;
}

struct cvm_virtio_table *fake_vm_table(struct fake_vm *vm)
{
	return fake_vm_at(vm, FAKE_VM_TABLE, CVM_VIRTIO_TABLE_BYTES);
}

struct cvm_virtio_slot *fake_vm_slot(struct fake_vm *vm, uint32_t slot)
{
	return fake_vm_at(vm, FAKE_VM_TABLE + (1 + slot) * 4096ull, 4096);
}

/* The vCPU goes on, with what RUN would be given. */
int fake_vm_doorbell(struct fake_vm *vm, uint64_t doorbell)
{
	struct cvm_user_run run = { .arg = { doorbell } };
	int ret = virtio_devices_doorbell(vm->devs, &run);

	if (run.events) {
		vm->runs++;
		raise_events(vm, run.vcpu, run.events);
	}
	return ret;
}

int fake_vm_command(struct fake_vm *vm, uint32_t slot, uint32_t command,
		    uint32_t arg)
{
	struct cvm_virtio_slot *page = fake_vm_slot(vm, slot);

	page->command = command;
	page->arg = arg;
	page->result = 1;
	fake_vm_doorbell(vm, CVM_VIRTIO_DOORBELL(slot,
						 CVM_VIRTIO_DOORBELL_COMMAND));
	return page->result;
}

bool fake_vm_features(struct fake_vm *vm, uint32_t slot, uint64_t features)
{
	struct cvm_virtio_slot *page = fake_vm_slot(vm, slot);

	fake_vm_command(vm, slot, CVM_VIRTIO_SET_STATUS,
			VIRTIO_STATUS_ACKNOWLEDGE);
	fake_vm_command(vm, slot, CVM_VIRTIO_SET_STATUS,
			VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	page->driver_features = features;
	fake_vm_command(vm, slot, CVM_VIRTIO_SET_STATUS,
			VIRTIO_STATUS_FEATURES_OK);
	return page->status & VIRTIO_STATUS_FEATURES_OK;
}

int fake_vm_queue(struct fake_vm *vm, uint32_t slot, uint32_t queue,
		  struct fake_queue *drv, uint16_t size, uint64_t features)
{
	struct cvm_virtio_queue *shared =
		&fake_vm_slot(vm, slot)->queue[queue];

	fake_guest_init(drv, &vm->mem, vm->rings, size, features);
	vm->rings = drv->end_gpa;
	shared->size = size;
	shared->desc = drv->desc_gpa;
	shared->driver = drv->driver_gpa;
	shared->device = drv->device_gpa;
	return fake_vm_command(vm, slot, CVM_VIRTIO_QUEUE_ON, queue);
}

int fake_vm_driver_ok(struct fake_vm *vm, uint32_t slot)
{
	struct problem problem = { "" };

	if (virtio_devices_threads(vm->devs, &problem))
		abort();
	return fake_vm_command(vm, slot, CVM_VIRTIO_SET_STATUS,
			       VIRTIO_STATUS_DRIVER_OK);
}

void fake_vm_ring(struct fake_vm *vm, uint32_t slot, uint32_t queue,
		  struct fake_queue *drv)
{
	if (fake_guest_needs_notification(drv))
		fake_vm_doorbell(vm, CVM_VIRTIO_DOORBELL(slot, queue));
}

uint64_t fake_vm_wait(struct fake_vm *vm, uint32_t vcpu, uint64_t bits)
{
	struct timespec until;
	uint64_t got;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAKE_VM_SECONDS;
	pthread_mutex_lock(&vm->lock);
	while (!(vm->events[vcpu] & bits))
		if (pthread_cond_timedwait(&vm->raised, &vm->lock, &until))
			break;
	got = vm->events[vcpu] & bits;
	vm->events[vcpu] &= ~bits;
	pthread_mutex_unlock(&vm->lock);
	return got;
}

bool fake_vm_wait_broken(struct fake_vm *vm, uint32_t slot)
{
	struct cvm_virtio_slot *page = fake_vm_slot(vm, slot);

	/* The event of a request before may come late. */
	while (!(__atomic_load_n(&page->status, __ATOMIC_ACQUIRE) &
		 VIRTIO_STATUS_NEEDS_RESET))
		if (!fake_vm_wait(vm, 0, 1ull << CVM_VIRTIO_EVENT_BIT(slot)))
			return false;
	return true;
}

int fake_vm_get(struct fake_vm *vm, uint32_t slot, struct fake_queue *drv,
		uint32_t *len)
{
	struct cvm_virtio_slot *page = fake_vm_slot(vm, slot);
	int id;

	for (;;) {
		id = fake_guest_get(drv, len);
		if (id >= 0)
			return id;
		if (fake_guest_enable_notification(drv))
			continue;
		if (!fake_vm_wait(vm, 0, 1ull << CVM_VIRTIO_EVENT_BIT(slot)))
			return -1;
		__atomic_exchange_n(&page->queue_pending, 0,
				    __ATOMIC_SEQ_CST);
	}
}

struct sought {
	const char *name, *text;
	uint64_t number;
	bool found;
};

static void compare(void *ctx, const char *name, const char *text,
		    uint64_t number)
{
	struct sought *sought = ctx;

	if (strcmp(name, sought->name))
		return;
	assert_false(sought->found);
	*sought = (struct sought){ name, text, number, true };
}

static struct sought seek(struct fake_vm *vm, uint32_t slot, const char *name)
{
	struct sought sought = { .name = name };

	assert_int_equal(virtio_devices_report(vm->devs, slot, compare,
					       &sought), 0);
	assert_true(sought.found);
	return sought;
}

uint64_t fake_vm_counter(struct fake_vm *vm, uint32_t slot, const char *name)
{
	return seek(vm, slot, name).number;
}

const char *fake_vm_word(struct fake_vm *vm, uint32_t slot, const char *name)
{
	return seek(vm, slot, name).text;
}

bool fake_vm_counted(struct fake_vm *vm, uint32_t slot, const char *name,
		     uint64_t value)
{
	uint32_t tries;

	for (tries = 0; tries < 50000; tries++) {
		if (fake_vm_counter(vm, slot, name) == value)
			return true;
		usleep(100);
	}
	return false;
}
