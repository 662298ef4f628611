// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched.c - slices, sleeping, timers and clocks.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/context_tracking.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/pvclock_gtod.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/vtime.h>

#include <asm/hardirq.h>
#include <asm/tsc.h>

#include "compat.h"
#include "conformance.h"
#include "shim.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define CLOCK_MEASURE_MS	200
#define CLOCK_EARLY_TRIES	20
#define CLOCK_NAME		32

/* The CPUs when the module was loaded; libcvm's number i is the i-th. */
static cpumask_var_t known_cpus;

/*
 * Where a slice may run: CPUs that libcvm has looked at, each time they came
 * online.  One that goes offline takes no care: the kernel has moved its
 * threads and timers by then.
 */
static cpumask_var_t usable_cpus;
static enum cpuhp_state hotplug_state;

/* This CPU's slice is, for RCU and the clocks, inside the guest. */
static DEFINE_PER_CPU(bool, in_guest);

/* Frequency at load time: deadlines must not change their meaning later. */
static u32 clock_khz;

/* TSC and monotonic clock of the same moment: the tightest of some pairs. */
static void clock_pair(u64 *tsc, u64 *ns)
{
	u64 best = U64_MAX, before, after, mono;
	unsigned long flags;
	int i;

	for (i = 0; i < 10; i++) {
		local_irq_save(flags);
		before = rdtsc_ordered();
		mono = ktime_get_ns();
		after = rdtsc_ordered();
		local_irq_restore(flags);
		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + best / 2;
		*ns = mono;
	}
}

/* The name of the clock in use is told to nobody but this chain's members. */
static DEFINE_MUTEX(clock_lock);
static char clock_name[CLOCK_NAME];

static int clock_look(struct notifier_block *nb, unsigned long was_set,
		      void *timekeeper)
{
	struct timekeeper *tk = timekeeper;

	/* (A clock may go, with its module.) */
	strscpy(clock_name, tk->tkr_mono.clock->name, sizeof(clock_name));
	return NOTIFY_DONE;
}

/* "" if it cannot be told. */
static void clock_find(char name[CLOCK_NAME])
{
	static struct notifier_block look = { .notifier_call = clock_look };

	mutex_lock(&clock_lock);
	clock_name[0] = '\0';
	/* Registering calls once. */
	if (!pvclock_gtod_register_notifier(&look))
		pvclock_gtod_unregister_notifier(&look);
	memcpy(name, clock_name, CLOCK_NAME);
	mutex_unlock(&clock_lock);
}

static bool clock_is(const char *name)
{
	char now[CLOCK_NAME];

	clock_find(now);
	return !strcmp(now, name);
}

void cvm_linux_clock_row(struct cvm_user_check *check)
{
	struct cvm_user_check_row *row = check->row;
	char name[CLOCK_NAME];

	while (row < check->row + check->rows &&
	       strcmp(row->name, CVM_LINUX_CLOCK_ROW))
		row++;
	if (row == check->row + check->rows)
		return;
	clock_find(name);
	row->status = CVM_CHECK_NOTE;
	if (strncmp(name, "tsc", 3)) {
		snprintf(row->text, sizeof(row->text), "the clock is %s, "
			 "not the TSC%s: the guest's will drift",
			 name[0] ? name : "unknown",
			 check_tsc_unstable() ? ", found unstable" : "");
	} else if (check_tsc_unstable()) {
		strscpy(row->text, "the kernel found the TSC unstable: the "
			"guest's clock will drift", sizeof(row->text));
	} else {
		row->status = CVM_CHECK_OK;
		strscpy(row->text, "the kernel's clock is the TSC",
			sizeof(row->text));
	}
}

/*
 * A kernel that counts time by the TSC knows its frequency as well as its own
 * clock, once it has refined the guess of early boot, which was seen 2 % wrong
 * on a busy machine: a second or two later, so this waits.  Where another
 * clock is in use the frequency is measured against it.
 */
static u32 clock_frequency(void)
{
	u64 tsc0, ns0, tsc1, ns1;
	int i;

	for (i = 0; i < CLOCK_EARLY_TRIES && clock_is("tsc-early"); i++)
		msleep(CLOCK_MEASURE_MS);
	if (clock_is("tsc"))
		return tsc_khz;
	clock_pair(&tsc0, &ns0);
	msleep(CLOCK_MEASURE_MS);
	clock_pair(&tsc1, &ns1);
	return div64_u64((tsc1 - tsc0) * NSEC_PER_MSEC, ns1 - ns0);
}

int cvm_linux_sched_init(void)
{
	if (!zalloc_cpumask_var(&known_cpus, GFP_KERNEL))
		return -ENOMEM;
	if (!zalloc_cpumask_var(&usable_cpus, GFP_KERNEL)) {
		free_cpumask_var(known_cpus);
		return -ENOMEM;
	}
	cpumask_copy(known_cpus, cpu_online_mask);
	clock_khz = clock_frequency();
	return 0;
}

void cvm_linux_sched_exit(void)
{
	free_cpumask_var(usable_cpus);
	free_cpumask_var(known_cpus);
}

/* On the CPU itself, in its hotplug thread.  The CPU is welcome anyway. */
static int cpu_comes_online(unsigned int cpu)
{
	if (cvm_cpu_check(cvm_linux_monitor))
		cpumask_clear_cpu(cpu, usable_cpus);
	else
		cpumask_set_cpu(cpu, usable_cpus);
	return 0;
}

/* Calls for every CPU that is online already. */
int cvm_linux_sched_watch_cpus(void)
{
	int state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "cvm:online",
				      cpu_comes_online, NULL);

	if (state < 0)
		return state;
	hotplug_state = state;
	return 0;
}

void cvm_linux_sched_unwatch_cpus(void)
{
	cpuhp_remove_state(hotplug_state);
}

u32 cvm_linux_sched_cpus(void)
{
	return cpumask_weight(known_cpus);
}

u32 cvm_linux_sched_khz(void)
{
	return clock_khz;
}

static struct cvm_linux_vcpu *host_vcpu(void *host_vm, u32 vcpu)
{
	return &((struct cvm_linux_vm *)host_vm)->vcpu[vcpu];
}

/* ---- scheduling of the vCPU's thread --------------------------------- */

/*
 * What another thread left in this CPU's registers, or which CPU this is,
 * libcvm cannot know: it reads the host's state again when the thread was
 * away.  The scheduler counts every switch away from a thread, so comparing
 * is enough.  Preempt notifiers would tell the same, but switching the first
 * one on patches __schedule() on a running machine.
 *
 * A function-call IPI may change registers below a thread that stays: KVM
 * switches EFER.SVME on that way, perf DEBUGCTL, the msr driver anything.
 */
static void watch_switches(struct cvm_linux_vcpu *v)
{
	unsigned long count = current->nvcsw + current->nivcsw;
	unsigned int calls = cvm_linux_compat_function_calls();
	int cpu = smp_processor_id();

	if (v->seen_count == count && v->seen_cpu == cpu &&
	    v->seen_calls == calls)
		return;
	v->seen_count = count;
	v->seen_cpu = cpu;
	v->seen_calls = calls;
	cvm_vcpu_host_stale(v->hvm->vm, v->id);
}

/* ---- cpu_call -------------------------------------------------------- */

struct remote_call {
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

static void remote_run(void *info)
{
	struct remote_call *call = info;

	call->ret = call->fn(call->arg);
}

static int remote_cpu_call(int number, int (*fn)(void *arg), void *arg)
{
	struct remote_call call = { .fn = fn, .arg = arg };
	int cpu;

	for_each_cpu(cpu, known_cpus)
		if (!number--)
			break;
	if (cpu >= nr_cpu_ids ||
	    smp_call_function_single(cpu, remote_run, &call, 1))
		return -CVM_ENOENT;
	return call.ret;
}

/*
 * As KVM does it: time in a slice is guest time, and a CPU without a tick
 * (nohz_full) is quiescent for RCU while the guest runs.  libcvm does not say
 * when exactly it enters the guest, so the whole slice counts as guest until
 * it first asks the kernel for something.  Guest time goes on until the end
 * of the slice: the tick handed on by irq_forward() must find PF_VCPU set.
 */
static void slice_enter_guest(void)
{
	vtime_account_guest_enter();
	if (!context_tracking_guest_enter())
		cvm_linux_compat_rcu_quiescent();
	this_cpu_write(in_guest, true);
}

void cvm_linux_slice_leave_guest(void)
{
	if (likely(!this_cpu_read(in_guest)) || !irqs_disabled())
		return;
	this_cpu_write(in_guest, false);
	context_tracking_guest_exit();
}

static int slice(struct cvm_linux_vcpu *v, int (*fn)(void *arg), void *arg)
{
	int ret;

	v->slices++;
	if (v->hvm->vm)
		watch_switches(v);
	WRITE_ONCE(v->cpu, smp_processor_id());
	/* Pairs with cvm_linux_wake(): it sees the CPU, or fn the event. */
	smp_mb();
	slice_enter_guest();
	ret = fn(arg);
	cvm_linux_slice_leave_guest();
	vtime_account_guest_exit();
	WRITE_ONCE(v->cpu, -1);
	return ret;
}

int cvm_linux_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
		       int (*fn)(void *arg), void *arg)
{
	unsigned long flags;
	int ret = -CVM_EPERM;

	if (cpu != CVM_CPU_CURRENT)
		return remote_cpu_call(cpu, fn, arg);
	preempt_disable();
	local_irq_save(flags);
	if (!host_vm || vcpu < 0)
		ret = fn(arg);
	else if (likely(cpumask_test_cpu(smp_processor_id(), usable_cpus)))
		ret = slice(host_vcpu(host_vm, vcpu), fn, arg);
	local_irq_restore(flags);
	preempt_enable();
	if (unlikely(ret == -CVM_EPERM))
		pr_warn_once("a guest is on a CPU where it cannot run\n");
	return ret;
}

/* ---- wait, wake, poll ------------------------------------------------ */

/* Why a sleep ended; the tracepoint shows it. */
enum {
	WOKEN,
	DEADLINE,
};

/* One of them, or -CVM_EINTR. */
static int sleep_until(struct cvm_linux_vcpu *v, u64 deadline_ns)
{
	ktime_t expires = ns_to_ktime(min_t(u64, deadline_ns, KTIME_MAX));
	bool limited = deadline_ns < KTIME_MAX;

	for (;;) {
		/* Pairs with the barrier in rcuwait_wake_up(). */
		set_current_state(TASK_INTERRUPTIBLE);
		if (xchg(&v->woken, 0))
			return WOKEN;
		if (signal_pending(current))
			return -CVM_EINTR;
		if (limited && ktime_get_ns() >= deadline_ns)
			return DEADLINE;
		schedule_hrtimeout_range(limited ? &expires : NULL, 0,
					 HRTIMER_MODE_ABS);
	}
}

int cvm_linux_wait(void *ctx, void *host_vm, u32 vcpu, u64 deadline_ns)
{
	struct cvm_linux_vcpu *v = host_vcpu(host_vm, vcpu);
	u64 start = ktime_get_ns();
	int ret;

	prepare_to_rcuwait(&v->sleeper);
	ret = sleep_until(v, deadline_ns);
	finish_rcuwait(&v->sleeper);
	trace_cvm_wait(vcpu, deadline_ns, ktime_get_ns() - start, ret);
	return ret < 0 ? ret : 0;
}

void cvm_linux_wake(void *ctx, void *host_vm, u32 vcpu)
{
	struct cvm_linux_vcpu *v = host_vcpu(host_vm, vcpu);
	int cpu;

	cvm_linux_slice_leave_guest();
	/* Full barriers on both sides of the exchange order it with slice(). */
	xchg(&v->woken, 1);
	rcuwait_wake_up(&v->sleeper);
	/*
	 * Any interrupt brings a guest back.  The CPU may have left the slice
	 * since: an empty reschedule interrupt does no harm.  It cannot have
	 * gone offline, to which a CPU that does not preempt must agree.
	 */
	preempt_disable();
	cpu = READ_ONCE(v->cpu);
	if (cpu >= 0 && cpu != raw_smp_processor_id()) {
		v->kicks++;
		cvm_linux_compat_kick(cpu);
	}
	preempt_enable();
}

int cvm_linux_poll(void *ctx, void *host_vm, u32 vcpu)
{
	cond_resched();
	return signal_pending(current) ? -CVM_EINTR : 0;
}

/* ---- timer, time ----------------------------------------------------- */

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	struct cvm_linux_vcpu *v = container_of(timer, struct cvm_linux_vcpu,
						timer);

	if (v->hvm->vm)
		cvm_timer_fired(v->hvm->vm, v->id);
	else if (v->hvm->conf)
		cvm_conformance_fired(v->hvm->conf, v->id);
	return HRTIMER_NORESTART;
}

void cvm_linux_vcpu_sched_init(struct cvm_linux_vcpu *v)
{
	v->cpu = -1;
	rcuwait_init(&v->sleeper);
	cvm_linux_compat_hrtimer_setup(&v->timer, timer_fired);
}

void cvm_linux_timer(void *ctx, void *host_vm, u32 vcpu, u64 deadline_ns)
{
	struct cvm_linux_vcpu *v = host_vcpu(host_vm, vcpu);

	cvm_linux_slice_leave_guest();
	/* try_to_cancel: inside a slice nobody may wait for the callback. */
	if (deadline_ns >= KTIME_MAX)
		hrtimer_try_to_cancel(&v->timer);
	else
		hrtimer_start(&v->timer, ns_to_ktime(deadline_ns),
			      HRTIMER_MODE_ABS_PINNED_HARD);
}

void cvm_linux_time(void *ctx, struct cvm_host_time *now)
{
	unsigned long flags;
	u64 before;

	local_irq_save(flags);
	before = rdtsc_ordered();
	now->mono_ns = ktime_get_ns();
	now->wall_ns = ktime_get_real_ns();
	now->tsc = before + (rdtsc_ordered() - before) / 2;
	local_irq_restore(flags);
	now->tsc_khz = clock_khz;
	now->pad = 0;
}
