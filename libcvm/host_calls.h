/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_calls.h - what the core asks of the host, by the object it concerns.
 *
 * Each is the member of struct cvm_host_ops of its name, whose contract stands
 * in <cvm/host.h>; nothing else of the core looks into that table, but for its
 * kind and flags.
 */
#ifndef CVM_HOST_CALLS_H
#define CVM_HOST_CALLS_H

#include "internal.h"

/* ---- of the host --------------------------------------------------------- */

static inline void *cvm_host_page_alloc(const struct cvm_monitor *mon,
					uint32_t pages)
{
	return mon->ops->page_alloc(mon->ctx, pages);
}

static inline void cvm_host_page_free(const struct cvm_monitor *mon, void *hva,
				      uint32_t pages)
{
	mon->ops->page_free(mon->ctx, hva, pages);
}

static inline uint64_t cvm_host_hva_to_hpa(const struct cvm_monitor *mon,
					   const void *hva)
{
	return mon->ops->hva_to_hpa(mon->ctx, hva);
}

/* On a CPU by its number; cvm_host_slice() is the other kind. */
static inline int cvm_host_cpu_call(const struct cvm_monitor *mon,
				    uint32_t cpu, int (*fn)(void *arg),
				    void *arg)
{
	return mon->ops->cpu_call(mon->ctx, NULL, -1, (int)cpu, fn, arg);
}

static inline void cvm_host_time(const struct cvm_monitor *mon,
				 struct cvm_host_time *now)
{
	mon->ops->time(mon->ctx, now);
}

static inline void cvm_host_log(const struct cvm_monitor *mon, int level,
				const char *line)
{
	mon->ops->log(mon->ctx, level, line);
}

/*
 * As a call that could return: a checker of object code (Linux: objtool)
 * cannot see that an indirect one does not, and finds code falling off the
 * end of a function.
 */
static inline void cvm_host_fatal(const struct cvm_monitor *mon,
				  const char *line)
{
	void (*fatal)(void *ctx, const char *line) = mon->ops->fatal;

	for (;;)
		fatal(mon->ctx, line);
}

/* ---- of a VM ------------------------------------------------------------- */

static inline int cvm_host_mem_alloc(const struct cvm_vm *vm, uint64_t bytes,
				     uint64_t align, uint64_t *hpa,
				     void **chunk)
{
	return vm->mon->ops->mem_alloc(vm->mon->ctx, vm->host_vm, bytes, align,
				       hpa, chunk);
}

static inline void cvm_host_mem_free(const struct cvm_vm *vm, void *chunk)
{
	vm->mon->ops->mem_free(vm->mon->ctx, vm->host_vm, chunk);
}

static inline int cvm_host_has_notifiers(const struct cvm_vm *vm)
{
	return !!vm->mon->ops->notifiers;
}

static inline int cvm_host_notifier_get(const struct cvm_vm *vm,
					int64_t handle, void **notifier)
{
	return vm->mon->ops->notifiers->get(vm->mon->ctx, vm->host_vm, handle,
					    notifier);
}

static inline void cvm_host_notifier_put(const struct cvm_vm *vm,
					 void *notifier)
{
	vm->mon->ops->notifiers->put(vm->mon->ctx, notifier);
}

static inline void cvm_host_notifier_signal(const struct cvm_vm *vm,
					    void *notifier)
{
	vm->mon->ops->notifiers->signal(vm->mon->ctx, notifier);
}

static inline int cvm_host_notifier_watch(const struct cvm_vm *vm,
					  int64_t handle, uint32_t id,
					  void **watch)
{
	return vm->mon->ops->notifiers->watch(vm->mon->ctx, vm->host_vm,
					      handle, id, watch);
}

static inline void cvm_host_notifier_unwatch(const struct cvm_vm *vm,
					     void *watch)
{
	vm->mon->ops->notifiers->unwatch(vm->mon->ctx, watch);
}

/* ---- of a vCPU ----------------------------------------------------------- */

/* cpu_call() on the thread's own CPU, which the vCPU occupies. */
static inline int cvm_host_slice(struct cvm_vcpu *vcpu, int (*fn)(void *arg))
{
	const struct cvm_monitor *mon = vcpu->vm->mon;

	return mon->ops->cpu_call(mon->ctx, vcpu->vm->host_vm, (int)vcpu->id,
				  CVM_CPU_CURRENT, fn, vcpu);
}

static inline void cvm_host_irq_forward(const struct cvm_vcpu *vcpu,
					uint32_t vector)
{
	const struct cvm_monitor *mon = vcpu->vm->mon;

	mon->ops->irq_forward(mon->ctx, vector);
}

static inline int cvm_host_machine_check(const struct cvm_vcpu *vcpu,
					 int in_guest)
{
	const struct cvm_monitor *mon = vcpu->vm->mon;

	return mon->ops->machine_check(mon->ctx, in_guest);
}

static inline void cvm_host_irq_self(const struct cvm_vcpu *vcpu)
{
	const struct cvm_monitor *mon = vcpu->vm->mon;

	mon->ops->irq_self(mon->ctx);
}

static inline int cvm_host_wait(const struct cvm_vcpu *vcpu,
				uint64_t deadline_ns)
{
	const struct cvm_vm *vm = vcpu->vm;

	return vm->mon->ops->wait(vm->mon->ctx, vm->host_vm, vcpu->id,
				  deadline_ns);
}

static inline void cvm_host_wake(const struct cvm_vcpu *vcpu)
{
	const struct cvm_vm *vm = vcpu->vm;

	vm->mon->ops->wake(vm->mon->ctx, vm->host_vm, vcpu->id);
}

static inline void cvm_host_timer(const struct cvm_vcpu *vcpu,
				  uint64_t deadline_ns)
{
	const struct cvm_vm *vm = vcpu->vm;

	vm->mon->ops->timer(vm->mon->ctx, vm->host_vm, vcpu->id, deadline_ns);
}

static inline int cvm_host_poll(const struct cvm_vcpu *vcpu)
{
	const struct cvm_vm *vm = vcpu->vm;

	return vm->mon->ops->poll(vm->mon->ctx, vm->host_vm, vcpu->id);
}

#endif /* CVM_HOST_CALLS_H */
