/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mini.h - the mini guest in a VM's memory, whichever host the VM has.
 */
#ifndef RING0_MINI_H
#define RING0_MINI_H

#include <cvm/abi.h>
#include <cvm/uapi.h>

#include "bare.h"
#include "ctl.h"

struct g_mini {
	/* filled in by the caller */
	const void *image;	/* guest.bin */
	uint64_t image_bytes;
	uint64_t passage_code_hpa;	/* of VM_CREATE */
	int la57;			/* the same */
	struct cvm_user_vcpu vcpu;	/* of VCPU_CREATE */
	/* filled in by g_mini_load() */
	struct g_ctl *ctl;	/* host address of the guest's control block */
	uint64_t image_gpa;
	uint64_t next_gpa, end_gpa;	/* guest pages not yet used */
	uint64_t cr3;
};

/*
 * Into the VM's first range; mode: G_MODE_*.  *boot: where it starts.  What
 * does not fit or is no mini guest is a panic.
 */
void g_mini_load(struct g_mini *m, const struct cvm_user_range *range,
		 uint32_t mode, struct cvm_user_boot *boot);

/* The pages of TLB_VA, which both worlds have written to. */
void g_tlb_host(void);		/* map the host's, once */
uint64_t g_tlb_check(void);	/* wrong contents seen */

#endif /* RING0_MINI_H */
