// SPDX-License-Identifier: GPL-2.0-only
/* test_threads.c - a system that has no more threads to give. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_vm.h"
#include "os/thread.h"

#define DISK_BYTES	(1u << 20)
#define RNG		0u	/* slots */
#define DISKS		1u	/* and one more */
#define TTYS		3u

/* The nth thread is not to be had, and none after it; 0: all are. */
static uint32_t fail_at, created;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg)
{
	created++;
	return fail_at && created >= fail_at ? EAGAIN :
	       __real_pthread_create(thread, attr, fn, arg);
}

static char disk[] = "/tmp/cvm-threads-XXXXXX";

static int make_disk(void **state)
{
	int fd = mkstemp(disk);

	(void)state;
	return fd < 0 || ftruncate(fd, DISK_BYTES) || close(fd) ? -1 : 0;
}

static int remove_disk(void **state)
{
	(void)state;
	return unlink(disk);
}

/* One of each kind that has threads. */
static void plug(struct fake_vm *vm)
{
	static const enum virtio_blk_engine engines[] = {
		VIRTIO_BLK_ENGINE_ANY, VIRTIO_BLK_ENGINE_THREADS,
	};
	struct virtio_blk_args args = {
		.path = disk, .readonly = true, .queues = 2,
	};
	struct virtio_port_args ports[] = {
		{ .name = "ttys0", .kind = VIRTIO_PORT_PTY },
		{ .name = "ttys1", .kind = VIRTIO_PORT_PTY },
	};
	struct problem problem = { "" };
	uint32_t i;

	fail_at = created = 0;
	fake_vm_init(vm);
	assert_int_equal(virtio_rng_add(vm->devs, &problem), RNG);
	for (i = 0; i < 2; i++) {
		args.engine = engines[i];
		assert_int_equal(virtio_blk_add(vm->devs, &args,
						&problem), DISKS + i);
	}
	assert_int_equal(virtio_console_add(vm->devs, ports, 2,
					    &problem), TTYS);
	/* Who confines itself does so as the only thread, after this. */
	assert_int_equal(created, 0);
}

/* Of Linux's own, which do what blocks for a ring of io_uring. */
static uint32_t workers(void)
{
	char path[64], name[32] = "";
	struct dirent *task;
	DIR *tasks = opendir("/proc/self/task");
	uint32_t count = 0;
	FILE *file;

	assert_non_null(tasks);
	while ((task = readdir(tasks)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm",
			 task->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file))
			count += !strncmp(name, "iou-wrk", 7);
		fclose(file);
	}
	closedir(tasks);
	return count;
}

/* A guest's first request that blocks does not wait for one. */
static void test_workers(void **state)
{
	struct problem problem = { "" };
	struct fake_vm vm;

	(void)state;
	plug(&vm);
	if (strcmp(fake_vm_word(&vm, DISKS, "engine"), "io_uring")) {
		fake_vm_free(&vm);
		skip();
	}
	assert_int_equal(virtio_devices_threads(vm.devs, &problem), 0);
	assert_int_equal(workers(), 2);
	fake_vm_free(&vm);
}

/* Whichever is missing: it is said, and nothing has begun. */
static void test_each(void **state)
{
	struct problem problem = { "" };
	struct fake_vm vm;
	uint32_t n, all;

	(void)state;
	plug(&vm);
	assert_int_equal(virtio_devices_threads(vm.devs, &problem), 0);
	all = created;
	/* (What there is already is enough.) */
	assert_int_equal(virtio_devices_threads(vm.devs, &problem), 0);
	assert_int_equal(created, all);
	fake_vm_free(&vm);
	assert_true(all >= 1 + 4 + 2);
	for (n = 1; n <= all; n++) {
		plug(&vm);
		fail_at = n;
		problem.text[0] = '\0';
		assert_int_equal(virtio_devices_threads(vm.devs, &problem),
				 -1);
		assert_int_equal(created, n);
		assert_non_null(strstr(problem.text, "no thread for queue"));
		assert_non_null(strstr(problem.text, os_no_thread));
		fake_vm_free(&vm);
	}
}

static void ask(struct fake_vm *vm, struct fake_queue *drv)
{
	struct fake_buffer buf = { FAKE_VM_BUFFERS, 64, true };
	uint32_t len;
	int id = fake_guest_add(drv, &buf, 1);

	assert_true(id >= 0);
	fake_vm_ring(vm, RNG, 0, drv);
	assert_int_equal(fake_vm_get(vm, RNG, drv, &len), id);
	assert_int_equal(len, 64);
}

/* A guest may begin again as often as it likes, with every device. */
static void test_again(void **state)
{
	struct fake_queue drv[4];
	struct problem problem = { "" };
	struct fake_vm vm;
	uint32_t n, slot, queue;

	(void)state;
	plug(&vm);
	assert_int_equal(virtio_devices_threads(vm.devs, &problem), 0);
	fail_at = 1;
	for (n = 0; n < 3; n++) {
		vm.rings = FAKE_VM_RINGS;
		for (slot = RNG; slot <= TTYS; slot++) {
			assert_true(fake_vm_features(&vm, slot,
						     VIRTIO_F_VERSION_1));
			for (queue = 0; queue < 2 && (slot || !queue); queue++)
				assert_int_equal(fake_vm_queue(&vm, slot, queue,
					&drv[queue], 8, VIRTIO_F_VERSION_1),
						 0);
			assert_int_equal(fake_vm_driver_ok(&vm, slot), 0);
			assert_false(fake_vm_slot(&vm, slot)->status &
				     VIRTIO_STATUS_NEEDS_RESET);
			if (slot == RNG)
				ask(&vm, &drv[0]);
		}
		for (slot = RNG; slot <= TTYS; slot++)
			assert_int_equal(fake_vm_command(&vm, slot,
							 CVM_VIRTIO_RESET, 0),
					 0);
	}
	assert_int_equal(vm.lines, 0);
	fake_vm_free(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_workers),
	};

	return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
