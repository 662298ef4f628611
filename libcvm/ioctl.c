/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl.c - the requests of the user ABI: one table for all hosts.
 *
 * A shim copies the structure in, calls cvm_ioctl_fit() and cvm_ioctl_call(),
 * and copies it out again; sizes, handle and lock are in the table, so that no
 * host has an opinion of its own.
 */
#include "fmt.h"
#include "host_calls.h"

/* Events a user program may raise: power button, console, its devices, and
 * that it saw the host's clock being set. */
#define USER_EVENTS	(1ull << CVM_EVENT_POWER_BIT | \
			 1ull << CVM_EVENT_CONSOLE_BIT | \
			 1ull << CVM_EVENT_CLOCK_BIT | \
			 1ull << CVM_EVENT_HOTPLUG_BIT | \
			 ~0ull << CVM_EVENT_DEVICE_BIT)

static int ioctl_version(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	struct cvm_user_version *v = arg;

	(void)vm;
	*v = (struct cvm_user_version){
		.user_abi = CVM_USER_ABI,
		.guest_abi = CVM_GUEST_ABI,
		.host = mon->ops->kind,
		.cpus = mon->cpus,
	};
	cvm_fmt(v->version, sizeof(v->version), "%s", CVM_VERSION);
	return 0;
}

static int ioctl_check(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	(void)vm;
	*(struct cvm_user_check *)arg = mon->check;
	return 0;
}

static int ioctl_list(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	struct cvm_user_list *list = arg;
	uint32_t i;

	(void)vm;
	list->count = 0;
	for (i = 0; i < CVM_VMS_MAX; i++)
		list->vm[i] = (struct cvm_user_vm_info){ 0 };
	for (i = 0; i < CVM_VMS_MAX; i++)
		if (mon->vm[i])
			cvm_vm_info(mon->vm[i], &list->vm[list->count++]);
	return 0;
}

static int ioctl_stats(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	struct cvm_user_stats *s = arg;
	struct cvm_host_time now;

	if (s->id)
		vm = cvm_vm_find(mon, s->id);
	if (!vm)
		return -CVM_ENOENT;
	cvm_host_time(mon, &now);
	s->id = vm->id;
	s->tsc_khz = now.tsc_khz;
	cvm_vm_info(vm, &s->info);
	cvm_stats_sum(vm, &s->stats);
	return 0;
}

static int ioctl_stop(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	const struct cvm_user_id *args = arg;

	if (args->id)
		vm = cvm_vm_find(mon, args->id);
	if (!vm)
		return -CVM_ENOENT;
	if (__atomic_load_n(&vm->end, __ATOMIC_ACQUIRE))
		return -CVM_EIO;
	cvm_event_raise(vm, 0, 1ull << CVM_EVENT_POWER_BIT);
	return 0;
}

static int ioctl_kill(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	const struct cvm_user_id *args = arg;

	if (args->id)
		vm = cvm_vm_find(mon, args->id);
	if (!vm)
		return -CVM_ENOENT;
	cvm_vm_kill(vm);
	return 0;
}

static int ioctl_mem_add(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	(void)mon;
	return cvm_mem_add(vm, arg);
}

static int ioctl_mem_ranges(struct cvm_monitor *mon, struct cvm_vm *vm,
			    void *arg)
{
	(void)mon;
	return cvm_mem_ranges(vm, arg);
}

static int ioctl_vcpu_create(struct cvm_monitor *mon, struct cvm_vm *vm,
			     void *arg)
{
	(void)mon;
	return cvm_vcpu_create(vm, arg);
}

static int ioctl_vcpu_boot(struct cvm_monitor *mon, struct cvm_vm *vm,
			   void *arg)
{
	(void)mon;
	vm->final = 1;
	return cvm_vcpu_boot(vm, arg);
}

static int ioctl_vcpu_run(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	const struct cvm_user_run *args = arg;

	(void)mon;
	if (args->events & ~USER_EVENTS)
		return -CVM_EINVAL;
	return cvm_vcpu_run(vm, arg);
}

/* Free bytes of the ring; none if the guest's index makes no sense. */
static uint32_t ring_room(struct cvm_shared *shared)
{
	uint32_t tail = __atomic_load_n(&shared->con_tail, __ATOMIC_ACQUIRE);
	uint32_t used = shared->con_head - tail;

	return used > CVM_CONSOLE_RING ? 0 : CVM_CONSOLE_RING - used;
}

/*
 * Put bytes into the ring, all that fit.  Before stopping for want of room,
 * con_full asks the guest to call CVM_HC_CONSOLE_ROOM once it has read; the
 * second look afterwards catches what it read in between.
 */
static uint32_t ring_put(struct cvm_shared *shared, const uint8_t *data,
			 uint32_t bytes)
{
	uint32_t head = shared->con_head, room, i;

	room = ring_room(shared);
	if (room < bytes) {
		__atomic_store_n(&shared->con_full, 1, __ATOMIC_SEQ_CST);
		room = ring_room(shared);
		if (room >= bytes)
			__atomic_store_n(&shared->con_full, 0,
					 __ATOMIC_SEQ_CST);
	}
	if (room < bytes)
		bytes = room;
	for (i = 0; i < bytes; i++)
		shared->con_ring[(head + i) % CVM_CONSOLE_RING] = data[i];
	__atomic_store_n(&shared->con_head, head + bytes, __ATOMIC_RELEASE);
	return bytes;
}

static int ioctl_console_in(struct cvm_monitor *mon, struct cvm_vm *vm,
			    void *arg)
{
	struct cvm_user_console *con = arg;

	(void)mon;
	if (con->bytes > sizeof(con->data))
		return -CVM_EINVAL;
	if (!vm->vcpus_made)
		return -CVM_ENOENT;
	con->bytes = ring_put(vm->vcpu[0]->shared, con->data, con->bytes);
	if (con->bytes)
		cvm_event_raise(vm, 0, 1ull << CVM_EVENT_CONSOLE_BIT);
	return 0;
}

static int check_event(struct cvm_vm *vm, uint32_t vcpu, uint64_t bits)
{
	if (!bits || bits & ~USER_EVENTS)
		return -CVM_EINVAL;
	if (vcpu >= __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		return -CVM_ENOENT;
	return 0;
}

static int ioctl_event(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg)
{
	const struct cvm_user_event *ev = arg;
	int ret = check_event(vm, ev->vcpu, ev->bits);

	(void)mon;
	if (!ret)
		cvm_event_raise(vm, ev->vcpu, ev->bits);
	return ret;
}

static int ioctl_notifier_bind(struct cvm_monitor *mon, struct cvm_vm *vm,
			       void *arg)
{
	struct cvm_user_notifier *args = arg;
	int ret = check_event(vm, args->vcpu, args->bits);

	(void)mon;
	return ret ? ret : cvm_notifier_bind(vm, args);
}

static int ioctl_notifier_unbind(struct cvm_monitor *mon, struct cvm_vm *vm,
				 void *arg)
{
	(void)mon;
	return cvm_notifier_unbind(vm, arg);
}

static int ioctl_doorbell_bind(struct cvm_monitor *mon, struct cvm_vm *vm,
			       void *arg)
{
	(void)mon;
	return cvm_doorbell_bind(vm, arg);
}

static int ioctl_doorbell_unbind(struct cvm_monitor *mon, struct cvm_vm *vm,
				 void *arg)
{
	(void)mon;
	return cvm_doorbell_unbind(vm, arg);
}

#define ROW(OP, type, least, vm, lock, func) \
	{ #OP, CVM_USER_##OP, sizeof(struct type), least, \
	  offsetof(struct type, reserved), \
	  sizeof(((struct type *)0)->reserved), vm, lock, func }

/* The third column never changes: programs that pass so little are out there.
 * (CVM_USER_ABI 5.) */
static const struct cvm_ioctl ioctls[] = {
	ROW(VERSION, cvm_user_version, 48, 0, CVM_LOCK_NONE, ioctl_version),
	ROW(CHECK, cvm_user_check, 16, 0, CVM_LOCK_NONE, ioctl_check),
	ROW(LIST, cvm_user_list, 16, 0, CVM_LOCK_MONITOR, ioctl_list),
	ROW(STATS, cvm_user_stats, 168, 0, CVM_LOCK_MONITOR, ioctl_stats),
	ROW(STOP, cvm_user_id, 4, 0, CVM_LOCK_MONITOR, ioctl_stop),
	ROW(KILL, cvm_user_id, 4, 0, CVM_LOCK_MONITOR, ioctl_kill),
	/* Called through cvm_vm_create(): it makes the handle a VM. */
	ROW(VM_CREATE, cvm_user_vm, 80, 0, CVM_LOCK_MONITOR, NULL),
		ROW(MEM_ADD, cvm_user_mem, 32, 1, CVM_LOCK_VM, ioctl_mem_add),
		ROW(MEM_RANGES, cvm_user_ranges, 16, 1, CVM_LOCK_VM,
		    ioctl_mem_ranges), ROW(VCPU_CREATE, cvm_user_vcpu, 40, 1,
					   CVM_LOCK_VM, ioctl_vcpu_create),
		ROW(VCPU_BOOT, cvm_user_boot, 48, 1, CVM_LOCK_VM,
		    ioctl_vcpu_boot), ROW(VCPU_RUN, cvm_user_run, 80, 1,
					  CVM_LOCK_VCPU, ioctl_vcpu_run),
		ROW(CONSOLE_IN, cvm_user_console, 528, 1, CVM_LOCK_VM,
		    ioctl_console_in),
	ROW(EVENT, cvm_user_event, 24, 1, CVM_LOCK_NONE, ioctl_event),
	ROW(DOORBELL_BIND, cvm_user_doorbell, 16, 1, CVM_LOCK_VM,
	    ioctl_doorbell_bind),
	ROW(DOORBELL_UNBIND, cvm_user_doorbell, 16, 1, CVM_LOCK_VM,
	    ioctl_doorbell_unbind),
	ROW(NOTIFIER_BIND, cvm_user_notifier, 24, 1, CVM_LOCK_VM,
	    ioctl_notifier_bind),
	ROW(NOTIFIER_UNBIND, cvm_user_notifier, 24, 1, CVM_LOCK_VM,
	    ioctl_notifier_unbind),
};

const struct cvm_ioctl *cvm_ioctl_find(uint32_t number)
{
	uint32_t i;

	for (i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		if (ioctls[i].number == number)
			return &ioctls[i];
	return NULL;
}

int cvm_ioctl_fit(const struct cvm_ioctl *row, void *arg, size_t bytes)
{
	const uint32_t *word;
	uint8_t *at = arg;
	size_t i;

	if (bytes < row->least)
		return -CVM_EINVAL;
	if (bytes > CVM_USER_BYTES_MAX)
		return -CVM_E2BIG;
	for (i = row->size; i < bytes; i++)
		if (at[i])
			return -CVM_E2BIG;
	for (i = bytes; i < row->size; i++)
		at[i] = 0;
	word = (const uint32_t *)(at + row->reserved_off);
	for (i = 0; i < row->reserved_bytes / sizeof(*word); i++)
		if (word[i])
			return -CVM_EINVAL;
	return 0;
}

int cvm_ioctl_call(const struct cvm_ioctl *row, struct cvm_monitor *mon,
		   struct cvm_vm *vm, void *arg, size_t size)
{
	if (size != row->size)
		return -CVM_EINVAL;
	if (!row->fn)
		return -CVM_ENOTTY;
	if (row->needs_vm && !vm)
		return -CVM_ENOENT;
	return row->fn(mon, vm, arg);
}
