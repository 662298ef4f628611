// SPDX-License-Identifier: GPL-2.0-only
/* test_transport.c - slots, commands, status, features, interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cvm/abi.h>
#include <cvm/error.h>

#include "fake_vm.h"
#include "virtio/core/worker.h"

#define OWN_FEATURE	(1ull << 7)
#define ALWAYS		(VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET)
#define SLOT_EVENT(slot) (1ull << CVM_VIRTIO_EVENT_BIT(slot))

/* ---- a device that answers with what it is asked ------------------------- */

struct echo {
	struct virtio_device dev;
	struct virtio_worker worker[2];
	uint32_t served;
	uint32_t features_ok, resets;
};

static uint32_t destroyed;

static int echo_serve(struct virtio_queue *queue)
{
	struct echo *echo = (struct echo *)queue->dev;
	struct os_iov iov[8];
	struct vq_chain chain = { .iov = iov, .space = 8 };
	uint8_t text[64];
	size_t bytes;
	int ret;

	ret = vq_pop(&queue->vq, &chain);
	if (ret <= 0)
		return ret;
	bytes = os_iov_get(iov, chain.readable, 0, text, sizeof(text));
	bytes = os_iov_put(iov + chain.readable, chain.writable, 0, text,
			   bytes);
	__atomic_add_fetch(&echo->served, 1, __ATOMIC_RELAXED);
	vq_push(&queue->vq, &chain, (uint32_t)bytes);
	virtio_queue_publish(queue);
	return 1;
}

static void echo_start(struct virtio_queue *queue)
{
	struct echo *echo = (struct echo *)queue->dev;

	virtio_worker_start(&echo->worker[queue->index], queue, echo_serve);
}

static void echo_stop(struct virtio_queue *queue)
{
	struct echo *echo = (struct echo *)queue->dev;

	virtio_worker_stop(&echo->worker[queue->index]);
}

static void echo_features_ok(struct virtio_device *dev)
{
	((struct echo *)dev)->features_ok++;
}

static int echo_config_write(struct virtio_device *dev, uint32_t offset,
			     const void *data, uint32_t bytes)
{
	if (offset < 8)
		return -CVM_EINVAL;
	virtio_device_config(dev, offset, data, bytes, true);
	return 0;
}

static void echo_reset(struct virtio_device *dev)
{
	((struct echo *)dev)->resets++;
}

static void echo_destroy(struct virtio_device *dev)
{
	destroyed++;
	virtio_device_exit(dev);
	free(dev);
}

static const struct virtio_device_ops echo_ops = {
	.name = "echo",
	.id = 42,
	.queue_start = echo_start,
	.queue_stop = echo_stop,
	.features_ok = echo_features_ok,
	.config_write = echo_config_write,
	.reset = echo_reset,
	.destroy = echo_destroy,
};

static struct echo *plug(struct fake_vm *vm)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	assert_int_equal(virtio_device_init(&echo->dev, &echo_ops, 2, 16), 0);
	echo->dev.features = OWN_FEATURE;
	echo->dev.config_len = 16;
	echo->dev.queue[0].threaded = true;
	echo->dev.queue[1].threaded = true;
	memcpy(echo->dev.config, "configuration!..", 16);
	assert_true(virtio_device_plug(vm->devs, &echo->dev) >= 0);
	return echo;
}

static struct echo *open_echo(struct fake_vm *vm)
{
	fake_vm_init(vm);
	return plug(vm);
}

static uint32_t status_of(struct fake_vm *vm)
{
	return fake_vm_slot(vm, 0)->status;
}

static int set_status(struct fake_vm *vm, uint32_t bits)
{
	return fake_vm_command(vm, 0, CVM_VIRTIO_SET_STATUS, bits);
}

/* Up and running, one queue. */
static void start(struct fake_vm *vm, struct fake_queue *drv,
		  uint64_t features)
{
	assert_true(fake_vm_features(vm, 0, ALWAYS | features));
	assert_int_equal(fake_vm_queue(vm, 0, 0, drv, 16, features), 0);
	assert_int_equal(fake_vm_driver_ok(vm, 0), 0);
}

static void ask(struct fake_vm *vm, struct fake_queue *drv, char c)
{
	struct fake_buffer buf[2] = {
		{ FAKE_VM_BUFFERS, 16, false },
		{ FAKE_VM_BUFFERS + 64, 16, true },
	};
	uint32_t len = 0;
	int id;

	memset(fake_vm_at(vm, FAKE_VM_BUFFERS, 16), c, 16);
	memset(fake_vm_at(vm, FAKE_VM_BUFFERS + 64, 16), 0, 16);
	id = fake_guest_add(drv, buf, 2);
	assert_true(id >= 0);
	fake_vm_ring(vm, 0, 0, drv);
	assert_int_equal(fake_vm_get(vm, 0, drv, &len), id);
	assert_int_equal(len, 16);
	assert_memory_equal(fake_vm_at(vm, FAKE_VM_BUFFERS, 16),
			    fake_vm_at(vm, FAKE_VM_BUFFERS + 64, 16), 16);
}

/* ---- slots --------------------------------------------------------------- */

static void test_table(void **state)
{
	struct cvm_virtio_slot *page;
	struct fake_vm vm;

	(void)state;
	fake_vm_init(&vm);
	assert_int_equal(fake_vm_table(&vm)->magic, CVM_VIRTIO_MAGIC);
	assert_int_equal(fake_vm_table(&vm)->version, CVM_VIRTIO_VERSION);
	assert_int_equal(fake_vm_table(&vm)->slots, CVM_VIRTIO_SLOTS);
	assert_int_equal(fake_vm_table(&vm)->setup_type, CVM_SETUP_VIRTIO);
	assert_int_equal(fake_vm_table(&vm)->setup_len,
			 CVM_VIRTIO_TABLE_BYTES - 16);
	assert_int_equal(fake_vm_table(&vm)->changed, 0);
	plug(&vm);
	page = fake_vm_slot(&vm, 0);
	assert_int_equal(page->magic, CVM_VIRTIO_MAGIC);
	assert_int_equal(page->vendor, CVM_VIRTIO_VENDOR);
	assert_int_equal(page->device_id, 42);
	assert_int_equal(page->queues, 2);
	assert_int_equal(page->queue[0].size_max, 16);
	assert_int_equal(page->queue[1].size_max, 16);
	assert_int_equal(page->queue[2].size_max, 0);
	assert_int_equal(page->plug, 1);
	assert_int_equal(page->config_len, 16);
	assert_memory_equal(page->config, "configuration!..", 16);
	assert_int_equal(page->device_features, OWN_FEATURE | ALWAYS |
			 VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |
			 VIRTIO_F_RING_PACKED);
	fake_vm_free(&vm);
}

static void test_bad_table(void **state)
{
	static const uint64_t bad[] = {
		FAKE_VM_TABLE + 8, FAKE_VM_HOLE, FAKE_VM_HOLE - 4096,
		FAKE_VM_GPA + FAKE_VM_BYTES, 0, UINT64_MAX - 4095,
	};
	struct virtio_devices_args args = {
		.vcpus = 1, .map_gpa = FAKE_VM_GPA,
	};
	struct problem problem = { "" };
	struct fake_vm vm;
	size_t i;

	(void)state;
	fake_vm_init(&vm);
	args.ranges = &vm.ranges;
	args.map = vm.map;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		args.table_gpa = bad[i];
		problem.text[0] = '\0';
		assert_null(virtio_devices_new(&args, &problem));
		assert_non_null(strstr(problem.text, "no place for the slot"));
	}
	args.table_gpa = FAKE_VM_TABLE;
	vm.ranges.range[1] = vm.ranges.range[0];
	problem.text[0] = '\0';
	assert_null(virtio_devices_new(&args, &problem));
	assert_non_null(strstr(problem.text, "overlap"));
	fake_vm_free(&vm);
}

static void test_plugging(void **state)
{
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t i;

	(void)state;
	fake_vm_init(&vm);
	destroyed = 0;
	for (i = 0; i < CVM_VIRTIO_SLOTS; i++)
		plug(&vm);
	assert_int_equal(fake_vm_table(&vm)->changed, (1ull << 48) - 1);
	assert_int_equal(fake_vm_wait(&vm, 0, UINT64_MAX),
			 1ull << CVM_EVENT_HOTPLUG_BIT);
	fake_vm_table(&vm)->changed = 0;
	/* Pulled out while it works; the next one is told from it. */
	start(&vm, &drv, 0);
	ask(&vm, &drv, 'p');
	assert_int_equal(virtio_devices_remove(vm.devs, 0), 0);
	assert_int_equal(destroyed, 1);
	assert_int_equal(fake_vm_slot(&vm, 0)->device_id, 0);
	assert_int_equal(fake_vm_table(&vm)->changed, 1);
	assert_int_equal(fake_vm_wait(&vm, 0, 1ull << CVM_EVENT_HOTPLUG_BIT),
			 1ull << CVM_EVENT_HOTPLUG_BIT);
	assert_int_equal(virtio_devices_remove(vm.devs, 0), -CVM_ENOENT);
	assert_int_equal(virtio_devices_remove(vm.devs, 48), -CVM_ENOENT);
	assert_int_equal(set_status(&vm, 1), -CVM_ENOENT);
	assert_int_equal(fake_vm_doorbell(&vm, 0), -CVM_ENOENT);
	plug(&vm);
	assert_int_equal(fake_vm_slot(&vm, 0)->plug, 2);
	start(&vm, &drv, 0);
	ask(&vm, &drv, 'q');
	fake_vm_free(&vm);
	assert_int_equal(destroyed, CVM_VIRTIO_SLOTS + 1);
}

static void test_doorbells(void **state)
{
	struct fake_vm vm;

	(void)state;
	open_echo(&vm);
	assert_int_equal(fake_vm_doorbell(&vm, 1), 0);
	assert_int_equal(fake_vm_doorbell(&vm, 2), -CVM_ENOENT);
	assert_int_equal(fake_vm_doorbell(&vm, 0x100), -CVM_ENOENT);
	assert_int_equal(fake_vm_doorbell(&vm, 48 << 8), -CVM_ENOENT);
	assert_int_equal(fake_vm_doorbell(&vm, UINT64_MAX), -CVM_ENOENT);
	fake_vm_free(&vm);
}

/* ---- status and features ------------------------------------------------- */

static void test_status_order(void **state)
{
	struct fake_vm vm;
	struct echo *echo;

	(void)state;
	echo = open_echo(&vm);
	assert_int_equal(set_status(&vm, VIRTIO_STATUS_DRIVER), -CVM_EINVAL);
	assert_int_equal(set_status(&vm, VIRTIO_STATUS_DRIVER_OK),
			 -CVM_EINVAL);
	assert_int_equal(status_of(&vm), 0);
	assert_int_equal(set_status(&vm, 1), 0);
	assert_int_equal(set_status(&vm, 1 | 2), 0);
	assert_int_equal(status_of(&vm), 3);
	assert_int_equal(set_status(&vm, 3 | 4), -CVM_EINVAL);
	/* Not the driver's, or nobody's. */
	assert_int_equal(set_status(&vm, VIRTIO_STATUS_NEEDS_RESET),
			 -CVM_EINVAL);
	assert_int_equal(set_status(&vm, 16), -CVM_EINVAL);
	assert_int_equal(set_status(&vm, 1u << 31), -CVM_EINVAL);
	assert_int_equal(status_of(&vm), 3);
	fake_vm_slot(&vm, 0)->driver_features = ALWAYS | OWN_FEATURE;
	assert_int_equal(set_status(&vm, 3 | 8), 0);
	assert_int_equal(echo->features_ok, 1);
	assert_int_equal(echo->dev.negotiated, ALWAYS | OWN_FEATURE);
	/* 2.2.1: what was agreed on stays. */
	fake_vm_slot(&vm, 0)->driver_features = 0;
	assert_int_equal(set_status(&vm, 3 | 8), 0);
	assert_int_equal(echo->dev.negotiated, ALWAYS | OWN_FEATURE);
	assert_int_equal(set_status(&vm, 15), 0);
	assert_int_equal(status_of(&vm), 15);
	assert_int_equal(set_status(&vm, VIRTIO_STATUS_FAILED), 0);
	assert_int_equal(status_of(&vm), 15 | 128);
	assert_int_equal(fake_vm_command(&vm, 0, CVM_VIRTIO_RESET, 0), 0);
	assert_int_equal(status_of(&vm), 0);
	assert_int_equal(echo->resets, 1);
	assert_int_equal(echo->dev.negotiated, 0);
	fake_vm_free(&vm);
}

static void test_features(void **state)
{
	static const uint64_t bad[] = {
		0, OWN_FEATURE, VIRTIO_F_EVENT_IDX,
		VIRTIO_F_VERSION_1 | 1, VIRTIO_F_VERSION_1 | 1ull << 33,
		VIRTIO_F_VERSION_1 | 1ull << 63, UINT64_MAX,
	};
	struct fake_vm vm;
	struct echo *echo;
	size_t i;

	(void)state;
	echo = open_echo(&vm);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(fake_vm_features(&vm, 0, bad[i]));
		/* 3.1.1 step 6: without it nothing goes on. */
		assert_int_equal(set_status(&vm, 4), -CVM_EINVAL);
		assert_int_equal(fake_vm_command(&vm, 0, CVM_VIRTIO_QUEUE_ON,
						 0), -CVM_EINVAL);
		assert_int_equal(status_of(&vm), 3);
		fake_vm_command(&vm, 0, CVM_VIRTIO_RESET, 0);
	}
	assert_int_equal(echo->features_ok, 0);
	/* What the slot says about what is offered is only for reading. */
	fake_vm_slot(&vm, 0)->device_features = UINT64_MAX;
	assert_false(fake_vm_features(&vm, 0, VIRTIO_F_VERSION_1 | 1));
	assert_true(fake_vm_features(&vm, 0, VIRTIO_F_VERSION_1));
	fake_vm_free(&vm);
}

static void test_bad_commands(void **state)
{
	struct fake_vm vm;

	(void)state;
	open_echo(&vm);
	assert_int_equal(fake_vm_command(&vm, 0, 0, 0), -CVM_ENOTTY);
	assert_int_equal(fake_vm_command(&vm, 0, 6, 0), -CVM_ENOTTY);
	assert_int_equal(fake_vm_command(&vm, 0, UINT32_MAX, 0), -CVM_ENOTTY);
	fake_vm_free(&vm);
}

/* ---- queues -------------------------------------------------------------- */

static void test_echo(void **state)
{
	static const uint64_t kinds[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED,
	};
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t i, n;

	(void)state;
	for (i = 0; i < 4; i++) {
		open_echo(&vm);
		start(&vm, &drv, kinds[i]);
		for (n = 0; n < 100; n++)
			ask(&vm, &drv, (char)n);
		assert_int_equal(vm.lines, 0);
		fake_vm_free(&vm);
	}
}

/* 2.1.2: nothing is used, nobody is interrupted, before DRIVER_OK. */
static void test_before_driver_ok(void **state)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, 16, true };
	struct fake_queue drv;
	struct fake_vm vm;
	struct echo *echo;
	uint32_t len;

	(void)state;
	echo = open_echo(&vm);
	fake_vm_features(&vm, 0, ALWAYS);
	fake_vm_queue(&vm, 0, 0, &drv, 16, 0);
	fake_guest_add(&drv, &buf, 1);
	fake_vm_doorbell(&vm, 0);
	virtio_device_config(&echo->dev, 0, "C", 1, true);
	assert_int_equal(echo->dev.queue[0].running, 0);
	assert_int_equal(fake_vm_slot(&vm, 0)->queue[0].enabled, 1);
	assert_int_equal(fake_vm_slot(&vm, 0)->config_pending, 0);
	assert_int_equal(vm.events[0] & SLOT_EVENT(0), 0);
	/* What waits by then is found without another doorbell. */
	fake_vm_driver_ok(&vm, 0);
	assert_int_equal(fake_vm_get(&vm, 0, &drv, &len), 0);
	fake_vm_free(&vm);
}

static void test_queue_refused(void **state)
{
	struct cvm_virtio_queue *shared;
	struct fake_queue drv;
	struct fake_vm vm;

	(void)state;
	open_echo(&vm);
	shared = fake_vm_slot(&vm, 0)->queue;
	assert_int_equal(fake_vm_queue(&vm, 0, 0, &drv, 16, 0), -CVM_EINVAL);
	fake_vm_features(&vm, 0, ALWAYS);
#define on(n)	fake_vm_command(&vm, 0, CVM_VIRTIO_QUEUE_ON, n)
	assert_int_equal(on(2), -CVM_EINVAL);
	assert_int_equal(on(64), -CVM_EINVAL);
	assert_int_equal(on(UINT32_MAX), -CVM_EINVAL);
	shared->size = 32;
	assert_int_equal(on(0), -CVM_EINVAL);
	shared->size = 0;
	assert_int_equal(on(0), -CVM_EINVAL);
	assert_string_equal(vm.line, "echo in slot 0: queue 0: a split queue "
			    "cannot have 0 entries");
	shared->size = 16;
	shared->desc = FAKE_VM_HOLE - 16;
	assert_int_equal(on(0), -CVM_EINVAL);
	assert_string_equal(vm.line, "echo in slot 0: queue 0: the descriptor "
			    "area, 256 bytes at 0x403ffff0, is not guest "
			    "memory");
	shared->desc = drv.desc_gpa;
	assert_int_equal(on(0), 0);
	assert_int_equal(on(0), -CVM_EBUSY);
	assert_int_equal(shared->enabled, 1);
	fake_vm_free(&vm);
}

static void test_queue_reset(void **state)
{
	struct fake_queue drv;
	struct fake_vm vm;

	(void)state;
	open_echo(&vm);
#define off(n)	fake_vm_command(&vm, 0, CVM_VIRTIO_QUEUE_OFF, n)
	start(&vm, &drv, 0);
	ask(&vm, &drv, 'a');
	assert_int_equal(off(1), -CVM_EINVAL);
	assert_int_equal(off(99), -CVM_EINVAL);
	assert_int_equal(off(0), 0);
	assert_int_equal(fake_vm_slot(&vm, 0)->queue[0].enabled, 0);
	assert_int_equal(off(0), -CVM_EINVAL);
	/* 2.6.1.2: again, with other rings, beside the running device. */
	assert_int_equal(fake_vm_queue(&vm, 0, 0, &drv, 8, 0), 0);
	ask(&vm, &drv, 'b');
	fake_vm_command(&vm, 0, CVM_VIRTIO_RESET, 0);
	/* Only when it was negotiated. */
	fake_vm_features(&vm, 0, VIRTIO_F_VERSION_1);
	fake_vm_queue(&vm, 0, 0, &drv, 8, 0);
	fake_vm_driver_ok(&vm, 0);
	assert_int_equal(off(0), -CVM_EINVAL);
	ask(&vm, &drv, 'c');
	fake_vm_free(&vm);
}

static void test_reset(void **state)
{
	struct cvm_virtio_slot *page;
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t n;

	(void)state;
	open_echo(&vm);
	page = fake_vm_slot(&vm, 0);
	for (n = 0; n < 50; n++) {
		vm.rings = FAKE_VM_RINGS;
		start(&vm, &drv, n & 1 ? VIRTIO_F_RING_PACKED : 0);
		ask(&vm, &drv, (char)n);
		__atomic_store_n(&page->queue_pending, UINT64_MAX,
				 __ATOMIC_RELAXED);
		page->config_pending = 1;
		assert_int_equal(fake_vm_command(&vm, 0, CVM_VIRTIO_RESET, 0),
				 0);
		assert_int_equal(page->status, 0);
		assert_int_equal(page->queue[0].enabled, 0);
		assert_int_equal(page->queue_pending, 0);
		assert_int_equal(page->config_pending, 0);
	}
	fake_vm_free(&vm);
}

/* 2.1.2: the driver breaks a rule, is told, resets, goes on. */
static void test_needs_reset(void **state)
{
	struct fake_buffer bad = { FAKE_VM_HOLE, 16, true };
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t n;

	(void)state;
	open_echo(&vm);
	for (n = 0; n < 20; n++) {
		vm.rings = FAKE_VM_RINGS;
		start(&vm, &drv, 0);
		fake_guest_add(&drv, &bad, 1);
		fake_vm_ring(&vm, 0, 0, &drv);
		assert_true(fake_vm_wait(&vm, 0, SLOT_EVENT(0)));
		assert_int_equal(fake_vm_slot(&vm, 0)->config_pending, 1);
		assert_int_equal(status_of(&vm), 15 | 64);
		if (!n)
			assert_string_equal(vm.line, "echo in slot 0: queue "
					    "0: descriptor 0: 16 bytes up to "
					    "0x40400010 are not all guest "
					    "memory");
		assert_int_equal(fake_vm_command(&vm, 0, CVM_VIRTIO_RESET, 0),
				 0);
		assert_int_equal(status_of(&vm), 0);
	}
	/* The log is not the guest's to fill. */
	assert_int_equal(vm.lines, 8);
	assert_non_null(strstr(vm.line, "and no more of this device"));
	start(&vm, &drv, 0);
	ask(&vm, &drv, 'x');
	fake_vm_free(&vm);
}

/* ---- interrupts and configuration ---------------------------------------- */

static void test_affinity(void **state)
{
	struct cvm_virtio_slot *page;
	struct fake_queue drv;
	struct fake_vm vm;
	struct echo *echo;

	(void)state;
	echo = open_echo(&vm);
	page = fake_vm_slot(&vm, 0);
	start(&vm, &drv, 0);
	page->queue[0].vcpu = 1;
	virtio_queue_interrupt(&echo->dev.queue[0]);
	assert_int_equal(vm.events[1], SLOT_EVENT(0));
	assert_int_equal(page->queue_pending, 1);
	assert_int_equal(page->queue[0].interrupts, 1);
	/* One is on its way: no second event, until it was taken. */
	vm.events[1] = 0;
	virtio_queue_interrupt(&echo->dev.queue[0]);
	assert_int_equal(vm.events[1], 0);
	virtio_queue_interrupt(&echo->dev.queue[1]);
	assert_int_equal(vm.events[0] & SLOT_EVENT(0), SLOT_EVENT(0));
	assert_int_equal(page->queue_pending, 3);
	page->queue_pending = 0;
	vm.events[0] = 0;
	/* A vCPU that does not exist. */
	page->queue[0].vcpu = FAKE_VM_VCPUS;
	virtio_queue_interrupt(&echo->dev.queue[0]);
	assert_int_equal(vm.events[0], SLOT_EVENT(0));
	assert_int_equal(page->queue[0].interrupts, 2);
	fake_vm_free(&vm);
}

static void test_config(void **state)
{
	struct cvm_virtio_slot *page;
	struct fake_queue drv;
	struct fake_vm vm;
	struct echo *echo;

	(void)state;
	echo = open_echo(&vm);
	page = fake_vm_slot(&vm, 0);
	start(&vm, &drv, 0);
#define write_at(offset, bytes) \
	fake_vm_command(&vm, 0, CVM_VIRTIO_CONFIG_WRITE, \
			(uint32_t)(offset) << 16 | (bytes))
	memcpy(page->config_in, "XY", 2);
	assert_int_equal(write_at(14, 2), 0);
	assert_memory_equal(page->config, "configuration!XY", 16);
	assert_memory_equal(echo->dev.config, "configuration!XY", 16);
	assert_int_equal(page->generation, 2);
	assert_int_equal(page->config_pending, 1);
	assert_int_equal(vm.events[0] & SLOT_EVENT(0), SLOT_EVENT(0));
	assert_int_equal(write_at(15, 2), -CVM_EINVAL);
	assert_int_equal(write_at(16, 1), -CVM_EINVAL);
	assert_int_equal(write_at(8, 0), -CVM_EINVAL);
	assert_int_equal(write_at(8, 257), -CVM_EINVAL);
	assert_int_equal(write_at(0xffff, 0xffff), -CVM_EINVAL);
	assert_int_equal(write_at(0, 1), -CVM_EINVAL);
	assert_memory_equal(page->config, "configuration!XY", 16);
	fake_vm_free(&vm);
}

/* ---- doorbells that the driver signals ----------------------------------- */

static intptr_t bound[8];
static uint32_t unbound;

static int bind_event(void *ctx, uint64_t doorbell, intptr_t event)
{
	(void)ctx;
	if (doorbell > 1)
		return -CVM_E2BIG;
	bound[doorbell] = event;
	return 0;
}

static void unbind_event(void *ctx, uint64_t doorbell, intptr_t event)
{
	(void)ctx;
	assert_true(doorbell <= 1);
	assert_int_equal(bound[doorbell], event);
	unbound++;
}

static void test_bound(void **state)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, 16, true };
	struct os_notifier event;
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t len;

	(void)state;
	unbound = 0;
	fake_vm_init_bound(&vm, bind_event, unbind_event, NULL, NULL);
	plug(&vm);
	plug(&vm);	/* for which there is no more room in the driver */
	start(&vm, &drv, 0);
	fake_guest_add(&drv, &buf, 1);
	event.handle = bound[0];
	os_notifier_signal(&event);
	assert_int_equal(fake_vm_get(&vm, 0, &drv, &len), 0);
	fake_vm_free(&vm);
	assert_int_equal(unbound, 2);
}

static intptr_t watched;
static uint32_t watches;

static int watch_event(void *ctx, uint32_t vcpu, uint64_t bits,
		       intptr_t event, uint32_t *id)
{
	(void)ctx;
	assert_int_equal(vcpu, 0);
	if (watches++)
		return -1;
	assert_true(bits == 1ull << CVM_VIRTIO_EVENT_BIT(0));
	watched = event;
	*id = 77;
	return 0;
}

static void unwatch_event(void *ctx, uint32_t id)
{
	(void)ctx;
	assert_int_equal(id, 77);
	watches = 0;
}

/* An interrupt for vCPU 0 is a signal, one for another vCPU is raised. */
static void test_watched(void **state)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, 16, true };
	struct os_notifier event;
	struct fake_queue drv;
	struct fake_vm vm;
	uint32_t raises, len;

	(void)state;
	watches = 0;
	fake_vm_init_bound(&vm, NULL, NULL, watch_event, unwatch_event);
	plug(&vm);
	plug(&vm);	/* for which there is no more room in the driver */
	start(&vm, &drv, 0);
	raises = vm.raises;
	event.handle = watched;
	fake_guest_add(&drv, &buf, 1);
	fake_vm_ring(&vm, 0, 0, &drv);
	os_notifier_wait(&event);
	assert_int_equal(fake_guest_get(&drv, &len), 0);
	assert_int_equal(vm.raises, raises);
	fake_vm_slot(&vm, 0)->queue_pending = 0;
	fake_vm_slot(&vm, 0)->queue[0].vcpu = 1;
	fake_guest_enable_notification(&drv);
	fake_guest_add(&drv, &buf, 1);
	fake_vm_ring(&vm, 0, 0, &drv);
	assert_true(fake_vm_wait(&vm, 1, 1ull << CVM_VIRTIO_EVENT_BIT(0)));
	fake_vm_free(&vm);
	assert_int_equal(watches, 0);
}

/* ---- rng ----------------------------------------------------------------- */

static void test_rng(void **state)
{
	static const uint8_t zeroes[64];
	struct fake_buffer small = { FAKE_VM_BUFFERS, 64, true };
	struct fake_buffer large = { FAKE_VM_BUFFERS, 1 << 20, true };
	struct fake_buffer none = { FAKE_VM_BUFFERS, 64, false };
	struct problem problem = { "" };
	struct fake_queue drv;
	struct fake_vm vm;
	uint8_t first[64];
	uint32_t len;

	(void)state;
	fake_vm_init(&vm);
	assert_int_equal(virtio_rng_add(vm.devs, &problem), 0);
	assert_int_equal(fake_vm_slot(&vm, 0)->device_id, 4);
	fake_vm_features(&vm, 0, ALWAYS);
	fake_vm_queue(&vm, 0, 0, &drv, 8, 0);
	fake_vm_driver_ok(&vm, 0);
	fake_guest_add(&drv, &small, 1);
	fake_vm_ring(&vm, 0, 0, &drv);
	assert_true(fake_vm_get(&vm, 0, &drv, &len) >= 0);
	assert_int_equal(len, 64);
	memcpy(first, fake_vm_at(&vm, FAKE_VM_BUFFERS, 64), 64);
	assert_memory_not_equal(first, zeroes, 64);
	fake_guest_add(&drv, &large, 1);
	fake_vm_ring(&vm, 0, 0, &drv);
	assert_true(fake_vm_get(&vm, 0, &drv, &len) >= 0);
	assert_in_range(len, 1, 1 << 20);
	assert_memory_not_equal(fake_vm_at(&vm, FAKE_VM_BUFFERS, 64), first,
				64);
	fake_guest_add(&drv, &none, 1);
	fake_vm_ring(&vm, 0, 0, &drv);
	assert_true(fake_vm_wait_broken(&vm, 0));
	assert_string_equal(vm.line, "rng in slot 0: queue 0: a request "
			    "without room");
	fake_vm_free(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bad_table),
		cmocka_unit_test(test_plugging),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_status_order),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_bad_commands),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_before_driver_ok),
		cmocka_unit_test(test_queue_refused),
		cmocka_unit_test(test_queue_reset),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_needs_reset),
		cmocka_unit_test(test_affinity),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_rng),
	};

	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
