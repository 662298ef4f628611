/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thread.h - threads, locks, notifiers and randomness, for device models.
 *
 * One implementation is linked: linux/thread.c or nt/thread.c.  Calls return
 * 0 or -1 where nothing else is said.
 */
#ifndef CVM_OS_THREAD_H
#define CVM_OS_THREAD_H

#include <stddef.h>
#include <stdint.h>

/* ---- threads and locks --------------------------------------------------- */

struct os_thread;

/*
 * os_thread_new - a thread with nothing to do yet, which takes no
 * signals; NULL when there is none to be had, which os_no_thread
 * explains.  name: up to 15 characters, for process listings.
 */
struct os_thread *os_thread_new(const char *name);
extern const char os_no_thread[];

/* os_thread_run - let one with nothing to do call fn(arg). */
void os_thread_run(struct os_thread *thread,
		   void (*fn)(void *arg), void *arg);

/* os_thread_wait - until it has nothing to do. */
void os_thread_wait(struct os_thread *thread);

/* os_thread_free - wait, and end it; NULL is none. */
void os_thread_free(struct os_thread *thread);

struct os_lock {
	void *own[8];
};

void os_lock_init(struct os_lock *lock);
void os_lock_destroy(struct os_lock *lock);
void os_lock(struct os_lock *lock);
/* os_trylock - 0, or -1: somebody has it.  Not for its holder. */
int os_trylock(struct os_lock *lock);
void os_unlock(struct os_lock *lock);

/* ---- events -------------------------------------------------------------- */

/*
 * A doorbell: signalled any number of times, it ends one wait, the one under
 * way or the next.  handle: an eventfd on Linux, an auto-reset event object on
 * Windows; a driver may hold a reference and signal it too.
 */
struct os_notifier {
	intptr_t handle;
};

int os_notifier_open(struct os_notifier *event);
void os_notifier_close(struct os_notifier *event);
void os_notifier_signal(struct os_notifier *event);
void os_notifier_wait(struct os_notifier *event);

/* ---- randomness ---------------------------------------------------------- */

/* os_random - from the system's generator for keys. */
int os_random(void *to, size_t bytes);

#endif /* CVM_OS_THREAD_H */
