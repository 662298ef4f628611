// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_config_race.c - a driver reads a device's configuration between any
 * two instructions of the device that changes it, as when that thread is not
 * scheduled on: it finds one of the two as a whole, and need not wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "step.h"
#include "fake_vm.h"
#include "virtio/core/transport.h"

#define BYTES	64u

static struct fake_vm vm;
static struct virtio_device dev;
static uint32_t old, new;	/* what was found */

static void destroy(struct virtio_device *device)
{
	virtio_device_exit(device);
}

static const struct virtio_device_ops ops = {
	.name = "config", .id = 42, .destroy = destroy,
};

static void change(void)
{
	uint8_t data[BYTES];

	memset(data, 'n', sizeof(data));
	virtio_device_config(&dev, 0, data, sizeof(data), false);
}

/* As guest-patch/cvm/virtio.c, which looks again if .generation changes. */
static void look(void)
{
	const struct cvm_virtio_slot *slot = fake_vm_slot(&vm, 0);
	const uint8_t *config = slot->generation & 1 ? slot->config_odd :
				slot->config;
	uint32_t i;

	for (i = 1; i < BYTES; i++)
		if (config[i] != config[0])
			abort();
	if (config[0] == 'o' && !new)
		old++;
	else if (config[0] == 'n')
		new++;
	else
		abort();
}

static void whole(void **state)
{
	uint32_t steps;

	(void)state;
	STEP_OR_SKIP();
	fake_vm_init(&vm);
	assert_int_equal(virtio_device_init(&dev, &ops, 1, 16), 0);
	dev.config_len = BYTES;
	memset(dev.config, 'o', BYTES);
	assert_int_equal(virtio_device_plug(vm.devs, &dev), 0);
	look();
	assert_int_equal(old, 1);
	steps = step_call(change, STEP_EVERY, look);
	print_message("%u instructions, old %u times, then new %u times\n",
		      steps, old, new);
	assert_true(old > 20 && new > 20);
	assert_memory_equal(fake_vm_slot(&vm, 0)->config_odd,
			    fake_vm_slot(&vm, 0)->config, BYTES);
	fake_vm_free(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
