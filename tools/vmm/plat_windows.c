// SPDX-License-Identifier: GPL-2.0-only
/*
 * plat_windows.c - threads, locks, events and randomness on Windows, out of
 * what NT 5.2 has: no slim locks, no CNG.
 */
#include <windows.h>

#include <ntsecapi.h>
#include <process.h>
#include <stdlib.h>

#include "plat.h"

struct cvm_plat_thread {
	HANDLE handle;
	void (*fn)(void *arg);
	void *arg;
};

static unsigned int __stdcall thread_main(void *arg)
{
	struct cvm_plat_thread *thread = arg;

	thread->fn(thread->arg);
	return 0;
}

struct cvm_plat_thread *cvm_plat_thread_start(void (*fn)(void *arg),
					      void *arg, const char *name)
{
	struct cvm_plat_thread *thread = malloc(sizeof(*thread));

	(void)name;	/* SetThreadDescription() came with Windows 10 1607 */
	if (!thread)
		return NULL;
	thread->fn = fn;
	thread->arg = arg;
	thread->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main, thread,
						0, NULL);
	if (!thread->handle) {
		free(thread);
		return NULL;
	}
	return thread;
}

void cvm_plat_thread_join(struct cvm_plat_thread *thread)
{
	WaitForSingleObject(thread->handle, INFINITE);
	CloseHandle(thread->handle);
	free(thread);
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
