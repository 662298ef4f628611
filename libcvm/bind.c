// SPDX-License-Identifier: GPL-2.0-only
/*
 * bind.c - doorbells of the guest that signal notifiers of the host, and
 * notifiers of the host that raise events of the guest: neither goes through
 * the VMM's vCPU thread.
 *
 * RUN looks doorbells up without a lock.  A table that changed while it looked
 * is no answer: the doorbell then goes to the VMM, which can always serve it.
 */
#include "host_calls.h"

/* ---- doorbells ----------------------------------------------------------- */

/* Where number is, or would be.  RUN calls this while the table changes. */
static uint32_t bell_at(const struct cvm_bells *b, uint64_t number)
{
	uint32_t low = 0, high = __atomic_load_n(&b->count, __ATOMIC_RELAXED);
	uint32_t at;

	while (low < high) {
		at = (low + high) / 2;
		if (__atomic_load_n(&b->bell[at].number, __ATOMIC_RELAXED) <
		    number)
			low = at + 1;
		else
			high = at;
	}
	return low;
}

static void *bell_notifier(const struct cvm_bells *b, uint64_t number)
{
	uint32_t at = bell_at(b, number);

	if (at >= __atomic_load_n(&b->count, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&b->bell[at].number, __ATOMIC_RELAXED) != number)
		return NULL;
	return __atomic_load_n(&b->bell[at].notifier, __ATOMIC_RELAXED);
}

static void bell_set(struct cvm_bell *to, uint64_t number, void *notifier)
{
	__atomic_store_n(&to->number, number, __ATOMIC_RELAXED);
	__atomic_store_n(&to->notifier, notifier, __ATOMIC_RELAXED);
}

/*
 * Either this finds the table as it was after .ringing was set, and then who
 * unbinds the notifier finds .ringing; or it finds that the table has changed.
 */
int cvm_doorbell_ring(struct cvm_vcpu *vcpu, uint64_t number)
{
	struct cvm_bells *b = &vcpu->vm->bells;
	uint64_t seq = __atomic_load_n(&b->seq, __ATOMIC_ACQUIRE);
	void *notifier = seq & 1 ? NULL : bell_notifier(b, number);
	int same;

	if (!notifier)
		return 0;
	__atomic_store_n(&vcpu->ringing, notifier, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	same = __atomic_load_n(&b->seq, __ATOMIC_RELAXED) == seq;
	if (same) {
		cvm_host_notifier_signal(vcpu->vm, notifier);
		vcpu->stats.doorbells++;
	}
	__atomic_store_n(&vcpu->ringing, NULL, __ATOMIC_RELEASE);
	return same;
}

static void bells_begin(struct cvm_bells *b)
{
	__atomic_store_n(&b->seq, b->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void bells_end(struct cvm_bells *b)
{
	__atomic_store_n(&b->seq, b->seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static int is_among(void *const *notifiers, uint32_t count,
		    const void *notifier)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (notifiers[i] == notifier)
			return 1;
	return 0;
}

/*
 * Let go of what is parked and no vCPU is signalling.  By one look at each:
 * whoever begins later has found the notifier in the table, which holds it
 * then.
 */
static void bells_sweep(struct cvm_vm *vm)
{
	uint32_t made = __atomic_load_n(&vm->vcpus_made, __ATOMIC_ACQUIRE);
	struct cvm_bells *b = &vm->bells;
	void *ringing[CVM_MAX_VCPUS];
	uint32_t i;

	for (i = 0; i < made; i++)
		ringing[i] = __atomic_load_n(&vm->vcpu[i]->ringing,
					     __ATOMIC_ACQUIRE);
	for (i = 0; i < b->parked;) {
		if (is_among(ringing, made, b->parked_notifier[i])) {
			i++;
			continue;
		}
		cvm_host_notifier_put(vm, b->parked_notifier[i]);
		b->parked_notifier[i] = b->parked_notifier[--b->parked];
	}
}

/* A notifier that is parked already is held by that. */
static void bell_release(struct cvm_vm *vm, void *notifier)
{
	struct cvm_bells *b = &vm->bells;

	if (is_among(b->parked_notifier, b->parked, notifier))
		cvm_host_notifier_put(vm, notifier);
	else
		b->parked_notifier[b->parked++] = notifier;
	bells_sweep(vm);
}

int cvm_doorbell_bind(struct cvm_vm *vm, const struct cvm_user_doorbell *args)
{
	struct cvm_bells *b = &vm->bells;
	uint32_t at = bell_at(b, args->doorbell), i;
	void *notifier;
	int ret;

	if (!cvm_host_has_notifiers(vm))
		return -CVM_ENOSYS;
	if (at < b->count && b->bell[at].number == args->doorbell)
		return -CVM_EBUSY;
	if (b->count == CVM_DOORBELLS_MAX)
		return -CVM_E2BIG;
	ret = cvm_host_notifier_get(vm, args->notifier, &notifier);
	if (ret)
		return ret;
	bells_begin(b);
	for (i = b->count; i > at; i--)
		bell_set(&b->bell[i], b->bell[i - 1].number,
			 b->bell[i - 1].notifier);
	bell_set(&b->bell[at], args->doorbell, notifier);
	__atomic_store_n(&b->count, b->count + 1, __ATOMIC_RELAXED);
	bells_end(b);
	return 0;
}

int cvm_doorbell_unbind(struct cvm_vm *vm,
			const struct cvm_user_doorbell *args)
{
	struct cvm_bells *b = &vm->bells;
	uint32_t at = bell_at(b, args->doorbell), i;
	void *notifier;

	if (at == b->count || b->bell[at].number != args->doorbell)
		return -CVM_ENOENT;
	notifier = b->bell[at].notifier;
	bells_begin(b);
	for (i = at; i + 1 < b->count; i++)
		bell_set(&b->bell[i], b->bell[i + 1].number,
			 b->bell[i + 1].notifier);
	__atomic_store_n(&b->count, b->count - 1, __ATOMIC_RELAXED);
	bells_end(b);
	bell_release(vm, notifier);
	return 0;
}

/* ---- notifiers ----------------------------------------------------------- */

void cvm_notifier_fired(struct cvm_vm *vm, uint32_t id)
{
	const struct cvm_watch *w = &vm->watch[id];

	cvm_event_raise(vm, w->vcpu, w->bits);
}

/* .handle is the last to be set: a call may come before there is one. */
int cvm_notifier_bind(struct cvm_vm *vm, struct cvm_user_notifier *args)
{
	struct cvm_watch *w;
	uint32_t id;

	if (!cvm_host_has_notifiers(vm))
		return -CVM_ENOSYS;
	for (id = 0; id < CVM_NOTIFIERS_MAX && vm->watch[id].handle; id++)
		;
	if (id == CVM_NOTIFIERS_MAX)
		return -CVM_E2BIG;
	w = &vm->watch[id];
	w->vcpu = args->vcpu;
	w->bits = args->bits;
	args->id = id;
	return cvm_host_notifier_watch(vm, args->notifier, id, &w->handle);
}

int cvm_notifier_unbind(struct cvm_vm *vm, const struct cvm_user_notifier *args)
{
	struct cvm_watch *w = &vm->watch[args->id % CVM_NOTIFIERS_MAX];

	if (args->id >= CVM_NOTIFIERS_MAX || !w->handle)
		return -CVM_ENOENT;
	cvm_host_notifier_unwatch(vm, w->handle);
	w->handle = NULL;
	return 0;
}

void cvm_unbind_all(struct cvm_vm *vm)
{
	struct cvm_bells *b = &vm->bells;
	uint32_t i;

	for (i = 0; i < CVM_NOTIFIERS_MAX; i++) {
		if (vm->watch[i].handle)
			cvm_host_notifier_unwatch(vm, vm->watch[i].handle);
		vm->watch[i].handle = NULL;
	}
	for (i = 0; i < b->count; i++)
		cvm_host_notifier_put(vm, b->bell[i].notifier);
	for (i = 0; i < b->parked; i++)
		cvm_host_notifier_put(vm, b->parked_notifier[i]);
	b->count = b->parked = 0;
}
