/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thread.h - everything of the devices that knows the operating system.
 *
 * One implementation is linked: linux/thread.c or nt/thread.c.  Calls return
 * 0 or -1 where nothing else is said.
 */
#ifndef CVM_OS_THREAD_H
#define CVM_OS_THREAD_H

#include <stddef.h>
#include <stdint.h>

/* ---- threads and locks --------------------------------------------------- */

struct cvm_plat_thread;

/*
 * cvm_plat_thread_new - a thread with nothing to do yet, which takes no
 * signals; NULL when there is none to be had, which cvm_plat_no_thread
 * explains.  name: up to 15 characters, for process listings.
 */
struct cvm_plat_thread *cvm_plat_thread_new(const char *name);
extern const char cvm_plat_no_thread[];

/* cvm_plat_thread_run - let one with nothing to do call fn(arg). */
void cvm_plat_thread_run(struct cvm_plat_thread *thread,
			 void (*fn)(void *arg), void *arg);

/* cvm_plat_thread_wait - until it has nothing to do. */
void cvm_plat_thread_wait(struct cvm_plat_thread *thread);

/* cvm_plat_thread_free - wait, and end it; NULL is none. */
void cvm_plat_thread_free(struct cvm_plat_thread *thread);

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

#endif /* CVM_OS_THREAD_H */
