/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plat.h - everything of the devices that knows the operating system.
 *
 * One implementation is linked: plat_linux.c or plat_windows.c.  Calls return
 * 0 or -1 where nothing else is said.
 */
#ifndef CVM_VMM_PLAT_H
#define CVM_VMM_PLAT_H

#include <stddef.h>
#include <stdint.h>

/* ---- threads and locks --------------------------------------------------- */

struct cvm_plat_thread;

/*
 * cvm_plat_thread_start - a thread that takes no signals; NULL when there is
 * none to be had.  name: up to 15 characters, for process listings.
 */
struct cvm_plat_thread *cvm_plat_thread_start(void (*fn)(void *arg),
					      void *arg, const char *name);
void cvm_plat_thread_join(struct cvm_plat_thread *thread);

struct cvm_plat_lock {
	void *own[8];
};

void cvm_plat_lock_init(struct cvm_plat_lock *lock);
void cvm_plat_lock_destroy(struct cvm_plat_lock *lock);
void cvm_plat_lock(struct cvm_plat_lock *lock);
/* cvm_plat_trylock - 0, or -1: somebody has it.  Not for its holder. */
int cvm_plat_trylock(struct cvm_plat_lock *lock);
void cvm_plat_unlock(struct cvm_plat_lock *lock);

/* ---- events -------------------------------------------------------------- */

/*
 * A doorbell: signalled any number of times, it ends one wait, the one under
 * way or the next.  handle: an eventfd on Linux, an auto-reset event object on
 * Windows; a driver may hold a reference and signal it too.
 */
struct cvm_plat_event {
	intptr_t handle;
};

int cvm_plat_event_open(struct cvm_plat_event *event);
void cvm_plat_event_close(struct cvm_plat_event *event);
void cvm_plat_event_signal(struct cvm_plat_event *event);
void cvm_plat_event_wait(struct cvm_plat_event *event);

/* ---- randomness ---------------------------------------------------------- */

/* cvm_plat_random - from the system's generator for keys. */
int cvm_plat_random(void *to, size_t bytes);

#endif /* CVM_VMM_PLAT_H */
