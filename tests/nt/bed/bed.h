/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bed.h - the bed's own parts.
 *
 *   state.c    the CPU state of an NT kernel, and its watchman
 *   ke.c       threads, IRQL, interrupts, DPCs, timers, waits
 *   mm.c       pool, MDLs, mappings, processes' address spaces
 *   io.c       devices, files, IRPs
 *   ex.c       callbacks, objects, versions, everything else
 *   count.c    what the driver holds, and what it is refused
 *   exports.c  names
 *   pe.c       the image loader
 *   vmm.c      what cvmctl does, from a thread of the bed
 *   mini.c     the same for the mini guest of tests/ring0
 */
#ifndef BED_H
#define BED_H

#include "bare.h"
#include "count.h"
#include "mini.h"
#include "nt.h"

/* ---- count.c ---- */
struct bed_count {
	uint64_t taken, returned;
};
extern struct bed_count bed_counts[BED_KINDS];
/* kind: BED_COUNT_* */
void bed_take(uint32_t kind, uint64_t n);
void bed_give(uint32_t kind, uint64_t n);
int64_t bed_held(uint32_t kind);
const char *bed_kind(uint32_t kind);
/* 1 when everything is back; prints what is not. */
int bed_counters_zero(const char *when);
/* What is held now never comes back. */
void bed_counters_forget(void);
void bed_counters_table(void);

/* The nth call that may fail does; 0: none.  calls counts them all. */
extern uint64_t bed_fail_at, bed_fail_calls;
int bed_fails(const char *name);
/* A line for each export that may fail. */
void bed_fail_table(void);

#define BED_PROCESSES	8
#define BED_THREADS	16
#define BED_SS		0x18
#define BED_STACK_BYTES	24576	/* as NT's kernel stacks */

struct bed_process {
	uint64_t cr3;
	uint64_t pid;
	int64_t references;
	int64_t user_maps;
	uint64_t next_user_va;
	int used;
};

struct bed_thread {
	uint64_t rsp;
	struct bed_process *process;	/* it belongs to */
	struct bed_process *attached;	/* whose address space it is in */
	uint8_t *stack;
	void (*fn)(void *arg);
	void *arg;
	struct nt_header *waits;	/* or NULL */
	uint64_t until;			/* 100 ns, UINT64_MAX: no limit */
	uint32_t alerted, terminating;
	uint32_t ends;		/* enum bed_ends of the wait under way */
	uint32_t state;
	uint32_t id;
	uint16_t ss;
};

#define BED_FREE	0u
#define BED_READY	1u
#define BED_WAITING	2u
#define BED_DONE	3u

extern struct bed_thread bed_threads[BED_THREADS];
extern struct bed_thread *bed_current;
extern struct bed_process bed_system;
extern struct bed_process bed_processes[BED_PROCESSES];
#define BED_32BIT	2	/* bed_process.used: a 32-bit process */

/* ---- state.c ---- */
void bed_state_init(void);
/* Every export and every interrupt begins with it. */
void bed_watch(const char *where, uint32_t max_irql);
extern uint64_t bed_watched;
/* At every export that a thread calls at PASSIVE_LEVEL, IF = 1. */
extern void (*bed_watch_hook)(void);
/* What the CPU holds now is the kernel's own from here on. */
void bed_state_adopt(void);
/* Back to an NT kernel's values. */
void bed_state_restore(void);
/* DS..GS name nothing any more: they may come back as null. */
extern int bed_segments_stale;
uint8_t *bed_kpcr(void);

/* ---- ke.c ---- */
void bed_ke_init(void);
uint64_t bed_time(void);	/* interrupt time, 100 ns */
struct bed_thread *bed_thread_start(struct bed_process *process,
				    void (*fn)(void *arg), void *arg);
/* Wait for its end and free it. */
void bed_thread_join(struct bed_thread *t);
void bed_thread_alert(struct bed_thread *t);
void bed_sleep_ms(uint32_t ms);
void bed_process_init(struct bed_process *p);
void bed_process_end(struct bed_process *p);
void bed_attach(struct bed_process *p);
extern uint64_t bed_ticks, bed_apcs, bed_dispatches, bed_device_irqs,
	bed_nmis, bed_switches, bed_preemptions;
extern uint64_t bed_resolution;	/* of the clock, 100 ns */
extern int bed_enables;		/* interrupts return with interrupts enabled */
extern void (*bed_tick_hook)(void);	/* at every clock interrupt */
void bed_bugcheck(uint32_t code, uint64_t a, uint64_t b, uint64_t c,
		  uint64_t d) __attribute__((noreturn));

/* ---- mm.c ---- */
void bed_mm_init(void);
extern void (*bed_grant_hook)(void);	/* when pages for an MDL are wanted */
void *bed_pool_alloc(uint64_t bytes);
void bed_pool_free(void *block);
void bed_map(struct bed_process *p, uint64_t va, uint64_t hpa, uint64_t bits);
void bed_unmap(struct bed_process *p, uint64_t va);
uint64_t bed_translate(uint64_t va);
/* Address space for pages with a hole behind them. */
uint64_t bed_va_alloc(uint64_t pages);
#define BED_W	2ull
#define BED_NX	(1ull << 63)

/* ---- io.c ---- */
uint32_t bed_open(const char *name, int sync, struct nt_file **file);
uint32_t bed_control(struct nt_file *file, uint32_t code, void *in,
		     uint32_t in_bytes, void *out, uint32_t out_bytes,
		     uint64_t *information);
void bed_cleanup(struct nt_file *file);	/* the last handle goes */
void bed_close(struct nt_file *file);	/* the last reference goes */

/* ---- ex.c ---- */
extern uint32_t bed_nt_major, bed_nt_minor, bed_nt_build;
void bed_process_notify(uint64_t pid, int created);
extern uint32_t bed_code_integrity;	/* options of class 103 */
int bed_is_process(const void *object);
void bed_power(uint64_t what, uint64_t value);
void bed_time_set(void);
int bed_watch_nmis(void);
void bed_bugcheck_callbacks(void);

/* ---- exports.c ---- */
/* module NULL: by MmGetSystemRoutineAddress(). */
void *bed_export(const char *module, const char *name);
/* 1: its contract has a failure that a driver cannot know before. */
int bed_may_fail(const char *name);
/* The next of them that this NT has, from *at on; NULL: no more. */
const char *bed_next_fallible(uint32_t *at);

/* ---- pe.c ---- */
struct bed_image {
	uint64_t va;
	uint32_t pages;
	uint64_t entry;
	struct nt_driver *driver;
};
/* Address of a loaded image's section, 0: it has none of that name. */
uint64_t bed_section(const struct bed_image *image, const char *name);
/* An NTSTATUS; the image is gone again unless it is 0. */
uint32_t bed_load(const void *file, uint64_t bytes, struct bed_image *image);
void bed_unload(struct bed_image *image);
const char *bed_image_check(const void *file, uint64_t bytes);

/* ---- vmm.c ---- */
struct bed_vm_args {
	const struct bare_module *kernel, *initrd;
	const char *cmdline;
	uint64_t mem_bytes;
	uint32_t flags;
	uint64_t kill_ms;	/* kill so long after the start; 0: never */
	uint64_t kill_output;	/* ... and after so many bytes of output */
	int die;		/* the process dies instead of a KILL */
	int quiet;
	int sleep;		/* the machine sleeps once in between */
	int input;		/* the serial line feeds the console */
};
struct bed_vm_end {
	int err;		/* CVM_E*, positive, when it did not run */
	const char *step;
	uint32_t reason;
	uint64_t output;	/* bytes the guest printed */
	uint64_t userspace;	/* when its script began, ns; 0: never */
	uint64_t switches;
	uint64_t asleep;	/* switches made while the machine slept */
	int slept;
	uint64_t vector[3];	/* 0x1f, 0x2f, 0x80 out of the guest */
	char text[256];
};
void bed_vm_run(const struct bed_vm_args *args, struct bed_vm_end *end);
/* Begin of a process with one thread, and its end after that of the thread;
 * the driver is told of both. */
struct bed_thread *bed_vmm_start(void (*fn)(void *arg), void *arg);
void bed_vmm_end(struct bed_thread *thread);
int bed_request(struct nt_file *file, uint32_t number, void *arg,
		uint32_t bytes);

/* ---- mini.c ---- */
struct bed_mini {
	struct nt_file *file;
	struct g_mini guest;
	struct cvm_user_run run;
};
/* In a thread of a process of its own: 0, or an error of the driver. */
int bed_mini_start(struct bed_mini *m, uint32_t flags, uint32_t mode);
/* RUN until anything but INTR: the reason, or ~0. */
uint32_t bed_mini_run(struct bed_mini *m);
void bed_mini_stats(struct bed_mini *m, struct cvm_stats *stats);
void bed_mini_end(struct bed_mini *m);

#endif /* BED_H */
