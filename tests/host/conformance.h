/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conformance.h - does a host keep the contracts of <cvm/host.h>?
 *
 * One portable C file that every shim runs against its own table: the fake
 * host in a unit test, the drivers from a debug interface.  Nothing but
 * <stdint.h> and the members under test is used.
 */
#ifndef CVM_TEST_CONFORMANCE_H
#define CVM_TEST_CONFORMANCE_H

#include <cvm/host.h>

/* cvm_conformance.flags */
#define CVM_CONF_RING0	(1u << 0) /* RFLAGS.IF and CPUID tell the truth */

#define CVM_CONF_PASS	0
#define CVM_CONF_FAIL	1
#define CVM_CONF_SKIP	2

struct cvm_conformance {
	const struct cvm_host_ops *ops;
	void *ctx;
	/*
	 * An object of the shim's own, without a cvm_vm behind it: where the
	 * shim would call cvm_timer_fired() it calls cvm_conformance_fired().
	 */
	void *host_vm;
	uint32_t cpus;		/* as given to cvm_attach() */
	uint32_t flags;		/* CVM_CONF_RING0 */
	/* Where a page of mem_alloc() can be read; NULL: cannot be. */
	const void *(*view)(void *arg, uint64_t hpa);
	/* Pages taken from the host and not given back, all kinds. */
	uint64_t (*pages_out)(void *arg);
	/*
	 * How many interrupts of irq_self() their handler has taken, on all
	 * CPUs, and the vector they come by.  Its gate must bear being entered
	 * by irq_forward() as well.  NULL, 0: the tests are skipped.
	 */
	uint64_t (*self_taken)(void *arg);
	uint32_t self_vector;
	/*
	 * begin: count the NMIs that reach the host from now on; 0, or less
	 * where that cannot be had.  Else stop, and return how many came.
	 * NULL: the test is skipped.
	 */
	int (*nmis)(void *arg, int begin);
	/*
	 * A handle for the notifiers' get() and watch(), how often what it
	 * means was signalled by signal(), and to signal it as somebody else
	 * does.  Where the shim would call cvm_notifier_fired() it calls
	 * cvm_conformance_notified().  NULL: the tests are skipped.
	 */
	int64_t notifier;
	uint64_t (*signals)(void *arg, int64_t notifier);
	void (*fire)(void *arg, int64_t notifier);
	void (*report)(void *arg, int result, const char *test,
		       const char *why);
	void *arg;
	/* Written by the suite itself. */
	uint32_t fired;		/* callbacks of timer() */
	uint32_t fired_irqon;	/* those with interrupts enabled */
	uint32_t notified;	/* calls for watched notifiers */
	uint32_t notified_id;	/* of the last */
	uint32_t failed;
	int skip;		/* the test under way cannot be made here */
};

/* Run everything; returns the number of failed tests.  Thread context. */
int cvm_conformance(struct cvm_conformance *c);

/* The host's timer of this vCPU reached its deadline.  Any context. */
void cvm_conformance_fired(struct cvm_conformance *c, uint32_t vcpu);

/* What watch() of this id watches was signalled.  Any context. */
void cvm_conformance_notified(struct cvm_conformance *c, uint32_t id);

#endif /* CVM_TEST_CONFORMANCE_H */
