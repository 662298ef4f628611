/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libcvm.h - the core, as a host shim (or a driver that links it) sees it.
 *
 * Locking: libcvm holds no locks.  The shim serialises
 *   - cvm_attach(), cvm_detach(), requests of class CVM_LOCK_MONITOR: one at
 *     a time;
 *   - requests of class CVM_LOCK_VM: one at a time per VM, and never beside
 *     cvm_vm_destroy();
 *   - CVM_LOCK_VCPU (RUN): beside anything but cvm_vm_destroy(); a second
 *     one on the same vCPU gets -CVM_EBUSY;
 *   - CVM_LOCK_NONE: beside anything while the VM exists.
 * cvm_event_raise(), cvm_clock_was_set(), cvm_vm_kill(), cvm_vm_interrupt(),
 * cvm_notifier_fired(), cvm_timer_fired() and cvm_vcpu_host_stale() may be
 * called from any context while the VM exists.
 *
 * No call needs more than 4 KiB of the caller's stack.
 */
#ifndef CVM_LIBCVM_H
#define CVM_LIBCVM_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/abi.h>
#include <cvm/error.h>
#include <cvm/host.h>
#include <cvm/uapi.h>

struct cvm_monitor;	/* one per driver */
struct cvm_vm;

/*
 * cvm_attach - check the table and every CPU, and make a monitor.
 * ops and ctx must outlive it.  cpus: host CPUs, numbered 0..cpus-1 for
 * cpu_call().  Succeeds on a host that cannot run guests (CHECK tells why and
 * VM_CREATE refuses); -CVM_EINVAL for a null member, -CVM_EPROTO for another
 * host API version or size, -CVM_ENOMEM.  Thread context.
 */
int cvm_attach(const struct cvm_host_ops *ops, void *ctx, uint32_t cpus,
	       struct cvm_monitor **mon);

/*
 * cvm_check_row - add a row to the result of CHECK, for what only the shim can
 * find out; CVM_CHECK_REFUSED refuses VM_CREATE like libcvm's own rows.
 * -CVM_E2BIG when the table is full.  Thread context, before the first VM.
 */
int cvm_check_row(struct cvm_monitor *mon, const char *name, uint32_t status,
		  const char *text);

/*
 * cvm_cpu_check - may a vCPU run on this CPU, which came after cvm_attach() or
 * came back?  Judges the CPU it is called on, as attach judged the others: 0,
 * or -CVM_EPERM when it would be refused or differs from them; the reason is
 * logged.  The caller stays on the CPU.  Any context.
 */
int cvm_cpu_check(struct cvm_monitor *mon);

/* cvm_detach - end; -CVM_EBUSY while a VM exists.  Thread context. */
int cvm_detach(struct cvm_monitor *mon);

/* The lock a request needs to be called with. */
#define CVM_LOCK_NONE		0u
#define CVM_LOCK_MONITOR	1u
#define CVM_LOCK_VM		2u
#define CVM_LOCK_VCPU		3u

/* One request of the user ABI (uapi.h), a row of the table of all. */
struct cvm_ioctl {
	const char *name;	/* "VM_CREATE", for messages */
	uint32_t number;	/* CVM_USER_* */
	uint16_t size;		/* of its structure, in and out */
	uint16_t least;		/* a user's may be as short as this */
	uint16_t reserved_off;	/* in it, what must be 0 ... */
	uint16_t reserved_bytes; /* ... a multiple of 4 */
	uint8_t needs_vm;	/* VM handles only */
	uint8_t lock;		/* CVM_LOCK_* */
	/* Called by cvm_ioctl_call(), by nobody else. */
	int (*fn)(struct cvm_monitor *mon, struct cvm_vm *vm, void *arg);
};

/* cvm_ioctl_find - the table's row of a request, NULL if there is none. */
const struct cvm_ioctl *cvm_ioctl_find(uint32_t number);

/*
 * cvm_ioctl_fit - make a user's structure one of ours, as uapi.h says under
 * "Growth".  arg: kernel copy of bytes bytes, in a buffer that has room for
 * row->size.  0, and then arg is to be used as row->size bytes and as many of
 * them given back as came; -CVM_EINVAL, -CVM_E2BIG.  Any context.
 */
int cvm_ioctl_fit(const struct cvm_ioctl *row, void *arg, size_t bytes);

/*
 * cvm_ioctl_call - answer one request.  arg: kernel copy of the user
 * structure, size bytes long (-CVM_EINVAL unless it is the row's size), after
 * cvm_ioctl_fit() where it came from a user.  vm: NULL for a control handle.
 * VM_CREATE is not called through here but through cvm_vm_create().  Thread
 * context, locked as row->lock says.
 */
int cvm_ioctl_call(const struct cvm_ioctl *row, struct cvm_monitor *mon,
		   struct cvm_vm *vm, void *arg, size_t size);

/*
 * cvm_vm_create - a new VM; args as CVM_USER_VM_CREATE, args->pid filled by
 * the shim.  host_vm is handed to the host's members.  Thread context,
 * CVM_LOCK_MONITOR.
 */
int cvm_vm_create(struct cvm_monitor *mon, void *host_vm,
		  struct cvm_user_vm *args, struct cvm_vm **vm);

/*
 * cvm_vm_empty - end a VM at any stage, let go of its notifiers and give
 * its guest memory back, after all RUN calls have returned (cvm_vm_kill() makes
 * them): the part of its destruction that takes long.  Thread context,
 * CVM_LOCK_NONE, but never beside a request of class CVM_LOCK_VM.
 */
void cvm_vm_empty(struct cvm_vm *vm);

/*
 * cvm_vm_destroy - free a VM; does what cvm_vm_empty() would have done.
 * Thread context, CVM_LOCK_MONITOR: so empty it first, or all wait.
 */
void cvm_vm_destroy(struct cvm_vm *vm);

/* cvm_vm_kill - every RUN returns soon with CVM_RUN_KILLED.  Any context. */
void cvm_vm_kill(struct cvm_vm *vm);

/*
 * cvm_vm_interrupt - every vCPU leaves the guest once: the host is about to
 * sleep.  Any context.
 */
void cvm_vm_interrupt(struct cvm_vm *vm);

/*
 * cvm_vm_chunk - the mem_alloc() handle of the piece that backs gpa, for mmap;
 * NULL if gpa was not granted.  A MEM_ADD under way has granted nothing yet,
 * and nobody need wait for it.  Any context, CVM_LOCK_NONE; not beside
 * cvm_vm_empty().
 */
void *cvm_vm_chunk(struct cvm_vm *vm, uint64_t gpa);

/* cvm_event_raise - OR bits into a vCPU's events and wake it.  Any context. */
void cvm_event_raise(struct cvm_vm *vm, uint32_t vcpu, uint64_t bits);

/* cvm_clock_was_set - the host's wall clock jumped: tell the guest.  Any
 * context. */
void cvm_clock_was_set(struct cvm_vm *vm);

/* cvm_notifier_fired - what the host's watch() of this id watches was
 * signalled. */
void cvm_notifier_fired(struct cvm_vm *vm, uint32_t id);

/* cvm_timer_fired - the host's timer(vcpu) reached its deadline. */
void cvm_timer_fired(struct cvm_vm *vm, uint32_t vcpu);

/*
 * cvm_vcpu_host_stale - the host may have given the vCPU's thread another CPU
 * or other MSR values; they are read again before the next slice.
 */
void cvm_vcpu_host_stale(struct cvm_vm *vm, uint32_t vcpu);

#endif /* CVM_LIBCVM_H */
