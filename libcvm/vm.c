/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.c - the life of a VM object: created, ended for a reason, destroyed.
 */
#include "host_calls.h"

/* Lowest address of the kernel half, by the host's paging mode. */
static uint64_t kernel_half(const struct cvm_monitor *mon)
{
	return mon->caps.la57 ? 0xff00000000000000ull : 0xffff800000000000ull;
}

static int name_ok(const char *name)
{
	uint32_t i;

	for (i = 0; i < CVM_NAME_MAX; i++) {
		if (!name[i])
			return 1;
		/* Names end up in logs and on terminals. */
		if (name[i] < ' ' || name[i] > '~')
			return 0;
	}
	return 0;
}

static int vm_check(const struct cvm_monitor *mon,
		    const struct cvm_user_vm *args)
{
	const uint64_t bytes = (uint64_t)CVM_PASSAGE_PAGES * CVM_PAGE_SIZE;
	uint64_t gva = args->passage_gva;

	if (mon->check.refused)
		return -CVM_EPERM;
	if (args->guest_abi != CVM_GUEST_ABI)
		return -CVM_EPROTO;
	if (!args->vcpus || args->flags & ~CVM_VM_F_COMPARE)
		return -CVM_EINVAL;
	if (args->vcpus > CVM_MAX_VCPUS)
		return -CVM_E2BIG;
	if (gva % CVM_PAGE_SIZE || gva < kernel_half(mon) ||
	    gva + bytes < gva)
		return -CVM_EINVAL;
	return name_ok(args->name) ? 0 : -CVM_EINVAL;
}

struct cvm_vm *cvm_vm_find(struct cvm_monitor *mon, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < CVM_VMS_MAX; i++)
		if (mon->vm[i] && mon->vm[i]->id == id)
			return mon->vm[i];
	return NULL;
}

static uint32_t vm_new_id(struct cvm_monitor *mon)
{
	uint32_t id;

	do {
		id = mon->next_id++;
	} while (!id || cvm_vm_find(mon, id));
	return id;
}

static struct cvm_vm **vm_free_slot(struct cvm_monitor *mon)
{
	uint32_t i;

	for (i = 0; i < CVM_VMS_MAX; i++)
		if (!mon->vm[i])
			return &mon->vm[i];
	return NULL;
}

int cvm_vm_create(struct cvm_monitor *mon, void *host_vm,
		  struct cvm_user_vm *args, struct cvm_vm **out)
{
	struct cvm_vm **slot;
	struct cvm_vm *vm;
	uint32_t i;
	int ret;

	ret = vm_check(mon, args);
	if (ret)
		return ret;
	slot = vm_free_slot(mon);
	if (!slot)
		return -CVM_E2BIG;
	vm = cvm_host_page_alloc(mon, CVM_PAGES(sizeof(*vm)));
	if (!vm)
		return -CVM_ENOMEM;

	vm->mon = mon;
	vm->host_vm = host_vm;
	vm->id = vm_new_id(mon);
	vm->state = CVM_VM_NEW;
	vm->vcpus = args->vcpus;
	vm->flags = args->flags;
	vm->pid = args->pid;
	vm->passage_gva = args->passage_gva;
	for (i = 0; i < CVM_NAME_MAX; i++)
		vm->name[i] = args->name[i];
	*slot = vm;

	args->id = vm->id;
	args->la57 = mon->caps.la57;
	args->passage_code_hpa =
		cvm_host_hva_to_hpa(mon, cvm_passage_start);
	*out = vm;
	return 0;
}

void cvm_vm_empty(struct cvm_vm *vm)
{
	cvm_vm_kill(vm);
	cvm_unbind_all(vm);
	cvm_mem_free_all(vm);
}

void cvm_vm_destroy(struct cvm_vm *vm)
{
	struct cvm_monitor *mon = vm->mon;
	uint32_t i;

	cvm_vm_empty(vm);
	for (i = vm->vcpus_made; i-- > 0;) {
		cvm_host_timer(vm->vcpu[i], CVM_DEADLINE_NONE);
		cvm_vcpu_destroy(vm->vcpu[i]);
	}
	for (i = 0; i < CVM_VMS_MAX; i++)
		if (mon->vm[i] == vm)
			mon->vm[i] = NULL;
	cvm_host_page_free(mon, vm, CVM_PAGES(sizeof(*vm)));
}

void cvm_vm_end(struct cvm_vm *vm, uint32_t reason, const uint64_t arg[4],
		const char *text)
{
	uint32_t made, i;

	if (__atomic_exchange_n(&vm->end_claim, 1, __ATOMIC_ACQ_REL))
		return;
	for (i = 0; arg && i < 4; i++)
		vm->end_arg[i] = arg[i];
	for (i = 0; text && text[i] && i < sizeof(vm->end_text) - 1; i++)
		vm->end_text[i] = text[i];
	__atomic_store_n(&vm->state, CVM_VM_ENDED, __ATOMIC_RELAXED);
	__atomic_store_n(&vm->end, reason, __ATOMIC_SEQ_CST);

	/* A vCPU that starts later sees vm->end before it enters. */
	made = __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE);
	for (i = 0; i < made; i++) {
		__atomic_store_n(&vm->vcpu[i]->must_return, 1,
				 __ATOMIC_RELEASE);
		cvm_host_wake(vm->vcpu[i]);
	}
}

void cvm_vm_kill(struct cvm_vm *vm)
{
	cvm_vm_end(vm, CVM_RUN_KILLED, NULL, "killed");
}

/* The guest's own text, as far as it can be shown on a terminal. */
void cvm_copy_printable(char *to, const volatile char *from, uint32_t max)
{
	uint32_t i;
	char c;

	for (i = 0; i < max - 1; i++) {
		c = from[i];
		if (!c)
			break;
		to[i] = c < ' ' || c > '~' ? '?' : c;
	}
	to[i] = 0;
}

void cvm_vm_info(struct cvm_vm *vm, struct cvm_user_vm_info *info)
{
	*info = (struct cvm_user_vm_info){
		.id = vm->id,
		.state = __atomic_load_n(&vm->state, __ATOMIC_RELAXED),
		.vcpus = vm->vcpus,
		.pid = vm->pid,
		.mem_bytes = __atomic_load_n(&vm->mem_bytes,
					     __ATOMIC_RELAXED),
	};
	cvm_copy_printable(info->name, vm->name, sizeof(info->name));
	if (__atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		cvm_copy_printable(info->release,
				   vm->vcpu[0]->shared->guest_release,
				   sizeof(info->release));
}
