// SPDX-License-Identifier: GPL-2.0-only
/* vm_devices.c - the devices a VM's configuration asks for. */
#include <stdio.h>
#include <string.h>

#include "console_server.h"
#include "supervisor.h"
#include "vm_devices.h"
#include "vm_ttys.h"
#include "os/os.h"

/* Dropped before the guest runs: it looks at every slot when it starts. */
static void raise_events(void *ctx, uint32_t vcpu, uint64_t bits)
{
	const struct vm *vm = ctx;
	struct cvm_user_event event = { .vcpu = vcpu, .bits = bits };

	os_driver_request(vm->driver, CVM_USER_EVENT, &event, sizeof(event));
}

/* A host whose driver cannot (NT) returns doorbells from RUN instead. */
static int bind_doorbell(void *ctx, uint64_t doorbell, intptr_t notifier)
{
	const struct vm *vm = ctx;
	struct cvm_user_doorbell args = {
		.doorbell = doorbell, .notifier = notifier,
	};

	return os_driver_request(vm->driver, CVM_USER_DOORBELL_BIND, &args,
				 sizeof(args));
}

static void unbind_doorbell(void *ctx, uint64_t doorbell, intptr_t notifier)
{
	const struct vm *vm = ctx;
	struct cvm_user_doorbell args = {
		.doorbell = doorbell, .notifier = notifier,
	};

	os_driver_request(vm->driver, CVM_USER_DOORBELL_UNBIND, &args,
			  sizeof(args));
}

/* The other way round; without it, raise_events(). */
static int watch_event(void *ctx, uint32_t vcpu, uint64_t bits,
		       intptr_t notifier, uint32_t *id)
{
	const struct vm *vm = ctx;
	struct cvm_user_notifier args = {
		.vcpu = vcpu, .bits = bits, .notifier = notifier,
	};
	int ret = os_driver_request(vm->driver, CVM_USER_NOTIFIER_BIND, &args,
				    sizeof(args));

	*id = args.id;
	return ret;
}

static void unwatch_event(void *ctx, uint32_t id)
{
	const struct vm *vm = ctx;
	struct cvm_user_notifier args = { .id = id };

	os_driver_request(vm->driver, CVM_USER_NOTIFIER_UNBIND, &args,
			  sizeof(args));
}

static void log_line(void *ctx, const char *line)
{
	const struct vm *vm = ctx;

	say("cvmctl: %s: %s", vm->info.name, line);
}

/* What people call the device in a slot: its key in the configuration. */
static void name_device(struct vm *vm, int slot, const char *name)
{
	snprintf(vm->device_name[slot], VM_DEVICE_NAME, "%s", name);
}

static int add_disk(struct vm *vm, const struct config_disk *disk,
		    struct problem *problem)
{
	char insist[40];
	struct virtio_blk_args args = {
		.path = disk->path,
		.raw = disk->raw,
		.insist = insist,
		.serial = *disk->serial ? disk->serial : NULL,
		.bytes = disk->grow_bytes,
		.grow = disk->grow_bytes && !disk->readonly,
		.queues = disk->queues,
		.readonly = disk->readonly,
		.cached = disk->cached,
		.engine = disk->engine,
	};
	int slot;

	snprintf(insist, sizeof(insist), "set%s=format=raw", disk->name);
	slot = virtio_blk_add(vm->devices, &args, problem);
	if (slot < 0)
		return -1;
	name_device(vm, slot, disk->name);
	return 0;
}

static int add_disks(struct vm *vm, const struct config_disk *disk,
		     struct problem *problem)
{
	uint32_t i;

	for (i = 0; i < CONFIG_DISKS; i++)
		if (disk[i].path && add_disk(vm, &disk[i], problem))
			return -1;
	return 0;
}

static int add_nic(struct vm *vm, const struct config_nic *nic,
		   unsigned int index, uint8_t *networks,
		   struct problem *problem)
{
	struct virtio_net_args args = nic->args;
	struct problem refusal = { "" };
	int slot;

	if (!nic->mac_given)
		nic_mac(args.mac, vm->info.name, index);
	args.name = vm->info.name;
	/* What addresses mean is one thing in the guest, so they differ. */
	if (!args.tap) {
		args.network = (*networks)++;
		args.resolv = supervisor_resolver();
	}
	slot = virtio_net_add(vm->devices, &args, &refusal);
	if (slot < 0)
		return problem_set(problem, nic->name, "%s", refusal.text);
	name_device(vm, slot, nic->name);
	return 0;
}

int devices_add(struct vm *vm, const struct config *config,
		struct problem *problem)
{
	struct virtio_devices_args args = {
		.ranges = &vm->ranges,
		.map = vm->map,
		.map_gpa = vm->map_gpa,
		.table_gpa = vm->plan.setup_gpa,
		.vcpus = vm->info.vcpus,
		.ctx = vm,
		.raise = raise_events,
		.log = log_line,
		.bind = bind_doorbell,
		.unbind = unbind_doorbell,
		.watch = watch_event,
		.unwatch = unwatch_event,
	};
	uint8_t networks = 0;
	uint32_t i;

	vm->devices = virtio_devices_new(&args, problem);
	if (!vm->devices || virtio_rng_add(vm->devices, problem) < 0)
		return -1;
	if (add_disks(vm, config->disk, problem))
		return -1;
	for (i = 0; i < CONFIG_NICS; i++)
		if (*config->nic[i].name && add_nic(vm, &config->nic[i], i,
						    &networks, problem))
			return -1;
	return ttys_add(vm, config, problem);
}

void devices_settle(struct vm *vm)
{
	virtio_devices_settle(vm->devices);
}

int devices_commit(struct vm *vm, struct problem *problem)
{
	return virtio_devices_commit(vm->devices, problem);
}

int devices_threads(struct vm *vm, struct problem *problem)
{
	return virtio_devices_threads(vm->devices, problem);
}

void devices_threads_free(struct vm *vm)
{
	virtio_devices_threads_free(vm->devices);
}

void devices_report(struct vm *vm, struct stats_answer *to)
{
	const char *kind;
	char *name;
	uint32_t slot;

	for (slot = 0; slot < CVM_VIRTIO_SLOTS; slot++) {
		kind = virtio_devices_kind(vm->devices, slot);
		if (!kind)
			continue;
		name = vm->device_name[slot];
		if (!name[0])
			snprintf(name, VM_DEVICE_NAME, "%s", kind);
		stats_answer_device(to, name);
		virtio_devices_report(vm->devices, slot, stats_answer_put, to);
	}
	ttys_report(to);
}

void devices_rescan(struct vm *vm, const char *disk, struct stats_answer *to)
{
	struct virtio_blk_size size;
	const char *name, *kind;
	uint32_t slot;

	for (slot = 0; slot < CVM_VIRTIO_SLOTS; slot++) {
		name = vm->device_name[slot];
		kind = virtio_devices_kind(vm->devices, slot);
		/* Of a console it must not be asked: its guest may wait. */
		if ((*disk && strcmp(disk, name)) ||
		    !kind || strcmp(kind, "blk") ||
		    virtio_blk_rescan(vm->devices, slot, &size))
			continue;
		stats_answer_device(to, name);
		stats_answer_put(to, "before", NULL, size.before);
		stats_answer_put(to, "bytes", NULL, size.bytes);
	}
}

void devices_remove(struct vm *vm)
{
	virtio_devices_free(vm->devices);
	vm->devices = NULL;
}
