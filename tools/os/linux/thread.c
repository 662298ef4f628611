// SPDX-License-Identifier: GPL-2.0-only
/* thread.c - threads, locks, events and randomness on Linux. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/thread.h"

struct os_thread {
	pthread_t id;
	char name[16];
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t changed;
	void (*fn)(void *arg);		/* what it does; NULL: nothing */
	void *arg;
	bool end;
};

const char os_no_thread[] = "this process may have no more threads: "
	"see TasksMax=, pids.max and ulimit -u";

static void serve(struct os_thread *thread)
{
	while (!thread->fn && !thread->end)
		pthread_cond_wait(&thread->changed, &thread->lock);
	if (!thread->fn)
		return;
	pthread_mutex_unlock(&thread->lock);
	thread->fn(thread->arg);
	pthread_mutex_lock(&thread->lock);
	thread->fn = NULL;
	pthread_cond_broadcast(&thread->changed);
}

/* Its name is its own affair: /proc may be out of reach (confinement). */
static void *thread_main(void *arg)
{
	struct os_thread *thread = arg;

	prctl(PR_SET_NAME, thread->name);
	pthread_mutex_lock(&thread->lock);
	while (!thread->end)
		serve(thread);
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

/* Signals of a crash mean the thread itself and stay open. */
static int create(struct os_thread *thread)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	sigset_t all, old;
	size_t i;
	int err;

	sigfillset(&all);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static void drop(struct os_thread *thread)
{
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

struct os_thread *os_thread_new(const char *name)
{
	struct os_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	if (!create(thread))
		return thread;
	drop(thread);
	return NULL;
}

void os_thread_run(struct os_thread *thread,
		   void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&thread->lock);
	thread->fn = fn;
	thread->arg = arg;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

void os_thread_wait(struct os_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	while (thread->fn)
		pthread_cond_wait(&thread->changed, &thread->lock);
	pthread_mutex_unlock(&thread->lock);
}

void os_thread_free(struct os_thread *thread)
{
	if (!thread)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->end = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->id, NULL);
	drop(thread);
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct os_lock),
	       "room for a mutex");

static pthread_mutex_t *mutex(struct os_lock *lock)
{
	return (pthread_mutex_t *)lock->own;
}

void os_lock_init(struct os_lock *lock)
{
	pthread_mutex_init(mutex(lock), NULL);
}

void os_lock_destroy(struct os_lock *lock)
{
	pthread_mutex_destroy(mutex(lock));
}

void os_lock(struct os_lock *lock)
{
	pthread_mutex_lock(mutex(lock));
}

int os_trylock(struct os_lock *lock)
{
	return pthread_mutex_trylock(mutex(lock)) ? -1 : 0;
}

void os_unlock(struct os_lock *lock)
{
	pthread_mutex_unlock(mutex(lock));
}

int os_notifier_open(struct os_notifier *event)
{
	event->handle = eventfd(0, EFD_CLOEXEC);
	return event->handle < 0 ? -1 : 0;
}

void os_notifier_close(struct os_notifier *event)
{
	close((int)event->handle);
	event->handle = -1;
}

void os_notifier_signal(struct os_notifier *event)
{
	uint64_t one = 1;

	while (write((int)event->handle, &one, sizeof(one)) < 0 &&
	       errno == EINTR)
		;
}

void os_notifier_wait(struct os_notifier *event)
{
	uint64_t count;

	while (read((int)event->handle, &count, sizeof(count)) < 0 &&
	       errno == EINTR)
		;
}

int os_random(void *to, size_t bytes)
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
