/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worlds.h - two worlds that share nothing but the passage, in an emulated
 * CPU: a host at the addresses of this process and a guest at kernel
 * addresses, each with its own page tables, GDT, IDT, TSS and stack.  Whatever
 * a switch touches must be mapped at that very instruction, or Unicorn says
 * so.  At the addresses of the other world each has global pages full of
 * nonsense, as two kernels have.
 */
#ifndef CVM_TEST_WORLDS_H
#define CVM_TEST_WORLDS_H

#include "core.h"
#include "machine.h"

#define PAGE		4096ull
#define IDT_OFF		0x100u
#define RET_OFF		0x100u
#define TR		0x40u
#define CR4		0x6e0u	/* of both, before the guest has its own */

/* A kernel of a few pages: what a switch needs, and a handler that counts. */
struct world {
	uint64_t data_va, text_va, stack_va;
	uint8_t *data, *text, *stack;
	uint64_t root;
};

extern struct core c;
extern struct machine m;
extern struct world host, guest;
extern struct cvm_priv *priv;
extern struct cvm_shared *shared;
extern uint8_t code[PAGE];	/* the passage, to be patched */

/* Before and after each test: the CPU is in the host's world. */
int worlds_setup(void **state);
int worlds_teardown(void **state);

uint64_t *counter(struct world *w);	/* of its handler */
/* Registers of a kernel, by number. */
void poison(uint64_t seed);
/* What cvm_host_refresh() does, with this CPU's registers. */
void refresh_host(void);

/* Instructions up to an address; NULL, or why the CPU could not go on. */
const char *try_to(uint64_t stop);
void run_to(uint64_t stop);		/* or the test fails */
void call_switch(void);
void call_passage(void);
#define HOST_RET	(host.text_va + RET_OFF)
#define GUEST_RET	(guest.text_va + RET_OFF)

/* State before a call, as it must be after it. */
struct machine_state before(void);
void same(const struct machine_state *a, const char *what);

/* The guest gives itself tables and values of its own. */
void start_guest(uint64_t seed);

#endif /* CVM_TEST_WORLDS_H */
