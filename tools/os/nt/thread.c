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

struct cvm_plat_thread {
	HANDLE handle;
	HANDLE go;			/* there is something to do, or .end */
	HANDLE idle;			/* stays set while there is not */
	void (*fn)(void *arg);
	void *arg;
	BOOL end;
};

const char cvm_plat_no_thread[] = "Windows has no more threads to give";

static unsigned int __stdcall thread_main(void *arg)
{
	struct cvm_plat_thread *thread = arg;

	for (;;) {
		WaitForSingleObject(thread->go, INFINITE);
		if (thread->end)
			return 0;
		thread->fn(thread->arg);
		SetEvent(thread->idle);
	}
}

static void drop(struct cvm_plat_thread *thread)
{
	if (thread->handle)
		CloseHandle(thread->handle);
	if (thread->go)
		CloseHandle(thread->go);
	if (thread->idle)
		CloseHandle(thread->idle);
	free(thread);
}

struct cvm_plat_thread *cvm_plat_thread_new(const char *name)
{
	struct cvm_plat_thread *thread = calloc(1, sizeof(*thread));

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

void cvm_plat_thread_run(struct cvm_plat_thread *thread,
			 void (*fn)(void *arg), void *arg)
{
	thread->fn = fn;
	thread->arg = arg;
	ResetEvent(thread->idle);
	SetEvent(thread->go);
}

void cvm_plat_thread_wait(struct cvm_plat_thread *thread)
{
	WaitForSingleObject(thread->idle, INFINITE);
}

void cvm_plat_thread_free(struct cvm_plat_thread *thread)
{
	if (!thread)
		return;
	cvm_plat_thread_wait(thread);
	thread->end = TRUE;
	SetEvent(thread->go);
	WaitForSingleObject(thread->handle, INFINITE);
	drop(thread);
}

_Static_assert(sizeof(CRITICAL_SECTION) <= sizeof(struct cvm_plat_lock),
	       "room for a lock");

static CRITICAL_SECTION *section(struct cvm_plat_lock *lock)
{
	return (CRITICAL_SECTION *)lock->own;
}

void cvm_plat_lock_init(struct cvm_plat_lock *lock)
{
	InitializeCriticalSection(section(lock));
}

void cvm_plat_lock_destroy(struct cvm_plat_lock *lock)
{
	DeleteCriticalSection(section(lock));
}

void cvm_plat_lock(struct cvm_plat_lock *lock)
{
	EnterCriticalSection(section(lock));
}

int cvm_plat_trylock(struct cvm_plat_lock *lock)
{
	return TryEnterCriticalSection(section(lock)) ? 0 : -1;
}

void cvm_plat_unlock(struct cvm_plat_lock *lock)
{
	LeaveCriticalSection(section(lock));
}

int cvm_plat_event_open(struct cvm_plat_event *event)
{
	HANDLE handle = CreateEventW(NULL, FALSE, FALSE, NULL);

	event->handle = (intptr_t)handle;
	return handle ? 0 : -1;
}

void cvm_plat_event_close(struct cvm_plat_event *event)
{
	CloseHandle((HANDLE)event->handle);
	event->handle = 0;
}

void cvm_plat_event_signal(struct cvm_plat_event *event)
{
	SetEvent((HANDLE)event->handle);
}

void cvm_plat_event_wait(struct cvm_plat_event *event)
{
	WaitForSingleObject((HANDLE)event->handle, INFINITE);
}

/* advapi32 exports RtlGenRandom() as SystemFunction036(). */
int cvm_plat_random(void *to, size_t bytes)
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
