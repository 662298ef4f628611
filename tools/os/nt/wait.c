// SPDX-License-Identifier: GPL-2.0-only
/* wait.c - the one place where a VM's process and its clients sleep. */
#include "nt.h"

uint32_t os_ticks(void)
{
	return GetTickCount();
}

enum os_wait_end os_wait(struct os_link *const *links, unsigned int count,
			 unsigned int *which, int input, int ms)
{
	enum os_wait_end what[4 + OS_WAIT_LINKS] = {
		OS_WAIT_STOP, OS_WAIT_WAKE };
	HANDLE events[4 + OS_WAIT_LINKS] = { nt_stop_event(),
					     nt_wake_event() };
	unsigned int links_of[4 + OS_WAIT_LINKS], i;
	DWORD n = 2, ret;

	if (nt_resized())
		return OS_WAIT_SIZE;
	if (input) {
		what[n] = OS_WAIT_INPUT;
		events[n++] = nt_input_event();
	}
	for (i = 0; i < count; i++) {
		if (!links[i])
			continue;
		what[n] = OS_WAIT_LINK;
		links_of[n] = i;
		events[n++] = nt_link_event(links[i]);
	}
	if (nt_listen_event()) {
		what[n] = OS_WAIT_LISTEN;
		events[n++] = nt_listen_event();
	}
	ret = WaitForMultipleObjects(n, events, FALSE,
				     ms < 0 ? INFINITE : (DWORD)ms) -
	      WAIT_OBJECT_0;
	if (ret >= n)
		return OS_WAIT_TIME;
	if (what[ret] == OS_WAIT_LINK)
		*which = links_of[ret];
	return what[ret];
}
