/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_client.h - of a VM's own process. */
#ifndef CVM_VMM_STATS_CLIENT_H
#define CVM_VMM_STATS_CLIENT_H

#include <stdint.h>

#include "driver.h"

/*
 * stats_client_connect - to the process of this VM; NULL with a problem.
 * Another VM of the same name may be there instead: what is sent says which is
 * meant.
 */
struct os_link *stats_client_connect(const struct cvm_user_vm_info *vm,
				     struct problem *problem);

/*
 * stats_client_counters - fn for each counter, those of a device one after the
 * other; value is a number in digits, or a word that begins with none. Nobody
 * to ask, or one who does not answer, has none.
 */
void stats_client_counters(const struct cvm_user_vm_info *vm,
			   void (*fn)(void *ctx, const char *device,
				      const char *counter, const char *value),
			   void *ctx);

/*
 * stats_client_rescan - the VM is to look how long a disk of its is, or with ""
 * all of them, and tell its guest: fn as above, "before" and then "bytes".  -1
 * with a problem: it does not answer.
 */
int stats_client_rescan(const struct cvm_user_vm_info *vm, const char *disk,
			void (*fn)(void *ctx, const char *device,
				   const char *counter, const char *value),
			void *ctx, struct problem *problem);

/*
 * stats_client_killed - this VM was ended by the driver; its process is to wait
 * for nobody who reads slowly.
 * stats_client_poweroff - its guest was asked to power off; its time runs.
 */
void stats_client_killed(const struct cvm_user_vm_info *vm);
void stats_client_poweroff(const struct cvm_user_vm_info *vm);

#endif /* CVM_VMM_STATS_CLIENT_H */
