/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim.h - the objects of the NT driver, shared by its own files.
 *
 *   main.c      load, unload, device, the table of the host API
 *   services.c  pool, mutexes, IRQL, functions that not every NT has
 *   handle.c    open files: control requests, cleanup, close
 *   memory.c    guest memory, its mappings, libcvm's own pages
 *   cpu.c       processors: their numbers, slices, calls on a named one
 *   sched.c     sleeping, waking, timers
 *   clock.c     clocks
 *   irq.c       interrupts handed on to the kernel
 *   power.c     sleep states, clock changes, dying processes, bug checks
 *   refuse.c    what a kernel under VBS would not survive
 *   selftest.c  the conformance suite, run inside the driver
 *
 * Locks, outermost first: cvm_nt_handle.lock, cvm_nt.monitor_lock (both
 * mutexes), cvm_nt.list_lock (spin).  The first is held as long as NT takes
 * for a grant of memory, so a request that waits for it ends with its thread;
 * the others are held for a moment.
 *
 * Inside a slice interrupts are off at APC_LEVEL.  The only code of NT that
 * runs there is what an `int n` enters, KeInsertQueueDpc(), KeSetEvent() with
 * IRQL raised to DISPATCH_LEVEL so that it cannot switch threads, and, when
 * libcvm has an error to tell, DbgPrint().
 */
#ifndef CVM_NT_SHIM_H
#define CVM_NT_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/libcvm.h>
#include <cvm/nt.h>

#include "ntapi.h"

struct cvm_conformance;

#define CVM_NT_TAG	0x206d7663u	/* "cvm " */
#define CVM_NT_CPUS	256u
#define CVM_NT_WINDOW	(16ull << 20)	/* an NT 5.2 MDL describes < 32 MiB */

/* Looked up at load; NULL where this NT has none (imports.txt). */
struct cvm_nt_lookup {
	int (NTAPI *KeDeregisterNmiCallback)(void *handle);
	void (NTAPI *KeDeregisterProcessorChangeCallback)(void *handle);
	uint32_t (NTAPI *KeGetCurrentProcessorNumberEx)(
		struct cvm_nt_processor *number);
	int32_t (NTAPI *KeGetProcessorNumberFromIndex)(uint32_t index,
		struct cvm_nt_processor *number);
	uint32_t (NTAPI *KeQueryActiveProcessorCountEx)(uint16_t group);
	void (NTAPI *KeQuerySystemTimePrecise)(uint64_t *time);
	void *(NTAPI *KeRegisterNmiCallback)(BOOLEAN (NTAPI *fn)(void *arg,
		BOOLEAN handled), void *arg);
	void *(NTAPI *KeRegisterProcessorChangeCallback)(
		void (NTAPI *fn)(void *arg, const uint32_t *what,
				 int32_t *status), void *arg, uint32_t flags);
	void (NTAPI *KeRevertToUserGroupAffinityThread)(
		struct cvm_nt_affinity *previous);
	void (NTAPI *KeSetSystemGroupAffinityThread)(
		struct cvm_nt_affinity *want, struct cvm_nt_affinity *previous);
	int32_t (NTAPI *KeSetTargetProcessorDpcEx)(PRKDPC dpc,
		struct cvm_nt_processor *number);
	void *(NTAPI *MmAllocateContiguousNodeMemory)(size_t bytes,
		int64_t lowest, int64_t highest, int64_t boundary,
		uint32_t protect, uint32_t node);
	PMDL (NTAPI *MmAllocatePagesForMdlEx)(int64_t lowest, int64_t highest,
		int64_t skip, size_t bytes, uint32_t cache, uint32_t flags);
	void *(NTAPI *MmMapIoSpaceEx)(int64_t address, size_t bytes,
		uint32_t protect);
};

struct cvm_nt_vcpu {
	struct cvm_nt_vm *hvm;
	uint32_t id;
	int32_t cpu;		/* cvm_nt_cpus[] of the slice, or -1 */
	uint32_t woken;		/* a wake() that no wait() has seen yet */
	uint32_t timer_dirty;	/* deadline set inside the slice under way */
	uint64_t deadline;	/* of the timer, NONE when it is not set */
	uint64_t slices;
	uint64_t kicks;
	LARGE_INTEGER limit;	/* of the wait under way */
	KEVENT event;
	KTIMER timer;
	KDPC timer_dpc;
};

/* A part of a chunk, mapped into the process of the VMM. */
struct cvm_nt_window {
	PMDL mdl;
	void *address;		/* NULL: not mapped */
};

struct cvm_nt_chunk {
	LIST_ENTRY link;
	uint64_t hpa;
	uint64_t bytes;
	uint8_t *hva;		/* permanent kernel mapping */
	PMDL mdl;		/* from MmAllocatePagesForMdlEx, or NULL */
	void *block;		/* else: the contiguous allocation */
	uint64_t block_bytes;
	uint32_t windows;
	struct cvm_nt_window window[];
};

/* host_vm of the host API: what the shim keeps for one VM. */
struct cvm_nt_vm {
	struct cvm_vm *vm;	/* NULL for the conformance suite */
	struct cvm_conformance *conf;
	PEPROCESS process;	/* of the VMM, referenced; windows are there */
	LIST_ENTRY chunks;	/* under the handle's lock, or alone in close */
	struct cvm_nt_vcpu vcpu[CVM_MAX_VCPUS];
};

/* One open file of the device. */
struct cvm_nt_handle {
	KMUTEX lock;		/* CVM_LOCK_VM; also guards the binding */
	LIST_ENTRY link;	/* cvm_nt.handles, once a VM is bound */
	struct cvm_vm *vm;	/* NULL: control handle */
	uint32_t id;
	uint32_t refs;		/* the file, who ends its VM (atomic) */
	uint32_t ended;		/* its process is gone; under list_lock */
	uint32_t closed;	/* cleanup has run: nothing new is mapped */
	HANDLE pid;		/* who may RUN and MAP */
	char name[CVM_NAME_MAX];
	struct cvm_nt_vm hvm;
};

struct cvm_nt_cpu {
	struct cvm_nt_vcpu *vcpu;	/* in a slice here, or NULL */
	uint32_t number;		/* NT's system-wide number */
	struct cvm_nt_processor place;
	KDPC self;			/* irq_self(): an interrupt here */
	KDPC kick;			/* wake(): the same, from afar */
	uint64_t self_taken;
};

struct cvm_nt_driver {
	struct cvm_nt_lookup fn;
	PDEVICE_OBJECT device;
	struct cvm_monitor *monitor;
	KMUTEX monitor_lock;	/* CVM_LOCK_MONITOR */
	KSPIN_LOCK list_lock;
	LIST_ENTRY handles;	/* under list_lock */
	KEVENT never;		/* poll() looks for alerts with it */
	KEVENT awake;		/* set in S0 */
	uint32_t asleep;
	uint32_t vms;		/* timer resolution is held while > 0 */
	uint32_t ring0;		/* 0: loaded into a process (Wine) */
	uint32_t version;	/* of NT, 0x601 is 6.1 */
	uint32_t nx;		/* NT 6.2: pool and mappings know NX */
	uint32_t cpus;
	uint32_t nmis_lost;	/* no way to raise them again */
	uint64_t pages_out;	/* pages taken and not given back */
};

extern struct cvm_nt_driver cvm_nt;
extern struct cvm_nt_cpu cvm_nt_cpus[CVM_NT_CPUS];
extern const struct cvm_host_ops cvm_nt_ops;	/* of main.c */

/* ---- services.c ---- */
/* First of all: clears cvm_nt and finds out what this NT has. */
void cvm_nt_look_around(void);
void *cvm_nt_pool_alloc(size_t bytes);	/* zeroed, NULL if there is none */
void cvm_nt_pool_free(void *block);
void cvm_nt_mutex_lock(KMUTEX *mutex);
int cvm_nt_mutex_lock_killable(KMUTEX *mutex);	/* 0 or -CVM_EINTR */
void cvm_nt_mutex_unlock(KMUTEX *mutex);
/* IRQL is CR8; outside ring 0 there is none. */
uint64_t cvm_nt_irql_raise(uint64_t irql);
void cvm_nt_irql_lower(uint64_t irql);

/* ---- handle.c ---- */
NTSTATUS NTAPI cvm_nt_dispatch_create(PDEVICE_OBJECT device, PIRP irp);
NTSTATUS NTAPI cvm_nt_dispatch_cleanup(PDEVICE_OBJECT device, PIRP irp);
NTSTATUS NTAPI cvm_nt_dispatch_close(PDEVICE_OBJECT device, PIRP irp);
NTSTATUS NTAPI cvm_nt_dispatch_control(PDEVICE_OBJECT device, PIRP irp);
/* Call fn for every VM; fn does not sleep.  IRQL <= DISPATCH_LEVEL. */
void cvm_nt_for_each_vm(void (*fn)(struct cvm_nt_handle *h));
/* A process ends: its VMs do, and their mappings in it go.  Thread context. */
void cvm_nt_process_gone(HANDLE pid);
void cvm_nt_vm_init(struct cvm_nt_vm *hvm);
void cvm_nt_vm_stop(struct cvm_nt_vm *hvm);

/* ---- memory.c ---- */
int cvm_nt_mem_alloc(void *ctx, void *host_vm, uint64_t bytes, uint64_t align,
		     uint64_t *hpa, void **chunk);
void cvm_nt_mem_free(void *ctx, void *host_vm, void *chunk);
void *cvm_nt_page_alloc(void *ctx, uint32_t pages);
void cvm_nt_page_free(void *ctx, void *hva, uint32_t pages);
uint64_t cvm_nt_hva_to_hpa(void *ctx, const void *hva);
/* Map a window of a chunk; under cvm_nt_handle.lock, in the VMM's process. */
int cvm_nt_chunk_map(struct cvm_nt_chunk *chunk, struct cvm_nt_map *args);
void cvm_nt_unmap_all(struct cvm_nt_vm *hvm);

/* ---- guard.S ---- */
/* MmMapLockedPagesSpecifyCache() for user mode; NULL where it raises. */
void *NTAPI cvm_nt_map_user(PMDL mdl, void *wish, uint32_t priority);

/* ---- cpu.c ---- */
void cvm_nt_cpu_init(void);
/* In cvm_nt_cpus[]; -1: not looked at. */
int32_t cvm_nt_cpu_current(void);
/* The slice on this CPU ends for wake(); harmless anywhere else. */
void cvm_nt_slice_leave(void);
int cvm_nt_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
		    int (*fn)(void *arg), void *arg);

/* ---- sched.c ---- */
void cvm_nt_vcpu_init(struct cvm_nt_vcpu *v);
void cvm_nt_vcpu_stop(struct cvm_nt_vcpu *v);
void cvm_nt_timer_arm(struct cvm_nt_vcpu *v);
int cvm_nt_wait(void *ctx, void *host_vm, uint32_t vcpu, uint64_t deadline_ns);
void cvm_nt_wake(void *ctx, void *host_vm, uint32_t vcpu);
void cvm_nt_timer(void *ctx, void *host_vm, uint32_t vcpu,
		  uint64_t deadline_ns);
int cvm_nt_poll(void *ctx, void *host_vm, uint32_t vcpu);

/* ---- clock.c ---- */
#define CVM_NT_CLOCK_BROKEN	1u	/* kHz: NT's clock did not advance */
void cvm_nt_clock_init(void);	/* measures the TSC; sleeps */
uint32_t cvm_nt_clock_khz(void);
void cvm_nt_clock_suspend(void);
void cvm_nt_clock_resume(void);
uint64_t cvm_nt_mono_ns(void);
void cvm_nt_time(void *ctx, struct cvm_host_time *now);

/* ---- irq.c, vectors.S ---- */
void cvm_nt_irq_init(void);
void cvm_nt_irq_exit(void);
void cvm_nt_irq_forward(void *ctx, uint32_t vector);
int cvm_nt_machine_check(void *ctx, int in_guest);
void cvm_nt_irq_self(void *ctx);
int cvm_nt_irq_can_nmi(void);
void NTAPI cvm_nt_int(uint32_t vector);	/* `int vector`, 18 or 31..255 */

/* ---- power.c ---- */
NTSTATUS cvm_nt_power_init(void);
void cvm_nt_power_exit(void);

/* ---- refuse.c ---- */
int cvm_nt_refuse_init(void);

/* ---- selftest.c ---- */
int cvm_nt_selftest(struct cvm_nt_selftest *out);

#endif /* CVM_NT_SHIM_H */
