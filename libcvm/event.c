/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event.c - how anybody gets a vCPU's attention.
 *
 * An event is a bit in the shared page.  The monitor only ever sets bits and
 * the guest takes them all at once, so neither needs a lock; the wake brings
 * the vCPU out of wait() or out of the guest to look at them.
 */
#include "host_calls.h"

void cvm_event_set(struct cvm_vcpu *vcpu, uint64_t bits)
{
	/* The event says that the record is new. */
	if (bits & 1ull << CVM_EVENT_CLOCK_BIT)
		cvm_clock_write(vcpu->vm->vcpu[0]);
	/*
	 * Sequentially consistent: either the vCPU sees the bit when it last
	 * looks before sleeping, or it has slept and wake() finds it.
	 */
	__atomic_fetch_or(&vcpu->shared->events, bits, __ATOMIC_SEQ_CST);
}

void cvm_event_raise(struct cvm_vm *vm, uint32_t vcpu, uint64_t bits)
{
	if (vcpu >= __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		return;
	cvm_event_set(vm->vcpu[vcpu], bits);
	cvm_host_wake(vm->vcpu[vcpu]);
}

void cvm_clock_was_set(struct cvm_vm *vm)
{
	cvm_event_raise(vm, 0, 1ull << CVM_EVENT_CLOCK_BIT);
}

/* A vCPU that sleeps looks why it was woken and sleeps on. */
void cvm_vm_interrupt(struct cvm_vm *vm)
{
	uint32_t made = __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE), i;

	for (i = 0; i < made; i++)
		cvm_host_wake(vm->vcpu[i]);
}

void cvm_timer_fired(struct cvm_vm *vm, uint32_t vcpu)
{
	struct cvm_vcpu *v;

	if (vcpu >= __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE))
		return;
	v = vm->vcpu[vcpu];
	/*
	 * First forget the deadline, then tell: a guest that sees the event
	 * must not skip the call for its next deadline because this one still
	 * looks armed.  If the vCPU arms a new one meanwhile, forgetting that
	 * costs one call too many and loses nothing.
	 */
	__atomic_store_n(&v->shared->armed_tsc, CVM_DEADLINE_NONE,
			 __ATOMIC_RELEASE);
	cvm_event_raise(vm, vcpu, 1ull << CVM_EVENT_TIMER_BIT);
}
