/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - every difference between host kernel versions, and nothing
 * else.  The other files of this directory test no version.
 */
#ifndef CVM_LINUX_COMPAT_H
#define CVM_LINUX_COMPAT_H

#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/hardirq.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/version.h>

/* 6.3: the flags of a VMA are write-protected by helpers. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/*
 * Largest order of the page allocator: MAX_ORDER was one beyond it up to
 * 6.3, the order itself up to 6.7, and was then renamed.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define CVM_LINUX_MAX_PAGE_ORDER	(MAX_ORDER - 1)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define CVM_LINUX_MAX_PAGE_ORDER	MAX_ORDER
#else
#define CVM_LINUX_MAX_PAGE_ORDER	MAX_PAGE_ORDER
#endif

/*
 * 6.4: smp_send_reschedule() became a macro around a tracepoint that is not
 * exported.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define cvm_linux_compat_kick(cpu)	smp_send_reschedule(cpu)
#else
#define cvm_linux_compat_kick(cpu)	arch_smp_send_reschedule(cpu)
#endif

/* 6.13: hrtimer_setup() replaces hrtimer_init() and the function pointer. */
static inline void
cvm_linux_compat_hrtimer_setup(struct hrtimer *timer,
			       enum hrtimer_restart (*fn)(struct hrtimer *))
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	timer->function = fn;
#else
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_PINNED_HARD);
#endif
}

/* 6.2: the CPU number, unused for years, is no longer an argument. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define cvm_linux_compat_rcu_quiescent() \
	rcu_virt_note_context_switch(smp_processor_id())
#else
#define cvm_linux_compat_rcu_quiescent()	rcu_virt_note_context_switch()
#endif

/* 6.8: eventfd_signal() adds one, and nobody may ask for more. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define cvm_linux_compat_eventfd_signal(event)	((void)eventfd_signal(event, 1))
#else
#define cvm_linux_compat_eventfd_signal(event)	eventfd_signal(event)
#endif

/*
 * 7.2: the counters of /proc/interrupts are an array.  The header that has it
 * brought this macro along; no number of a version would be as sure.
 */
#ifdef inc_perf_irq_stat
#define cvm_linux_compat_function_calls() \
	this_cpu_read(irq_stat.counts[IRQ_COUNT_CALL_FUNCTION])
#else
#define cvm_linux_compat_function_calls() \
	this_cpu_read(irq_stat.irq_call_count)
#endif

#endif /* CVM_LINUX_COMPAT_H */
