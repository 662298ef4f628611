/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.c - the counters of a VM: the sum over its vCPUs.
 *
 * Each vCPU counts in its own record, and the guest in its shared page, so
 * that counting costs no atomic operation; a reader may see a vCPU in the
 * middle of a slice.
 */
#include "internal.h"

static void raise_to(uint64_t *max, uint64_t value)
{
	if (value > *max)
		*max = value;
}

/* What the guest says about itself is read once and bounds nothing. */
static void stats_add_shared(struct cvm_stats *sum,
			     const volatile struct cvm_shared *shared)
{
	uint32_t i;

	sum->guest_calls += shared->hypercalls;
	sum->guest_forwarded += shared->forwarded;
	sum->events_run += shared->events_run;
	sum->refused += shared->refused;
	raise_to(&sum->irqoff_tsc_max, shared->irqoff_max);
	for (i = 0; i < 256; i++)
		sum->guest_vector[i] += shared->vector_count[i];
}

static void stats_add(struct cvm_stats *sum, const struct cvm_stats *one)
{
	const uint64_t *from = (const uint64_t *)one;
	uint64_t slice_max = sum->slice_tsc_max;
	uint64_t irqoff_max = sum->irqoff_tsc_max;
	uint64_t *to = (uint64_t *)sum;
	uint32_t i;

	_Static_assert(sizeof(*sum) % sizeof(uint64_t) == 0, "all uint64_t");
	for (i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
		to[i] += from[i];
	/* Two of them are not sums. */
	sum->slice_tsc_max = slice_max;
	raise_to(&sum->slice_tsc_max, one->slice_tsc_max);
	sum->irqoff_tsc_max = irqoff_max;
	raise_to(&sum->irqoff_tsc_max, one->irqoff_tsc_max);
}

void cvm_stats_sum(struct cvm_vm *vm, struct cvm_stats *sum)
{
	uint32_t made = __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE);
	uint32_t i;

	*sum = (struct cvm_stats){ 0 };
	for (i = 0; i < made; i++) {
		stats_add(sum, &vm->vcpu[i]->stats);
		stats_add_shared(sum, vm->vcpu[i]->shared);
	}
}
