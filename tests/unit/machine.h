/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * machine.h - an emulated x86-64 CPU with page tables, for the real switch.
 *
 * Unicorn 2.0 translates no addresses and delivers no interrupts.  So the
 * machine goes instruction by instruction.  The pages in its TLB, and no
 * others, are Unicorn's memory; an interrupt is delivered by doing by hand
 * what the manual says a CPU does (SDM vol. 3A, 6.14 "Exception and Interrupt
 * Handling in 64-bit Mode").
 *
 * The TLB is as bad as the architecture allows: it holds everything the
 * tables map, at once, and keeps it until it must not.  A write of CR3 drops
 * what is not global, a change of CR4.PGE drops everything (SDM vol. 3A,
 * 4.10.4.1 "Operations that Invalidate TLBs and Paging-Structure Caches").
 * Each entry keeps the memory type that its page had when it was made (12.12.3
 * "Selecting a Memory Type from the PAT"); a step after which one has another
 * type by the tables than in the TLB is an error.
 */
#ifndef CVM_TEST_MACHINE_H
#define CVM_TEST_MACHINE_H

#include <stdint.h>

#include <unicorn/unicorn.h>

#include "fake_host.h"

#define MACHINE_PAGES	64	/* of the TLB */
#define MACHINE_ROWS	64	/* compared pieces of CPU state */

#define PTE_P	1ull
#define PTE_W	2ull
#define PTE_PWT	8ull
#define PTE_G	(1ull << 8)
#define PTE_NX	(1ull << 63)

struct machine_tlb {
	uint64_t va[MACHINE_PAGES];
	uint64_t pte[MACHINE_PAGES];
	uint8_t type[MACHINE_PAGES];
	uint32_t pages;
};

struct machine {
	uc_engine *uc;
	struct fake_host *host;
	const void *code;	/* the passage's page ... */
	uint64_t code_hpa;	/* ... and where the fake host says it is */
	uint64_t cr3, cr4;	/* the TLB has seen these */
	struct machine_tlb tlb;
	uint64_t steps;
};

/* The whole state that a switch must bring back. */
struct machine_state {
	uint64_t row[MACHINE_ROWS];
};

void machine_init(struct machine *m, struct fake_host *host,
		  const void *code);
void machine_end(struct machine *m);

/* Physical memory; NULL where there is none. */
void *machine_view(struct machine *m, uint64_t hpa);

/* Map one page in tables whose pages come from *next_hpa on. */
void machine_map(struct machine *m, uint64_t root, uint64_t *next_hpa,
		 uint64_t va, uint64_t hpa, uint64_t flags);

/* Host address behind va by the TLB, NULL if a CPU would fault. */
void *machine_va(struct machine *m, uint64_t va, uint64_t flags);

uint64_t machine_get(struct machine *m, int reg);
void machine_set(struct machine *m, int reg, uint64_t value);
uint64_t machine_get_msr(struct machine *m, uint32_t index);
void machine_set_msr(struct machine *m, uint32_t index, uint64_t value);
/* As a kernel does it by the manual: nothing old stays in the TLB. */
void machine_set_pat(struct machine *m, uint64_t value);
void machine_set_table(struct machine *m, int reg, uint64_t base,
		       uint32_t limit);
/* TR or LDTR: 104 bytes at base; selector 0 for none. */
void machine_set_selector(struct machine *m, int reg, uint16_t selector,
			  uint64_t base);

uint64_t machine_idt(struct machine *m);

/* After CR3 or CR4 may have been written. */
void machine_remap(struct machine *m);
/* Put a TLB back that was saved together with the CPU. */
void machine_set_tlb(struct machine *m, const struct machine_tlb *tlb);

/* One instruction; 0, or why the CPU could not go on. */
const char *machine_step(struct machine *m);

/* Deliver a vector here and now; the same result. */
const char *machine_interrupt(struct machine *m, uint8_t vector);

void machine_read(struct machine *m, struct machine_state *s);
/* Name of the first row that differs, NULL if none. */
const char *machine_differ(const struct machine_state *a,
			   const struct machine_state *b, uint64_t *va,
			   uint64_t *vb);

#endif /* CVM_TEST_MACHINE_H */
