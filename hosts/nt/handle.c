// SPDX-License-Identifier: GPL-2.0-only
/*
 * handle.c - open files of the device: control requests, cleanup, close.
 *
 * A handle is a control handle until VM_CREATE binds a VM to it.  Cleanup
 * comes with the last handle to the file, in the context of whoever closed it
 * (a dying process while it still has its address space): the guest is ended
 * and its mappings are removed.  Close comes when no request is under way any
 * more: the VM and its memory go.
 */
#include "shim.h"

#define TIMER_UNITS	5000u	/* 0.5 ms; NT grants what it can */
#define CODE_DEVICE(c)	((c) >> 16)
#define CODE_ACCESS(c)	((c) >> 14 & 3)
#define CODE_NUMBER(c)	(((c) >> 2 & 0xfff) - 0x800)
#define CODE_METHOD(c)	((c) & 3)

static NTSTATUS to_status(int err)
{
	return err ? (NTSTATUS)CVM_NT_STATUS((uint32_t)-err) : STATUS_SUCCESS;
}

static NTSTATUS complete(PIRP irp, NTSTATUS status, uint64_t bytes)
{
	irp->IoStatus.Status = status;
	irp->IoStatus.Information = bytes;
	IofCompleteRequest(irp, IO_NO_INCREMENT);
	return status;
}

static struct cvm_nt_handle *handle_of(PIRP irp)
{
	return IoGetCurrentIrpStackLocation(irp)->FileObject->FsContext;
}

/* The VM of a handle; it stays once it is seen. */
static struct cvm_vm *bound_vm(struct cvm_nt_handle *h)
{
	return __atomic_load_n(&h->vm, __ATOMIC_ACQUIRE);
}

/* ---- the list of VMs ------------------------------------------------- */

static struct cvm_nt_handle *handle_at(LIST_ENTRY *link)
{
	return CONTAINING_RECORD(link, struct cvm_nt_handle, link);
}

void cvm_nt_for_each_vm(void (*fn)(struct cvm_nt_handle *h))
{
	KIRQL irql = KeAcquireSpinLockRaiseToDpc(&cvm_nt.list_lock);
	LIST_ENTRY *at;

	for (at = cvm_nt.handles.Flink; at != &cvm_nt.handles; at = at->Flink)
		fn(handle_at(at));
	KeReleaseSpinLock(&cvm_nt.list_lock, irql);
}

static void publish(struct cvm_nt_handle *h, int there)
{
	KIRQL irql = KeAcquireSpinLockRaiseToDpc(&cvm_nt.list_lock);

	if (there)
		InsertTailList(&cvm_nt.handles, &h->link);
	else
		RemoveEntryList(&h->link);
	KeReleaseSpinLock(&cvm_nt.list_lock, irql);
}

/*
 * Remove a guest that was ended from its process; nothing is mapped again.
 * When close has taken the VM there is no mapping any more.
 */
static void shut(struct cvm_nt_handle *h)
{
	cvm_nt_mutex_lock(&h->lock);
	h->closed = 1;
	if (h->vm)
		cvm_nt_unmap_all(&h->hvm);
	cvm_nt_mutex_unlock(&h->lock);
}

static void let_go(struct cvm_nt_handle *h)
{
	if (!__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL))
		cvm_nt_pool_free(h);
}

/* End the guest of one more handle of this process; NULL: there is none. */
static struct cvm_nt_handle *end_next(HANDLE pid)
{
	KIRQL irql = KeAcquireSpinLockRaiseToDpc(&cvm_nt.list_lock);
	struct cvm_nt_handle *h, *found = NULL;
	LIST_ENTRY *at;

	for (at = cvm_nt.handles.Flink; at != &cvm_nt.handles && !found;
	     at = at->Flink) {
		h = handle_at(at);
		if (h->pid == pid && !h->ended)
			found = h;
	}
	if (found) {
		found->ended = 1;
		__atomic_add_fetch(&found->refs, 1, __ATOMIC_RELAXED);
		cvm_vm_kill(found->vm);
	}
	KeReleaseSpinLock(&cvm_nt.list_lock, irql);
	return found;
}

/* Called for every process of the system. */
void cvm_nt_process_gone(HANDLE pid)
{
	struct cvm_nt_handle *h;

	while ((h = end_next(pid))) {
		shut(h);
		let_go(h);
	}
}

/* Timers are held to their finest while there is a VM. */
static void count_vms(int change)
{
	if (change > 0 && !cvm_nt.vms++)
		ExSetTimerResolution(TIMER_UNITS, TRUE);
	if (change < 0 && !--cvm_nt.vms)
		ExSetTimerResolution(0, FALSE);
}

void cvm_nt_vm_init(struct cvm_nt_vm *hvm)
{
	uint32_t i;

	InitializeListHead(&hvm->chunks);
	for (i = 0; i < CVM_MAX_VCPUS; i++) {
		hvm->vcpu[i].hvm = hvm;
		hvm->vcpu[i].id = i;
		cvm_nt_vcpu_init(&hvm->vcpu[i]);
	}
}

/*
 * No DPC of a timer runs, or will run, after this.  One that is under way may
 * set its timer once more; there is none left to do that in the second round.
 */
void cvm_nt_vm_stop(struct cvm_nt_vm *hvm)
{
	uint32_t i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < CVM_MAX_VCPUS; i++)
			cvm_nt_vcpu_stop(&hvm->vcpu[i]);
		KeFlushQueuedDpcs();
	}
}

/* ---- create, cleanup, close ------------------------------------------ */

NTSTATUS NTAPI cvm_nt_dispatch_create(PDEVICE_OBJECT device, PIRP irp)
{
	struct cvm_nt_handle *h;

	(void)device;
	if (IoIs32bitProcess(irp)) {
		DbgPrint("cvm: a 32-bit process was refused\n");
		return complete(irp, (NTSTATUS)CVM_NT_STATUS_32BIT, 0);
	}
	h = cvm_nt_pool_alloc(sizeof(*h));
	if (!h)
		return complete(irp, to_status(-CVM_ENOMEM), 0);
	KeInitializeMutex(&h->lock, 0);
	h->refs = 1;
	cvm_nt_vm_init(&h->hvm);
	IoGetCurrentIrpStackLocation(irp)->FileObject->FsContext = h;
	return complete(irp, STATUS_SUCCESS, 0);
}

NTSTATUS NTAPI cvm_nt_dispatch_cleanup(PDEVICE_OBJECT device, PIRP irp)
{
	struct cvm_nt_handle *h = handle_of(irp);

	(void)device;
	if (bound_vm(h)) {
		cvm_vm_kill(h->vm);
		shut(h);
	}
	return complete(irp, STATUS_SUCCESS, 0);
}

/* Others go on while the memory is given back. */
static void vm_close(struct cvm_nt_handle *h)
{
	struct cvm_vm *vm = h->vm;

	publish(h, 0);
	/* Who found it on the list before has it until now. */
	cvm_nt_mutex_lock(&h->lock);
	__atomic_store_n(&h->vm, NULL, __ATOMIC_RELEASE);
	cvm_nt_mutex_unlock(&h->lock);
	cvm_nt_vm_stop(&h->hvm);
	cvm_vm_empty(vm);
	cvm_nt_mutex_lock(&cvm_nt.monitor_lock);
	cvm_vm_destroy(vm);
	count_vms(-1);
	cvm_nt_mutex_unlock(&cvm_nt.monitor_lock);
	/* Ending a VM wakes its vCPUs and may set timers again. */
	cvm_nt_vm_stop(&h->hvm);
	ObfDereferenceObject(h->hvm.process);
}

NTSTATUS NTAPI cvm_nt_dispatch_close(PDEVICE_OBJECT device, PIRP irp)
{
	struct cvm_nt_handle *h = handle_of(irp);

	(void)device;
	if (h->vm)
		vm_close(h);
	let_go(h);
	return complete(irp, STATUS_SUCCESS, 0);
}

/* ---- requests of every driver ---------------------------------------- */

static int vm_create(struct cvm_nt_handle *h, struct cvm_user_vm *args)
{
	struct cvm_vm *vm;
	int err;

	if (h->vm)
		return -CVM_EBUSY;
	if (h->closed)
		return -CVM_ENOENT;
	h->pid = PsGetCurrentProcessId();
	args->pid = (int32_t)(intptr_t)h->pid;
	h->hvm.process = IoGetCurrentProcess();
	err = cvm_vm_create(cvm_nt.monitor, &h->hvm, args, &vm);
	if (err)
		return err;
	ObfReferenceObject(h->hvm.process);
	__builtin_memcpy(h->name, args->name, sizeof(h->name));
	h->name[sizeof(h->name) - 1] = 0;
	h->id = args->id;
	h->hvm.vm = vm;
	count_vms(1);
	__atomic_store_n(&h->vm, vm, __ATOMIC_RELEASE);
	publish(h, 1);
	return 0;
}

/* A synchronous file admits one request at a time: RUN would block all. */
static int vm_create_locked(PIRP irp, struct cvm_user_vm *args)
{
	PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
	struct cvm_nt_handle *h = file->FsContext;
	int err;

	if (file->Flags & FO_SYNCHRONOUS_IO) {
		DbgPrint("cvm: VM_CREATE needs FILE_FLAG_OVERLAPPED\n");
		return -CVM_EINVAL;
	}
	/* A MEM_ADD may be under way here: nobody else waits for it. */
	err = cvm_nt_mutex_lock_killable(&h->lock);
	if (err)
		return err;
	err = cvm_nt_mutex_lock_killable(&cvm_nt.monitor_lock);
	if (!err) {
		err = vm_create(h, args);
		cvm_nt_mutex_unlock(&cvm_nt.monitor_lock);
	}
	cvm_nt_mutex_unlock(&h->lock);
	return err;
}

/* RUN: by the creating process only. */
static int run(struct cvm_nt_handle *h, const struct cvm_ioctl *request,
	       struct cvm_user_run *args)
{
	if (h->hvm.process != IoGetCurrentProcess())
		return -CVM_EPERM;
	return cvm_ioctl_call(request, cvm_nt.monitor, h->vm, args,
			      request->size);
}

static int call_locked(KMUTEX *lock, struct cvm_nt_handle *h,
		       const struct cvm_ioctl *request, void *arg)
{
	int err = cvm_nt_mutex_lock_killable(lock);

	if (err)
		return err;
	err = cvm_ioctl_call(request, cvm_nt.monitor, bound_vm(h), arg,
			     request->size);
	cvm_nt_mutex_unlock(lock);
	return err;
}

static int dispatch(PIRP irp, const struct cvm_ioctl *request, void *arg)
{
	struct cvm_nt_handle *h = handle_of(irp);

	if (request->number == CVM_USER_VM_CREATE)
		return vm_create_locked(irp, arg);
	if (request->needs_vm && !bound_vm(h))
		return -CVM_ENOENT;
	switch (request->lock) {
	case CVM_LOCK_MONITOR:
		return call_locked(&cvm_nt.monitor_lock, h, request, arg);
	case CVM_LOCK_VM:
		return call_locked(&h->lock, h, request, arg);
	case CVM_LOCK_VCPU:
		return run(h, request, arg);
	default:
		return cvm_ioctl_call(request, cvm_nt.monitor, bound_vm(h), arg,
				      request->size);
	}
}

/* ---- requests to this driver alone ----------------------------------- */

static int map(struct cvm_nt_handle *h, struct cvm_nt_map *args)
{
	void *chunk;
	int err;

	if (!bound_vm(h))
		return -CVM_ENOENT;
	if (h->hvm.process != IoGetCurrentProcess())
		return -CVM_EPERM;
	err = cvm_nt_mutex_lock_killable(&h->lock);
	if (err)
		return err;
	chunk = cvm_vm_chunk(h->vm, args->gpa);
	if (h->closed)
		err = -CVM_ENOENT;
	else
		err = chunk ? cvm_nt_chunk_map(chunk, args) : -CVM_EFAULT;
	cvm_nt_mutex_unlock(&h->lock);
	return err;
}

/* Page counts are the driver's: not beside a VM. */
static int selftest(struct cvm_nt_selftest *out)
{
	int err = -CVM_EBUSY;

	if (!cvm_nt.ring0)
		return -CVM_EPERM;
	cvm_nt_mutex_lock(&cvm_nt.monitor_lock);
	if (!cvm_nt.vms)
		err = cvm_nt_selftest(out);
	cvm_nt_mutex_unlock(&cvm_nt.monitor_lock);
	return err;
}

/* ---- control requests ------------------------------------------------ */

static const struct cvm_ioctl own_ioctls[] = {
	{
		.name = "NT_MAP",
		.number = CVM_NT_MAP,
		.size = sizeof(struct cvm_nt_map),
		.least = 32,
		.reserved_off = offsetof(struct cvm_nt_map, reserved),
		.reserved_bytes = sizeof(((struct cvm_nt_map *)0)->reserved),
	},
	{
		.name = "NT_SELFTEST",
		.number = CVM_NT_SELFTEST,
		.size = sizeof(struct cvm_nt_selftest),
		.least = 16,
		.reserved_off = offsetof(struct cvm_nt_selftest, reserved),
		.reserved_bytes =
			sizeof(((struct cvm_nt_selftest *)0)->reserved),
	},
};

static const struct cvm_ioctl *find_ioctl(uint32_t number)
{
	uint32_t i;

	for (i = 0; i < sizeof(own_ioctls) / sizeof(own_ioctls[0]); i++)
		if (own_ioctls[i].number == number)
			return &own_ioctls[i];
	return cvm_ioctl_find(number);
}

static int fitted_call(PIRP irp, const struct cvm_ioctl *request, void *arg,
		       uint32_t bytes)
{
	int err = cvm_ioctl_fit(request, arg, bytes);

	if (err)
		return err;
	if (request->number == CVM_NT_MAP)
		return map(handle_of(irp), arg);
	if (request->number == CVM_NT_SELFTEST)
		return selftest(arg);
	return dispatch(irp, request, arg);
}

/* The system's buffer is as long as what came; the request may take more. */
static int control(PIRP irp, const IO_STACK_LOCATION *at, uint32_t number,
		   uint64_t *returned)
{
	uint32_t bytes = at->Parameters.DeviceIoControl.InputBufferLength;
	void *buffer = irp->AssociatedIrp.SystemBuffer, *arg = buffer;
	const struct cvm_ioctl *request = find_ioctl(number);
	int err;

	if (!request)
		return -CVM_ENOTTY;
	if (at->Parameters.DeviceIoControl.OutputBufferLength != bytes ||
	    bytes < request->least)
		return -CVM_EINVAL;
	if (bytes < request->size) {
		arg = cvm_nt_pool_alloc(request->size);
		if (!arg)
			return -CVM_ENOMEM;
		__builtin_memcpy(arg, buffer, bytes);
	}
	err = fitted_call(irp, request, arg, bytes);
	if (arg != buffer) {
		__builtin_memcpy(buffer, arg, bytes);
		cvm_nt_pool_free(arg);
	}
	*returned = bytes;
	return err;
}

NTSTATUS NTAPI cvm_nt_dispatch_control(PDEVICE_OBJECT device, PIRP irp)
{
	const IO_STACK_LOCATION *at = IoGetCurrentIrpStackLocation(irp);
	uint32_t code = at->Parameters.DeviceIoControl.IoControlCode;
	uint64_t bytes = 0;
	int err = -CVM_ENOTTY;

	(void)device;
	/* A 64-bit process may have passed its handle on. */
	if (IoIs32bitProcess(irp))
		return complete(irp, (NTSTATUS)CVM_NT_STATUS_32BIT, 0);
	if (CODE_DEVICE(code) == FILE_DEVICE_UNKNOWN &&
	    CODE_ACCESS(code) == (FILE_READ_ACCESS | FILE_WRITE_ACCESS) &&
	    CODE_METHOD(code) == METHOD_BUFFERED)
		err = control(irp, at, CODE_NUMBER(code), &bytes);
	return complete(irp, to_status(err), err ? 0 : bytes);
}
