/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim.h - the objects of the Linux host module, shared by its own files.
 *
 *   main.c      device, module, the table of the host API
 *   handle.c    open files: ioctl, mmap, release
 *   memory.c    guest memory and libcvm's own pages
 *   sched.c     slices, sleeping, timers, clocks
 *   irq.c       interrupts handed on to the kernel
 *   notifier.c  eventfds, signalled and watched
 *   power.c     suspend, clock changes
 *   debugfs.c   counters and state for reading
 *   selftest.c  the conformance suite, run inside the module
 *
 * Locks, outermost first: cvm_linux_handle.lock, cvm_linux_monitor_lock,
 * cvm_linux_vm.chunk_lock.  The first is held as long as the host takes for a
 * grant of memory, so whoever waits for it can be killed; the others are held
 * for a moment.  A page fault takes none of them.
 */
#ifndef CVM_LINUX_SHIM_H
#define CVM_LINUX_SHIM_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/types.h>

#include <cvm/libcvm.h>

struct dentry;
struct inode;
struct mm_struct;
struct seq_file;
struct vm_area_struct;
struct cvm_conformance;

/* What the page counters tell apart. */
enum cvm_linux_pool {
	CVM_LINUX_POOL_BUDDY,	/* guest memory from the page allocator */
	CVM_LINUX_POOL_CONTIG,	/* guest memory from alloc_contig_range() */
	CVM_LINUX_POOL_CORE,	/* libcvm's own pages */
	CVM_LINUX_POOLS
};

struct cvm_linux_pool_count {
	atomic64_t taken;	/* pages for VMs, since the module loaded */
	atomic64_t returned;
	atomic64_t shared;	/* of these, others still held: such a page
				 * is free only when they let go */
};

extern struct cvm_linux_pool_count cvm_linux_pool_counts[CVM_LINUX_POOLS];

struct cvm_linux_vcpu {
	struct cvm_linux_vm *hvm;
	u32 id;
	int cpu;		/* CPU of the slice under way, or -1 */
	u32 woken;		/* a wake() that no wait() has seen yet */
	struct rcuwait sleeper;
	struct hrtimer timer;
	unsigned long seen_count; /* context switches of the thread, and */
	int seen_cpu;		/* its CPU, at the last slice */
	unsigned int seen_calls; /* function-call IPIs of that CPU */
	u64 slices;
	u64 kicks;
};

/* host_vm of the host API: what the shim keeps for one VM. */
struct cvm_linux_vm {
	struct cvm_vm *vm;	/* NULL for the conformance suite */
	struct cvm_conformance *conf;
	struct inode *cache;	/* page cache that charges contiguous memory */
	struct mutex chunk_lock;
	struct list_head chunks;
	unsigned long freed_pfn[MAX_NR_ZONES]; /* a page given back, or 0 */
	struct cvm_linux_vcpu vcpu[CVM_MAX_VCPUS];
};

/* One open file of the device. */
struct cvm_linux_handle {
	struct mutex lock;	/* CVM_LOCK_VM; also guards the binding */
	struct cvm_vm *vm;	/* NULL: control handle */
	u32 id;
	struct mm_struct *mm;	/* who may RUN: compared, never used */
	void *files;		/* descriptor table of the creator, compared */
	struct list_head link;	/* handles, once a VM is bound */
	struct dentry *debug_dir;
	struct cvm_linux_vm hvm;
};

extern struct cvm_monitor *cvm_linux_monitor;
extern struct mutex cvm_linux_monitor_lock;	/* CVM_LOCK_MONITOR */
extern struct cvm_host_ops cvm_linux_ops;	/* constant once attached */
extern const struct file_operations cvm_linux_fops;

/* ---- handle.c ---- */

/* Call fn for every VM; fn does not sleep.  Any context. */
void cvm_linux_for_each_vm(void (*fn)(struct cvm_linux_handle *h));
void cvm_linux_vm_init(struct cvm_linux_vm *hvm);
void cvm_linux_vm_stop(struct cvm_linux_vm *hvm);

/* ---- memory.c ---- */
int cvm_linux_memory_init(void);
void cvm_linux_memory_exit(void);
void cvm_linux_memory_count(void);
int cvm_linux_mem_alloc(void *ctx, void *host_vm, u64 bytes, u64 align,
			u64 *hpa, void **chunk);
void cvm_linux_mem_free(void *ctx, void *host_vm, void *chunk);
/* After the last mem_free(): let the pages count as free at once. */
void cvm_linux_mem_settle(struct cvm_linux_vm *hvm);
void *cvm_linux_page_alloc(void *ctx, u32 pages);
void cvm_linux_page_free(void *ctx, void *hva, u32 pages);
u64 cvm_linux_hva_to_hpa(void *ctx, const void *hva);
/* The page at an address that lies in a chunk. */
struct page *cvm_linux_chunk_page(void *chunk, u64 gpa);
void cvm_linux_memory_show(struct seq_file *m);
u64 cvm_linux_pages_out(void);

/* ---- sched.c ---- */
int cvm_linux_sched_init(void);
void cvm_linux_sched_exit(void);
u32 cvm_linux_sched_cpus(void);
/* From then on vCPUs can run; between cvm_attach() and cvm_detach(). */
int cvm_linux_sched_watch_cpus(void);
void cvm_linux_sched_unwatch_cpus(void);
u32 cvm_linux_sched_khz(void);
/*
 * What keeps the kernel's time may change while the module is loaded: its row
 * is written anew into each answer to CHECK.  Thread context.
 */
#define CVM_LINUX_CLOCK_ROW	"tsc-stable"
void cvm_linux_clock_row(struct cvm_user_check *check);
/*
 * Inside a slice: the kernel's RCU and tracing are needed from here on.
 * Harmless anywhere else.
 */
void cvm_linux_slice_leave_guest(void);
void cvm_linux_vcpu_sched_init(struct cvm_linux_vcpu *hvcpu);
int cvm_linux_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
		       int (*fn)(void *arg), void *arg);
int cvm_linux_wait(void *ctx, void *host_vm, u32 vcpu, u64 deadline_ns);
void cvm_linux_wake(void *ctx, void *host_vm, u32 vcpu);
void cvm_linux_timer(void *ctx, void *host_vm, u32 vcpu, u64 deadline_ns);
void cvm_linux_time(void *ctx, struct cvm_host_time *now);
int cvm_linux_poll(void *ctx, void *host_vm, u32 vcpu);

/* ---- irq.c ---- */
void cvm_linux_irq_init(void);
void cvm_linux_irq_exit(void);
void cvm_linux_irq_forward(void *ctx, u32 vector);
int cvm_linux_machine_check(void *ctx, int in_guest);
bool cvm_linux_irq80(void);		/* is vector 0x80 a device's? */
void cvm_linux_irq_self(void *ctx);
/* Interrupts of cvm_linux_irq_self() taken. */
u64 cvm_linux_irq_self_count(void);

/* ---- notifier.c ---- */
extern const struct cvm_host_notifier_ops cvm_linux_notifiers;

/* ---- power.c ---- */
int cvm_linux_power_init(void);
void cvm_linux_power_exit(void);

/* ---- debugfs.c ---- */
void cvm_linux_debugfs_init(void);
void cvm_linux_debugfs_exit(void);
void cvm_linux_debugfs_add(struct cvm_linux_handle *h);
void cvm_linux_debugfs_del(struct cvm_linux_handle *h);

/* ---- selftest.c ---- */
int cvm_linux_selftest(struct seq_file *m);

#endif /* CVM_LINUX_SHIM_H */
