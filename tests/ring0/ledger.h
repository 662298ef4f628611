/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger.h - an image's part of injecting something at every instruction of
 * the switch.
 *
 * lib/drivers.py stops the CPU by breakpoints: at ring0_sync() and
 * ring0_done() around each round it reads and writes ring0_ledger, and at the
 * address under test it injects.  A round is one stay in the guest; around it
 * the host's state is read and compared.
 */
#ifndef RING0_LEDGER_H
#define RING0_LEDGER_H

#include "mini.h"
#include "rows.h"

/* Read and written by name; all fields 64-bit. */
struct ring0_ledger {
	uint64_t passage;	/* address of the switch in the host's world */
	uint64_t quit;		/* driver: end the test */
	uint64_t guest_variant;	/* driver: G_VAR_* */
	uint64_t host_variant;	/* driver: the same, for the host */
	uint64_t fault;		/* driver: vector + 1 of a guest that faults */
	uint64_t rounds;
	uint64_t differ;	/* rounds after which the host differed */
	uint64_t row;		/* the first such row */
	uint64_t guest_bad;
	uint64_t nmi_gate;	/* host handler runs */
	uint64_t nmi_raised;	/* of these, re-raised by the monitor */
	uint64_t nmi_passage;	/* latched inside the switch */
	uint64_t nmi_guest;	/* through the guest's gate */
	uint64_t mce_gate;
	uint64_t mce_forward;
	uint64_t ended;		/* CVM_RUN_* if the VM is no more */
	uint64_t latched;	/* latched but not served: must stay 0 */
};

extern struct ring0_ledger ring0_ledger;

/* Where a driver stops the CPU: before a round, and after. */
void ring0_sync(void);
void ring0_done(void);

/* The host's debug registers and what the passage's pages say, by G_VAR_*. */
void ledger_vary(const struct g_mini *m, uint32_t variant);
/* DS..GS; stale: they are about to name nothing. */
void ledger_segments(uint16_t selector);

/* Around what enters the guest.  stale: DS..GS come back as null. */
void ledger_before(struct rows_side *host, int stale);
void ledger_after(struct rows_side *host);

/* What a host does with a VM that holds the mini guest. */
struct ledger_host {
	const struct g_mini *mini;
	const struct cvm_user_run *run;	/* what the last enter() left */
	int (*start)(uint32_t mode);
	/* RUN until it ends for another reason than INTR: the reason. */
	uint32_t (*enter)(void);
	void (*end)(void);
	/* The host's state, by G_VAR_*, for the next enter(). */
	void (*vary)(uint32_t variant);
	void (*stats)(struct cvm_stats *stats);
};

/* Rounds of one VM until the driver says quit, or rounds=N. */
void ledger_calls(const struct ledger_host *h);
/*
 * VMs that live for one exception before the guest has an IDT, which has to
 * end them by name: each vector once, or with driven=1 as the driver says.
 */
void ledger_faults(const struct ledger_host *h);

/* The end of a round. */
void ledger_count(const struct g_mini *m, const struct cvm_stats *stats);

void ledger_report(void);

#endif /* RING0_LEDGER_H */
