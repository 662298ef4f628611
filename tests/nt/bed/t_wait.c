// SPDX-License-Identifier: GPL-2.0-only
/*
 * t_wait.c - a grant of memory that takes as long as it likes: others are
 * served meanwhile, and whoever waits for it can be ended.
 */
#include <cvm/error.h>
#include <cvm/nt.h>
#include <cvm/uapi.h>

#include "bed.h"
#include "tests.h"

#define DEVICE		"\\??\\cvm"
#define MEM_BYTES	0x200000ull
#define LONG_MS		50	/* a thread gets to where it waits */

static struct bed_image image;
static struct nt_file *busy;		/* where memory is added */
static volatile int held, adding;
static int add_ret;

/* One request of a thread that will be ended. */
struct waiter {
	const char *name;
	uint32_t number;
	void *arg;
	uint32_t bytes;
	int ret;
	volatile int done;
};

static void hold(void)
{
	adding = 1;
	while (held)
		bed_sleep_ms(1);
}

static void add(void *unused)
{
	struct cvm_user_mem mem = { .bytes = MEM_BYTES };

	(void)unused;
	add_ret = bed_request(busy, CVM_USER_MEM_ADD, &mem, sizeof(mem));
	adding = 0;
}

static void wait_main(void *arg)
{
	struct waiter *w = arg;

	w->ret = bed_request(busy, w->number, w->arg, w->bytes);
	w->done = 1;
}

static int create(struct nt_file *file)
{
	struct cvm_user_vm args = {
		.vcpus = 1,
		.guest_abi = CVM_GUEST_ABI,
		.passage_gva = G_PASSAGE_GVA,
		.name = "wait",
	};

	return bed_request(file, CVM_USER_VM_CREATE, &args, sizeof(args));
}

/* A whole VM, and who else there is. */
static void others(uint32_t count)
{
	static struct cvm_user_list list;
	struct nt_file *file = NULL;
	int ok;

	memset(&list, 0, sizeof(list));
	ok = !bed_open(DEVICE, 0, &file) && !create(file) &&
	     !bed_request(file, CVM_USER_LIST, &list, sizeof(list)) &&
	     list.count == count + 1;
	bed_cleanup(file);
	bed_close(file);
	bare_report(ok && adding && held,
		    "another VM is made, listed and ended beside it");
}

static void ended(struct waiter *w)
{
	struct bed_thread *t = bed_thread_start(&bed_system, wait_main, w);

	bed_sleep_ms(LONG_MS);
	bare_report(!w->done, "%s waits", w->name);
	others(1);
	t->terminating = 1;
	bed_thread_alert(t);
	bed_sleep_ms(LONG_MS);
	bare_report(w->done && w->ret == -CVM_EINTR && adding,
		    "%s ends with its thread: %d", w->name, w->ret);
	if (!w->done)
		held = 0;
	bed_thread_join(t);
}

static void waiters(void)
{
	static struct cvm_user_ranges ranges;
	static struct cvm_nt_map map = { .gpa = MEM_BYTES };
	static struct cvm_user_vm vm;
	struct waiter w[] = {
		{ .name = "MEM_RANGES", .number = CVM_USER_MEM_RANGES,
		  .arg = &ranges, .bytes = sizeof(ranges) },
		{ .name = "NT_MAP", .number = CVM_NT_MAP,
		  .arg = &map, .bytes = sizeof(map) },
		{ .name = "VM_CREATE", .number = CVM_USER_VM_CREATE,
		  .arg = &vm, .bytes = sizeof(vm) },
	};
	uint32_t i;

	for (i = 0; i < sizeof(w) / sizeof(w[0]) && held; i++)
		ended(&w[i]);
}

void test_wait(void)
{
	struct bed_thread *adder;

	if (!test_load_driver(&image) || bed_open(DEVICE, 0, &busy) ||
	    create(busy)) {
		bare_report(0, "a VM");
		return;
	}
	held = 1;
	bed_grant_hook = hold;
	adder = bed_thread_start(&bed_system, add, NULL);
	while (!adding)
		bed_sleep_ms(1);
	others(1);
	waiters();
	bare_report(held, "nobody had to wait for the grant");
	held = 0;
	bed_thread_join(adder);
	bed_grant_hook = NULL;
	bare_report(!add_ret, "and it is made: %d", add_ret);
	bed_cleanup(busy);
	bed_close(busy);
	bed_unload(&image);
	bare_report(bed_counters_zero("unloaded"), "everything came back");
}
