// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.c - the run loop: enter the guest, forward what interrupted it, serve
 * what it asked for.
 *
 * A slice is one stay with interrupts disabled.  Whatever the guest was left
 * for, the host's state is complete before anything of the host runs; vectors
 * are re-raised inside the slice, still in order, and everything that may
 * sleep or return to the VMM happens after it.
 */
#include "fmt.h"
#include "host_calls.h"
#include "x86/cpu.h"

#define VECTOR_NMI	2u
#define VECTOR_MCE	18u
#define RPL_MASK	3u	/* of a selector: 0 is the kernel */
/* NT's APC interrupt is 0x1F; below it the vectors are exceptions. */
#define VECTOR_FIRST	0x1fu
#define CONSOLE_OUT_MAX	4096u
/* More NMIs than anybody sends within one switch. */
#define LATCHED_MAX	64u

/* ---- the host's part ---------------------------------------------------- */

/*
 * A host call inside the slice has returned.  With interrupts on, the next one
 * would find half of the guest's state, somewhere in the switch: better now,
 * and by name.
 */
static void after_host_call(const struct cvm_vcpu *vcpu, const char *call)
{
	char text[100];

	if (!(cvm_x86_rflags() & CVM_RFLAGS_IF))
		return;
	cvm_fmt(text, sizeof(text), "the host's %s() returned with interrupts "
		"enabled, inside a slice", call);
	cvm_host_fatal(vcpu->vm->mon, text);
}

/* cvm_vm_end() inside the slice. */
static void end_in_slice(struct cvm_vcpu *vcpu, uint32_t reason,
			 const uint64_t arg[4], const char *text)
{
	cvm_vm_end(vcpu->vm, reason, arg, text);
	after_host_call(vcpu, "wake");
}

/* 1: the host lives, and the guest cannot go on. */
static int forward_mce(struct cvm_vcpu *vcpu, int in_guest)
{
	int lost = cvm_host_machine_check(vcpu, in_guest);

	after_host_call(vcpu, "machine_check");
	return lost;
}

/* Vectors that are the host's. */
static void hand_to_host(struct cvm_vcpu *vcpu, uint32_t vector)
{
	cvm_host_irq_forward(vcpu, vector);
	after_host_call(vcpu, "irq_forward");
}

/* ---- before the switch -------------------------------------------------- */

/* Does the guest look at its events before it turns interrupts on? */
static int guest_looks(const struct cvm_vcpu *vcpu)
{
	switch (vcpu->last_hypercall) {
	case CVM_HC_IRQ:
	case CVM_HC_IDLE:
		return 1;
	case CVM_HC_DOORBELL:
		return !!(vcpu->shared->arg[1] & CVM_DOORBELL_LOOKS);
	default:
		return 0;
	}
}

/*
 * The guest called with interrupts disabled and will not look at its events
 * when it returns: have a real interrupt pend for its next STI.
 */
static void open_window(struct cvm_vcpu *vcpu)
{
	if (!__atomic_load_n(&vcpu->shared->events, __ATOMIC_ACQUIRE))
		return;
	if (!vcpu->started || guest_looks(vcpu))
		return;
	cvm_host_irq_self(vcpu);
	after_host_call(vcpu, "irq_self");
	vcpu->stats.windows++;
}

static void prepare(struct cvm_vcpu *vcpu)
{
	struct cvm_monitor *mon = vcpu->vm->mon;
	struct cvm_cpu_state *g = &cvm_guest_side(vcpu->priv)->state;
	uint64_t cr4;

	if (__atomic_exchange_n(&vcpu->stale, 0, __ATOMIC_ACQ_REL) ||
	    !(mon->ops->flags & CVM_HOST_F_SCHED_NOTIFY)) {
		if (!vcpu->started)
			cvm_host_refresh(vcpu->priv, &mon->caps);
		if (!vcpu->started)
			cvm_vcpu_first_state(vcpu);
		cvm_host_refresh(vcpu->priv, &mon->caps);
		vcpu->stats.msr_reloads++;
	} else if (vcpu->priv->msr_changed) {
		cvm_msr_lists(vcpu->priv);
		vcpu->stats.msr_reloads++;
	}
	/* Another driver may have entered VMX operation meanwhile. */
	cr4 = cvm_read_cr4();
	g->cr4 = (g->cr4 & ~CVM_CR4_KEEP) | (cr4 & CVM_CR4_KEEP);
	open_window(vcpu);
	vcpu->started = 1;
}

/* ---- after the switch --------------------------------------------------- */

static void end_fault(struct cvm_vcpu *vcpu)
{
	const struct cvm_fault *f = &vcpu->priv->fault;
	const uint64_t arg[4] = { f->vector, f->error, f->rip, f->cr2 };
	const uint64_t host = (uintptr_t)cvm_passage_start;
	struct cvm_vm *vm = vcpu->vm;
	char text[200];
	int in_switch = f->rip - host < CVM_PAGE_SIZE ||
			f->rip - vm->passage_gva < CVM_PAGE_SIZE;

	cvm_fmt(text, sizeof(text),
		"exception %llu (error code 0x%llx) at 0x%llx, CR2 0x%llx, %s",
		(unsigned long long)f->vector, (unsigned long long)f->error,
		(unsigned long long)f->rip, (unsigned long long)f->cr2,
		in_switch ? "inside the world switch" :
		"before the guest had an IDT of its own");
	/* Loading the host failed once and then worked: nothing that a guest
	 * can do, and the host's state is not what it was. */
	if (in_switch && (f->to & CVM_SIDE_FLIP) == 0)
		cvm_host_fatal(vm->mon, text);
	end_in_slice(vcpu, CVM_RUN_FATAL, arg, text);
}

/*
 * The vector brought the host's timer, which fired: it had been due since the
 * armed deadline, and the guest had interrupts disabled for so long.
 */
static void note_late(struct cvm_vcpu *vcpu, uint64_t armed_tsc)
{
	uint64_t *max = &vcpu->stats.irqoff_tsc_max;

	if (armed_tsc >= vcpu->left_tsc ||
	    __atomic_load_n(&vcpu->shared->armed_tsc, __ATOMIC_ACQUIRE) ==
	    armed_tsc)
		return;
	if (vcpu->left_tsc - armed_tsc > *max)
		*max = vcpu->left_tsc - armed_tsc;
}

static void forward_vector(struct cvm_vcpu *vcpu, uint32_t vector)
{
	uint64_t armed_tsc = __atomic_load_n(&vcpu->shared->armed_tsc,
					     __ATOMIC_ACQUIRE);
	const uint64_t arg[4] = { vector };
	char text[80];

	if (vector < VECTOR_FIRST || vector > 255) {
		cvm_fmt(text, sizeof(text),
			"guest forwarded vector %u, which is no interrupt",
			vector);
		end_in_slice(vcpu, CVM_RUN_FATAL, arg, text);
		return;
	}
	vcpu->stats.forwarded++;
	vcpu->stats.vector[vector]++;
	hand_to_host(vcpu, vector);
	note_late(vcpu, armed_tsc);
}

static void raise_nmi(struct cvm_vcpu *vcpu)
{
	vcpu->stats.nmi_raised++;
	hand_to_host(vcpu, VECTOR_NMI);
	/* The CPU blocks NMIs from the one it took until the next IRET, which
	 * the guest has not done (SDM vol. 3A, 6.7.1 "Handling Multiple
	 * NMIs"). */
	cvm_x86_iret();
}

/* What came while neither kernel could take it. */
static void serve_latches(struct cvm_vcpu *vcpu)
{
	struct cvm_priv *priv = vcpu->priv;

	/* The guest can write these pages: a wild store of its must not keep
	 * the host here. */
	if (priv->nmi - vcpu->last_nmi > LATCHED_MAX) {
		vcpu->last_nmi = priv->nmi;
		end_in_slice(vcpu, CVM_RUN_FATAL, NULL,
			     "guest overwrote its passage's NMI count");
	}
	/* One by one: a second may come inside the latch of the first, and
	 * the host would have taken both. */
	for (; vcpu->last_nmi != priv->nmi; vcpu->last_nmi++) {
		vcpu->stats.nmi_passage++;
		raise_nmi(vcpu);
	}
	if (priv->mce != vcpu->last_mce) {
		vcpu->stats.mce += priv->mce - vcpu->last_mce;
		vcpu->last_mce = priv->mce;
		forward_mce(vcpu, 0);
	}
}

/* Once in the guest: the host may have lost no more than this guest. */
static void guest_mce(struct cvm_vcpu *vcpu)
{
	const uint64_t cs = vcpu->shared->arg[0], rip = vcpu->shared->arg[1];
	const uint64_t arg[4] = { VECTOR_MCE, 0, rip, 0 };
	char text[160];

	vcpu->stats.mce++;
	if (!forward_mce(vcpu, 1))
		return;
	cvm_fmt(text, sizeof(text), "uncorrected hardware error (machine "
		"check) in %s at 0x%llx; the host's kernel log says where",
		cs & RPL_MASK ? "a program of the guest" :
		"the guest's kernel", (unsigned long long)rip);
	end_in_slice(vcpu, CVM_RUN_FATAL, arg, text);
}

static void log_row(void *arg, const char *line)
{
	const struct cvm_vcpu *vcpu = arg;

	cvm_host_log(vcpu->vm->mon, CVM_LOG_INFO, line);
	after_host_call(vcpu, "log");
}

static void compare_state(struct cvm_vcpu *vcpu)
{
	uint64_t before, after;
	const char *row;
	char text[160];

	row = cvm_state_diff(&vcpu->before, &vcpu->after, &before, &after);
	if (!row)
		return;
	cvm_fmt(text, sizeof(text),
		"host CPU state changed: %s was 0x%llx, is 0x%llx", row,
		(unsigned long long)before, (unsigned long long)after);
	cvm_state_dump(&vcpu->after, log_row, vcpu);
	cvm_host_log(vcpu->vm->mon, CVM_LOG_ERROR, text);
	after_host_call(vcpu, "log");
	end_in_slice(vcpu, CVM_RUN_FATAL, NULL, text);
}

/* ---- the slice ---------------------------------------------------------- */

static void switch_once(struct cvm_vcpu *vcpu)
{
	const int compare = vcpu->vm->flags & CVM_VM_F_COMPARE;
	const struct cvm_x86_caps *caps = &vcpu->vm->mon->caps;
	uint64_t cr8 = cvm_read_cr8();
	uint64_t tsc;

	if (compare)
		cvm_state_read(&vcpu->before, caps);
	cvm_fpu_enter(vcpu->fpu);
	tsc = cvm_rdtsc();
	cvm_x86_switch(vcpu->priv);
	vcpu->left_tsc = cvm_rdtsc();
	tsc = vcpu->left_tsc - tsc;
	cvm_fpu_leave(vcpu->fpu);
	if (cvm_read_cr8() != cr8)
		cvm_write_cr8(cr8);
	if (compare)
		cvm_state_read(&vcpu->after, caps);
	vcpu->stats.switches++;
	vcpu->stats.guest_tsc += tsc;
	if (tsc > vcpu->stats.slice_tsc_max)
		vcpu->stats.slice_tsc_max = tsc;
}

static void arm_timer(struct cvm_vcpu *vcpu, uint64_t tsc)
{
	uint64_t ns = cvm_clock_deadline_ns(vcpu, tsc);

	after_host_call(vcpu, "time");
	cvm_host_timer(vcpu, ns);
	after_host_call(vcpu, "timer");
}

/* Hypercalls that need no thread context.  1: enter again right away. */
static int quick_hypercall(struct cvm_vcpu *vcpu)
{
	struct cvm_shared *shared = vcpu->shared;
	struct cvm_vm *vm = vcpu->vm;
	uint64_t tsc;

	switch (vcpu->last_hypercall) {
	case CVM_HC_NOOP:
		return 1;
	case CVM_HC_TIMER:
		tsc = shared->deadline_tsc;
		__atomic_store_n(&shared->armed_tsc, tsc, __ATOMIC_RELEASE);
		arm_timer(vcpu, tsc);
		vcpu->stats.timers++;
		return 1;
	case CVM_HC_TIME:
		cvm_clock_write(vm->vcpu[0]);
		after_host_call(vcpu, "time");
		return 1;
	case CVM_HC_IRQ:
		forward_vector(vcpu, shared->vector);
		return 0;
	case CVM_HC_NMI:
		vcpu->stats.nmi_guest++;
		raise_nmi(vcpu);
		return 0;
	case CVM_HC_MCE:
		guest_mce(vcpu);
		return 0;
	default:
		return 0;
	}
}

static int slice(void *arg)
{
	struct cvm_vcpu *vcpu = arg;
	struct cvm_shared *shared = vcpu->shared;

	if (cvm_debug_store_look(vcpu->priv, &vcpu->vm->mon->caps))
		__atomic_store_n(&vcpu->stale, 1, __ATOMIC_RELEASE);
	do {
		if (__atomic_load_n(&vcpu->must_return, __ATOMIC_ACQUIRE))
			return -CVM_EINTR;
		prepare(vcpu);
		switch_once(vcpu);
		serve_latches(vcpu);
		if (vcpu->vm->flags & CVM_VM_F_COMPARE)
			compare_state(vcpu);
		if (vcpu->priv->fault.count) {
			end_fault(vcpu);
			return -CVM_EIO;
		}
		vcpu->last_hypercall = shared->hypercall;
		shared->ret = 0;
		if (vcpu->last_hypercall < CVM_HC_MAX)
			vcpu->stats.exits[vcpu->last_hypercall]++;
	} while (quick_hypercall(vcpu));
	return 0;
}

/* ---- hypercalls in thread context ---------------------------------------- */

static void bad_hypercall(struct cvm_vcpu *vcpu, const char *what,
			  uint64_t value)
{
	char text[120];

	cvm_fmt(text, sizeof(text), "guest: %s 0x%llx", what,
		(unsigned long long)value);
	cvm_vm_end(vcpu->vm, CVM_RUN_FATAL, NULL, text);
}

/*
 * A wake() from before the guest idled ends a wait at once, and every event
 * that came while it ran has left one: look whether there is a reason.
 */
static int sleep_until(struct cvm_vcpu *vcpu, uint64_t deadline)
{
	struct cvm_shared *shared = vcpu->shared;
	int ret = 0;

	while (!ret && !__atomic_load_n(&shared->events, __ATOMIC_SEQ_CST)) {
		if (__atomic_load_n(&vcpu->must_return, __ATOMIC_ACQUIRE))
			break;
		ret = cvm_host_wait(vcpu, cvm_clock_deadline_ns(vcpu,
								deadline));
		if (deadline != CVM_DEADLINE_NONE &&
		    (int64_t)(cvm_rdtsc() - deadline) >= 0)
			break;
	}
	return ret;
}

/* Sleep until there is something to do.  Pending events come first. */
static int idle_vcpu(struct cvm_vcpu *vcpu)
{
	struct cvm_shared *shared = vcpu->shared;
	uint64_t deadline = shared->deadline_tsc, tsc = cvm_rdtsc();
	int ret;

	/* The host's timer will wake it: no deadline for the wait itself. */
	if (deadline >= __atomic_load_n(&shared->armed_tsc, __ATOMIC_ACQUIRE))
		deadline = CVM_DEADLINE_NONE;
	shared->in_idle = 1;
	ret = sleep_until(vcpu, deadline);
	shared->in_idle = 0;
	vcpu->stats.idle_tsc += cvm_rdtsc() - tsc;
	if (deadline != CVM_DEADLINE_NONE &&
	    (int64_t)(cvm_rdtsc() - deadline) >= 0)
		__atomic_fetch_or(&shared->events, 1ull << CVM_EVENT_TIMER_BIT,
				  __ATOMIC_SEQ_CST);
	return ret;
}

static void end_by_guest(struct cvm_vcpu *vcpu, uint32_t hypercall)
{
	const struct cvm_shared *shared = vcpu->shared;
	const uint64_t *arg = shared->arg;
	uint64_t copy[4] = { arg[0], arg[1], arg[2], arg[3] };
	char text[CVM_GUEST_TEXT];

	switch (hypercall) {
	case CVM_HC_REBOOT:
		cvm_vm_end(vcpu->vm, CVM_RUN_REBOOT, copy, "reboot");
		break;
	case CVM_HC_PANIC:
		cvm_copy_printable(text, shared->guest_text, sizeof(text));
		cvm_vm_end(vcpu->vm, CVM_RUN_PANIC, copy, text);
		break;
	case CVM_HC_FATAL:
		cvm_fmt(text, sizeof(text), "guest gave up: exception %llu "
			"(error code 0x%llx) at 0x%llx, CR2 0x%llx",
			(unsigned long long)copy[0],
			(unsigned long long)copy[1],
			(unsigned long long)copy[2],
			(unsigned long long)copy[3]);
		cvm_vm_end(vcpu->vm, CVM_RUN_FATAL, copy, text);
		break;
	default:
		cvm_vm_end(vcpu->vm, CVM_RUN_POWEROFF, copy, "power off");
		break;
	}
}

static void start_other(struct cvm_vcpu *vcpu)
{
	const uint64_t *arg = vcpu->shared->arg;
	struct cvm_user_boot boot = {
		.vcpu = (uint32_t)arg[0],
		.rip = arg[1],
		.rsp = arg[2],
		.cr3 = arg[3],
	};

	vcpu->shared->ret = arg[0] >= CVM_MAX_VCPUS ? -CVM_ENOENT :
			    cvm_vcpu_boot(vcpu->vm, &boot);
}

/* What comes after a hypercall; beside them a negative CVM_E*. */
enum {
	ENTER_AGAIN,
	BACK_TO_VMM,	/* RUN returns with what is in its structure */
};

static int user_hypercall(struct cvm_vcpu *vcpu, struct cvm_user_run *args)
{
	const uint64_t *arg = vcpu->shared->arg;
	uint64_t gpa = arg[0], bytes = arg[1];

	switch (vcpu->last_hypercall) {
	case CVM_HC_CONSOLE_OUT:
		if (bytes > CONSOLE_OUT_MAX ||
		    !cvm_mem_contains(vcpu->vm, gpa, bytes)) {
			bad_hypercall(vcpu, "console output outside memory, at",
				      gpa);
			return ENTER_AGAIN;
		}
		args->reason = CVM_RUN_CONSOLE_OUT;
		args->arg[0] = gpa;
		args->arg[1] = bytes;
		return BACK_TO_VMM;
	case CVM_HC_CONSOLE_ROOM:
		args->reason = CVM_RUN_CONSOLE_ROOM;
		return BACK_TO_VMM;
	case CVM_HC_DOORBELL:
		args->reason = CVM_RUN_DOORBELL;
		args->arg[0] = gpa;
		return BACK_TO_VMM;
	default:
		return ENTER_AGAIN;
	}
}

/* The same result as user_hypercall(), or -CVM_EINTR. */
static int thread_hypercall(struct cvm_vcpu *vcpu, struct cvm_user_run *args)
{
	uint32_t hypercall = vcpu->last_hypercall;

	switch (hypercall) {
	case CVM_HC_IRQ:
	case CVM_HC_NMI:
	case CVM_HC_MCE:
	case CVM_HC_YIELD:
		return ENTER_AGAIN;
	case CVM_HC_IDLE:
		return idle_vcpu(vcpu);
	case CVM_HC_KICK:
		if (vcpu->shared->arg[0] < CVM_MAX_VCPUS)
			cvm_event_raise(vcpu->vm,
					(uint32_t)vcpu->shared->arg[0],
					vcpu->shared->arg[1]);
		return ENTER_AGAIN;
	case CVM_HC_VCPU_START:
		start_other(vcpu);
		return ENTER_AGAIN;
	case CVM_HC_POWEROFF:
	case CVM_HC_REBOOT:
	case CVM_HC_HALT:
	case CVM_HC_PANIC:
	case CVM_HC_FATAL:
		end_by_guest(vcpu, hypercall);
		return ENTER_AGAIN;
	case CVM_HC_DOORBELL:
		if (cvm_doorbell_ring(vcpu, vcpu->shared->arg[0]))
			return ENTER_AGAIN;
		return user_hypercall(vcpu, args);
	case CVM_HC_CONSOLE_OUT:
	case CVM_HC_CONSOLE_ROOM:
		return user_hypercall(vcpu, args);
	default:
		bad_hypercall(vcpu, "unknown hypercall", hypercall);
		return ENTER_AGAIN;
	}
}

/* ---- RUN ---------------------------------------------------------------- */

static void run_ended(struct cvm_vm *vm, struct cvm_user_run *args)
{
	uint32_t i;

	args->reason = __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE);
	for (i = 0; i < 4; i++)
		args->arg[i] = vm->end_arg[i];
	for (i = 0; i < sizeof(args->text); i++)
		args->text[i] = vm->end_text[i];
}

static int run_once(struct cvm_vcpu *vcpu, struct cvm_user_run *args)
{
	int ret;

	if (__atomic_load_n(&vcpu->booted, __ATOMIC_ACQUIRE) != CVM_BOOT_DONE)
		return cvm_host_wait(vcpu, CVM_DEADLINE_NONE);
	if (cvm_clock_is_off(vcpu))
		cvm_clock_was_set(vcpu->vm);
	ret = cvm_host_slice(vcpu, slice);
	if (!ret)
		ret = thread_hypercall(vcpu, args);
	if (ret)
		return ret;
	return cvm_host_poll(vcpu);
}

static int run_loop(struct cvm_vcpu *vcpu, struct cvm_user_run *args)
{
	struct cvm_vm *vm = vcpu->vm;
	uint32_t fresh = CVM_VM_NEW;
	int ret;

	args->reason = CVM_RUN_INTR;
	/* Not over the ENDED of a kill that comes right now. */
	__atomic_compare_exchange_n(&vm->state, &fresh, CVM_VM_RUNNING, 0,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	for (;;) {
		if (__atomic_load_n(&vm->end, __ATOMIC_ACQUIRE)) {
			run_ended(vm, args);
			return 0;
		}
		ret = run_once(vcpu, args);
		if (ret == BACK_TO_VMM)
			return 0;
		if (ret && !__atomic_load_n(&vm->end, __ATOMIC_ACQUIRE)) {
			__atomic_store_n(&vcpu->must_return, 0,
					 __ATOMIC_RELEASE);
			/* A host that cannot run us here says so. */
			return ret == -CVM_EINTR ? 0 : ret;
		}
	}
}

int cvm_vcpu_run(struct cvm_vm *vm, struct cvm_user_run *args)
{
	struct cvm_vcpu *vcpu;
	int ret;

	if (args->vcpu >= __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		return -CVM_ENOENT;
	vcpu = vm->vcpu[args->vcpu];
	if (__atomic_exchange_n(&vcpu->running, 1, __ATOMIC_ACQUIRE))
		return -CVM_EBUSY;
	/* The thread comes from user space, which has changed its state. */
	__atomic_store_n(&vcpu->stale, 1, __ATOMIC_RELEASE);
	/* It is awake: this is its thread. */
	if (args->events)
		cvm_event_set(vcpu, args->events);
	args->events = 0;
	ret = run_loop(vcpu, args);
	__atomic_store_n(&vcpu->running, 0, __ATOMIC_RELEASE);
	return ret;
}
