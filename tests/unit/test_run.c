// SPDX-License-Identifier: GPL-2.0-only
/* test_run.c - the run loop, with guests written in C. */
#include "core.h"
#include "x86/cpu.h"

#define TSC_PER_NS	2u

static struct core c;
static uint32_t step;	/* of the guest under test */

static struct cvm_shared *shared(void)
{
	return c.vm->vcpu[0]->shared;
}

static void start(void (*guest)(struct cvm_priv *, struct cvm_shared *))
{
	step = 0;
	core_start(&c);
	/* (The wake of VCPU_BOOT would end the first sleep at once.) */
	c.fvm.woken[0] = 0;
	fake_cpu.guest = guest;
}

static struct cvm_user_run run(void)
{
	struct cvm_user_run args;

	memset(&args, 0, sizeof(args));
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	assert_false(c.host.in_slice);
	return args;
}

/* ---- ends ---------------------------------------------------------------- */

static uint32_t final_op;

static void guest_final(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = final_op;
	s->arg[0] = 14;
	s->arg[1] = 2;
	s->arg[2] = 0xffffffff81000000ull;
	s->arg[3] = 0xdead;
	strcpy(s->guest_text, "Attempted to kill \033init!");
}

static void finals(void **state)
{
	static const struct {
		uint32_t op, reason;
		const char *text;
	} cases[] = {
		{ CVM_HC_POWEROFF, CVM_RUN_POWEROFF, "power off" },
		{ CVM_HC_HALT, CVM_RUN_POWEROFF, "power off" },
		{ CVM_HC_REBOOT, CVM_RUN_REBOOT, "reboot" },
		{ CVM_HC_PANIC, CVM_RUN_PANIC, "Attempted to kill ?init!" },
		{ CVM_HC_FATAL, CVM_RUN_FATAL, "exception 14" },
		{ CVM_HC_MAX, CVM_RUN_FATAL, "unknown hypercall" },
		{ 20, CVM_RUN_FATAL, "unknown hypercall" },
		{ UINT32_MAX, CVM_RUN_FATAL, "unknown hypercall" },
	};
	struct cvm_user_run args;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		final_op = cases[i].op;
		start(guest_final);
		args = run();
		assert_int_equal(args.reason, cases[i].reason);
		assert_non_null(strstr(args.text, cases[i].text));
		/* An ended VM says so again and is not entered. */
		args = run();
		assert_int_equal(args.reason, cases[i].reason);
		assert_int_equal(fake_cpu.switches, 1);
		core_end(&c);
	}
}

static void killed_before(void **state)
{
	(void)state;
	start(guest_final);
	cvm_vm_kill(c.vm);
	assert_int_equal(run().reason, CVM_RUN_KILLED);
	assert_int_equal(fake_cpu.switches, 0);
	core_end(&c);
}

static void not_booted(void **state)
{
	struct cvm_user_run args = { .vcpu = 1 };

	(void)state;
	start(guest_final);
	/* vCPU 1 waits to be started; the thread is wanted back. */
	c.fvm.wait_ret = -CVM_EINTR;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args), 0);
	assert_int_equal(args.reason, CVM_RUN_INTR);
	args.vcpu = 2;
	assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &args),
			 -CVM_ENOENT);
	core_end(&c);
}

/* ---- vectors ------------------------------------------------------------- */

static void guest_vectors(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = CVM_HC_IRQ;
	s->vector = 0x1f + step++;
	if (s->vector > 255)
		s->hypercall = CVM_HC_POWEROFF;
}

static void vectors(void **state)
{
	struct cvm_stats sum;
	uint32_t v;

	(void)state;
	start(guest_vectors);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	cvm_stats_sum(c.vm, &sum);
	for (v = 0; v < 256; v++) {
		assert_int_equal(c.host.forwarded[v], v >= 0x1f);
		assert_int_equal(sum.vector[v], v >= 0x1f);
	}
	assert_int_equal(sum.forwarded, 256 - 0x1f);
	assert_int_equal(sum.exits[CVM_HC_IRQ], 256 - 0x1f);
	core_end(&c);
}

static uint32_t bad_vector;

static void guest_bad_vector(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = CVM_HC_IRQ;
	s->vector = bad_vector;
}

static void bad_vectors(void **state)
{
	static const uint32_t bad[] = { 0, 14, 0x1e, 256, UINT32_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bad_vector = bad[i];
		start(guest_bad_vector);
		assert_int_equal(run().reason, CVM_RUN_FATAL);
		assert_int_equal(c.host.calls[FAKE_IRQ_FORWARD], 0);
		core_end(&c);
	}
}

/* ---- windows, idle, timer ----------------------------------------------- */

static void guest_windows(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	switch (step++) {
	case 0:
		s->hypercall = CVM_HC_NOOP;	/* nothing pends: no window */
		return;
	case 1:
		assert_int_equal(c.host.self_irqs, 0);
		cvm_event_raise(c.vm, 0, 1ull << 16);
		s->hypercall = CVM_HC_NOOP;
		return;
	case 2:
		assert_int_equal(c.host.self_irqs, 1);
		s->hypercall = CVM_HC_IRQ;	/* the hook looks by itself */
		s->vector = 0x20;
		return;
	case 3:
		assert_int_equal(c.host.self_irqs, 1);
		s->hypercall = CVM_HC_IDLE;	/* so does the idle routine */
		return;
	default:
		assert_int_equal(c.host.self_irqs, 1);
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void windows(void **state)
{
	(void)state;
	start(guest_windows);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	/* An event was pending: idle must not have slept. */
	assert_int_equal(c.fvm.waits, 0);
	core_end(&c);
}

static uint64_t first_wall;

/* The guest's clock follows the host's, but not every flutter of it. */
static void guest_clock(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = CVM_HC_YIELD;
	switch (step++) {
	case 0:
		c.host.wall_step_ns = 50000000;
		return;
	case 1:
		assert_false(s->events & 1ull << CVM_EVENT_CLOCK_BIT);
		c.host.wall_step_ns = -5000000000;
		return;
	case 2:
		assert_true(s->events & 1ull << CVM_EVENT_CLOCK_BIT);
		assert_int_equal(s->wall_base_ns - first_wall, -5000000000);
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void clock_follows(void **state)
{
	(void)state;
	start(guest_clock);
	first_wall = c.vm->vcpu[0]->shared->wall_base_ns;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	core_end(&c);
}

static void guest_timer(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	switch (step++) {
	case 0:
		s->deadline_tsc = (c.host.now_ns + 5000000) * TSC_PER_NS;
		s->hypercall = CVM_HC_TIMER;
		return;
	case 1:
		assert_int_equal(s->armed_tsc, s->deadline_tsc);
		s->hypercall = CVM_HC_IDLE;
		return;
	case 2:
		assert_in_range(c.host.now_ns, 1005000000, 1005000010);
		assert_true(s->events & 1ull << CVM_EVENT_TIMER_BIT);
		/* Fired: a later deadline must be armed again. */
		assert_true(s->armed_tsc == CVM_DEADLINE_NONE);
		s->events = 0;
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void timer(void **state)
{
	(void)state;
	start(guest_timer);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(c.vm->vcpu[0]->stats.timers, 1);
	core_end(&c);
}

#define LATE	1000000000ull	/* TSC ticks; more than a test takes */

static void timer_interrupt(uint32_t vector)
{
	if (vector == 0xec)
		cvm_timer_fired(c.vm, 0);
}

/* Its timer has been due for long when the interrupt comes at last. */
static void guest_is_deaf(struct cvm_priv *priv, struct cvm_shared *s)
{
	static const uint32_t op[] = { CVM_HC_TIMER, CVM_HC_IRQ, CVM_HC_IRQ,
				       CVM_HC_TIMER, CVM_HC_IRQ,
				       CVM_HC_POWEROFF };
	uint64_t max = c.vm->vcpu[0]->stats.irqoff_tsc_max;

	(void)priv;
	assert_true(step > 2 ? max >= LATE && max < 10 * LATE : !max);
	/* Another vector tells nothing, nor does a timer that comes early. */
	s->vector = step == 1 ? 0x30 : 0xec;
	s->deadline_tsc = cvm_rdtsc() + (step ? 1000 * LATE : -LATE);
	s->hypercall = op[step++];
}

static void late_interrupts_are_noted(void **state)
{
	(void)state;
	start(guest_is_deaf);
	c.host.on_forward = timer_interrupt;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(step, 6);
	core_end(&c);
}

static void guest_idle(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	if (step++) {
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
	/* Sleep without arming: the wait's own deadline ends it. */
	s->deadline_tsc = (c.host.now_ns + 1000000) * TSC_PER_NS;
	s->hypercall = CVM_HC_IDLE;
}

static void idle_deadline(void **state)
{
	(void)state;
	start(guest_idle);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_in_range(c.host.now_ns, 1001000000, 1001000010);
	assert_int_equal(c.fvm.waits, 1);
	core_end(&c);
}

/* ---- what goes to the VMM ----------------------------------------------- */

static uint64_t out_gpa, out_bytes;

static void guest_console(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	s->hypercall = CVM_HC_CONSOLE_OUT;
	s->arg[0] = out_gpa;
	s->arg[1] = out_bytes;
}

static void console_out(void **state)
{
	struct cvm_user_run args;

	(void)state;
	start(guest_console);
	out_gpa = c.vm->first_hpa + 64 * MIB - 4096;
	out_bytes = 4096;
	args = run();
	assert_int_equal(args.reason, CVM_RUN_CONSOLE_OUT);
	assert_int_equal(args.arg[0], out_gpa);
	assert_int_equal(args.arg[1], out_bytes);
	/* One byte over the end of its memory: the guest is broken. */
	out_gpa++;
	assert_int_equal(run().reason, CVM_RUN_FATAL);
	core_end(&c);

	start(guest_console);
	out_gpa = c.vm->first_hpa;
	out_bytes = 4097;
	assert_int_equal(run().reason, CVM_RUN_FATAL);
	core_end(&c);
}

static void guest_others(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	switch (step++) {
	case 0:
		s->hypercall = CVM_HC_DOORBELL;
		s->arg[0] = 77;
		return;
	case 1:
		s->hypercall = CVM_HC_CONSOLE_ROOM;
		return;
	case 2:
		s->hypercall = CVM_HC_KICK;
		s->arg[0] = 1;
		s->arg[1] = 1ull << CVM_EVENT_CALL_BIT;
		return;
	case 3:
		s->hypercall = CVM_HC_KICK;	/* to nobody: no harm */
		s->arg[0] = 1ull << 32;
		return;
	case 4:
		s->hypercall = CVM_HC_VCPU_START;
		s->arg[0] = 1;
		s->arg[1] = 0x100;
		s->arg[2] = 0x200;
		s->arg[3] = 0x1000;	/* not its memory */
		return;
	case 5:
		assert_int_equal(s->ret, -CVM_EFAULT);
		s->hypercall = CVM_HC_VCPU_START;
		s->arg[3] = c.vm->first_hpa;
		return;
	case 6:
		assert_int_equal(s->ret, 0);
		s->hypercall = CVM_HC_VCPU_START;
		return;
	case 7:
		assert_int_equal(s->ret, -CVM_EBUSY);
		s->hypercall = CVM_HC_TIME;
		return;
	default:
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void other_hypercalls(void **state)
{
	struct cvm_user_run args;

	(void)state;
	start(guest_others);
	args = run();
	assert_int_equal(args.reason, CVM_RUN_DOORBELL);
	assert_int_equal(args.arg[0], 77);
	assert_int_equal(run().reason, CVM_RUN_CONSOLE_ROOM);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(c.vm->vcpu[1]->shared->events,
			 1ull << CVM_EVENT_CALL_BIT);
	assert_int_equal(c.vm->vcpu[1]->booted, CVM_BOOT_DONE);
	assert_int_equal(core_guest_wall(&c), core_host_wall(&c));
	core_end(&c);
}

static void guest_spins(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	step++;
	s->hypercall = CVM_HC_IRQ;
	s->vector = 0xec;
	if (step == 10)
		c.host.poll_ret = -CVM_EINTR;
	if (step == 20)
		cvm_vm_kill(c.vm);
}

static void host_wants_the_thread(void **state)
{
	(void)state;
	start(guest_spins);
	assert_int_equal(run().reason, CVM_RUN_INTR);
	assert_int_equal(step, 10);
	assert_int_equal(run().reason, CVM_RUN_KILLED);
	assert_int_equal(step, 20);
	core_end(&c);
}

/* ---- faults in the passage ---------------------------------------------- */

static void guest_without_idt(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)s;
	priv->fault.count = 1;
	priv->fault.vector = 14;
	priv->fault.rip = 0xffffffff81000123ull;
	priv->fault.cr2 = 0xabc;
	priv->fault.guest_world = 1;
	priv->fault.to = CVM_PRIV_GUEST;
}

static void fault_ends_the_guest(void **state)
{
	struct cvm_user_run args;

	(void)state;
	start(guest_without_idt);
	args = run();
	assert_int_equal(args.reason, CVM_RUN_FATAL);
	assert_int_equal(args.arg[0], 14);
	assert_int_equal(args.arg[2], 0xffffffff81000123ull);
	assert_non_null(strstr(args.text, "before the guest had an IDT"));
	core_end(&c);
}

static void guest_breaks_the_host(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)s;
	priv->fault.count = 1;
	priv->fault.vector = 13;
	priv->fault.rip = (uintptr_t)cvm_passage_start + 0x200;
	priv->fault.to = (uintptr_t)cvm_host_side(priv);
}

/* A fault while the host was loaded: nothing may run on. */
static void fault_in_the_switch_is_fatal(void **state)
{
	static jmp_buf back;

	(void)state;
	start(guest_breaks_the_host);
	c.host.fatal_jmp = &back;
	if (!setjmp(back)) {
		run();
		fail_msg("fatal() was not called");
	}
	assert_non_null(strstr(c.host.fatal_line, "exception 13"));
	assert_non_null(strstr(c.host.fatal_line, "inside the world switch"));
	c.host.fatal_jmp = NULL;
	core_end(&c);
}

/* ---- the host's state --------------------------------------------------- */

#define LSTAR	0xc0000082u

static void guest_leaves_lstar(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	if (++step == 3)
		fake_cpu_set_msr(LSTAR, 0xbad);
	s->hypercall = step == 5 ? CVM_HC_POWEROFF : CVM_HC_NOOP;
}

/* CVM_VM_F_COMPARE names the first row that did not come back. */
static void compare(void **state)
{
	struct cvm_user_run args;

	(void)state;
	start(guest_leaves_lstar);
	c.vm->flags |= CVM_VM_F_COMPARE;
	args = run();
	assert_int_equal(args.reason, CVM_RUN_FATAL);
	assert_non_null(strstr(args.text, "lstar"));
	assert_non_null(strstr(args.text, "is 0xbad"));
	assert_non_null(strstr(c.host.last_log, "lstar"));
	assert_int_equal(step, 3);
	core_end(&c);

	/* And says nothing when all is well. */
	start(guest_spins);
	c.vm->flags |= CVM_VM_F_COMPARE;
	assert_int_equal(run().reason, CVM_RUN_INTR);
	core_end(&c);
}

static void guest_raises_cr8(struct cvm_priv *priv, struct cvm_shared *s)
{
	(void)priv;
	fake_cpu.cr[8] = 0xf;
	s->hypercall = CVM_HC_POWEROFF;
}

static void task_priority_comes_back(void **state)
{
	(void)state;
	start(guest_raises_cr8);
	fake_cpu.cr[8] = 1;
	run();
	assert_int_equal(fake_cpu.cr[8], 1);
	core_end(&c);
}

static void guest_watches_vmxe(struct cvm_priv *priv, struct cvm_shared *s)
{
	uint64_t cr4 = cvm_guest_side(priv)->state.cr4;

	/* Another driver turns VMX on and off while the guest sleeps. */
	assert_int_equal(cr4 >> 13 & 1, step & 1);
	fake_cpu.cr[4] ^= 1ull << 13;
	s->hypercall = ++step == 4 ? CVM_HC_POWEROFF : CVM_HC_YIELD;
}

static void vmxe_follows_the_host(void **state)
{
	(void)state;
	start(guest_watches_vmxe);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	core_end(&c);
}

static void guest_counts_reloads(struct cvm_priv *priv, struct cvm_shared *s)
{
	uint64_t reloads = c.vm->vcpu[0]->stats.msr_reloads;

	switch (step++) {
	case 0:
		assert_int_equal(reloads, 1);	/* the first entry */
		s->hypercall = CVM_HC_YIELD;
		return;
	case 1:
		assert_int_equal(reloads, 1);	/* nothing happened */
		cvm_vcpu_host_stale(c.vm, 0);
		cvm_vcpu_host_stale(c.vm, 99);
		s->hypercall = CVM_HC_YIELD;
		return;
	case 2:
		assert_int_equal(reloads, 2);	/* the thread had moved */
		priv->msr_changed = 1;
		s->hypercall = CVM_HC_YIELD;
		return;
	default:
		assert_int_equal(reloads, 3);	/* the guest wrote one */
		s->hypercall = CVM_HC_POWEROFF;
		return;
	}
}

static void host_state_is_read_when_stale(void **state)
{
	(void)state;
	start(guest_counts_reloads);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	core_end(&c);
}

/* The host turns PEBS on and off between slices, in an interrupt. */
static void guest_is_sampled(struct cvm_priv *priv, struct cvm_shared *s)
{
	const struct cvm_msr_load *off = priv->debug_store_off,
		*on = priv->debug_store_on;

	s->hypercall = CVM_HC_YIELD;
	switch (step++) {
	case 0:
		assert_int_equal(priv->debug_store_live, 0);
		fake_cpu_set_msr(0x3f1, 0x100000001ull);
		break;
	case 1:
		assert_int_equal(priv->debug_store_live, 1);
		assert_int_equal(off[0].index, 0x38f);
		assert_int_equal(off[0].low, 0xe);
		assert_int_equal(off[0].high, 7);
		assert_int_equal(off[1].index, 0x3f1);
		assert_int_equal(off[1].low | off[1].high, 0);
		assert_int_equal(off[2].index, 0);
		assert_int_equal(on[0].index, 0x3f1);
		assert_int_equal(on[0].low & on[0].high, 1);
		assert_int_equal(on[1].index, 0x38f);
		assert_int_equal(on[1].low, 0xf);
		assert_int_equal(on[1].high, 7);
		assert_int_equal(on[2].index, 0);
		fake_cpu_set_msr(0x3f1, 0);
		fake_cpu_set_msr(0x1d9, 0xc0);
		break;
	case 2:
		assert_int_equal(priv->debug_store_live, 1);
		assert_int_equal(off[0].index, 0x1d9);
		assert_int_equal(off[0].low | off[0].high, 0);
		assert_int_equal(off[1].index | on[0].index, 0);
		fake_cpu_set_msr(0x1d9, 0x80);
		fake_cpu_set_msr(0x14ce, 0x7f000f);
		break;
	case 3:
		assert_int_equal(priv->debug_store_live, 1);
		assert_int_equal(off[0].index, 0x14ce);
		assert_int_equal(off[0].low, 0x7f000e);
		assert_int_equal(on[0].index, 0x14ce);
		assert_int_equal(on[0].low, 0x7f000f);
		assert_int_equal(off[1].index | on[1].index, 0);
		fake_cpu_set_msr(0x14ce, 0);
		break;
	default:
		assert_int_equal(priv->debug_store_live, 0);
		s->hypercall = CVM_HC_POWEROFF;
	}
}

/* What a second thread would do while this vCPU is in RUN. */
static void guest_run_twice(struct cvm_priv *priv, struct cvm_shared *s)
{
	const struct cvm_ioctl *op = cvm_ioctl_find(CVM_USER_VCPU_RUN);
	struct cvm_user_run args = { .vcpu = 0 };

	(void)priv;
	assert_int_equal(cvm_ioctl_call(op, c.mon, c.vm, &args, sizeof(args)),
			 -CVM_EBUSY);
	s->hypercall = step++ ? CVM_HC_POWEROFF : CVM_HC_DOORBELL;
}

static void one_run_at_a_time(void **state)
{
	uint64_t reloads;

	(void)state;
	start(guest_run_twice);
	assert_int_equal(run().reason, CVM_RUN_DOORBELL);
	reloads = c.vm->vcpu[0]->stats.msr_reloads;
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	/* Between the two the thread was in user space. */
	assert_int_equal(c.vm->vcpu[0]->stats.msr_reloads, reloads + 1);
	assert_int_equal(step, 2);
	core_end(&c);
}

/* The host is about to sleep, and its clock was set. */
static void host_sleeps(void **state)
{
	(void)state;
	start(guest_run_twice);
	c.fvm.woken[0] = c.fvm.woken[1] = 0;
	cvm_vm_interrupt(c.vm);
	assert_true(c.fvm.woken[0] && c.fvm.woken[1]);
	assert_int_equal(shared()->events, 0);
	cvm_clock_was_set(c.vm);
	assert_int_equal(shared()->events, 1ull << CVM_EVENT_CLOCK_BIT);
	core_end(&c);
}

static void sampling_is_seen(void **state)
{
	(void)state;
	start(guest_is_sampled);
	c.mon->caps.pebs = 0xffffffff;
	c.mon->caps.bts = 1;
	c.mon->caps.lbr_msr = 0x14ce;
	c.mon->caps.lbr_on = 1;
	fake_cpu_set_msr(0x14ce, 0);
	fake_cpu_set_msr(0x3f1, 0);
	fake_cpu_set_msr(0x38f, 0x70000000full);
	fake_cpu_set_msr(0x1d9, 0);
	assert_int_equal(run().reason, CVM_RUN_POWEROFF);
	assert_int_equal(step, 5);
	core_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finals),
		cmocka_unit_test(killed_before),
		cmocka_unit_test(not_booted),
		cmocka_unit_test(vectors),
		cmocka_unit_test(bad_vectors),
		cmocka_unit_test(windows),
		cmocka_unit_test(clock_follows),
		cmocka_unit_test(timer),
		cmocka_unit_test(late_interrupts_are_noted),
		cmocka_unit_test(idle_deadline),
		cmocka_unit_test(console_out),
		cmocka_unit_test(other_hypercalls),
		cmocka_unit_test(host_wants_the_thread),
		cmocka_unit_test(fault_ends_the_guest),
		cmocka_unit_test(fault_in_the_switch_is_fatal),
		cmocka_unit_test(compare),
		cmocka_unit_test(task_priority_comes_back),
		cmocka_unit_test(vmxe_follows_the_host),
		cmocka_unit_test(host_state_is_read_when_stale),
		cmocka_unit_test(one_run_at_a_time),
		cmocka_unit_test(host_sleeps),
		cmocka_unit_test(sampling_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
