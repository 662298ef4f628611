/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_ttys.h - the serial lines a VM's configuration asks for. */
#ifndef CVM_VMM_VM_TTYS_H
#define CVM_VMM_VM_TTYS_H

#include "console_server.h"
#include "vm.h"

/* ttys_add - plug them in, if there are any; -1 with a problem. */
int ttys_add(struct vm *vm, const struct config *config,
	     struct problem *problem);

/* ttys_report - what went through them, by stats_answer_number(). */
void ttys_report(struct stats_answer *to);

#endif /* CVM_VMM_VM_TTYS_H */
