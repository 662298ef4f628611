/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t_irq.c - every external vector, taken in the guest's kernel and in its
 * user mode, reaches the host's handler exactly once.
 */
#include "tests.h"
#include "vm.h"

#define FIRST	0x1fu

static struct g_vm vm;
static uint64_t raised[256];

static void count_forward(uint32_t vector)
{
	raised[vector]++;
}

struct counts {
	uint64_t gate, raised, monitor, guest;	/* of one vector */
	uint64_t all_gates, all_monitor, guest_irqs, guest_user;
};

static void look(struct counts *c, uint32_t vector)
{
	struct cvm_stats stats;
	uint32_t i;

	g_stats(&vm, &stats);
	c->gate = bare_gate_count[vector];
	c->raised = raised[vector];
	c->monitor = stats.vector[vector];
	c->guest = stats.guest_vector[vector];
	c->all_gates = 0;
	for (i = 0; i < 256; i++)
		c->all_gates += bare_gate_count[i];
	c->all_monitor = stats.forwarded;
	c->guest_irqs = vm.ctl->irqs;
	c->guest_user = vm.ctl->irqs_user;
}

static int once(const struct counts *a, const struct counts *b, uint32_t user)
{
	return b->gate == a->gate + 1 && b->raised == a->raised + 1 &&
	       b->monitor == a->monitor + 1 && b->guest == a->guest + 1 &&
	       b->all_gates == a->all_gates + 1 &&
	       b->all_monitor == a->all_monitor + 1 &&
	       b->guest_irqs == a->guest_irqs + 1 &&
	       b->guest_user == a->guest_user + user;
}

static void every_vector(uint32_t user)
{
	struct counts a, b;
	uint32_t vector, good = 0, want = 256 - FIRST;

	for (vector = FIRST; vector < 256; vector++) {
		vm.ctl->vector = vector;
		vm.ctl->user = user;
		look(&a, vector);
		if (g_run_on(&vm) != CVM_RUN_DOORBELL)
			break;
		look(&b, vector);
		if (once(&a, &b, user)) {
			good++;
			continue;
		}
		bare_printf("  vector 0x%x: gate +%llu, raised +%llu, monitor "
			    "+%llu, guest +%llu, all gates +%llu\n", vector,
			    (unsigned long long)(b.gate - a.gate),
			    (unsigned long long)(b.raised - a.raised),
			    (unsigned long long)(b.monitor - a.monitor),
			    (unsigned long long)(b.guest - a.guest),
			    (unsigned long long)(b.all_gates - a.all_gates));
	}
	bare_report(good == want, "%u of %u vectors 0x1f..0xff sent in guest "
		    "%s mode arrived exactly once", good, want,
		    user ? "user" : "kernel");
}

void test_irq(void)
{
	bare_report(!g_attach(), "attach");
	g_hooks.irq_forward = count_forward;
	bare_report(!g_start(&vm, CVM_VM_F_COMPARE, G_MODE_IRQ), "start");
	bare_report(g_run_on(&vm) == CVM_RUN_DOORBELL, "guest ready (%s)",
		    vm.run.text);
	every_vector(0);
	every_vector(1);
	bare_printf("vectors 0x10..0x1e are not sent: the CPU's exceptions "
		    "(SDM vol. 3A, 6.2 \"Exception and Interrupt Vectors\")\n");
	vm.ctl->stop = 1;
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "power off (%s)",
		    vm.run.text);
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}

/* ---- timers, idling, the interrupt window ------------------------------- */

static const struct {
	const char *what;
	uint64_t bits;
	uint64_t limit;		/* instructions late, under icount */
} ev[G_EVS] = {
	[G_EV_TIMER] = { "a timer interrupts a busy guest",
			 1ull << CVM_EVENT_TIMER_BIT, 10000 },
	[G_EV_IDLE] = { "an idle guest wakes at its deadline",
			1ull << CVM_EVENT_TIMER_BIT, 10000 },
	[G_EV_ARMED] = { "so it does when the timer was armed before",
			 1ull << CVM_EVENT_TIMER_BIT, 10000 },
	[G_EV_PENDING] = { "a guest does not sleep while an event is pending",
			   1ull << CVM_EVENT_DEVICE_BIT, 5000 },
	[G_EV_WINDOW] = { "an event during a call with IF = 0 arrives at STI",
			  1ull << (CVM_EVENT_DEVICE_BIT + 1), 5000 },
};

void test_events(void)
{
	struct cvm_stats stats;
	uint32_t i;

	bare_report(!g_attach(), "attach");
	bare_report(!g_start(&vm, 0, G_MODE_EVENTS), "start");
	for (i = 0; i < 2; i++) {
		if (g_run_on(&vm) != CVM_RUN_DOORBELL)
			break;
		cvm_event_raise(vm.vm, 0, 1ull << (CVM_EVENT_DEVICE_BIT + i));
	}
	bare_report(g_run_on(&vm) == CVM_RUN_POWEROFF, "RUN ended: %s",
		    vm.run.text);
	for (i = 0; i < G_EVS; i++)
		bare_report(vm.ctl->got[i] == ev[i].bits &&
			    vm.ctl->late[i] <= ev[i].limit,
			    "%s (events 0x%llx, %llu instructions late)",
			    ev[i].what, (unsigned long long)vm.ctl->got[i],
			    (unsigned long long)vm.ctl->late[i]);
	g_stats(&vm, &stats);
	bare_report(stats.windows >= 1 && stats.timers >= 2,
		    "windows opened %llu, timers armed %llu",
		    (unsigned long long)stats.windows,
		    (unsigned long long)stats.timers);
	g_destroy(&vm);
	bare_report(!g_detach(), "detach");
}
