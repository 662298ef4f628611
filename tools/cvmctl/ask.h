/* SPDX-License-Identifier: GPL-2.0-only */
/* ask.h - of a VM's own process. */
#ifndef CVMCTL_ASK_H
#define CVMCTL_ASK_H

#include <stdint.h>

/*
 * ask_counters - fn for each counter, those of a device one after the other.
 * Nobody to ask, or one who does not answer, has none.
 */
void ask_counters(const char *name,
		  void (*fn)(void *ctx, const char *device,
			     const char *counter, uint64_t value),
		  void *ctx);

/*
 * tell_killed - the VM of this name was ended by the driver; its process is to
 * wait for nobody who reads slowly.
 */
void tell_killed(const char *name);

#endif /* CVMCTL_ASK_H */
