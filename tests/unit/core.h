/* SPDX-License-Identifier: GPL-2.0-only */
/* core.h - a monitor and a VM on the fake host, for the tests of the core. */
#ifndef CVM_TEST_CORE_H
#define CVM_TEST_CORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "fake_cpu.h"
#include "internal.h"

#define MIB	(1ull << 20)
#define GIB	(1ull << 30)
#define GVA	0xffffffffff575000ull	/* where a guest maps the passage */

struct core {
	struct fake_host host;
	struct fake_host_vm fvm;
	struct cvm_monitor *mon;
	struct cvm_vm *vm;
};

static inline struct cvm_user_vm core_vm_args(uint32_t vcpus)
{
	return (struct cvm_user_vm){
		.vcpus = vcpus,
		.guest_abi = CVM_GUEST_ABI,
		.passage_gva = GVA,
		.name = "test",
		.pid = 42,
	};
}

static inline void core_init(struct core *c)
{
	memset(c, 0, sizeof(*c));
	fake_cpu_init();
	fake_host_init(&c->host);
	fake_host_vm_init(&c->fvm, &c->host);
}

static inline int core_attach(struct core *c)
{
	return cvm_attach(&c->host.ops, &c->host, FAKE_CPUS, &c->mon);
}

static inline int core_create(struct core *c, uint32_t vcpus)
{
	struct cvm_user_vm args = core_vm_args(vcpus);
	int ret = cvm_vm_create(c->mon, &c->fvm, &args, &c->vm);

	if (!ret)
		c->fvm.vm = c->vm;
	return ret;
}

static inline int core_request(struct core *c, uint32_t number, void *arg)
{
	const struct cvm_ioctl *row = cvm_ioctl_find(number);

	assert_non_null(row);
	return cvm_ioctl_call(row, c->mon, c->vm, arg, row->size);
}

static inline int core_mem(struct core *c, uint64_t bytes, uint64_t first)
{
	struct cvm_user_mem args = { .bytes = bytes, .first_bytes = first };

	return core_request(c, CVM_USER_MEM_ADD, &args);
}

static inline int core_vcpu(struct core *c, uint32_t id)
{
	struct cvm_user_vcpu args = { .vcpu = id };

	return core_request(c, CVM_USER_VCPU_CREATE, &args);
}

static inline void core_destroy(struct core *c)
{
	if (c->vm)
		cvm_vm_destroy(c->vm);
	c->vm = NULL;
	c->fvm.vm = NULL;
}

/* Everything ended, nothing left behind. */
static inline void core_end(struct core *c)
{
	core_destroy(c);
	if (c->mon)
		assert_int_equal(cvm_detach(c->mon), 0);
	c->mon = NULL;
	assert_int_equal(fake_host_leaks(&c->host), 0);
}

/* A VM of 64 MiB with two vCPUs, the first of which may run. */
static inline void core_start(struct core *c)
{
	struct cvm_user_boot boot = { .rip = 0x1000, .rsp = 0x2000 };
	struct cvm_user_ranges r;

	core_init(c);
	assert_int_equal(core_attach(c), 0);
	assert_int_equal(core_create(c, 2), 0);
	assert_int_equal(core_mem(c, 64ull << 20, 0), 0);
	assert_int_equal(core_vcpu(c, 0), 0);
	assert_int_equal(core_vcpu(c, 1), 0);
	assert_int_equal(core_request(c, CVM_USER_MEM_RANGES, &r), 0);
	boot.cr3 = r.range[0].gpa;
	assert_int_equal(core_request(c, CVM_USER_VCPU_BOOT, &boot), 0);
}

static inline uint64_t core_host_wall(struct core *c)
{
	struct cvm_host_time now;

	c->host.ops.time(&c->host, &now);
	return now.wall_ns;
}

/* What the guest's clock shows, as the guest reads it. */
static inline uint64_t core_guest_wall(struct core *c)
{
	const struct cvm_shared *s = c->vm->vcpu[0]->shared;
	struct cvm_host_time now;

	c->host.ops.time(&c->host, &now);
	return __atomic_load_n(&s->wall_base_ns, __ATOMIC_RELAXED) +
	       cvm_ticks_to_ns(now.tsc, s->tsc_khz);
}

#endif /* CVM_TEST_CORE_H */
