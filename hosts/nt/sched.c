// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched.c - sleeping, waking, timers.
 */
#include "shim.h"

#include "conformance.h"

#define NS_PER_UNIT	100u	/* NT's unit of time */
/* NT's timers end at a clock tick: what is shorter is waited out. */
#define SPIN_NS		50000u
#define WAKE_INCREMENT	1	/* EVENT_INCREMENT */

static struct cvm_nt_vcpu *host_vcpu(void *host_vm, uint32_t vcpu)
{
	return &((struct cvm_nt_vm *)host_vm)->vcpu[vcpu];
}

static LARGE_INTEGER relative(uint64_t ns)
{
	return (LARGE_INTEGER){
		.QuadPart = -(int64_t)((ns + NS_PER_UNIT - 1) / NS_PER_UNIT)
	};
}

/* ---- wait, wake, poll ------------------------------------------------ */

/* STATUS_ALERTED and STATUS_USER_APC: the thread is wanted elsewhere. */
static int interrupted(NTSTATUS status)
{
	return status == STATUS_ALERTED || status == STATUS_USER_APC ||
	       PsIsThreadTerminating(cvm_current_thread());
}

/* The stack may be paged out in a wait for user mode: nothing points there. */
int cvm_nt_wait(void *ctx, void *host_vm, uint32_t vcpu, uint64_t deadline_ns)
{
	struct cvm_nt_vcpu *v = host_vcpu(host_vm, vcpu);
	int limited = deadline_ns != CVM_DEADLINE_NONE;
	NTSTATUS status;
	uint64_t now;

	(void)ctx;
	for (;;) {
		if (__atomic_exchange_n(&v->woken, 0, __ATOMIC_SEQ_CST))
			return 0;
		now = limited ? cvm_nt_mono_ns() : 0;
		if (limited && now >= deadline_ns)
			return 0;
		if (limited && deadline_ns - now < SPIN_NS) {
			__asm__ volatile("pause");
			continue;
		}
		if (limited)
			v->limit = relative(deadline_ns - now);
		status = KeWaitForSingleObject(&v->event, UserRequest,
					       UserMode, TRUE,
					       limited ? &v->limit : NULL);
		if (interrupted(status))
			return -CVM_EINTR;
	}
}

void cvm_nt_wake(void *ctx, void *host_vm, uint32_t vcpu)
{
	struct cvm_nt_vcpu *v = host_vcpu(host_vm, vcpu);
	uint64_t irql;
	int32_t cpu;

	(void)ctx;
	/* No switch of threads in here, and none to another CPU. */
	irql = cvm_nt_irql_raise(DPC_IRQL);
	__atomic_exchange_n(&v->woken, 1, __ATOMIC_SEQ_CST);
	KeSetEvent(&v->event, WAKE_INCREMENT, FALSE);
	cpu = __atomic_load_n(&v->cpu, __ATOMIC_SEQ_CST);
	if (cpu >= 0 && cpu != cvm_nt_cpu_current()) {
		v->kicks++;
		/* Queued already: then its interrupt is on the way. */
		KeInsertQueueDpc(&cvm_nt_cpus[cpu].kick, NULL, NULL);
	}
	cvm_nt_irql_lower(irql);
}

int cvm_nt_poll(void *ctx, void *host_vm, uint32_t vcpu)
{
	static LARGE_INTEGER none;
	NTSTATUS status;

	(void)ctx;
	(void)host_vm;
	(void)vcpu;
	/* NT has rescheduled when the slice ended; this only asks. */
	status = KeWaitForSingleObject(&cvm_nt.never, UserRequest, UserMode,
				       TRUE, &none);
	return interrupted(status) ? -CVM_EINTR : 0;
}

/* ---- timer ----------------------------------------------------------- */

void cvm_nt_timer_arm(struct cvm_nt_vcpu *v)
{
	uint64_t deadline = __atomic_load_n(&v->deadline, __ATOMIC_SEQ_CST);
	uint64_t now = cvm_nt_mono_ns();

	if (deadline == CVM_DEADLINE_NONE)
		KeCancelTimer(&v->timer);
	else if (deadline <= now)
		KeInsertQueueDpc(&v->timer_dpc, NULL, NULL);
	else
		KeSetTimer(&v->timer, relative(deadline - now),
			   &v->timer_dpc);
}

static void NTAPI timer_dpc(KDPC *dpc, void *arg, void *a, void *b)
{
	struct cvm_nt_vcpu *v = arg;
	uint64_t deadline = __atomic_load_n(&v->deadline, __ATOMIC_SEQ_CST);

	(void)dpc;
	(void)a;
	(void)b;
	if (deadline == CVM_DEADLINE_NONE)
		return;
	if (cvm_nt_mono_ns() < deadline) {	/* an earlier one, replaced */
		cvm_nt_timer_arm(v);
		return;
	}
	if (!__atomic_compare_exchange_n(&v->deadline, &deadline,
					 CVM_DEADLINE_NONE, 0,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	cvm_cli();
	if (v->hvm->vm)
		cvm_timer_fired(v->hvm->vm, v->id);
	else if (v->hvm->conf)
		cvm_conformance_fired(v->hvm->conf, v->id);
	cvm_sti();
}

/*
 * Inside a slice the deadline is only noted: NT looks at its timers at clock
 * ticks, and a tick ends the slice, which then arms or fires (slice_call()).
 */
void cvm_nt_timer(void *ctx, void *host_vm, uint32_t vcpu, uint64_t deadline_ns)
{
	struct cvm_nt_vcpu *v = host_vcpu(host_vm, vcpu);

	(void)ctx;
	__atomic_store_n(&v->deadline, deadline_ns, __ATOMIC_SEQ_CST);
	if (cvm_irqs_off())
		__atomic_store_n(&v->timer_dirty, 1, __ATOMIC_RELEASE);
	else
		cvm_nt_timer_arm(v);
}

void cvm_nt_vcpu_init(struct cvm_nt_vcpu *v)
{
	v->cpu = -1;
	v->deadline = CVM_DEADLINE_NONE;
	KeInitializeEvent(&v->event, SynchronizationEvent, FALSE);
	KeInitializeTimerEx(&v->timer, SynchronizationTimer);
	KeInitializeDpc(&v->timer_dpc, timer_dpc, v);
}

/* Its DPC may still run: KeFlushQueuedDpcs() comes next. */
void cvm_nt_vcpu_stop(struct cvm_nt_vcpu *v)
{
	__atomic_store_n(&v->deadline, CVM_DEADLINE_NONE, __ATOMIC_SEQ_CST);
	KeCancelTimer(&v->timer);
}
