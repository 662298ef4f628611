/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * modules.h - what becomes of the instructions of a kernel's modules that touch
 * the machine.
 *
 * A guest makes sites of a module's when it loads it (guest-patch/object/
 * modules.c): those that struct cvm_site has a kind for, wherever they are.
 * What is left is executed as it is, and judged here beforehand.
 */
#ifndef CVM_KERNEL_MODULES_H
#define CVM_KERNEL_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "os/problem.h"

#include "decode.h"
#include "sites.h"

#define MODULE_NAME	64u	/* with its NUL; longer ones are cut */

struct module_site {
	char module[MODULE_NAME];
	char function[MODULE_NAME];
	uint32_t offset;
	uint8_t class;		/* enum insn_class */
	uint8_t verdict;	/* enum site_verdict */
	const char *reason;
};

struct modules {
	struct module_site *list;	/* but sites and harmless ones */
	size_t count;
	uint32_t files;
	uint32_t refused;	/* not judged */
	uint32_t counts[INSN_CLASSES][SITE_VERDICTS];
};

/*
 * module_add - look at one more file, a .ko as it is or packed with gzip, xz
 * or zstd.  -1 with a problem: it is none, it cannot be unpacked, no decoder.
 * modules_free() in every case; all begins as zeroes.
 */
int module_add(struct modules *all, const char *path, struct problem *problem);
void modules_free(struct modules *all);

/* module_add() of what is in memory; path is for its name and messages. */
int module_add_bytes(struct modules *all, const char *path, const void *data,
		     uint64_t bytes, struct problem *problem);

#endif /* CVM_KERNEL_MODULES_H */
