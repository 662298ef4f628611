/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * impl.h - shared by the loader's own files only.
 */
#ifndef CVM_BOOT_IMPL_H
#define CVM_BOOT_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/boot.h>

#include "fmt.h"

/* Set *err and hand the code on: return cvm_refuse(err, ...). */
#define cvm_refuse(err, code, reason, ...) \
	(cvm_err_begin(err, reason) ? \
	 (void)cvm_fmt((err)->text, sizeof((err)->text), __VA_ARGS__) : \
	 (void)0, -(code))

static inline int cvm_err_begin(struct cvm_err *err, uint32_t why)
{
	if (!err)
		return 0;
	err->why = why;
	return 1;
}

/* [off, off + len) lies in [0, bytes), whatever the numbers are. */
static inline int cvm_inside(uint64_t off, uint64_t len, uint64_t bytes)
{
	return len <= bytes && off <= bytes - len;
}

/* The sum may not overflow: callers bound x well below 2^63. */
static inline uint64_t cvm_round_up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & ~(align - 1);
}

static inline uint64_t cvm_to_mib(uint64_t bytes)
{
	return (bytes >> 20) + !!(bytes & 0xfffff);
}

static inline void *cvm_guest_at(const struct cvm_guest_mem *mem,
				 uint64_t gpa, uint64_t bytes)
{
	return mem->at(mem->ctx, gpa, bytes);
}

/* ---- params.c ---- */

/* Fill boot_params and the command line at their planned places. */
int cvm_params_write(const struct cvm_boot_args *args,
		     const struct cvm_boot_plan *plan,
		     const struct cvm_guest_mem *mem, struct cvm_err *err);

/* ---- tables.c ---- */

/* Pages of tables that map plan->range[] and the passage. */
uint32_t cvm_tables_count(const struct cvm_boot_args *args,
			  const struct cvm_boot_plan *plan);

/* Write them; exactly cvm_tables_count() pages from plan->tables_gpa on. */
int cvm_tables_write(const struct cvm_boot_args *args,
		     const struct cvm_boot_plan *plan,
		     const struct cvm_guest_mem *mem, struct cvm_err *err);

/* PTE of the passage's page number n, 0 for a vCPU that does not exist. */
uint64_t cvm_passage_pte(const struct cvm_boot_args *args, uint32_t n);

#endif /* CVM_BOOT_IMPL_H */
