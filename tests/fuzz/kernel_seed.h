/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel_seed.h - a platform object with one of each thing, and a kernel that
 * it can be linked into.
 */
#ifndef CVM_FUZZ_KERNEL_SEED_H
#define CVM_FUZZ_KERNEL_SEED_H

#include <stddef.h>
#include <stdint.h>

#include "../kernel/made_kernel.h"

#define KERNEL_SEED_OBJECT	8192u

/* kernel_seed_object - its bytes, into to. */
size_t kernel_seed_object(uint8_t to[KERNEL_SEED_OBJECT]);

/* kernel_seed - a kernel that has what the object asks for. */
void kernel_seed(struct made_kernel *made);

#endif /* CVM_FUZZ_KERNEL_SEED_H */
