/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl.h - what the harness (host side) and the mini guest say to each other
 * beside the guest ABI: addresses of the guest, and one control block in the
 * guest's image, which both can reach because guest memory is the machine's.
 */
#ifndef RING0_CTL_H
#define RING0_CTL_H

/* Guest addresses.  The image stands clear of the host's, so that a
 * breakpoint in one is not one in the other; the TLB pages do not. */
#define G_IMAGE_GVA	0xffffffff84000000
#define G_PASSAGE_GVA	0xffffffffff200000
#define G_APIC_GVA	0xffffffffc0400000
/* Below 2 GiB, and above all memory: that of the guest is mapped at its own
 * address too, wherever the host took it from. */
#define G_USER_CODE	0x70400000
#define G_USER_STACK	0x70402000	/* one page */
#define G_USER_APIC	0x70600000
/* In both worlds, global; clear, in an emulator's direct-mapped TLB, of what
 * a test touches all the time. */
#define TLB_VA		0xffffffffc0700000
#define TLB_PAGES	16

#define G_MAGIC		0x47304c52		/* "RL0G" */

/* g_ctl.mode */
#define G_MODE_ROWS	1	/* poison every row, YIELD, compare */
#define G_MODE_CALLS	2	/* hypercalls until stop or count */
#define G_MODE_IRQ	3	/* self-IPI of .vector, kernel, then user */
#define G_MODE_SPIN	4	/* calls, kernel and user work, until stop */
#define G_MODE_FAULT	5	/* `int vector` before any IDT of its own */
#define G_MODE_XCR0	6	/* shrink XCR0, then calls */
#define G_MODE_BENCH	7	/* nothing but hypercalls */
#define G_MODE_EARLY	8	/* calls on the state it was started in */
#define G_MODE_TLB	9	/* YIELD, look at TLB_VA; nothing else */
#define G_MODE_EVENTS	10	/* timers, idling, the interrupt window */

/* What G_MODE_EVENTS does, in this order; g_ctl.late has a word for each. */
#define G_EV_TIMER	0	/* TIMER, then work with IF = 1 */
#define G_EV_IDLE	1	/* IDLE until a deadline */
#define G_EV_ARMED	2	/* TIMER, then IDLE until the same deadline */
#define G_EV_PENDING	3	/* IDLE with an event pending */
#define G_EV_WINDOW	4	/* an event during a call, then STI */
#define G_EVS		5

/* g_ctl.variant: what G_MODE_CALLS does before its next call. */
#define G_VAR_DEBUG	1	/* debug registers other than the host's */
#define G_VAR_SEGS	2	/* data segments loaded */
#define G_VAR_NO_FSGS	4	/* CR4.FSGSBASE off */
#define G_VAR_MSRS	8	/* many MSRs differ, msr_dirty set */
#define G_VAR_TSS	16	/* another GDT and TR */
#define G_VAR_TSS_NONE	32	/* a GDT whose limit leaves TR outside */
#define G_VAR_CR0	64	/* CR0.TS set */
#define G_VAR_TSS_HIGH	128	/* TR above the private GDT's end */
#define G_VAR_TSS_TYPE	256	/* TR names no TSS in this GDT */
#define G_VAR_TSS_SAME	512	/* another TR in the same GDT */
#define G_VAR_DEBUG_ON	1024	/* a breakpoint enabled */
#define G_VAR_STALE_SEG	2048	/* DS..GS name a segment that is gone */
#define G_VAR_SPEC_OTHER 4096	/* host: SPEC_CTRL of the guest differs */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct g_ctl {
	/* written by the harness */
	uint32_t mode;
	uint32_t hypercall;	/* CVM_HC_* for CALLS, BENCH */
	uint64_t count;
	uint64_t seed;
	uint64_t shared_gva;
	uint32_t vector;
	uint32_t user;		/* IRQ: take it in user mode */
	uint64_t xcr0;
	uint64_t pcid;		/* CR4.PCIDE on */
	uint64_t ibt;		/* every indirect branch meets ENDBR64 */
	uint64_t cr3;		/* ROWS: a second root, equal to the first */
	volatile uint32_t variant;
	volatile uint32_t stop;

	/* written by the guest */
	volatile uint64_t done;	/* iterations completed */
	uint64_t bad;		/* comparisons that failed */
	uint64_t bad_gpr;
	uint64_t bad_tlb;
	uint64_t bad_at;	/* the first: iteration, row, values */
	uint64_t bad_row;
	uint64_t bad_want;
	uint64_t bad_got;
	uint64_t moved[2];	/* rows that took different values */
	uint64_t nmi, mce;	/* taken through the guest's own gates */
	uint64_t irqs;		/* external vectors, all */
	uint64_t irqs_user;	/* of these, from user mode */
	uint64_t late[G_EVS];	/* EVENTS: ticks after the moment it was due */
	uint64_t got[G_EVS];	/* EVENTS: event bits received */
	uint64_t tsc;		/* BENCH: ticks of count calls */
	uint64_t unexpected;	/* an exception: vector, address */
	uint64_t unexpected_rip;
};

/* First bytes of the guest's flat image. */
struct g_header {
	uint32_t magic;
	uint32_t bytes;		/* with .bss */
	uint64_t entry_gva;
	uint64_t ctl_gva;
	uint64_t user_gva;	/* a page of user code, page aligned */
};
#endif

#endif /* RING0_CTL_H */
