/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - a VM with the mini guest in it, and a host API table with hooks.
 */
#ifndef RING0_VM_H
#define RING0_VM_H

#include <cvm/libcvm.h>

#include "bare.h"
#include "mini.h"

struct g_vm {
	struct bare_vm host;
	struct cvm_vm *vm;
	struct cvm_user_run run;
	struct g_mini mini;
	struct g_ctl *ctl;	/* mini.ctl */
};

/* What a test may put between libcvm and the bare host. */
struct g_hooks {
	/* Around every slice, interrupts disabled; NULL: none. */
	int (*slice)(int (*fn)(void *arg), void *arg);
	void (*irq_forward)(uint32_t vector);	/* before the real one */
	uint64_t calls;		/* host calls that may fail, so far */
	uint64_t fail_at;	/* this one fails, 1..; 0: none */
	int quiet;		/* swallow log lines */
};

extern struct g_hooks g_hooks;
extern struct cvm_monitor *g_mon;

/* Attach with the hooked table; 0 or what libcvm said. */
int g_attach(void);
int g_detach(void);

/* Create, load and boot; flags: CVM_VM_F_*.  Unwound when it fails. */
int g_start(struct g_vm *vm, uint32_t flags, uint32_t mode);
/* One RUN; its result, vm->run filled in. */
int g_run(struct g_vm *vm);
/* RUN until anything but INTR. */
uint32_t g_run_on(struct g_vm *vm);
void g_destroy(struct g_vm *vm);
void g_stats(struct g_vm *vm, struct cvm_stats *stats);

int g_request(struct cvm_vm *vm, uint32_t number, void *arg, size_t size);

/* A second root for the host's tables, equal to the one in use. */
uint64_t g_host_root(void);

#endif /* RING0_VM_H */
