/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.c - the counters of a VM: the sum over its vCPUs.
 *
 * Each vCPU counts in its own record, and the guest in its shared page, so
 * that counting costs no atomic operation; a reader may see a vCPU in the
 * middle of a slice.
 */
#include "internal.h"

static void add_COUNT(uint64_t *to, uint64_t value)
{
	*to += value;
}

#define add_TICKS add_COUNT

static void add_LONGEST(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

static void add_array(uint64_t *to, const uint64_t *from, uint32_t count)
{
	while (count--)
		*to++ += *from++;
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
	add_LONGEST(&sum->irqoff_tsc_max, shared->irqoff_max);
	for (i = 0; i < 256; i++)
		sum->guest_vector[i] += shared->vector_count[i];
}

static void stats_add(struct cvm_stats *sum, const struct cvm_stats *one)
{
#define CVM_COUNTER(name, kind, text) \
	add_##kind(&sum->name, one->name);
#define CVM_COUNTERS(name, count, text) \
	add_array(sum->name, one->name, count);
#include <cvm/counters.def>
#undef CVM_COUNTER
#undef CVM_COUNTERS
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
