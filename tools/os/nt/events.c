// SPDX-License-Identifier: GPL-2.0-only
/* events.c - what ends a wait of this process, whoever says so. */
#include "nt.h"

static HANDLE wake_event, stop_event;	/* reset themselves */
static HANDLE unblock_event;		/* stays set */
static int catching;

int os_wait_open(struct problem *problem)
{
	wake_event = CreateEventW(NULL, FALSE, FALSE, NULL);
	stop_event = CreateEventW(NULL, FALSE, FALSE, NULL);
	unblock_event = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!wake_event || !stop_event || !unblock_event)
		return nt_problem(problem, "console", GetLastError());
	return 0;
}

int os_catch_stop(struct problem *problem)
{
	(void)problem;
	catching = 1;
	return 0;
}

int nt_stops(void)
{
	return catching;
}

void nt_stop(void)
{
	SetEvent(stop_event);
}

HANDLE nt_unblocked(void)
{
	return unblock_event;
}

void os_wake(void)
{
	SetEvent(wake_event);
}

void os_unblock(void)
{
	SetEvent(unblock_event);
}

HANDLE nt_wake_event(void)
{
	return wake_event;
}

HANDLE nt_stop_event(void)
{
	return stop_event;
}
