// SPDX-License-Identifier: GPL-2.0-only
/* plat_linux.c - threads, locks, events and randomness on Linux. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "plat.h"

struct cvm_plat_thread {
	pthread_t id;
	void (*fn)(void *arg);
	void *arg;
	char name[16];
};

/* Its name is its own affair: /proc may be out of reach (confinement). */
static void *thread_main(void *arg)
{
	struct cvm_plat_thread *thread = arg;

	prctl(PR_SET_NAME, thread->name);
	thread->fn(thread->arg);
	return NULL;
}

struct cvm_plat_thread *cvm_plat_thread_start(void (*fn)(void *arg),
					      void *arg, const char *name)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct cvm_plat_thread *thread = malloc(sizeof(*thread));
	sigset_t all, old;
	size_t i;
	int err;

	if (!thread)
		return NULL;
	thread->fn = fn;
	thread->arg = arg;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	/* Signals of a crash mean the thread itself and stay open. */
	sigfillset(&all);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(thread);
		return NULL;
	}
	return thread;
}

void cvm_plat_thread_join(struct cvm_plat_thread *thread)
{
	pthread_join(thread->id, NULL);
	free(thread);
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct cvm_plat_lock),
	       "room for a mutex");

static pthread_mutex_t *mutex(struct cvm_plat_lock *lock)
{
	return (pthread_mutex_t *)lock->own;
}

void cvm_plat_lock_init(struct cvm_plat_lock *lock)
{
	pthread_mutex_init(mutex(lock), NULL);
}

void cvm_plat_lock_destroy(struct cvm_plat_lock *lock)
{
	pthread_mutex_destroy(mutex(lock));
}

void cvm_plat_lock(struct cvm_plat_lock *lock)
{
	pthread_mutex_lock(mutex(lock));
}

int cvm_plat_trylock(struct cvm_plat_lock *lock)
{
	return pthread_mutex_trylock(mutex(lock)) ? -1 : 0;
}

void cvm_plat_unlock(struct cvm_plat_lock *lock)
{
	pthread_mutex_unlock(mutex(lock));
}

int cvm_plat_event_open(struct cvm_plat_event *event)
{
	event->handle = eventfd(0, EFD_CLOEXEC);
	return event->handle < 0 ? -1 : 0;
}

void cvm_plat_event_close(struct cvm_plat_event *event)
{
	close((int)event->handle);
	event->handle = -1;
}

void cvm_plat_event_signal(struct cvm_plat_event *event)
{
	uint64_t one = 1;

	while (write((int)event->handle, &one, sizeof(one)) < 0 &&
	       errno == EINTR)
		;
}

void cvm_plat_event_wait(struct cvm_plat_event *event)
{
	uint64_t count;

	while (read((int)event->handle, &count, sizeof(count)) < 0 &&
	       errno == EINTR)
		;
}

int cvm_plat_random(void *to, size_t bytes)
{
	uint8_t *at = to;
	ssize_t got;

	while (bytes) {
		got = getrandom(at, bytes, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		bytes -= (size_t)got;
	}
	return 0;
}
