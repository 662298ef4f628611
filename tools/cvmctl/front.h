/* SPDX-License-Identifier: GPL-2.0-only */
/* front.h - the process that owns the terminal. */
#ifndef CVMCTL_FRONT_H
#define CVMCTL_FRONT_H

#include "platform.h"

/*
 * front_run - be the terminal of the VMM at the other end until it ends (its
 * status) or the detach key is pressed (EXIT_OK).  key < 0: there is none.
 * owner: this process started the VMM, and ends it.
 */
int front_run(struct link *link, const char *name, int key, int owner);

/*
 * front_detach - wait until the VMM has started, then leave it to itself.
 * EXIT_OK, or its exit status if it did not start.
 */
int front_detach(struct link *link);

#endif /* CVMCTL_FRONT_H */
