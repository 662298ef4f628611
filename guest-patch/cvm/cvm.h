/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvm.h - what the files of the libcvm platform share.
 *
 * Kernel versions differ in a handful of places; each is marked by
 * LINUX_VERSION_CODE and nothing outside this directory knows.
 */
#ifndef CVM_GUEST_INTERNAL_H
#define CVM_GUEST_INTERNAL_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/version.h>

#include <asm/cvm.h>
#include <asm/fixmap.h>

#include "abi.h"

/*
 * The passage lies in the fixmap, whose indices grow towards lower
 * addresses: its first page has the last index.
 */
#define CVM_PASSAGE_GVA		__fix_to_virt(FIX_CVM_PASSAGE_END)
#define CVM_PASSAGE_PTE_INDEX	\
	(FIXMAP_PMD_NUM * PTRS_PER_PTE - \
	 ((FIXADDR_TOP - CVM_PASSAGE_GVA) >> PAGE_SHIFT) - 1)
#define CVM_SHARED_GVA(n)	(CVM_PASSAGE_GVA + CVM_VCPU_SHARED_OFF(n))

/* This vCPU's shared page; the VM-wide fields are in the first vCPU's. */
DECLARE_PER_CPU(struct cvm_shared *, cvm_guest_this);
extern struct cvm_shared *cvm_guest_vm;

/*
 * Calls to the monitor, through the passage.  __cvm_guest_hypercall() wants
 * interrupts off and may be used wherever they are; cvm_guest_hypercall()
 * turns them off itself.  Arguments go into the shared page before.
 */
s64 __cvm_guest_hypercall(u32 number);
s64 cvm_guest_hypercall(u32 number);
s64 cvm_guest_hypercall2(u32 number, u64 arg0, u64 arg1);
void cvm_guest_hypercall_nested(struct cvm_shared *s, u32 number,
				u64 arg0, u64 arg1);
void cvm_guest_yield(void);

/* Leaves for good. */
void cvm_guest_exit_setup(void);
void cvm_guest_power_request(void);

/* Time. */
void cvm_guest_time_setup(void);
void cvm_guest_timer_event(struct cvm_shared *s);
void cvm_guest_clock_changed(void);
bool cvm_guest_deadline_passed(struct cvm_shared *s);

/* Interrupts of our own. */
void cvm_guest_soft_interrupt(void);
bool cvm_guest_soft_taken(void);
void cvm_guest_send_self(int vector);

/* Events are being served: one that is raised meanwhile will be, too. */
DECLARE_PER_CPU(bool, cvm_guest_serving);

/* What the kernel believes of its CPU, and which drivers start. */
void cvm_guest_caps_setup(void);
void cvm_guest_caps_correct(void);
void cvm_guest_switches_setup(void);

static __always_inline bool cvm_guest_work_pending(struct cvm_shared *s)
{
	return READ_ONCE(s->events) || cvm_guest_deadline_passed(s);
}

/* Registers. */
int cvm_guest_write_msr_at(u32 msr, u64 val, unsigned long ip, bool *tried);

/* Devices. */
#ifdef CONFIG_CVM_VIRTIO
void cvm_guest_virtio_events(u64 events);
u32 cvm_guest_console_size(void);
#else
static inline void cvm_guest_virtio_events(u64 events) { }
static inline u32 cvm_guest_console_size(void) { return 0; }
#endif

/* Console. */
void cvm_guest_console_setup(void);
void cvm_guest_console_event(void);

/* Boot. */
void cvm_guest_early_detect(void);

/* The recorder: what tried to touch the machine, and from where. */
enum cvm_guest_access {
	CVM_ACCESS_IN,
	CVM_ACCESS_OUT,
	CVM_ACCESS_WRMSR,
	CVM_ACCESS_IOREMAP,
	CVM_ACCESS_FIXMAP,
	CVM_NR_ACCESSES
};

void cvm_guest_count_refused(void);
#ifdef CONFIG_CVM_RECORDER
void cvm_guest_record(enum cvm_guest_access kind, u64 where, unsigned long ip);
ssize_t cvm_guest_recorder_show(char *buf, size_t size);
#else
static inline void cvm_guest_record(enum cvm_guest_access kind, u64 where,
				    unsigned long ip) { }
#endif

#endif /* CVM_GUEST_INTERNAL_H */
