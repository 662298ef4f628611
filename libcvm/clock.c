// SPDX-License-Identifier: GPL-2.0-only
/*
 * clock.c - the host's clocks, as a guest and its deadlines see them.
 *
 * A guest counts in TSC ticks, the host sleeps and sets its timers by its
 * monotonic clock, and the guest's wall clock is one word that it adds its TSC
 * to.
 */
#include "host_calls.h"
#include "x86/cpu.h"

/* Far deadlines are armed in steps, which also keeps the sums in 64 bits. */
#define DEADLINE_MAX_NS	3600000000000ull
#define NS_PER_MS	1000000ull
#define CLOCK_LOOK_MS	1000u
#define CLOCK_SLACK_NS	100000000
#define CLOCK_TRIES	64

uint64_t cvm_clock_deadline_ns(const struct cvm_vcpu *vcpu, uint64_t tsc)
{
	struct cvm_host_time now;
	uint64_t ns;

	if (tsc == CVM_DEADLINE_NONE)
		return CVM_DEADLINE_NONE;
	cvm_host_time(vcpu->vm->mon, &now);
	if ((int64_t)(tsc - now.tsc) <= 0)
		return now.mono_ns;
	if ((tsc - now.tsc) / now.tsc_khz >= DEADLINE_MAX_NS / NS_PER_MS)
		return now.mono_ns + DEADLINE_MAX_NS;
	ns = cvm_ticks_to_ns(tsc - now.tsc, now.tsc_khz);
	return now.mono_ns + ns;
}

/* ns since 1970 when the TSC was 0: what the guest adds its TSC to. */
static uint64_t wall_base(const struct cvm_vcpu *vcpu,
			  const struct cvm_host_time *now)
{
	return now->wall_ns - cvm_ticks_to_ns(now->tsc, vcpu->tsc_khz);
}

/*
 * The guest reads the word of the first vCPU.  Any vCPU and any CPU of the
 * host may come to write it, also in an interrupt of one that is about to:
 * whoever finds that another was faster reads the clock again, so that no
 * older time replaces a newer one.  (The bound is for a guest that writes
 * there itself.)
 */
void cvm_clock_write(struct cvm_vcpu *vcpu)
{
	uint64_t *word = &vcpu->shared->wall_base_ns;
	uint64_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	struct cvm_host_time now;
	uint32_t i;

	for (i = 0; i < CLOCK_TRIES; i++) {
		cvm_host_time(vcpu->vm->mon, &now);
		if (__atomic_compare_exchange_n(word, &old,
						wall_base(vcpu, &now), 0,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return;
	}
}

int cvm_clock_is_off(struct cvm_vcpu *vcpu)
{
	struct cvm_host_time now;
	int64_t apart;

	if (vcpu->id || cvm_rdtsc() - vcpu->clock_tsc <
	    (uint64_t)vcpu->tsc_khz * CLOCK_LOOK_MS)
		return 0;
	cvm_host_time(vcpu->vm->mon, &now);
	vcpu->clock_tsc = now.tsc;
	apart = (int64_t)(wall_base(vcpu, &now) -
			  __atomic_load_n(&vcpu->shared->wall_base_ns,
					  __ATOMIC_ACQUIRE));
	return apart > CLOCK_SLACK_NS || apart < -CLOCK_SLACK_NS;
}
