// SPDX-License-Identifier: GPL-2.0-only
/*
 * time.c - the TSC as clock, one deadline as timer, the host's wall clock.
 *
 * The deadline lies in the shared page.  The host is asked only when the new
 * one is earlier than what its timer is set to; a later one is noticed when
 * the armed one fires, and re-armed then.
 */
#include <linux/clockchips.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/hardirq.h>
#include <asm/tsc.h>
#include <asm/x86_init.h>

#include "cvm.h"

/* Shortest delta worth programming, in TSC ticks. */
#define CVM_MIN_DELTA		0x400

static DEFINE_PER_CPU(struct clock_event_device, clockevent);

/* Also used on the way into idle, where nothing may be traced. */
noinstr bool cvm_guest_deadline_passed(struct cvm_shared *s)
{
	u64 deadline = s->deadline_tsc;

	return deadline != CVM_DEADLINE_NONE && rdtsc() >= deadline;
}

static void arm_timer(struct cvm_shared *s)
{
	if (s->deadline_tsc < READ_ONCE(s->armed_tsc))
		__cvm_guest_hypercall(CVM_HC_TIMER);
}

static int timer_set_next(unsigned long delta,
			  struct clock_event_device *evt)
{
	struct cvm_shared *s = this_cpu_read(cvm_guest_this);

	s->deadline_tsc = rdtsc() + delta;
	arm_timer(s);
	return 0;
}

static int timer_stop(struct clock_event_device *evt)
{
	this_cpu_read(cvm_guest_this)->deadline_tsc = CVM_DEADLINE_NONE;
	return 0;
}

/* The host's timer fired, or the deadline was seen to have passed. */
void cvm_guest_timer_event(struct cvm_shared *s)
{
	struct clock_event_device *evt = this_cpu_ptr(&clockevent);

	if (!cvm_guest_deadline_passed(s)) {
		if (s->deadline_tsc != CVM_DEADLINE_NONE)
			arm_timer(s);
		return;
	}
	s->deadline_tsc = CVM_DEADLINE_NONE;
	inc_irq_stat(apic_timer_irqs);
	if (evt->event_handler)
		evt->event_handler(evt);
}

static void __init timer_register(void)
{
	struct clock_event_device *evt = this_cpu_ptr(&clockevent);

	evt->name = "cvm";
	evt->features = CLOCK_EVT_FEAT_ONESHOT;
	evt->rating = 400;
	evt->irq = -1;
	evt->cpumask = cpumask_of(smp_processor_id());
	evt->set_next_event = timer_set_next;
	evt->set_state_shutdown = timer_stop;
	evt->set_state_oneshot_stopped = timer_stop;
	clockevents_config_and_register(evt, (u64)cvm_guest_vm->tsc_khz * 1000,
					CVM_MIN_DELTA, ~0UL >> 1);
}

static unsigned long host_tsc_khz(void)
{
	return cvm_guest_vm->tsc_khz;
}

static u64 host_wall_ns(void)
{
	return READ_ONCE(cvm_guest_vm->wall_base_ns) +
	       cvm_ticks_to_ns(rdtsc(), cvm_guest_vm->tsc_khz);
}

static void wallclock_get(struct timespec64 *now)
{
	cvm_guest_hypercall(CVM_HC_TIME);
	*now = ns_to_timespec64(host_wall_ns());
}

/* The host's clock is not ours to set. */
static int wallclock_set(const struct timespec64 *now)
{
	return -ENODEV;
}

static void step_clock(struct work_struct *work)
{
	struct timespec64 now = ns_to_timespec64(host_wall_ns());

	do_settimeofday64(&now);
}

static DECLARE_WORK(clock_work, step_clock);

/* The host's clock was set, or the machine has slept. */
void cvm_guest_clock_changed(void)
{
	schedule_work(&clock_work);
}

/*
 * Until the TSC is the clock, time is counted in ticks, and some are lost while
 * the boot has interrupts disabled: 1.2 s were seen on a slow machine.
 */
static int __init clock_start(void)
{
	if (cvm_is_guest())
		cvm_guest_clock_changed();
	return 0;
}
late_initcall(clock_start);

void __init cvm_guest_time_setup(void)
{
	x86_platform.calibrate_tsc = host_tsc_khz;
	x86_platform.calibrate_cpu = host_tsc_khz;
	x86_platform.get_wallclock = wallclock_get;
	x86_platform.set_wallclock = wallclock_set;
	x86_init.timers.wallclock_init = cvm_guest_switches_setup;
	x86_init.timers.setup_percpu_clockev = x86_init_noop;
	x86_init.timers.timer_init = timer_register;
}
