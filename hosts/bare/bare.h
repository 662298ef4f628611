/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bare.h - the smallest host: one CPU, no operating system.
 *
 * The application (tests/ring0, or main.c) defines bare_main(); everything
 * else here is offered to it.
 */
#ifndef BARE_H
#define BARE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_KERNEL_VA	0xffffffff80000000ull
#define BARE_DIRECT_VA	0xffff800000000000ull	/* physical 0 */

#define BARE_CS		0x10
#define BARE_SS		0x18
#define BARE_TR		0x40
#define BARE_LDT	0x50

#define BARE_IST_NMI	1
#define BARE_IST_MCE	2
#define BARE_IST_DF	3

#define BARE_VEC_TIMER	0xd1	/* local APIC timer */
#define BARE_VEC_WAKE	0xd2	/* irq_self() */

/* The application.  Returning ends the machine with bare_summary(). */
void bare_main(const char *cmdline);

/* Called by boot.S with the physical address of the loader's record. */
void bare_start(uint32_t info_hpa);

/* ---- console.c: serial line 0x3f8, port 0xe9, end of the machine ---- */
void bare_console_init(void);
void bare_puts(const char *text);
void bare_vprintf(const char *fmt, va_list args);
void bare_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* End the machine: isa-debug-exit in QEMU, the shutdown port in Bochs. */
void bare_exit(uint32_t code) __attribute__((noreturn));
void bare_panic(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#define BARE_EXIT_PASS	16u	/* QEMU's status is 2 * code + 1 = 33 */
#define BARE_EXIT_FAIL	17u	/* 35 */
#define BARE_EXIT_PANIC	18u	/* 37 */

/* ---- report.c: results, in the manner of kvm-unit-tests ---- */
void bare_report(int pass, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void bare_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bare_summary(void) __attribute__((noreturn));
/* Value of "name=number" on the command line, or the default. */
uint64_t bare_arg(const char *name, uint64_t def);
/* 1 when "name=value" is on the command line. */
int bare_arg_is(const char *name, const char *value);
/* 1 when the word is on the command line. */
int bare_arg_flag(const char *word);
extern char bare_cmdline[512];

/* ---- mem.c: physical pages and the direct map ---- */
void bare_mem_init(uint32_t info_hpa);
/* Zeroed pages at or above min_hpa; 0 when there are none. */
uint64_t bare_pages_alloc(uint64_t pages, uint64_t align_bytes,
			  uint64_t min_hpa);
void bare_pages_free(uint64_t hpa, uint64_t pages);
extern uint64_t bare_pages_used, bare_pages_total;

/* The files that the loader brought along; their memory stays theirs. */
#define BARE_MODULES_MAX	8
struct bare_module {
	const void *data;
	uint64_t bytes;
};
extern struct bare_module bare_module[BARE_MODULES_MAX];
extern uint32_t bare_modules;

static inline void *bare_hva(uint64_t hpa)
{
	return (void *)(BARE_DIRECT_VA + hpa);
}

static inline uint64_t bare_hpa(const void *hva)
{
	uint64_t va = (uint64_t)hva;

	return va >= BARE_KERNEL_VA ? va - BARE_KERNEL_VA :
				      va - BARE_DIRECT_VA;
}

/* Map [hpa, +4 KiB) at a kernel address of its own: global, executable. */
void bare_map_global(uint64_t va, uint64_t hpa);

/* ---- setup.c: descriptor tables and features ---- */
/*
 * rsp0: stack for interrupts from user mode.  A guest has one; its NMIs nest
 * (the world switch unblocks them while a handler waits for its call), so
 * they stay on the stack they find.  0: no user mode, NMI and machine check
 * on stacks of their own.
 */
void bare_tables_load(uint64_t rsp0);
void bare_features_enable(void);
/* CR4.PCIDE, and a PCID in CR3; 0 without. */
int bare_pcid_enable(void);
/* Indirect branches must meet ENDBR64 from now on; 0 without CET. */
int bare_ibt_enable(void);
/* The local descriptor table: entry 1 is a user data segment. */
extern uint64_t bare_ldt[4];

/* ---- cpu.c, traps.S ---- */
struct bare_regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

void bare_trap(struct bare_regs *regs);		/* from traps.S */
void bare_int(uint32_t vector);			/* `int vector` */

/* How often each gate of the IDT was entered. */
extern uint64_t bare_gate_count[256];
/* An application may take a vector over; returns 1 when it did. */
extern int (*bare_trap_hook)(struct bare_regs *regs);

/* Accesses that may fault: 0, or the vector that came instead. */
int bare_rdmsr_safe(uint32_t msr, uint64_t *value);
int bare_wrmsr_safe(uint32_t msr, uint64_t value);
int bare_xsetbv_safe(uint64_t value);

/* ---- apic.c: local APIC, clock ---- */
void bare_apic_init(void);
void bare_eoi(uint32_t vector);
void bare_self_ipi(uint32_t vector);
void bare_self_nmi(void);
uint64_t bare_mono_ns(void);
uint64_t bare_tsc_to_mono(uint64_t tsc);
/* Interrupt at BARE_VEC_TIMER when bare_mono_ns() reaches ns. */
void bare_timer_set(uint64_t ns);
/* Seconds since 1970 by the battery clock. */
uint64_t bare_wall_seconds(void);
extern uint32_t bare_tsc_khz;

/* ---- host.c: the host API ---- */
struct cvm_host_ops;
struct cvm_vm;

/* What the shim keeps for one VM. */
struct bare_vm {
	struct cvm_vm *vm;
	uint64_t deadline[32];	/* CVM_MAX_VCPUS; timer(), mono ns */
	uint32_t woken[32];
	/* Instead of cvm_timer_fired(), where no VM stands behind it. */
	void (*fired)(uint32_t vcpu);
};

extern const struct cvm_host_ops bare_host_ops;
/* Before a struct bare_vm goes away: no timer looks at it any more. */
void bare_vm_gone(struct bare_vm *bvm);
/* Timer and wake vectors; bare_trap() hands them over. */
void bare_host_irq(uint32_t vector);
/* Pages lent to libcvm, by member: equal to zero when all came back. */
extern uint64_t bare_lent_mem, bare_lent_pages;

/* ---- selftest.c ---- */
/* The host API's conformance suite, a bare_report() for each test. */
void bare_selftest(void);

/* ---- guest.c ---- */
struct cvm_monitor;
/* Boot the files that the loader brought along, until the guest ends. */
void bare_guest(struct cvm_monitor *mon);

/* ---- ../freestanding.c ---- */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* ---- string.c ---- */
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);

#endif /* BARE_H */
