/* SPDX-License-Identifier: GPL-2.0-only */
/* console_client.h - the process that owns the terminal. */
#ifndef CVM_VMM_CONSOLE_CLIENT_H
#define CVM_VMM_CONSOLE_CLIENT_H

#include "os/os.h"

/*
 * console_client_run - be the terminal of the VMM that this process started,
 * until it ends (its status) or the detach key is pressed (EXIT_OK).  key < 0:
 * there is none.
 * console_client_attach - the same of one that runs already, whose VM this end
 * does not end.  port: what to attach to, "": the guest's own console.
 */
int console_client_run(struct os_link *link, const char *name, int key);
int console_client_attach(struct os_link *link,
			  const struct cvm_user_vm_info *vm, const char *port,
			  int key);

/*
 * console_client_detach - wait until the guest has run, then leave it to
 * itself. EXIT_OK, or the VMM's exit status if it did not come so far.
 */
int console_client_detach(struct os_link *link, const char *name);

#endif /* CVM_VMM_CONSOLE_CLIENT_H */
