/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_host.h - a host that is an ordinary process.
 *
 * Memory has invented physical addresses, time passes only in wait(), one
 * thread does everything, every call is counted, and the n-th call that may
 * fail fails on demand.  The CPU is fake too: fake_cpu.c stands in for the
 * passage and for the instructions of ring 0.
 */
#ifndef CVM_TEST_FAKE_HOST_H
#define CVM_TEST_FAKE_HOST_H

#include <setjmp.h>
#include <stdint.h>

#include <cvm/libcvm.h>

#include "conformance.h"

#define FAKE_BLOCKS	8192	/* allocations alive at one time */
#define FAKE_CPUS	4
#define FAKE_NOTIFIERS	CVM_NOTIFIERS_MAX

/* Members, for counting. */
enum {
	FAKE_MEM_ALLOC, FAKE_MEM_FREE, FAKE_PAGE_ALLOC, FAKE_PAGE_FREE,
	FAKE_HVA_TO_HPA, FAKE_CPU_CALL, FAKE_IRQ_FORWARD,
	FAKE_MACHINE_CHECK, FAKE_IRQ_SELF,
	FAKE_WAIT, FAKE_WAKE, FAKE_TIMER, FAKE_TIME, FAKE_POLL, FAKE_LOG,
	FAKE_FATAL, FAKE_NOTIFIER_GET, FAKE_NOTIFIER_PUT, FAKE_NOTIFIER_SIGNAL,
	FAKE_NOTIFIER_WATCH, FAKE_NOTIFIER_UNWATCH, FAKE_MEMBERS
};

/* A piece of "physical" memory. */
struct fake_block {
	uint64_t hpa;
	uint64_t bytes;
	uint8_t *hva;
	int chunk;		/* by mem_alloc() */
};

/* What a handle means: its number is the place in fake_host.notifier. */
struct fake_notifier {
	uint32_t refs;		/* taken by get() and watch() */
	uint64_t signals;	/* of signal() */
	struct fake_host_vm *watcher;
	uint32_t watch_id;
	int set;		/* signalled before anybody watched */
};

struct fake_host {
	struct cvm_host_ops ops;	/* change it before cvm_attach() */
	uint64_t calls[FAKE_MEMBERS];
	void (*on_call)(struct fake_host *host, int member);

	/* What fails. */
	uint64_t may_fail;	/* calls so far that could have failed */
	uint64_t fail_at;	/* this one does (1..), 0 = none */
	int fail_on;		/* and all after it */
	uint64_t failed;	/* calls that did, on demand */
	int poll_ret;		/* of the next poll() */
	int mem_alloc_ret;	/* of every mem_alloc(), unless 0 */

	/* Physical memory. */
	struct fake_block *block[FAKE_BLOCKS];
	uint32_t blocks;
	uint64_t next_hpa;	/* of the next piece of guest memory */
	uint64_t gap;		/* left free after each piece */
	uint64_t piece_max;	/* no longer pieces than this */
	uint64_t mem_left;	/* bytes the host is willing to give */
	uint64_t skew;		/* added to the address, to break alignment */
	uint64_t page_hpa;	/* next of page_alloc() */

	/* Interrupts. */
	uint64_t forwarded[256];
	uint64_t machine_checks[2];	/* in the switch, in the guest */
	int mce_ends;		/* the guest cannot go on after one */
	void (*on_forward)(uint32_t vector);	/* the host's handlers */
	uint64_t self_irqs;
	int in_slice;

	/* Notifiers. */
	struct fake_notifier notifier[FAKE_NOTIFIERS];
	void (*on_signal)(struct fake_notifier *notifier); /* inside the call */

	/* Time. */
	uint64_t now_ns;
	int64_t wall_step_ns;	/* somebody set the clock by that much */
	int never_sleep;	/* wait() ends instead of sleeping on */
	uint32_t offline;	/* bit mask of CPUs */

	/* Output. */
	char last_log[256];
	char fatal_line[256];
	jmp_buf *fatal_jmp;	/* where fatal() goes, NULL = abort */
};

/* The shim's object behind one VM. */
struct fake_host_vm {
	struct fake_host *host;
	struct cvm_vm *vm;		/* set after cvm_vm_create() */
	struct cvm_conformance *conf;	/* or the suite */
	int woken[CVM_MAX_VCPUS];
	uint64_t timer[CVM_MAX_VCPUS];
	uint64_t waits;
	int wait_ret;			/* of the next wait() */
};

void fake_host_init(struct fake_host *host);
void fake_host_vm_init(struct fake_host_vm *vm, struct fake_host *host);

/* Somebody signals a notifier that may be watched. */
void fake_notifier_fire(struct fake_host *host, int64_t handle);
/* The same, and how often the host's signal() did, as the suite wants them. */
void fake_notifier_fire_by(void *host, int64_t handle);
uint64_t fake_notifier_signals(void *host, int64_t handle);
/* Allocations and references not given back, in all. */
uint32_t fake_host_leaks(const struct fake_host *host);
/* The same in pages, as the conformance suite wants it. */
uint64_t fake_host_pages_out(void *host);
/* Host address behind a physical one, NULL if there is none. */
void *fake_host_view(struct fake_host *host, uint64_t hpa);

#endif /* CVM_TEST_FAKE_HOST_H */
