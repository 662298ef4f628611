// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu.c - processors: their numbers, slices, calls on a named one.
 *
 * libcvm's CPU i is cvm_nt_cpus[i], looked at when the driver was loaded.  No
 * slice runs on a CPU that came later.
 */
#include "shim.h"

#define PCR_NUMBER	0x184	/* KPCR.Prcb.Number, NT 5.2 to 6.0 */
#define ALL_GROUPS	0xffffu

struct cvm_nt_cpu cvm_nt_cpus[CVM_NT_CPUS];

/* cvm_nt_cpus[] of NT's CPU number, plus 1; 0: none. */
static uint16_t by_number[CVM_NT_CPUS];
static uint64_t first_group;	/* CPUs known there */

static uint32_t current_number(void)
{
	uint8_t number;

	if (cvm_nt.fn.KeGetCurrentProcessorNumberEx)
		return cvm_nt.fn.KeGetCurrentProcessorNumberEx(NULL);
	__asm__ volatile("movb %%gs:%c1, %0" : "=q"(number) : "i"(PCR_NUMBER));
	return number;
}

int32_t cvm_nt_cpu_current(void)
{
	uint32_t number = current_number();

	return number < CVM_NT_CPUS ? by_number[number] - 1 : -1;
}

/* Numbers and groups belong together: all of these, or the first group. */
static int have_groups(void)
{
	const struct cvm_nt_lookup *fn = &cvm_nt.fn;

	return fn->KeGetCurrentProcessorNumberEx &&
	       fn->KeGetProcessorNumberFromIndex &&
	       fn->KeQueryActiveProcessorCountEx &&
	       fn->KeRevertToUserGroupAffinityThread &&
	       fn->KeSetSystemGroupAffinityThread &&
	       fn->KeSetTargetProcessorDpcEx;
}

static void add_cpu(uint32_t number, struct cvm_nt_processor place)
{
	struct cvm_nt_cpu *cpu;

	if (cvm_nt.cpus == CVM_NT_CPUS || number >= CVM_NT_CPUS)
		return;
	cpu = &cvm_nt_cpus[cvm_nt.cpus++];
	cpu->number = number;
	cpu->place = place;
	by_number[number] = (uint16_t)cvm_nt.cpus;
	if (!place.group)
		first_group |= 1ull << place.number;
}

void cvm_nt_cpu_init(void)
{
	struct cvm_nt_processor place = { 0 };
	uint64_t mask = KeQueryActiveProcessors();
	uint32_t i, count;

	cvm_nt.cpus = 0;
	first_group = 0;
	if (!have_groups()) {
		for (i = 0; i < 64; i++) {
			place.number = (uint8_t)i;
			if (mask >> i & 1)
				add_cpu(i, place);
		}
		return;
	}
	count = cvm_nt.fn.KeQueryActiveProcessorCountEx(ALL_GROUPS);
	for (i = 0; i < count; i++)
		if (!cvm_nt.fn.KeGetProcessorNumberFromIndex(i, &place))
			add_cpu(i, place);
}

/* ---- moving the calling thread --------------------------------------- */

static void go_to(uint64_t mask, uint16_t group, struct cvm_nt_affinity *old)
{
	struct cvm_nt_affinity want = { .mask = mask, .group = group };

	if (have_groups())
		cvm_nt.fn.KeSetSystemGroupAffinityThread(&want, old);
	else
		KeSetSystemAffinityThread(mask);
}

static void go_back(struct cvm_nt_affinity *old)
{
	if (have_groups())
		cvm_nt.fn.KeRevertToUserGroupAffinityThread(old);
	else
		KeRevertToUserAffinityThread();
}

/* A CPU may have gone since it was looked at (before NT 6.1: never). */
static int on_line(const struct cvm_nt_cpu *cpu)
{
	return cpu->place.group ||
	       KeQueryActiveProcessors() >> cpu->place.number & 1;
}

static int call_on(int number, int (*fn)(void *arg), void *arg)
{
	struct cvm_nt_affinity old;
	const struct cvm_nt_cpu *cpu;
	int ret = -CVM_ENOENT;

	if (number < 0 || (uint32_t)number >= cvm_nt.cpus)
		return -CVM_ENOENT;
	cpu = &cvm_nt_cpus[number];
	if (!on_line(cpu))
		return -CVM_ENOENT;
	go_to(1ull << cpu->place.number, cpu->place.group, &old);
	cvm_cli();
	if (cvm_nt_cpu_current() == number)
		ret = fn(arg);
	cvm_sti();
	go_back(&old);
	return ret;
}

/* ---- slices ---------------------------------------------------------- */

static void leave(struct cvm_nt_vcpu *v)
{
	if (v->cpu < 0)
		return;
	cvm_nt_cpus[v->cpu].vcpu = NULL;
	__atomic_store_n(&v->cpu, -1, __ATOMIC_SEQ_CST);
}

void cvm_nt_slice_leave(void)
{
	int32_t cpu = cvm_nt_cpu_current();

	if (cpu >= 0 && cvm_nt_cpus[cpu].vcpu)
		leave(cvm_nt_cpus[cpu].vcpu);
}

/*
 * At APC_LEVEL, so that NT's APC interrupt (vector 0x1F) waits in the local
 * APIC while the guest runs, and everything above it breaks the guest off.
 * Interrupts are off from the look at the CPU number to the return; a vector
 * handed on may run NT's dispatcher, so this may be another CPU afterwards.
 */
static int slice(struct cvm_nt_vcpu *v, int (*fn)(void *arg), void *arg)
{
	uint64_t irql = cvm_nt_irql_raise(APC_IRQL);
	int ret = -CVM_EPERM;
	int32_t cpu;

	cvm_cli();
	cpu = cvm_nt_cpu_current();
	if (cpu >= 0) {
		v->slices++;
		cvm_nt_cpus[cpu].vcpu = v;
		/* Either cvm_nt_wake() sees the CPU, or fn the event. */
		__atomic_store_n(&v->cpu, cpu, __ATOMIC_SEQ_CST);
		ret = fn(arg);
		leave(v);
	}
	cvm_sti();
	cvm_nt_irql_lower(irql);
	return ret;
}

/* What may sleep before, and what had to wait until after a slice. */
static int slice_call(struct cvm_nt_vcpu *v, int (*fn)(void *arg), void *arg)
{
	struct cvm_nt_affinity old;
	int moved = cvm_nt_cpu_current() < 0;
	int ret;

	if (__atomic_load_n(&cvm_nt.asleep, __ATOMIC_ACQUIRE))
		KeWaitForSingleObject(&cvm_nt.awake, Executive, KernelMode,
				      FALSE, NULL);
	if (moved)
		go_to(first_group, 0, &old);
	ret = slice(v, fn, arg);
	if (moved)
		go_back(&old);
	if (__atomic_exchange_n(&v->timer_dirty, 0, __ATOMIC_ACQ_REL))
		cvm_nt_timer_arm(v);
	return ret;
}

int cvm_nt_cpu_call(void *ctx, void *host_vm, int vcpu, int cpu,
		    int (*fn)(void *arg), void *arg)
{
	struct cvm_nt_vm *hvm = host_vm;
	uint64_t irql;
	int ret;

	(void)ctx;
	if (!cvm_nt.ring0)
		return -CVM_EPERM;
	if (cpu != CVM_CPU_CURRENT)
		return call_on(cpu, fn, arg);
	if (hvm && vcpu >= 0)
		return slice_call(&hvm->vcpu[vcpu], fn, arg);
	irql = cvm_nt_irql_raise(APC_IRQL);
	cvm_cli();
	ret = fn(arg);
	cvm_sti();
	cvm_nt_irql_lower(irql);
	return ret;
}
