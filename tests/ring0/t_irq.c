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
