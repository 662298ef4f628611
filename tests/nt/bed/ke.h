/* SPDX-License-Identifier: GPL-2.0-only */
/* ke.h - what the exports need of ke.c. */
#ifndef BED_KE_H
#define BED_KE_H

#include "nt.h"

/* Interrupts off, and back as they were. */
uint64_t bed_lock(void);
void bed_unlock(uint64_t flags);
uint64_t bed_system_time(void);
int bed_dpc_queue(struct nt_dpc *dpc, void *arg1, void *arg2);
int bed_dpcs_queued(void);
int bed_timer_set(struct nt_timer *t, int64_t due, uint32_t period_ms,
		  struct nt_dpc *dpc);
int bed_timer_cancel(struct nt_timer *t);
/* Something a thread may wait for was signalled. */
void bed_woken(void);
/* What ends a wait early: an alert or the end of the thread. */
enum bed_ends { BED_NOTHING, BED_END, BED_ALERTS };
uint32_t bed_wait(struct nt_header *h, uint64_t until, enum bed_ends ends);

#endif /* BED_KE_H */
