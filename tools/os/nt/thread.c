// SPDX-License-Identifier: GPL-2.0-only
/*
 * thread.c - threads, locks, events and randomness on Windows, out of
 * what NT 5.2 has: no slim locks, no CNG.
 */
#include <windows.h>

#include <ntsecapi.h>
#include <process.h>
#include <stdlib.h>

#include "os/thread.h"

struct os_thread {
	HANDLE handle;
	HANDLE go;			/* there is something to do, or .end */
	HANDLE idle;			/* stays set while there is not */
	void (*fn)(void *arg);
	void *arg;
	BOOL end;
};

const char os_no_thread[] = "Windows has no more threads to give";

static unsigned int __stdcall thread_main(void *arg)
{
	struct os_thread *thread = arg;

	for (;;) {
		WaitForSingleObject(thread->go, INFINITE);
		if (thread->end)
			return 0;
		thread->fn(thread->arg);
		SetEvent(thread->idle);
	}
}

static void drop(struct os_thread *thread)
{
	if (thread->handle)
		CloseHandle(thread->handle);
	if (thread->go)
		CloseHandle(thread->go);
	if (thread->idle)
		CloseHandle(thread->idle);
	free(thread);
}

struct os_thread *os_thread_new(const char *name)
{
	struct os_thread *thread = calloc(1, sizeof(*thread));

	(void)name;	/* SetThreadDescription() came with Windows 10 1607 */
	if (!thread)
		return NULL;
	thread->go = CreateEventW(NULL, FALSE, FALSE, NULL);
	thread->idle = CreateEventW(NULL, TRUE, TRUE, NULL);
	if (thread->go && thread->idle)
		thread->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main,
							thread, 0, NULL);
	if (thread->handle)
		return thread;
	drop(thread);
	return NULL;
}

void os_thread_run(struct os_thread *thread,
		   void (*fn)(void *arg), void *arg)
{
	thread->fn = fn;
	thread->arg = arg;
	ResetEvent(thread->idle);
	SetEvent(thread->go);
}

void os_thread_wait(struct os_thread *thread)
{
	WaitForSingleObject(thread->idle, INFINITE);
}

void os_thread_free(struct os_thread *thread)
{
	if (!thread)
		return;
	os_thread_wait(thread);
	thread->end = TRUE;
	SetEvent(thread->go);
	WaitForSingleObject(thread->handle, INFINITE);
	drop(thread);
}

_Static_assert(sizeof(CRITICAL_SECTION) <= sizeof(struct os_lock),
	       "room for a lock");

static CRITICAL_SECTION *section(struct os_lock *lock)
{
	return (CRITICAL_SECTION *)lock->own;
}

void os_lock_init(struct os_lock *lock)
{
	InitializeCriticalSection(section(lock));
}

void os_lock_destroy(struct os_lock *lock)
{
	DeleteCriticalSection(section(lock));
}

void os_lock(struct os_lock *lock)
{
	EnterCriticalSection(section(lock));
}

int os_trylock(struct os_lock *lock)
{
	return TryEnterCriticalSection(section(lock)) ? 0 : -1;
}

void os_unlock(struct os_lock *lock)
{
	LeaveCriticalSection(section(lock));
}

int os_notifier_open(struct os_notifier *event)
{
	HANDLE handle = CreateEventW(NULL, FALSE, FALSE, NULL);

	event->handle = (intptr_t)handle;
	return handle ? 0 : -1;
}

void os_notifier_close(struct os_notifier *event)
{
	CloseHandle((HANDLE)event->handle);
	event->handle = 0;
}

void os_notifier_signal(struct os_notifier *event)
{
	SetEvent((HANDLE)event->handle);
}

void os_notifier_wait(struct os_notifier *event)
{
	WaitForSingleObject((HANDLE)event->handle, INFINITE);
}

/* advapi32 exports RtlGenRandom() as SystemFunction036(). */
int os_random(void *to, size_t bytes)
{
	uint8_t *at = to;
	ULONG part;

	for (; bytes; at += part, bytes -= part) {
		part = bytes < 1u << 30 ? (ULONG)bytes : 1u << 30;
		if (!RtlGenRandom(at, part))
			return -1;
	}
	return 0;
}
