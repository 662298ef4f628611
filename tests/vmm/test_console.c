// SPDX-License-Identifier: GPL-2.0-only
/* test_console.c - the window's size, counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <cvm/abi.h>
#include <cvm/error.h>

#include "testvm.h"

/* ---- the guest's own console --------------------------------------------- */

static void test_own_size(void **state)
{
	struct testvm vm;

	(void)state;
	testvm_init(&vm);
	assert_int_equal(testvm_table(&vm)->console_size, 0);
	cvm_vmm_devices_console_size(vm.devs, 132, 43);
	assert_int_equal(testvm_wait(&vm, 0, UINT64_MAX),
			 1ull << CVM_EVENT_CONSOLE_BIT);
	assert_int_equal(testvm_table(&vm)->console_size, 132 << 16 | 43);
	testvm_free(&vm);
}

/* ---- what devices count -------------------------------------------------- */

static void test_counts(void **state)
{
	struct driver_buffer buf = { TESTVM_BUFFERS, 16, true };
	struct cvm_device_counts counts;
	struct driver_queue drv;
	struct cvm_vmm_error err;
	struct testvm vm;
	uint32_t len;

	(void)state;
	testvm_init(&vm);
	assert_int_equal(cvm_vmm_devices_counts(vm.devs, 0, &counts),
			 -CVM_ENOENT);
	assert_int_equal(cvm_vmm_devices_counts(vm.devs, CVM_VIRTIO_SLOTS,
						&counts), -CVM_ENOENT);
	assert_int_equal(cvm_vmm_devices_add_rng(vm.devs, &err), 0);
	assert_true(testvm_features(&vm, 0, VIRTIO_F_VERSION_1));
	assert_int_equal(testvm_queue(&vm, 0, 0, &drv, 8, 0), 0);
	assert_int_equal(testvm_driver_ok(&vm, 0), 0);
	assert_true(driver_add(&drv, &buf, 1) >= 0);
	testvm_ring(&vm, 0, 0, &drv);
	assert_true(testvm_get(&vm, 0, &drv, &len) >= 0);
	testvm_slot(&vm, 0)->queue[0].doorbells = 7;
	assert_int_equal(cvm_vmm_devices_counts(vm.devs, 0, &counts), 0);
	assert_string_equal(counts.kind, "rng");
	assert_int_equal(counts.doorbells, 7);
	assert_int_equal(counts.interrupts, 1);
	testvm_free(&vm);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_size),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
