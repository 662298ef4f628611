/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.c - the host API on a machine without an operating system.
 *
 * The smallest complete implementation of include/cvm/host.h, and the proof
 * that the header asks for nothing else.  One CPU, no scheduler: thread
 * context is the boot stack with interrupts on, a slice is the same with
 * interrupts off.
 */
#include <cvm/libcvm.h>

#include "bare.h"
#include "x86.h"

uint64_t bare_lent_mem, bare_lent_pages;

static struct bare_vm *timer_vm[CVM_VMS_MAX];

static int bare_mem_alloc(void *ctx, void *host_vm, uint64_t bytes,
			  uint64_t align, uint64_t *hpa, void **chunk)
{
	uint64_t min_hpa = bare_arg("above_gib", 0) << 30;

	(void)ctx;
	(void)host_vm;
	*hpa = bare_pages_alloc(bytes / CVM_PAGE_SIZE, align, min_hpa);
	if (!*hpa)
		return -CVM_ENOMEM;
	bare_lent_mem += bytes / CVM_PAGE_SIZE;
	/* The handle holds both: frame from bit 24 up, pages below. */
	*chunk = (void *)(*hpa << 12 | bytes / CVM_PAGE_SIZE);
	return 0;
}

static void bare_mem_free(void *ctx, void *host_vm, void *chunk)
{
	uint64_t handle = (uint64_t)chunk;
	uint64_t pages = handle & 0xffffff;

	(void)ctx;
	(void)host_vm;
	bare_pages_free(handle >> 24 << 12, pages);
	bare_lent_mem -= pages;
}

static void *bare_page_alloc(void *ctx, uint32_t pages)
{
	uint64_t hpa = bare_pages_alloc(pages, CVM_PAGE_SIZE, 0);

	(void)ctx;
	if (!hpa)
		return NULL;
	bare_lent_pages += pages;
	return bare_hva(hpa);
}

static void bare_page_free(void *ctx, void *hva, uint32_t pages)
{
	(void)ctx;
	bare_pages_free(bare_hpa(hva), pages);
	bare_lent_pages -= pages;
}

static uint64_t bare_hva_to_hpa(void *ctx, const void *hva)
{
	(void)ctx;
	return bare_hpa(hva);
}

static int bare_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
			 int (*fn)(void *arg), void *arg)
{
	int ret;

	(void)ctx;
	(void)host_vm;
	(void)vcpu;
	if (cpu != CVM_CPU_CURRENT && cpu != 0)
		return -CVM_ENOENT;
	x86_cli();
	ret = fn(arg);
	x86_sti();
	return ret;
}

static void bare_irq_forward(void *ctx, uint32_t vector)
{
	(void)ctx;
	if (vector == 2)
		bare_self_nmi();
	else
		bare_int(vector);
}

static int bare_machine_check(void *ctx, int in_guest)
{
	(void)ctx;
	(void)in_guest;
	bare_int(18);
	return 0;
}

static void bare_irq_self(void *ctx)
{
	(void)ctx;
	bare_self_ipi(BARE_VEC_WAKE);
}

/* One hardware timer serves every vCPU of every VM: the earliest wins. */
static void arm_earliest(uint64_t also_ns)
{
	uint64_t best = also_ns;
	uint32_t i, v;

	for (i = 0; i < CVM_VMS_MAX; i++)
		for (v = 0; timer_vm[i] && v < CVM_MAX_VCPUS; v++)
			if (timer_vm[i]->deadline[v] &&
			    timer_vm[i]->deadline[v] < best)
				best = timer_vm[i]->deadline[v];
	bare_timer_set(best);
}

static int bare_wait(void *ctx, void *host_vm, uint32_t vcpu,
		     uint64_t deadline_ns)
{
	struct bare_vm *bvm = host_vm;

	(void)ctx;
	for (;;) {
		x86_cli();
		if (bvm->woken[vcpu] || bare_mono_ns() >= deadline_ns)
			break;
		arm_earliest(deadline_ns);
		x86_sti_hlt();
	}
	bvm->woken[vcpu] = 0;
	x86_sti();
	return 0;
}

static void bare_wake(void *ctx, void *host_vm, uint32_t vcpu)
{
	(void)ctx;
	((struct bare_vm *)host_vm)->woken[vcpu] = 1;
}

static void bare_timer(void *ctx, void *host_vm, uint32_t vcpu,
		       uint64_t deadline_ns)
{
	struct bare_vm *bvm = host_vm;
	uint64_t flags = x86_rflags();
	uint32_t i;

	(void)ctx;
	x86_cli();
	bvm->deadline[vcpu] = deadline_ns == CVM_DEADLINE_NONE ? 0 :
			      deadline_ns + 1;
	for (i = 0; i < CVM_VMS_MAX && timer_vm[i] != bvm; i++)
		;
	if (i == CVM_VMS_MAX) {
		for (i = 0; i < CVM_VMS_MAX && timer_vm[i]; i++)
			;
		timer_vm[i] = bvm;
	}
	arm_earliest(CVM_DEADLINE_NONE);
	if (flags & 1u << 9)
		x86_sti();
}

void bare_vm_gone(struct bare_vm *bvm)
{
	uint32_t i;

	x86_cli();
	for (i = 0; i < CVM_VMS_MAX; i++)
		if (timer_vm[i] == bvm)
			timer_vm[i] = NULL;
	x86_sti();
}

void bare_host_irq(uint32_t vector)
{
	uint64_t now = bare_mono_ns();
	uint32_t i, v;

	if (vector != BARE_VEC_TIMER)
		return;
	for (i = 0; i < CVM_VMS_MAX; i++) {
		struct bare_vm *bvm = timer_vm[i];

		for (v = 0; bvm && v < CVM_MAX_VCPUS; v++) {
			if (!bvm->deadline[v] || bvm->deadline[v] > now)
				continue;
			bvm->deadline[v] = 0;
			if (bvm->fired)
				bvm->fired(v);
			else
				cvm_timer_fired(bvm->vm, v);
		}
	}
	arm_earliest(CVM_DEADLINE_NONE);
}

static void bare_time(void *ctx, struct cvm_host_time *now)
{
	static uint64_t wall_zero_ns;

	(void)ctx;
	now->tsc = x86_rdtsc();
	now->mono_ns = bare_tsc_to_mono(now->tsc);
	if (!wall_zero_ns)
		wall_zero_ns = bare_wall_seconds() * 1000000000ull -
			       now->mono_ns;
	now->wall_ns = wall_zero_ns + now->mono_ns;
	now->tsc_khz = bare_tsc_khz;
}

static int bare_poll(void *ctx, void *host_vm, uint32_t vcpu)
{
	(void)ctx;
	(void)host_vm;
	(void)vcpu;
	return 0;	/* interrupts are on again: nothing else waits */
}

static void bare_log(void *ctx, int level, const char *text)
{
	(void)ctx;
	bare_printf("libcvm[%d]: %s\n", level, text);
}

static __attribute__((noreturn)) void bare_fatal(void *ctx, const char *text)
{
	(void)ctx;
	bare_panic("libcvm: %s", text);
}

const struct cvm_host_ops bare_host_ops = {
	.api = CVM_HOST_API,
	.size = sizeof(struct cvm_host_ops),
	.kind = CVM_HOST_BARE,
	.flags = CVM_HOST_F_SCHED_NOTIFY | CVM_HOST_F_IRQ80,
	.mem_alloc = bare_mem_alloc,
	.mem_free = bare_mem_free,
	.page_alloc = bare_page_alloc,
	.page_free = bare_page_free,
	.hva_to_hpa = bare_hva_to_hpa,
	.cpu_call = bare_cpu_call,
	.irq_forward = bare_irq_forward,
	.machine_check = bare_machine_check,
	.irq_self = bare_irq_self,
	.wait = bare_wait,
	.wake = bare_wake,
	.timer = bare_timer,
	.time = bare_time,
	.poll = bare_poll,
	.log = bare_log,
	.fatal = bare_fatal,
};
