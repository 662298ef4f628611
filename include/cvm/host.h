/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h - everything libcvm needs from a host kernel.
 *
 * To add a host, fill one const struct cvm_host_ops, call cvm_attach()
 * (libcvm.h) and hand user requests to cvm_ioctl_call().  Nothing else is
 * needed; hosts/bare is the smallest complete example.
 *
 * Vocabulary: "thread context" means a host thread that may sleep, interrupts
 * enabled (NT: IRQL <= APC_LEVEL).  "Any context" includes hard interrupts
 * (NT: <= DISPATCH_LEVEL and DPCs) but not NMI.  "Slice" is the section with
 * interrupts disabled in which a vCPU occupies the CPU; a member called there
 * returns with interrupts disabled, or libcvm calls fatal() with its name.
 *
 * ctx is the pointer given to cvm_attach(); host_vm is the pointer the shim
 * gave when the VM was created.  A shim keeps room for CVM_MAX_VCPUS wait
 * objects and timers in host_vm, so that no member has to create them.
 *
 * Functions returning int return 0 or a negative CVM_E* (error.h).
 */
#ifndef CVM_HOST_H
#define CVM_HOST_H

#include <stdint.h>

/* Raised when a member is added, removed or changes its contract. */
#define CVM_HOST_API		4u

#define CVM_CPU_CURRENT		(-1)

/* cvm_host_ops.flags */
#define CVM_HOST_F_SCHED_NOTIFY	(1u << 0) /* shim calls cvm_vcpu_host_stale()
					   * whenever the vCPU's thread was
					   * scheduled out; without it host MSRs
					   * are read again before each slice */
#define CVM_HOST_F_IRQ80	(1u << 1) /* vector 0x80 is a device vector */

#define CVM_LOG_ERROR	0
#define CVM_LOG_INFO	1
#define CVM_LOG_DEBUG	2

struct cvm_host_time {
	uint64_t mono_ns;	/* monotonic, the clock of all deadlines */
	uint64_t wall_ns;	/* since 1970-01-01 UTC */
	uint64_t tsc;		/* TSC read together with the two above */
	uint32_t tsc_khz;	/* constant after attach */
	uint32_t pad;
};

/*
 * Notifiers: objects of the host that user programs make and hand in, and that
 * wake whoever waits for them (Linux: an eventfd).  A host has all five
 * members or no such table; without it the user requests that need it say
 * -CVM_ENOSYS, and doorbells go to the VMM by way of RUN.
 */
struct cvm_host_notifier_ops {
	/*
	 * get - take a reference to the notifier behind a handle of the
	 * calling process, to signal it.  -CVM_EINVAL: the handle is none, or
	 * that of something else.  Thread context of that process.
	 */
	int (*get)(void *ctx, void *host_vm, int64_t handle, void **notifier);

	/* put - let go of it.  Thread context. */
	void (*put)(void *ctx, void *notifier);

	/*
	 * signal - wake who waits for the notifier, or who will; never
	 * sleeps, cannot fail.  Thread context, interrupts enabled: never
	 * inside a slice.
	 */
	void (*signal)(void *ctx, void *notifier);

	/*
	 * watch - from now on call cvm_notifier_fired(vm, id) whenever the
	 * notifier behind a handle of the calling process is signalled, and
	 * take the signal; at once, perhaps before this returns, if it is
	 * signalled already.  Several signals may count once.  *watch is the
	 * shim's.  -CVM_EINVAL as above, -CVM_ENOMEM.  Thread context of that
	 * process; the calls come in any context.
	 */
	int (*watch)(void *ctx, void *host_vm, int64_t handle, uint32_t id,
		     void **watch);

	/*
	 * unwatch - end it: when this returns no call is under way and none
	 * will come.  Thread context.
	 */
	void (*unwatch)(void *ctx, void *watch);
};

struct cvm_host_ops {
	uint32_t api;		/* CVM_HOST_API */
	uint32_t size;		/* sizeof(struct cvm_host_ops) */
	uint32_t kind;		/* CVM_HOST_* (abi.h); CVM_HOST_UNKNOWN for a
				 * host that has no number there */
	uint32_t flags;		/* CVM_HOST_F_* */

	/*
	 * mem_alloc - one physically contiguous piece of guest memory.
	 * bytes and align are multiples of 4 KiB, align a power of two.  The
	 * piece is zeroed and stays until mem_free(); its physical address
	 * goes to *hpa and a handle of the shim's choice to *chunk.  Charged
	 * to the calling process where the host can.  Thread context.
	 * -CVM_ENOMEM when no such piece exists; the caller then asks for
	 * smaller ones.  -CVM_EINTR when the calling thread is being ended:
	 * the caller gives up.
	 */
	int (*mem_alloc)(void *ctx, void *host_vm, uint64_t bytes,
			 uint64_t align, uint64_t *hpa, void **chunk);

	/*
	 * mem_free - give a piece back.  The shim keeps pages that others
	 * still hold (direct I/O in flight) until they let go.  Thread
	 * context.
	 */
	void (*mem_free)(void *ctx, void *host_vm, void *chunk);

	/*
	 * page_alloc - zeroed, physically contiguous, page-aligned host
	 * memory for libcvm's own use: pages <= 16, mapped read-write and
	 * never paged out.  NULL when there is none.  Thread context.
	 */
	void *(*page_alloc)(void *ctx, uint32_t pages);
	void (*page_free)(void *ctx, void *hva, uint32_t pages);

	/*
	 * hva_to_hpa - physical address behind a page_alloc() address or
	 * behind libcvm's own code.  Any context.
	 */
	uint64_t (*hva_to_hpa)(void *ctx, const void *hva);

	/*
	 * cpu_call - run fn(arg) in ring 0 with interrupts disabled and
	 * without preemption, on the given CPU, and return its result, or
	 * -CVM_ENOENT for a CPU that is offline or does not exist, or
	 * -CVM_EPERM from a driver that is not in ring 0.  fn does not
	 * sleep.  Thread context; interrupts are enabled again afterwards.
	 * With CVM_CPU_CURRENT it is the calling thread's CPU of the moment
	 * and the call is a slice: the shim brackets it with the host's
	 * guest-time accounting and remembers, for wake(), where vcpu runs
	 * (vcpu >= 0; otherwise host_vm may be NULL).
	 */
	int (*cpu_call)(void *ctx, void *host_vm, int vcpu, int cpu,
			int (*fn)(void *arg), void *arg);

	/*
	 * irq_forward - deliver, on this CPU, a vector the CPU took while the
	 * guest ran.  Called inside a slice, host state fully restored.
	 * External vectors (already acknowledged at the interrupt controller)
	 * go through the host's own gate, which issues the EOI.  Vector 2 is
	 * re-raised as a real NMI (self-IPI with NMI delivery); it may arrive
	 * later.
	 * Returns with interrupts disabled, on the same CPU; but an external
	 * vector is the last thing of its slice, so its handler may have moved
	 * the thread.
	 */
	void (*irq_forward)(void *ctx, uint32_t vector);

	/*
	 * machine_check - the CPU took a machine check while it was not the
	 * host's: in the guest (in_guest = 1), or in the switch (0).  The
	 * banks are as the CPU left them.  For the host's handler the first
	 * is one in a user program, which need not concern the host's kernel;
	 * the second is one in its kernel, and goes through its gate.
	 * 1: the error was the guest's, who cannot go on, and the host lives;
	 * 0: the guest goes on.  A host that cannot survive does not return.
	 * Called inside a slice, host state fully restored; returns with
	 * interrupts disabled, on the same CPU.
	 */
	int (*machine_check)(void *ctx, int in_guest);

	/*
	 * irq_self - make a maskable interrupt pend on this CPU; the guest
	 * takes it at its next `sti` and so comes back.  Must not be delivered
	 * before; calls made while one pends merge.  Called inside a slice.
	 */
	void (*irq_self)(void *ctx);

	/*
	 * wait - sleep until wake(vcpu) was called since the last wait
	 * returned, or until mono_ns >= deadline_ns (CVM_DEADLINE_NONE: no
	 * limit).  -CVM_EINTR when the thread has other business (a signal).
	 * A wake() that came before wait() is not lost; several count once,
	 * and -CVM_EINTR may swallow one (the caller looks at the events
	 * themselves).  Thread context.
	 */
	int (*wait)(void *ctx, void *host_vm, uint32_t vcpu,
		    uint64_t deadline_ns);

	/*
	 * wake - end a wait(); if vcpu occupies a CPU other than the caller's,
	 * interrupt that CPU.  Any context.
	 */
	void (*wake)(void *ctx, void *host_vm, uint32_t vcpu);

	/*
	 * timer - call cvm_timer_fired() once when mono_ns reaches
	 * deadline_ns, by an interrupt (not by polling) and with interrupts
	 * disabled; at once when that has passed.  Replaces an earlier
	 * deadline, CVM_DEADLINE_NONE cancels.  A callback already under way
	 * may still run.  Thread context or inside a slice.
	 */
	void (*timer)(void *ctx, void *host_vm, uint32_t vcpu,
		      uint64_t deadline_ns);

	/* time - read the clocks.  Any context. */
	void (*time)(void *ctx, struct cvm_host_time *now);

	/*
	 * poll - let the host run what became due during the slice
	 * (reschedule).  -CVM_EINTR when RUN must return to its caller.
	 * Thread context, called after every slice.
	 */
	int (*poll)(void *ctx, void *host_vm, uint32_t vcpu);

	/* log - one finished line, no newline at its end.  Any context. */
	void (*log)(void *ctx, int level, const char *line);

	/*
	 * fatal - a broken invariant: the host's state can no longer be
	 * trusted.  Never returns, on any host.
	 */
	void (*fatal)(void *ctx, const char *line) __attribute__((noreturn));

	/* NULL: this host has no notifiers. */
	const struct cvm_host_notifier_ops *notifiers;
};

#endif /* CVM_HOST_H */
