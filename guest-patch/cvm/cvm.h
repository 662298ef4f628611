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
DECLARE_PER_CPU(struct cvm_shared *, cvm_this);
extern struct cvm_shared *cvm_vm;

/*
 * The passage call.  __cvm_call() wants interrupts off and may be used
 * wherever they are; cvm_call() turns them off itself.  Arguments go into
 * the shared page before.
 */
s64 __cvm_call(u32 op);
s64 cvm_call(u32 op);
s64 cvm_call2(u32 op, u64 arg0, u64 arg1);
void cvm_call_nested(struct cvm_shared *s, u32 op, u64 arg0, u64 arg1);
void cvm_doorbell(u64 number);
void cvm_yield(void);

/* Leaves for good. */
void cvm_exit_setup(void);
void cvm_power_request(void);

/* Time. */
void cvm_time_setup(void);
void cvm_timer_event(struct cvm_shared *s);
void cvm_clock_changed(void);
bool cvm_deadline_passed(struct cvm_shared *s);

/* Events. */
void cvm_soft_interrupt(void);
void cvm_send_self(int vector);

/* What the kernel believes of its CPU, and which drivers start. */
void cvm_caps_setup(void);
void cvm_caps_correct(void);
void cvm_switches_setup(void);

static __always_inline bool cvm_work_pending(struct cvm_shared *s)
{
	return READ_ONCE(s->events) || cvm_deadline_passed(s);
}

/* Devices. */
#ifdef CONFIG_CVM_VIRTIO
void cvm_virtio_events(u64 events);
u32 cvm_virtio_console_size(void);
#else
static inline void cvm_virtio_events(u64 events) { }
static inline u32 cvm_virtio_console_size(void) { return 0; }
#endif

/* Console. */
void cvm_console_setup(void);
void cvm_console_event(void);

/* Boot. */
void cvm_early_detect(void);

/* The recorder: what tried to touch the machine, and from where. */
enum cvm_access {
	CVM_ACCESS_IN,
	CVM_ACCESS_OUT,
	CVM_ACCESS_WRMSR,
	CVM_ACCESS_IOREMAP,
	CVM_ACCESS_FIXMAP,
	CVM_NR_ACCESSES
};

void cvm_count_refused(void);
#ifdef CONFIG_CVM_RECORDER
void cvm_record(enum cvm_access kind, u64 where, unsigned long ip);
ssize_t cvm_recorder_show(char *buf, size_t size);
#else
static inline void cvm_record(enum cvm_access kind, u64 where,
			      unsigned long ip) { }
#endif

#endif /* CVM_GUEST_INTERNAL_H */
