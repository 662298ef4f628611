// SPDX-License-Identifier: GPL-2.0-only
/*
 * handle.c - open files of the device: ioctl, mmap, release.
 *
 * A handle is a control handle until VM_CREATE binds a VM to it.  The VM lives
 * as long as the handle: descriptors, mappings and calls under way each hold
 * the file, so release() comes when none is left, from a context that may
 * sleep, at whatever moment the process died.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "shim.h"
#include "trace.h"

/* Structures up to this size are copied to the stack (RUN's is). */
#define SMALL_ARG	352

static_assert(sizeof(struct cvm_user_run) <= SMALL_ARG);

static LIST_HEAD(handles);
static DEFINE_RAW_SPINLOCK(handles_lock);

void cvm_linux_for_each_vm(void (*fn)(struct cvm_linux_handle *h))
{
	struct cvm_linux_handle *h;
	unsigned long flags;

	raw_spin_lock_irqsave(&handles_lock, flags);
	list_for_each_entry(h, &handles, link)
		fn(h);
	raw_spin_unlock_irqrestore(&handles_lock, flags);
}

static void publish(struct cvm_linux_handle *h, bool there)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&handles_lock, flags);
	if (there)
		list_add_tail(&h->link, &handles);
	else
		list_del(&h->link);
	raw_spin_unlock_irqrestore(&handles_lock, flags);
}

void cvm_linux_vm_init(struct cvm_linux_vm *hvm)
{
	u32 i;

	mutex_init(&hvm->chunk_lock);
	INIT_LIST_HEAD(&hvm->chunks);
	for (i = 0; i < CVM_MAX_VCPUS; i++) {
		hvm->vcpu[i].hvm = hvm;
		hvm->vcpu[i].id = i;
		cvm_linux_vcpu_sched_init(&hvm->vcpu[i]);
	}
}

/* No callback of a timer runs, or will run, after this. */
void cvm_linux_vm_stop(struct cvm_linux_vm *hvm)
{
	u32 i;

	for (i = 0; i < CVM_MAX_VCPUS; i++)
		hrtimer_cancel(&hvm->vcpu[i].timer);
}

/* The VM of a handle; it stays once it is seen. */
static struct cvm_vm *bound_vm(struct cvm_linux_handle *h)
{
	return smp_load_acquire(&h->vm);
}

/* ---- open and release ------------------------------------------------ */

/*
 * Whoever may open the device may run code in ring 0.  So the rights of
 * loading a module and of touching hardware are asked for, in the initial
 * user namespace; and a kernel that was told to protect itself from root
 * (lockdown) is not to be entered: LOCKDOWN_DEV_MEM is refused from its
 * lower level on.
 */
static int handle_open(struct inode *inode, struct file *file)
{
	struct cvm_linux_handle *h;
	int err;

	if (!capable(CAP_SYS_MODULE) || !capable(CAP_SYS_RAWIO))
		return -EPERM;
	err = security_locked_down(LOCKDOWN_DEV_MEM);
	if (err)
		return err;
	h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	if (!h)
		return -ENOMEM;
	mutex_init(&h->lock);
	cvm_linux_vm_init(&h->hvm);
	file->private_data = h;
	return nonseekable_open(inode, file);
}

static int handle_release(struct inode *inode, struct file *file)
{
	struct cvm_linux_handle *h = file->private_data;

	if (h->vm) {
		publish(h, false);
		cvm_vm_kill(h->vm);
		/* Before the lock: its readers take it themselves. */
		cvm_linux_debugfs_del(h);
		cvm_linux_vm_stop(&h->hvm);
		/* All others go on while the memory is given back. */
		cvm_vm_empty(h->vm);
		mutex_lock(&cvm_linux_monitor_lock);
		cvm_vm_destroy(h->vm);
		mutex_unlock(&cvm_linux_monitor_lock);
		cvm_linux_vm_stop(&h->hvm);
		mmdrop(h->mm);
	}
	WARN_ON(!list_empty(&h->hvm.chunks));
	if (h->hvm.cache)
		iput(h->hvm.cache);
	cvm_linux_mem_settle(&h->hvm);
	kfree(h);
	return 0;
}

/*
 * A descriptor table goes away: if it is the creator's, and not by close(),
 * the process has ended.  Others may still have the file open, but the guest
 * must not outlive the tool that serves it.
 */
static int handle_flush(struct file *file, fl_owner_t id)
{
	struct cvm_linux_handle *h = file->private_data;
	struct cvm_vm *vm = bound_vm(h);

	if (vm && id == h->files && (current->flags & PF_EXITING))
		cvm_vm_kill(vm);
	return 0;
}

/* ---- ioctl ----------------------------------------------------------- */

static int vm_create(struct cvm_linux_handle *h, struct cvm_user_vm *args)
{
	struct cvm_vm *vm;
	int err;

	if (bound_vm(h))
		return -EBUSY;
	args->pid = task_tgid_nr(current);
	err = cvm_vm_create(cvm_linux_monitor, &h->hvm, args, &vm);
	if (err)
		return err;
	h->mm = current->mm;
	mmgrab(h->mm);
	h->files = current->files;
	h->id = args->id;
	h->hvm.vm = vm;
	smp_store_release(&h->vm, vm);
	publish(h, true);
	cvm_linux_debugfs_add(h);
	return 0;
}

static int vm_create_locked(struct cvm_linux_handle *h,
			    struct cvm_user_vm *args)
{
	int err;

	/* A MEM_ADD may be under way here: nobody else waits for it. */
	if (mutex_lock_killable(&h->lock))
		return -EINTR;
	err = mutex_lock_killable(&cvm_linux_monitor_lock);
	if (!err) {
		err = vm_create(h, args);
		mutex_unlock(&cvm_linux_monitor_lock);
	}
	mutex_unlock(&h->lock);
	return err;
}

/* RUN: by the creating process only. */
static int run(struct cvm_linux_handle *h, const struct cvm_ioctl *request,
	       struct cvm_user_run *args)
{
	int err;

	if (h->mm != current->mm)
		return -EPERM;
	err = cvm_ioctl_call(request, cvm_linux_monitor, h->vm, args,
			     request->size);
	trace_cvm_exit(h->id, args->vcpu, err, args->reason, args->arg[0],
		       args->arg[1]);
	return err;
}

static int call_locked(struct mutex *lock, struct cvm_linux_handle *h,
		       const struct cvm_ioctl *request, void *arg)
{
	int err;

	if (mutex_lock_killable(lock))
		return -EINTR;
	err = cvm_ioctl_call(request, cvm_linux_monitor, bound_vm(h), arg,
			     request->size);
	mutex_unlock(lock);
	return err;
}

static int dispatch(struct cvm_linux_handle *h, const struct cvm_ioctl *request,
		    void *arg)
{
	if (request->number == CVM_USER_VM_CREATE)
		return vm_create_locked(h, arg);
	if (request->needs_vm && !bound_vm(h))
		return -ENOENT;
	switch (request->lock) {
	case CVM_LOCK_MONITOR:
		return call_locked(&cvm_linux_monitor_lock, h, request, arg);
	case CVM_LOCK_VM:
		return call_locked(&h->lock, h, request, arg);
	case CVM_LOCK_VCPU:
		return run(h, request, arg);
	default:
		return cvm_ioctl_call(request, cvm_linux_monitor, bound_vm(h),
				      arg, request->size);
	}
}

/* arg has room for what comes, and for what the request takes. */
static int copied_call(struct cvm_linux_handle *h,
		       const struct cvm_ioctl *request, void *arg,
		       void __user *user, size_t bytes)
{
	int err;

	if (copy_from_user(arg, user, bytes))
		return -EFAULT;
	err = cvm_ioctl_fit(request, arg, bytes);
	if (!err)
		err = dispatch(h, request, arg);
	if (err)
		return err;
	if (request->number == CVM_USER_CHECK)
		cvm_linux_clock_row(arg);
	return copy_to_user(user, arg, min_t(size_t, bytes, request->size)) ?
	       -EFAULT : 0;
}

static long handle_ioctl(struct file *file, unsigned int cmd,
			 unsigned long user)
{
	struct cvm_linux_handle *h = file->private_data;
	u64 small[SMALL_ARG / sizeof(u64)];
	size_t bytes = _IOC_SIZE(cmd), room;
	const struct cvm_ioctl *request;
	void *arg;
	int err;

	if (cmd != CVM_IOCTL(_IOC_NR(cmd), bytes))
		return -ENOTTY;
	request = cvm_ioctl_find(_IOC_NR(cmd));
	if (!request)
		return -ENOTTY;
	room = max_t(size_t, bytes, request->size);
	if (room <= sizeof(small))
		return copied_call(h, request, small, (void __user *)user,
				   bytes);
	arg = kmalloc(room, GFP_KERNEL_ACCOUNT);
	if (!arg)
		return -ENOMEM;
	err = copied_call(h, request, arg, (void __user *)user, bytes);
	kfree(arg);
	return err;
}

/* ---- mmap ------------------------------------------------------------ */

/*
 * The offset is the guest physical address.  The mapping may span the whole
 * guest: where nothing was granted, an access gets SIGBUS.  The pages are
 * ordinary ones with their own reference counts, so direct I/O, io_uring and
 * vhost work on them.  What was granted stays until the file goes, and the
 * mapping holds that: there is nothing to lock.
 */
static vm_fault_t handle_fault(struct vm_fault *vmf)
{
	struct cvm_linux_handle *h = vmf->vma->vm_file->private_data;
	u64 gpa = (u64)vmf->pgoff << PAGE_SHIFT;
	void *chunk = cvm_vm_chunk(h->vm, gpa);

	if (!chunk)
		return VM_FAULT_SIGBUS;
	return vmf_insert_page(vmf->vma, vmf->address,
			       cvm_linux_chunk_page(chunk, gpa));
}

static const struct vm_operations_struct mapping_ops = {
	.fault = handle_fault,
};

static int handle_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct cvm_linux_handle *h = file->private_data;

	if (!bound_vm(h))
		return -ENOENT;
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_ops = &mapping_ops;
	return 0;
}

const struct file_operations cvm_linux_fops = {
	.owner = THIS_MODULE,
	.open = handle_open,
	.release = handle_release,
	.flush = handle_flush,
	.unlocked_ioctl = handle_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = handle_mmap,
};
