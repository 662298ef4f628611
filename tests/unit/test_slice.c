// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_slice.c - a host call that returns with interrupts enabled, inside a
 * slice: nothing may run on, and the host learns which call it was.
 */
#include <stdio.h>

#include "core.h"

static struct core c;

static const struct call {
	uint32_t op;		/* what the guest calls for */
	uint32_t vector;
	uint64_t nmi, mce;	/* latched in the switch */
	int mce_ends;		/* one in the guest is its end */
	uint64_t events;	/* pending */
	uint32_t lstar;		/* the host's is changed, and compared */
	int member;		/* enables interrupts */
	const char *name;
} calls[] = {
	{ .op = CVM_HC_IRQ, .vector = 0x20, .member = FAKE_IRQ_FORWARD,
	  .name = "irq_forward" },
	{ .op = CVM_HC_NMI, .member = FAKE_IRQ_FORWARD,
	  .name = "irq_forward" },
	{ .op = CVM_HC_MCE, .member = FAKE_MACHINE_CHECK,
	  .name = "machine_check" },
	{ .op = CVM_HC_NOOP, .nmi = 1, .member = FAKE_IRQ_FORWARD,
	  .name = "irq_forward" },
	{ .op = CVM_HC_NOOP, .mce = 1, .member = FAKE_MACHINE_CHECK,
	  .name = "machine_check" },
	{ .op = CVM_HC_MCE, .mce_ends = 1, .member = FAKE_WAKE,
	  .name = "wake" },
	{ .op = CVM_HC_NOOP, .nmi = UINT64_MAX, .member = FAKE_WAKE,
	  .name = "wake" },
	{ .op = CVM_HC_NOOP, .events = 1, .member = FAKE_IRQ_SELF,
	  .name = "irq_self" },
	{ .op = CVM_HC_TIMER, .member = FAKE_TIME, .name = "time" },
	{ .op = CVM_HC_TIMER, .member = FAKE_TIMER, .name = "timer" },
	{ .op = CVM_HC_TIME, .member = FAKE_TIME, .name = "time" },
	{ .op = CVM_HC_IRQ, .vector = 3, .member = FAKE_WAKE,
	  .name = "wake" },
	{ .op = CVM_HC_NOOP, .lstar = 1, .member = FAKE_LOG, .name = "log" },
	{ .op = CVM_HC_NOOP, .lstar = 1, .member = FAKE_WAKE,
	  .name = "wake" },
};

static const struct call *at;
static int enable;		/* or only watch */
static uint32_t seen, entered;

static void on_call(struct fake_host *host, int member)
{
	/* Nothing else may be asked of the host any more; but the end of a VM
	 * wakes all vCPUs, in any context. */
	assert_true(!host->in_slice || !fake_cpu.rflags ||
		    member == FAKE_FATAL || at->member == FAKE_WAKE);
	if (!host->in_slice || member != at->member)
		return;
	seen++;
	if (enable)
		fake_cpu.rflags |= CVM_RFLAGS_IF;
}

static void guest(struct cvm_priv *priv, struct cvm_shared *s)
{
	s->hypercall = entered++ ? CVM_HC_POWEROFF : at->op;
	s->vector = at->vector;
	s->deadline_tsc = 1;
	if (entered > 1)
		return;
	priv->nmi += at->nmi;
	priv->mce += at->mce;
	if (at->lstar)
		fake_cpu_set_msr(0xc0000082, 0xbad);
	if (at->events)
		cvm_event_raise(c.vm, 0, at->events << 16);
}

static void one(const struct call *call, int on)
{
	struct cvm_user_run run = { .vcpu = 0 };
	static jmp_buf back;
	char text[40];

	at = call;
	enable = on;
	seen = entered = 0;
	core_start(&c);
	c.vm->flags |= call->lstar ? CVM_VM_F_COMPARE : 0;
	fake_cpu.guest = guest;
	c.host.on_call = on_call;
	c.host.mce_ends = call->mce_ends;
	c.host.fatal_jmp = &back;
	if (!setjmp(back)) {
		assert_int_equal(core_request(&c, CVM_USER_VCPU_RUN, &run), 0);
		if (on)
			fail_msg("%s() went unnoticed", call->name);
	}
	snprintf(text, sizeof(text), " %s() ", call->name);
	assert_int_equal(!!strstr(c.host.fatal_line, text), on);
	assert_true(seen);
	c.host.on_call = NULL;
	fake_cpu.rflags = 0;
	core_end(&c);
}

static void each_call(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		one(&calls[i], 0);
		one(&calls[i], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
