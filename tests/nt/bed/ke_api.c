/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ke_api.c - the Ke exports, over ke.c.
 */
#include "bed.h"
#include "ex.h"
#include "ke.h"
#include "x86.h"

uint8_t NTAPI KeAcquireSpinLockRaiseToDpc(uint64_t *lock)
{
	uint64_t irql = x86_cr8();

	bed_watch(__func__, DISPATCH_LEVEL);
	x86_set_cr8(DISPATCH_LEVEL);
	if (*lock)
		bare_panic("a spin lock is taken twice on the only CPU");
	*lock = 1;
	return (uint8_t)irql;
}

void NTAPI KeReleaseSpinLock(uint64_t *lock, uint8_t irql)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	if (!*lock || x86_cr8() != DISPATCH_LEVEL)
		bare_panic("a spin lock is released that is not held");
	*lock = 0;
	x86_set_cr8(irql);
}

static void header_init(struct nt_header *h, uint8_t type, int32_t signal)
{
	memset(h, 0, sizeof(*h));
	h->type = type;
	h->signal = signal;
	h->waiters.next = h->waiters.prev = &h->waiters;
}

void NTAPI KeInitializeEvent(struct nt_event *e, uint32_t type, uint8_t set)
{
	bed_watch(__func__, HIGH_LEVEL);
	header_init(&e->header, type ? NT_EVENT_SYNC : NT_EVENT_NOTIFICATION,
		    set);
}

void NTAPI KeClearEvent(struct nt_event *e)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	e->header.signal = 0;
}

int32_t NTAPI KeSetEvent(struct nt_event *e, int32_t boost, uint8_t wait)
{
	int32_t old = e->header.signal;

	bed_watch(__func__, DISPATCH_LEVEL);
	(void)boost;
	if (wait)
		bare_panic("KeSetEvent() with Wait");
	e->header.signal = 1;
	if (!old)
		bed_woken();
	return old;
}

void NTAPI KeInitializeMutex(struct nt_mutant *m, uint32_t level)
{
	bed_watch(__func__, HIGH_LEVEL);
	(void)level;
	memset(m, 0, sizeof(*m));
	header_init(&m->header, NT_MUTANT, 1);
}

int32_t NTAPI KeReleaseMutex(struct nt_mutant *m, uint8_t wait)
{
	int32_t old = m->header.signal;

	bed_watch(__func__, DISPATCH_LEVEL);
	if (wait || m->owner != bed_current || old > 0)
		bare_panic("a mutex is released by another thread");
	if (++m->header.signal > 0)
		m->owner = NULL;
	bed_woken();
	return old;
}

void NTAPI KeInitializeTimerEx(struct nt_timer *t, uint32_t type)
{
	bed_watch(__func__, HIGH_LEVEL);
	memset(t, 0, sizeof(*t));
	header_init(&t->header, type ? NT_TIMER_SYNC : NT_TIMER_NOTIFICATION,
		    0);
}

uint8_t NTAPI KeSetTimer(struct nt_timer *t, int64_t due, struct nt_dpc *dpc)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	if (!(x86_rflags() & 0x200))
		bare_panic("KeSetTimer() with interrupts off");
	return (uint8_t)bed_timer_set(t, due, 0, dpc);
}

uint8_t NTAPI KeCancelTimer(struct nt_timer *t)
{
	bed_watch(__func__, DISPATCH_LEVEL);
	return (uint8_t)bed_timer_cancel(t);
}

void NTAPI KeInitializeDpc(struct nt_dpc *d, void *routine, void *context)
{
	bed_watch(__func__, HIGH_LEVEL);
	memset(d, 0, sizeof(*d));
	d->type = 19;
	d->importance = 1;
	__builtin_memcpy(&d->routine, &routine, 8);
	d->context = context;
}

uint8_t NTAPI KeInsertQueueDpc(struct nt_dpc *d, void *arg1, void *arg2)
{
	bed_watch(__func__, HIGH_LEVEL);
	if (d->type != 19)
		bare_panic("a DPC that was never initialised is queued");
	return (uint8_t)bed_dpc_queue(d, arg1, arg2);
}

void NTAPI KeSetImportanceDpc(struct nt_dpc *d, uint32_t importance)
{
	bed_watch(__func__, HIGH_LEVEL);
	d->importance = (uint8_t)importance;
}

void NTAPI KeSetTargetProcessorDpc(struct nt_dpc *d, int8_t number)
{
	bed_watch(__func__, HIGH_LEVEL);
	if (number)
		bare_panic("a DPC for CPU %d", number);
	d->number = 0x500;
}

uint32_t NTAPI KeSetTargetProcessorDpcEx(struct nt_dpc *d,
					 struct nt_processor *number)
{
	if (bed_fails(__func__))
		return STATUS_INVALID_PARAMETER;
	KeSetTargetProcessorDpc(d, (int8_t)number->number);
	return number->group ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

void NTAPI KeFlushQueuedDpcs(void)
{
	bed_watch(__func__, PASSIVE_LEVEL);
	while (bed_dpcs_queued())
		__asm__ volatile("pause");
}

uint32_t NTAPI KeWaitForSingleObject(struct nt_header *h, uint32_t reason,
				     int8_t mode, uint8_t alertable,
				     int64_t *timeout)
{
	uint64_t until = UINT64_MAX;

	bed_watch(__func__, timeout && !*timeout ? DISPATCH_LEVEL : APC_LEVEL);
	(void)reason;
	if (!(x86_rflags() & 0x200))
		bare_panic("KeWaitForSingleObject() with interrupts off");
	if (timeout && *timeout > 0)
		bare_panic("a wait until an absolute time");
	if (timeout)
		until = *timeout ? bed_time() + (uint64_t)-*timeout : 0;
	return bed_wait(h, until, mode ? alertable ? BED_ALERTS : BED_END :
			BED_NOTHING);
}

uint32_t NTAPI KeDelayExecutionThread(int8_t mode, uint8_t alertable,
				      int64_t *interval)
{
	bed_watch(__func__, APC_LEVEL);
	return bed_wait(NULL, bed_time() + (uint64_t)-*interval,
			mode ? alertable ? BED_ALERTS : BED_END :
			BED_NOTHING);
}

/* ---- processors: one ------------------------------------------------- */

uint64_t NTAPI KeQueryActiveProcessors(void)
{
	bed_watch(__func__, HIGH_LEVEL);
	return 1;
}

void NTAPI KeSetSystemAffinityThread(uint64_t mask)
{
	bed_watch(__func__, APC_LEVEL);
	if (!(mask & 1))
		bare_panic("affinity %llx", (unsigned long long)mask);
	if (!bed_held(BED_COUNT_affinity))	/* it does not nest */
		bed_take(BED_COUNT_affinity, 1);
}

void NTAPI KeRevertToUserAffinityThread(void)
{
	bed_watch(__func__, APC_LEVEL);
	bed_give(BED_COUNT_affinity,
		 (uint64_t)bed_held(BED_COUNT_affinity));
}

void NTAPI KeSetSystemGroupAffinityThread(struct nt_affinity *want,
					  struct nt_affinity *old)
{
	bed_watch(__func__, APC_LEVEL);
	if (!(want->mask & 1) || want->group || want->reserved[0] ||
	    want->reserved[1] || want->reserved[2])
		bare_panic("group affinity %llx",
			   (unsigned long long)want->mask);
	memset(old, 0, sizeof(*old));
	bed_take(BED_COUNT_affinity, 1);
}

void NTAPI KeRevertToUserGroupAffinityThread(struct nt_affinity *old)
{
	bed_watch(__func__, APC_LEVEL);
	(void)old;
	bed_give(BED_COUNT_affinity, 1);
}

uint32_t NTAPI KeGetCurrentProcessorNumberEx(struct nt_processor *number)
{
	/* Called inside slices, very often: a row of gs alone is read. */
	if (number)
		memset(number, 0, sizeof(*number));
	return bed_kpcr()[0x184];
}

uint32_t NTAPI KeGetProcessorNumberFromIndex(uint32_t index,
					     struct nt_processor *number)
{
	bed_watch(__func__, HIGH_LEVEL);
	memset(number, 0, sizeof(*number));
	return index || bed_fails(__func__) ? STATUS_INVALID_PARAMETER :
	       STATUS_SUCCESS;
}

uint32_t NTAPI KeQueryActiveProcessorCountEx(uint16_t group)
{
	bed_watch(__func__, HIGH_LEVEL);
	return group == 0xffff || !group ? 1 : 0;
}
