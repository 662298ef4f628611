/* SPDX-License-Identifier: GPL-2.0-only */
/* front.h - the process that owns the terminal. */
#ifndef CVMCTL_FRONT_H
#define CVMCTL_FRONT_H

#include "platform.h"

/*
 * front_run - be the terminal of the VMM at the other end until it ends (its
 * status) or the detach key is pressed (EXIT_OK).  key < 0: there is none.
 * port: NULL: this process started the VMM, is attached to the guest's own
 * console, and ends the VM; else what to attach to, "": the guest's own.
 */
int front_run(struct link *link, const char *name, const char *port, int key);

/*
 * front_detach - wait until the guest has run, then leave it to itself.
 * EXIT_OK, or the VMM's exit status if it did not come so far.
 */
int front_detach(struct link *link, const char *name);

#endif /* CVMCTL_FRONT_H */
