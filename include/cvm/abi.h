/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.h - what the monitor and a guest kernel say to each other.
 *
 * This header is the whole guest ABI: the ELF note a guest kernel carries,
 * the per-vCPU shared page, and the hypercalls.  It is copied unchanged into
 * patched guest kernels, so it uses fixed-width types only and includes nothing
 * but <stdint.h> and the list of hypercalls beside it.
 *
 * Addresses: the guest's physical address space is the machine's, so a GPA
 * is an HPA.  _gva is an address in the guest's kernel tables.
 */
#ifndef CVM_ABI_H
#define CVM_ABI_H

#include <stdint.h>

/* Raised on every incompatible change of anything in this file. */
#define CVM_GUEST_ABI		2u

/* boot_params.hdr.hardware_subarch of a libcvm guest (0..4 are Linux's own). */
#define CVM_HARDWARE_SUBARCH	0x4d564343u	/* "CCVM" little endian */

#define CVM_PAGE_SIZE		4096u
#define CVM_MAX_VCPUS		32u

/*
 * The passage, as the guest maps it: one page of code (read-only,
 * executable), then for each vCPU two private pages (read-write, no-execute)
 * and its shared page (the same).  All non-global.
 */
#define CVM_PASSAGE_CODE_PAGES	1u
#define CVM_VCPU_PRIV_PAGES	2u
#define CVM_VCPU_PAGES		(CVM_VCPU_PRIV_PAGES + 1u)
#define CVM_PASSAGE_PAGES	(CVM_PASSAGE_CODE_PAGES + \
				 CVM_MAX_VCPUS * CVM_VCPU_PAGES)

/* Offset, from passage_gva, of vCPU n's first private page / shared page. */
#define CVM_VCPU_PRIV_OFF(n) \
	((uint64_t)(CVM_PASSAGE_CODE_PAGES + (n) * CVM_VCPU_PAGES) * \
	 CVM_PAGE_SIZE)
#define CVM_VCPU_SHARED_OFF(n) \
	(CVM_VCPU_PRIV_OFF(n) + (uint64_t)CVM_VCPU_PRIV_PAGES * CVM_PAGE_SIZE)

/* ---- ELF note ------------------------------------------------------- */

#define CVM_NOTE_OWNER		"libcvm"
#define CVM_NOTE_TYPE		0x0043564du

/*
 * Descriptor of the note.  Both addresses are link-time virtual addresses;
 * the loader turns pte_gva into a place in the loaded image through the
 * program headers and fills CVM_PASSAGE_PAGES consecutive page-table entries
 * there (only those that exist), so that the passage is mapped from the
 * moment the kernel runs on its own tables.
 */
struct cvm_note_desc {
	uint32_t abi;		/* CVM_GUEST_ABI of the guest */
	uint32_t size;		/* sizeof(struct cvm_note_desc) */
	uint64_t passage_gva;	/* where the guest maps the code page */
	uint64_t pte_gva;	/* the PTE that maps passage_gva */
	uint32_t passage_pages;	/* PTEs reserved, >= CVM_PASSAGE_PAGES */
	uint32_t flags;		/* 0 */
};

/* ---- hypercalls ------------------------------------------------------ */

/*
 * The guest enters the monitor by calling, with interrupts disabled,
 *	cvm_shared.passage_entry(cvm_shared.passage_priv)
 * (System V AMD64 convention: address in RDI, callee-saved registers are
 * preserved, the rest clobbered), after writing .hypercall and what that one
 * reads: .vector, .arg[], .deadline_tsc.  The call returns when the monitor
 * enters this vCPU again; .ret holds the result.
 *
 * An NMI or machine check may arrive between writing .hypercall and the call,
 * or between its return and reading .ret, and its handler calls too: it saves
 * .hypercall, .vector, .arg[] and .ret before and puts them back after.
 */
enum {
#define CVM_HYPERCALL(name, counter, number, arguments, returns) \
	CVM_HC_##name = number,
#include "hypercalls.def"
#undef CVM_HYPERCALL
	CVM_HC_MAX	/* the highest, plus one */
};

/*
 * arg1 of CVM_HC_DOORBELL: the guest looks at its events as soon as the call
 * returns, and only then turns interrupts on: no interrupt need bring them.
 */
#define CVM_DOORBELL_LOOKS	(1u << 0)

/*
 * cvm_shared.events, one bit each.  Monitor sets (atomic OR), guest clears,
 * and sets SELF.
 */
#define CVM_EVENT_TIMER_BIT	0	/* .deadline_tsc has passed */
#define CVM_EVENT_CONSOLE_BIT	1	/* input in the console ring */
#define CVM_EVENT_POWER_BIT	2	/* please power off in good order */
#define CVM_EVENT_CLOCK_BIT	3	/* .wall_base_ns is new, clock set */
#define CVM_EVENT_RESCHED_BIT	4	/* IPI: reschedule */
#define CVM_EVENT_CALL_BIT	5	/* IPI: run the function-call queue */
#define CVM_EVENT_CALL1_BIT	6	/* IPI: single function call */
#define CVM_EVENT_STOP_BIT	7	/* IPI: stop this CPU */
#define CVM_EVENT_HOTPLUG_BIT	8	/* a device came or went (virtio.h) */
#define CVM_EVENT_SELF_BIT	9	/* the guest alone: an interrupt that a
					 * vCPU sends itself */
#define CVM_EVENT_DEVICE_BIT	16	/* 16..63: virtual device interrupts */

#define CVM_DEADLINE_NONE	UINT64_MAX

/*
 * The MSRs a guest may write, each as row(name, index): the switch gives
 * either side its own value, once .msr_dirty is set.  They are the MSR rows of
 * libcvm's table of CPU state, which is compared when libcvm is compiled.
 */
#define CVM_SWITCHED_MSRS(row)						\
	row(efer, 0xc0000080) row(star, 0xc0000081)			\
	row(lstar, 0xc0000082) row(cstar, 0xc0000083)			\
	row(sfmask, 0xc0000084) row(sysenter_cs, 0x174)			\
	row(sysenter_esp, 0x175) row(sysenter_eip, 0x176)		\
	row(pat, 0x277) row(tsc_aux, 0xc0000103)			\
	row(debugctl, 0x1d9) row(spec_ctrl, 0x48)			\
	row(test_ctrl, 0x33) row(tsx_ctrl, 0x122)			\
	row(mcu_opt_ctrl, 0x123)					\
	row(xss, 0xda0) row(u_cet, 0x6a0) row(s_cet, 0x6a2)		\
	row(pl3_ssp, 0x6a7)

#define CVM_HOST_UNKNOWN	0u
#define CVM_HOST_LINUX		1u
#define CVM_HOST_NT		2u
#define CVM_HOST_BARE		3u
#define CVM_HOST_FAKE		4u

#define CVM_SHARED_MAGIC	0x314d5643u	/* "CVM1" */
#define CVM_CONSOLE_RING	512u		/* a power of two */
#define CVM_GUEST_TEXT		256u

/*
 * TSC ticks in ns, rounded down.  The monitor and the guest do the same, so
 * that what one subtracts and the other adds is the same.
 */
static inline uint64_t cvm_ticks_to_ns(uint64_t ticks, uint32_t khz)
{
	return ticks / khz * 1000000u + ticks % khz * 1000000u / khz;
}

/*
 * The shared page, one per vCPU.  (M) written by the monitor, (G) by the
 * guest, (B) by both, atomically.  VM-wide fields are valid in vCPU 0's page
 * only.  docs/guest-abi.md draws it.
 */
struct cvm_shared {
	/* 0x000: identity (M), written once before the first entry */
	uint32_t magic;
	uint32_t abi;
	uint32_t size;		/* sizeof(struct cvm_shared) */
	uint32_t host;		/* CVM_HOST_* */
	uint32_t vcpu;		/* this vCPU's number */
	uint32_t vcpus;		/* vCPUs of the VM */
	uint32_t tsc_khz;
	uint32_t features;	/* CVM_SHARED_F_* */
	uint64_t passage_entry;	/* GVA of the switch's entry */
	uint64_t passage_priv;	/* GVA of this vCPU's first private page */
	uint64_t cr4_keep;	/* CR4 bits the guest must not change */
	uint64_t efer_keep;	/* EFER bits the guest must not change */

	/* 0x040: the hypercall */
	uint32_t hypercall;	/* (G) CVM_HC_* */
	uint32_t vector;	/* (G) for CVM_HC_IRQ */
	uint64_t arg[6];	/* (G) */
	int64_t ret;		/* (M) 0 or a negative CVM_E* */
	uint64_t hypercalls;	/* (G) begun */

	/* 0x088: events and time */
	uint64_t events;	/* (B) monitor and guest OR, guest exchanges */
	uint64_t deadline_tsc;	/* (G) next timer event, or NONE */
	uint64_t armed_tsc;	/* (M) what the host's timer is set to */
	uint64_t wall_base_ns;	/* (M) wall clock, one word that is written at
				 * once: ns since 1970-01-01 UTC are
				 * wall_base_ns + cvm_ticks_to_ns(rdtsc,
				 * tsc_khz), modulo 2^64 */
	uint64_t reserved2[2];
	uint32_t msr_dirty;	/* (G) set to 1 after each write of a swapped
				 * MSR; cleared by the switch */
	uint32_t in_idle;	/* (M) the host sleeps for this vCPU */

	/* 0x0c0: what the guest tells about itself (G) */
	uint64_t irqoff_max;	/* longest its boot kept the host's interrupts
				 * waiting, TSC ticks; see guest-abi.md */
	uint64_t forwarded;	/* vectors forwarded, all */
	uint64_t events_run;	/* event bits served */
	uint64_t nmi_seen;	/* NMIs that came through the guest's gate */
	uint64_t refused;	/* hardware accesses refused */
	uint64_t reserved0[3];

	/* 0x100: forwarded external interrupts by vector (G) */
	uint32_t vector_count[256];

	/* 0x500: console input ring (vCPU 0) */
	uint32_t con_head;	/* (M) next byte to be written */
	uint32_t con_tail;	/* (G) next byte to be read */
	uint32_t con_full;	/* (B) monitor sets when it had to stop */
	uint32_t reserved1;
	uint8_t con_ring[CVM_CONSOLE_RING];	/* (M) */

	/* 0x710: last words and name (G) */
	char guest_text[CVM_GUEST_TEXT];	/* panic reason, NUL-ended */
	char guest_release[64];			/* utsname.release */
};

#define CVM_SHARED_F_IRQ80	(1u << 0)	/* host uses vector 0x80 */

#ifndef CVM_ABI_NO_ASSERT
#define CVM_ABI_AT(field, off) \
	_Static_assert(__builtin_offsetof(struct cvm_shared, field) == (off), \
		       "guest ABI: " #field " moved")
CVM_ABI_AT(passage_entry, 0x20);
CVM_ABI_AT(hypercall, 0x40);
CVM_ABI_AT(hypercalls, 0x80);
CVM_ABI_AT(events, 0x88);
CVM_ABI_AT(wall_base_ns, 0xa0);
CVM_ABI_AT(msr_dirty, 0xb8);
CVM_ABI_AT(irqoff_max, 0xc0);
CVM_ABI_AT(vector_count, 0x100);
CVM_ABI_AT(con_head, 0x500);
CVM_ABI_AT(con_ring, 0x510);
CVM_ABI_AT(guest_text, 0x710);
CVM_ABI_AT(guest_release, 0x810);
_Static_assert(sizeof(struct cvm_shared) == 0x850, "guest ABI: size");
_Static_assert(sizeof(struct cvm_note_desc) == 32, "note size");
#endif

#endif /* CVM_ABI_H */
