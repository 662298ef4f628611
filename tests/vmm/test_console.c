// SPDX-License-Identifier: GPL-2.0-only
/* test_console.c - consoles: sizes, ports, what goes through; counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <cvm/abi.h>
#include <cvm/error.h>

#include "console_rig.h"

/* ---- the guest's own console --------------------------------------------- */

static void test_own_size(void **state)
{
	struct fake_vm vm;

	(void)state;
	fake_vm_init(&vm);
	assert_int_equal(fake_vm_table(&vm)->console_size, 0);
	virtio_devices_console_size(vm.devs, 132, 43);
	assert_int_equal(fake_vm_wait(&vm, 0, UINT64_MAX),
			 1ull << CVM_EVENT_CONSOLE_BIT);
	assert_int_equal(fake_vm_table(&vm)->console_size, 132 << 16 | 43);
	fake_vm_free(&vm);
}

/* ---- what devices count -------------------------------------------------- */

static uint64_t reported[2];

static void note(void *ctx, const char *name, const char *text,
		 uint64_t number)
{
	(void)ctx;
	assert_null(text);
	if (!strcmp(name, "bytes_in"))
		reported[0] = number;
	else if (!strcmp(name, "bytes_out"))
		reported[1] = number;
	else
		fail_msg("a port reports %s", name);
}

static void test_counts(void **state)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, 16, true };
	struct fake_queue drv;
	struct problem problem = { "" };
	struct fake_vm vm;
	uint32_t len;

	(void)state;
	fake_vm_init(&vm);
	assert_int_equal(virtio_devices_report(vm.devs, 0, NULL, NULL),
			 -CVM_ENOENT);
	assert_int_equal(virtio_devices_report(vm.devs, CVM_VIRTIO_SLOTS,
					       NULL, NULL), -CVM_ENOENT);
	assert_null(virtio_devices_kind(vm.devs, 0));
	assert_int_equal(virtio_rng_add(vm.devs, &problem), 0);
	assert_true(fake_vm_features(&vm, 0, VIRTIO_F_VERSION_1));
	assert_int_equal(fake_vm_queue(&vm, 0, 0, &drv, 8, 0), 0);
	assert_int_equal(fake_vm_driver_ok(&vm, 0), 0);
	assert_true(fake_guest_add(&drv, &buf, 1) >= 0);
	fake_vm_ring(&vm, 0, 0, &drv);
	/* The answer comes before what tells of it is counted. */
	assert_true(fake_vm_wait(&vm, 0, 1ull << CVM_VIRTIO_EVENT_BIT(0)));
	assert_true(fake_guest_get(&drv, &len) >= 0);
	fake_vm_slot(&vm, 0)->queue[0].doorbells = 7;
	assert_string_equal(virtio_devices_kind(vm.devs, 0), "rng");
	assert_int_equal(fake_vm_counter(&vm, 0, "doorbells"), 7);
	assert_int_equal(fake_vm_counter(&vm, 0, "interrupts"), 1);
	fake_vm_free(&vm);
}

/* ---- two ports that end in this program ---------------------------------- */

struct end {
	char out[256];
	size_t bytes;
	uint32_t rooms;
};

static void end_output(void *ctx, const void *data, size_t bytes)
{
	struct end *end = ctx;

	assert_true(bytes <= sizeof(end->out) - end->bytes);
	memcpy(end->out + end->bytes, data, bytes);
	end->bytes += bytes;
}

static void end_room(void *ctx)
{
	((struct end *)ctx)->rooms++;
}

static struct end ends[2];
static struct virtio_port *ports[2];

static void plug(struct rig *rig)
{
	struct virtio_port_args args[2] = {
		{ .name = "ttys0", .kind = VIRTIO_PORT_CALLS, .ctx = &ends[0],
		  .output = end_output, .input_space = end_room },
		{ .name = "ttys4", .kind = VIRTIO_PORT_CALLS, .ctx = &ends[1],
		  .output = end_output, .input_space = end_room },
	};
	struct problem problem = { "" };

	memset(ends, 0, sizeof(ends));
	fake_vm_init(&rig->vm);
	assert_int_equal(virtio_console_add(rig->vm.devs, args, 2,
					    &problem), 0);
	ports[0] = args[0].port;
	ports[1] = args[1].port;
}

static void expect(struct rig *rig, uint32_t id, uint16_t event,
		   uint16_t value, const void *body, size_t bytes)
{
	struct control got = { 0 };

	assert_int_equal(rig_take(rig, 2, &got), 8 + bytes);
	assert_int_equal(got.id, id);
	assert_int_equal(got.event, event);
	assert_int_equal(got.value, value);
	assert_memory_equal(got.body, body, bytes);
}

static void expect_nothing(struct rig *rig)
{
	struct control got;

	assert_int_equal(rig_take(rig, 2, &got), -1);
}

/* 5.3.6.2 */
static void test_ports_appear(void **state)
{
	static const uint16_t sizes[] = { 80, 25, 132, 43 };
	struct rig rig;

	(void)state;
	plug(&rig);
	assert_int_equal(fake_vm_slot(&rig.vm, 0)->device_id, 3);
	assert_int_equal(fake_vm_slot(&rig.vm, 0)->queues, RIG_QUEUES);
	assert_int_equal(fake_vm_slot(&rig.vm, 0)->config[4], 2);
	rig_start(&rig, VIRTIO_CONSOLE_F_MULTIPORT);
	virtio_port_resize(ports[1], sizes[0], sizes[1]);
	/* Room for three: the rest waits for more. */
	rig_give(&rig, 2, 3);
	expect_nothing(&rig);
	rig_control(&rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect(&rig, 0, VIRTIO_CONSOLE_PORT_ADD, 1, NULL, 0);
	expect(&rig, 1, VIRTIO_CONSOLE_PORT_ADD, 1, NULL, 0);
	rig_control(&rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(&rig, 1, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL, 0);
	expect_nothing(&rig);
	rig_give(&rig, 2, 4);
	expect(&rig, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "ttys4", 5);
	expect(&rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0);
	expect(&rig, 1, VIRTIO_CONSOLE_RESIZE, 1, &sizes[0], 4);
	expect_nothing(&rig);
	virtio_port_resize(ports[1], sizes[2], sizes[3]);
	expect(&rig, 1, VIRTIO_CONSOLE_RESIZE, 1, &sizes[2], 4);
	/* A port that the driver does not know yet is told nothing. */
	rig_give(&rig, 2, 1);
	virtio_port_resize(ports[0], sizes[0], sizes[1]);
	expect_nothing(&rig);
	/* Refused by the driver, or no word of its: nothing follows. */
	rig_control(&rig, 0, VIRTIO_CONSOLE_PORT_READY, 0);
	rig_control(&rig, 0, VIRTIO_CONSOLE_PORT_NAME, 1);
	expect_nothing(&rig);
	fake_vm_free(&rig.vm);
}

static void check_through(uint64_t features)
{
	char got[RIG_ROOM];
	struct rig rig;
	uint32_t port;

	plug(&rig);
	rig_start(&rig, features | VIRTIO_CONSOLE_F_MULTIPORT);
	for (port = 0; port < 2; port++) {
		/* The driver stands still until each piece is taken. */
		assert_true(rig_put(&rig, rig_queue_out(port), "one ", 4));
		assert_true(rig_put(&rig, rig_queue_out(port), "two ", 4));
		assert_true(rig_put(&rig, rig_queue_out(port), "three", 5));
		assert_int_equal(ends[port].bytes, 13);
		assert_memory_equal(ends[port].out, "one two three", 13);
		ends[port].rooms = 0;
		assert_int_equal(virtio_port_input(ports[port], "x", 1), 0);
		rig_give(&rig, rig_queue_in(port), 2);
		assert_int_equal(ends[port].rooms, 1);
		assert_int_equal(virtio_port_input(ports[port], "typed", 5), 5);
		assert_int_equal(rig_take(&rig, rig_queue_in(port), got), 5);
		assert_memory_equal(got, "typed", 5);
	}
	fake_vm_free(&rig.vm);
}

static void test_through(void **state)
{
	(void)state;
	check_through(0);
	check_through(VIRTIO_F_EVENT_IDX);
	check_through(VIRTIO_F_RING_PACKED);
	check_through(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX);
}

/* As much as there are buffers for; the rest is for the caller to keep. */
static void test_input_room(void **state)
{
	uint8_t data[4 * RIG_ROOM], got[RIG_ROOM];
	struct rig rig;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	plug(&rig);
	assert_int_equal(virtio_port_input(ports[1], data, 1), 0);
	rig_start(&rig, VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_F_EVENT_IDX);
	rig_give(&rig, 4, 3);
	assert_int_equal(virtio_port_input(ports[1], data, sizeof(data)),
			 3 * RIG_ROOM);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rig_take(&rig, 4, got), RIG_ROOM);
		assert_memory_equal(got, data + i * RIG_ROOM, RIG_ROOM);
	}
	ends[1].rooms = 0;
	rig_give(&rig, 4, 1);
	assert_int_equal(ends[1].rooms, 1);
	assert_int_equal(virtio_port_input(ports[1], data, RIG_ROOM), RIG_ROOM);
	assert_string_equal(virtio_port_name(ports[1]), "ttys4");
	virtio_port_report(ports[1], note, NULL);
	assert_int_equal(reported[0], 4 * RIG_ROOM);
	assert_int_equal(reported[1], 0);
	fake_vm_free(&rig.vm);
}

/* A driver that knows of no ports has the first, and its size (5.3.4). */
static void test_one_port(void **state)
{
	static const uint16_t size[] = { 100, 37 };
	char got[RIG_ROOM];
	struct rig rig;

	(void)state;
	plug(&rig);
	rig_start(&rig, VIRTIO_CONSOLE_F_SIZE);
	rig_give(&rig, 0, 1);
	assert_int_equal(virtio_port_input(ports[0], "in", 2), 2);
	assert_int_equal(rig_take(&rig, 0, got), 2);
	rig_put(&rig, 1, "out", 3);
	assert_int_equal(ends[0].bytes, 3);
	virtio_port_resize(ports[0], size[0], size[1]);
	assert_memory_equal(fake_vm_slot(&rig.vm, 0)->config, size, 4);
	assert_int_equal(fake_vm_slot(&rig.vm, 0)->config_pending, 1);
	assert_int_equal(virtio_port_input(ports[1], "in", 2), 0);
	fake_vm_free(&rig.vm);
}

static void test_reset(void **state)
{
	struct rig rig;

	(void)state;
	plug(&rig);
	rig_start(&rig, VIRTIO_CONSOLE_F_MULTIPORT);
	rig_control(&rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	rig_control(&rig, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_int_equal(fake_vm_command(&rig.vm, 0, CVM_VIRTIO_RESET, 0), 0);
	assert_int_equal(virtio_port_input(ports[0], "x", 1), 0);
	rig_start(&rig, VIRTIO_CONSOLE_F_MULTIPORT);
	/* What was to be told before the reset is not told after it. */
	rig_give(&rig, 2, RIG_BUFFERS);
	expect_nothing(&rig);
	virtio_port_resize(ports[0], 1, 1);
	expect_nothing(&rig);
	rig_control(&rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect(&rig, 0, VIRTIO_CONSOLE_PORT_ADD, 1, NULL, 0);
	fake_vm_free(&rig.vm);
}

/* ---- a driver that breaks rules ------------------------------------------ */

static void expect_broken(struct rig *rig, const char *words)
{
	assert_true(fake_vm_wait_broken(&rig->vm, 0));
	if (!strstr(rig->vm.line, words))
		fail_msg("\"%s\" does not say \"%s\"", rig->vm.line, words);
	assert_int_equal(fake_vm_command(&rig->vm, 0, CVM_VIRTIO_RESET, 0), 0);
	rig_start(rig, VIRTIO_CONSOLE_F_MULTIPORT);
}

static void test_hostile(void **state)
{
	struct fake_buffer readable = { RIG_OUT, 16, false };
	struct fake_buffer small = { RIG_OUT, 4, true };
	struct control message = {
		.id = 2, .event = VIRTIO_CONSOLE_PORT_READY, .value = 1
	};
	struct rig rig;

	(void)state;
	plug(&rig);
	rig_start(&rig, VIRTIO_CONSOLE_F_MULTIPORT);
	rig_put(&rig, 3, &message, 7);
	expect_broken(&rig, "queue 3: a control message of 7 bytes");
	rig_control(&rig, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_broken(&rig, "about port 2 of 2");
	assert_true(fake_guest_add(&rig.queue[2], &small, 1) >= 0);
	rig_control(&rig, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect_broken(&rig, "a control message needs 8 bytes, not 4");
	assert_true(fake_guest_add(&rig.queue[4], &readable, 1) >= 0);
	assert_int_equal(virtio_port_input(ports[1], "x", 1), 0);
	expect_broken(&rig, "queue 4: a buffer without room");
	/* And it works again. */
	rig_give(&rig, 4, 1);
	assert_int_equal(virtio_port_input(ports[1], "x", 1), 1);
	fake_vm_free(&rig.vm);
}

static void test_how_many(void **state)
{
	struct virtio_port_args args[VIRTIO_PORTS_MAX + 1];
	struct problem problem = { "" };
	struct fake_vm vm;
	uint32_t i;

	(void)state;
	memset(args, 0, sizeof(args));
	for (i = 0; i <= VIRTIO_PORTS_MAX; i++)
		args[i] = (struct virtio_port_args){
			.name = i < VIRTIO_PORTS_MAX ? "some" : "ttys7",
			.kind = VIRTIO_PORT_CALLS, .ctx = &ends[0],
			.output = end_output, .input_space = end_room,
		};
	fake_vm_init(&vm);
	assert_int_equal(virtio_console_add(vm.devs, args, 8,
					    &problem), -1);
	assert_string_equal(problem.text, "ttys7: a guest has 7 such ports at "
			    "most");
	assert_int_equal(virtio_console_add(vm.devs, args, 0,
					    &problem), -1);
	assert_int_equal(virtio_console_add(vm.devs, args, 7,
					    &problem), 0);
	assert_int_equal(fake_vm_slot(&vm, 0)->queues, 16);
	fake_vm_free(&vm);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_size),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_ports_appear),
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_input_room),
		cmocka_unit_test(test_one_port),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
