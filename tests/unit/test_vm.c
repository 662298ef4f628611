// SPDX-License-Identifier: GPL-2.0-only
/* test_vm.c - VM objects: arguments, numbers, endings. */
#include "core.h"

static void start(struct core *c)
{
	core_init(c);
	assert_int_equal(core_attach(c), 0);
}

static int create(struct core *c, const struct cvm_user_vm *from,
		  struct cvm_user_vm *back)
{
	struct cvm_vm *vm;
	int ret;

	*back = *from;
	ret = cvm_vm_create(c->mon, &c->fvm, back, &vm);
	if (!ret)
		cvm_vm_destroy(vm);
	return ret;
}

static void results(void **state)
{
	struct cvm_user_vm args = core_vm_args(2), back;
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(create(&c, &args, &back), 0);
	assert_int_equal(back.id, 1);
	assert_int_equal(back.la57, 0);
	assert_true(back.passage_code_hpa);
	assert_int_equal(back.passage_code_hpa % CVM_PAGE_SIZE, 0);
	assert_int_equal(create(&c, &args, &back), 0);
	assert_int_equal(back.id, 2);
	core_end(&c);
}

#define REFUSE(change, want) do {				\
	struct cvm_user_vm args = core_vm_args(1), back;	\
	args.change;						\
	assert_int_equal(create(&c, &args, &back), want);	\
} while (0)

static void bad_arguments(void **state)
{
	struct core c;

	(void)state;
	start(&c);
	REFUSE(vcpus = 0, -CVM_EINVAL);
	REFUSE(vcpus = CVM_MAX_VCPUS, 0);
	REFUSE(vcpus = CVM_MAX_VCPUS + 1, -CVM_E2BIG);
	REFUSE(guest_abi = CVM_GUEST_ABI + 1, -CVM_EPROTO);
	REFUSE(flags = CVM_VM_F_COMPARE, 0);
	REFUSE(flags = 1u << 31, -CVM_EINVAL);
	REFUSE(passage_gva = GVA + 1, -CVM_EINVAL);
	REFUSE(passage_gva = 0, -CVM_EINVAL);
	REFUSE(passage_gva = 0x7ffffffff000, -CVM_EINVAL);
	REFUSE(passage_gva = 0xffff800000000000ull, 0);
	REFUSE(passage_gva = 0xff11000000000000ull, -CVM_EINVAL);
	/* The last page of the address space: the passage would wrap. */
	REFUSE(passage_gva = 0xfffffffffffff000ull, -CVM_EINVAL);
	REFUSE(name[0] = '\n', -CVM_EINVAL);
	REFUSE(name[0] = 0, 0);
	{
		struct cvm_user_vm args = core_vm_args(1), back;

		memset(args.name, 'x', sizeof(args.name));
		assert_int_equal(create(&c, &args, &back), -CVM_EINVAL);
		args.name[sizeof(args.name) - 1] = 0;
		assert_int_equal(create(&c, &args, &back), 0);
	}
	c.mon->caps.la57 = 1;
	REFUSE(passage_gva = 0xff11000000000000ull, 0);
	core_end(&c);
}

static void as_many_as_fit(void **state)
{
	struct cvm_user_vm args;
	struct cvm_user_list list;
	struct cvm_vm *vm[CVM_VMS_MAX], *more;
	struct core c;
	uint32_t i;

	(void)state;
	start(&c);
	for (i = 0; i < CVM_VMS_MAX; i++) {
		args = core_vm_args(1);
		assert_int_equal(cvm_vm_create(c.mon, &c.fvm, &args, &vm[i]),
				 0);
		assert_int_equal(args.id, i + 1);
	}
	args = core_vm_args(1);
	assert_int_equal(cvm_vm_create(c.mon, &c.fvm, &args, &more),
			 -CVM_E2BIG);
	assert_int_equal(core_request(&c, CVM_USER_LIST, &list), 0);
	assert_int_equal(list.count, CVM_VMS_MAX);

	/* A number is not used again while others are free. */
	cvm_vm_destroy(vm[5]);
	args = core_vm_args(1);
	assert_int_equal(cvm_vm_create(c.mon, &c.fvm, &args, &vm[5]), 0);
	assert_int_equal(args.id, CVM_VMS_MAX + 1);
	/* After 2^32 VMs the numbers in use and 0 are passed over. */
	cvm_vm_destroy(vm[7]);
	c.mon->next_id = UINT32_MAX;
	vm[9]->id = UINT32_MAX;
	args = core_vm_args(1);
	assert_int_equal(cvm_vm_create(c.mon, &c.fvm, &args, &vm[7]), 0);
	assert_int_equal(args.id, 6);
	for (i = 0; i < CVM_VMS_MAX; i++)
		cvm_vm_destroy(vm[i]);
	core_end(&c);
}

static void info(void **state)
{
	struct cvm_user_list list;
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_create(&c, 2), 0);
	assert_int_equal(core_mem(&c, 64 * MIB, 0), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	strcpy(c.vm->vcpu[0]->shared->guest_release, "6.12\033[2Jx");
	assert_int_equal(core_request(&c, CVM_USER_LIST, &list), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.vm[0].id, 1);
	assert_int_equal(list.vm[0].state, CVM_VM_NEW);
	assert_int_equal(list.vm[0].vcpus, 2);
	assert_int_equal(list.vm[0].pid, 42);
	assert_int_equal(list.vm[0].mem_bytes, 64 * MIB);
	assert_string_equal(list.vm[0].name, "test");
	/* The guest does not write to the operator's terminal. */
	assert_string_equal(list.vm[0].release, "6.12?[2Jx");
	/* Nor does it read past its field. */
	memset(c.vm->vcpu[0]->shared->guest_release, 'r', 64);
	assert_int_equal(core_request(&c, CVM_USER_LIST, &list), 0);
	assert_int_equal(strlen(list.vm[0].release), 63);
	core_end(&c);
}

static void first_reason_stays(void **state)
{
	const uint64_t arg[4] = { 1, 2, 3, 4 };
	char text[400];
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_create(&c, 2), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	assert_int_equal(core_vcpu(&c, 1), 0);
	memset(text, 'p', sizeof(text));
	text[399] = 0;
	cvm_vm_end(c.vm, CVM_RUN_PANIC, arg, text);
	assert_int_equal(c.vm->end, CVM_RUN_PANIC);
	assert_int_equal(c.vm->state, CVM_VM_ENDED);
	assert_int_equal(strlen(c.vm->end_text), 255);
	assert_int_equal(c.vm->end_arg[3], 4);
	/* Every vCPU is called back. */
	assert_true(c.fvm.woken[0] && c.fvm.woken[1]);
	assert_true(c.vm->vcpu[0]->must_return && c.vm->vcpu[1]->must_return);

	cvm_vm_kill(c.vm);
	assert_int_equal(c.vm->end, CVM_RUN_PANIC);
	assert_int_equal(c.vm->end_text[0], 'p');
	core_end(&c);
}

static void vcpus_in_order(void **state)
{
	struct cvm_user_vcpu args = { .vcpu = 0 };
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_create(&c, 2), 0);
	assert_int_equal(core_vcpu(&c, 1), -CVM_EINVAL);
	assert_int_equal(core_request(&c, CVM_USER_VCPU_CREATE, &args), 0);
	assert_int_equal(args.priv_hpa[1], args.priv_hpa[0] + CVM_PAGE_SIZE);
	assert_int_equal(args.shared_hpa, args.priv_hpa[1] + CVM_PAGE_SIZE);
	assert_int_equal(core_vcpu(&c, 0), -CVM_EINVAL);
	assert_int_equal(core_vcpu(&c, 1), 0);
	assert_int_equal(core_vcpu(&c, 2), -CVM_EINVAL);
	core_end(&c);
}

static void shared_page(void **state)
{
	const struct cvm_shared *s;
	struct core c;

	(void)state;
	start(&c);
	assert_int_equal(core_create(&c, 2), 0);
	assert_int_equal(core_vcpu(&c, 0), 0);
	assert_int_equal(core_vcpu(&c, 1), 0);
	s = c.vm->vcpu[1]->shared;
	assert_int_equal(s->magic, CVM_SHARED_MAGIC);
	assert_int_equal(s->abi, CVM_GUEST_ABI);
	assert_int_equal(s->size, sizeof(*s));
	assert_int_equal(s->host, CVM_HOST_FAKE);
	assert_int_equal(s->vcpu, 1);
	assert_int_equal(s->vcpus, 2);
	assert_int_equal(s->tsc_khz, 2000000);
	assert_true(s->passage_entry > GVA);
	assert_true(s->passage_entry < GVA + CVM_PAGE_SIZE);
	assert_true(s->passage_priv == GVA + CVM_VCPU_PRIV_OFF(1));
	assert_true(s->armed_tsc == CVM_DEADLINE_NONE);
	core_end(&c);
}

/* A VM that VCPU_BOOT may be called for. */
static void start_vcpus(struct core *c)
{
	start(c);
	assert_int_equal(core_create(c, 2), 0);
	assert_int_equal(core_mem(c, 2 * MIB, 0), 0);
	assert_int_equal(core_vcpu(c, 0), 0);
	assert_int_equal(core_vcpu(c, 1), 0);
}

/* Two start the same vCPU: the second is refused, whenever it comes. */
static void started_by_two(void **state)
{
	struct cvm_user_boot boot = { .vcpu = 1 };
	struct cvm_user_run args = { .vcpu = 1 };
	const uint64_t *frame;
	struct core c;

	(void)state;
	start_vcpus(&c);
	frame = c.vm->vcpu[1]->priv->boot_frame + 8;
	boot.cr3 = c.vm->first_hpa;
	c.vm->vcpu[1]->booted = CVM_BOOT_BEGUN;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_BOOT, &boot),
			 -CVM_EBUSY);
	assert_true(!frame[0] && !frame[7]);
	/* Nor is it entered before the first has finished. */
	c.fvm.wait_ret = -CVM_EINTR;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	assert_int_equal(fake_cpu.switches, 0);
	c.vm->vcpu[1]->booted = CVM_BOOT_NONE;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_BOOT, &boot), 0);
	assert_true(frame[0] && frame[7]);
	core_end(&c);
}

/* A guest may have the table of chunks read from its first moment on. */
static void memory_is_final(void **state)
{
	struct cvm_user_boot boot = { 0 };
	struct core c;

	(void)state;
	start_vcpus(&c);
	assert_int_equal(core_mem(&c, 2 * MIB, 0), 0);
	boot.cr3 = c.vm->first_hpa;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_BOOT, &boot), 0);
	assert_int_equal(c.vm->state, CVM_VM_NEW);
	assert_int_equal(core_mem(&c, 2 * MIB, 0), -CVM_EBUSY);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(as_many_as_fit),
		cmocka_unit_test(info),
		cmocka_unit_test(first_reason_stays),
		cmocka_unit_test(vcpus_in_order),
		cmocka_unit_test(shared_page),
		cmocka_unit_test(started_by_two),
		cmocka_unit_test(memory_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
