/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * passage.h - the memory the world switch works in.
 *
 * One struct cvm_priv per vCPU, two pages, directly followed by the shared
 * page.  It is mapped in the host's tables (host address), in the guest's
 * (guest address) and, at both addresses, in the intermediate tables.
 * switch.S alone interprets it while a switch is under way; the offsets it
 * uses are generated from here (offsets.c).
 */
#ifndef CVM_X86_PASSAGE_H
#define CVM_X86_PASSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <cvm/abi.h>

#include "caps.h"

/* The second column of cpu_state.def. */
#define CVM_CAP_XSAVE	1
#define CVM_CAP_CET	2

/* What SGDT and SIDT store, so that the base is aligned. */
struct cvm_dtr {
	uint16_t pad[3];
	uint16_t limit;
	uint64_t base;
};

/* The CPU state of one side: a field for each row that has one. */
struct cvm_cpu_state {
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm)	uint16_t name;
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm)	struct cvm_dtr name;
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm)	uint64_t name;
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm)	uint64_t name;
#include "rows.h"
};

/* MSR rows are numbered as they stand in the table. */
enum {
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm)	CVM_MSR_ROW_##name,
#include "rows.h"
	CVM_MSR_ROWS
};

#define CVM_MSR_FIRST	efer	/* the array of MSR fields begins here */

/* One WRMSR of a load list; index 0 ends the list. */
struct cvm_msr_load {
	uint32_t index;
	uint32_t low;
	uint32_t high;
	uint32_t pad;
};

#define CVM_GDT_ENTRIES	16u	/* selectors up to 0x7f */

/* One of the two worlds. */
struct cvm_side {
	struct cvm_cpu_state state;

	/* Constant after set-up, in addresses of this side's world. */
	uint64_t inter_cr3;	/* intermediate tables */
	uint64_t far_delta;	/* other world's address minus this one's,
				 * of struct cvm_priv */
	uint64_t far_code;	/* the code page in the other world */
	uint64_t mini_rsp;	/* the passage's stack */
	struct cvm_dtr mini_idtr;	/* passage IDT, gates of this world */
	struct cvm_dtr mini_gdtr;	/* this side's private GDT */
	struct cvm_dtr mini_gdtr_far;	/* the same, seen from the other */

	uint64_t far_ip;	/* where the other world begins in far_code:
				 * cvm_passage_far or cvm_passage_far_pat */

	/* The task register's descriptor, as last found. */
	uint64_t tss_gdt;	/* GDT base it was found in */
	uint64_t tss_tr;	/* selector it was found under */

	uint64_t gdt[CVM_GDT_ENTRIES];	/* flat code, data and the TSS */
	struct cvm_msr_load load[CVM_MSR_ROWS + 1];
};

/* What an exception inside the switch, or in a guest without IDT, left. */
struct cvm_fault {
	uint64_t count;
	uint64_t vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cr2;
	uint64_t to;		/* RBP: the side that was being loaded */
	uint64_t guest_world;	/* 1: at the guest's addresses */
};

struct cvm_priv {
	uint64_t mini_idt[2][32][2];	/* gates of the host's world, of the
					 * guest's: the handlers find their
					 * page by SIDT: both in page 0 */
	uint64_t nmi;			/* NMIs latched, ever */
	uint64_t mce;			/* machine checks latched, ever */
	struct cvm_fault fault;
	uint32_t flags;			/* CVM_PRIV_*; tested together with: */
	uint16_t dr_differ;		/* DR0-7 of the sides differ */
	uint16_t debug_store_live;	/* the two lists below have entries */
	uint32_t msr_changed;		/* the guest's MSRs were re-read */
	uint32_t invpcid;		/* flush by INVPCID type 2 */
	uint32_t msr_index[CVM_MSR_ROWS];	/* 0: not on this CPU */
	uint64_t invpcid_all[2];	/* descriptor of INVPCID type 2 */
	uint8_t mini_tss[104];		/* the guest's before its own LTR */
	struct cvm_msr_load debug_store_off[5];	/* the host's records: stop, */
	struct cvm_msr_load debug_store_on[4];	/* and go on */
	uint8_t pad1[0x800 - 0x400 - 16 - 56 - 16 -
		     8 * ((CVM_MSR_ROWS + 1) / 2) - 16 - 104 - 9 * 16];
	uint8_t host_room[0x400];	/* struct cvm_side, see CVM_PRIV_HOST */
	uint8_t guest_room[0x400];
	uint64_t boot_frame[16];	/* first stack of the guest */
	uint8_t stack[CVM_PAGE_SIZE - 128];	/* the passage's */
};

#define CVM_PRIV_HOST	0x800u
#define CVM_PRIV_GUEST	0xc00u
#define CVM_SIDE_FLIP	0x400u	/* one side's address XOR the other's */

#define CVM_PRIV_SPEC_CTRL	(1u << 0)	/* swap it at each switch */
#define CVM_PRIV_ALL_MSRS	(1u << 1)	/* the guest wrote some: leaving
						 * it reads and compares all */

#define CVM_BOOT_TR	0x70u	/* selector of mini_tss */

_Static_assert(sizeof(struct cvm_priv) == 2 * CVM_PAGE_SIZE, "private pages");
_Static_assert(offsetof(struct cvm_priv, host_room) == CVM_PRIV_HOST, "host");
_Static_assert(offsetof(struct cvm_priv, guest_room) == CVM_PRIV_GUEST,
	       "guest");
_Static_assert(sizeof(struct cvm_side) <= 0x400, "a side fits its room");
_Static_assert(offsetof(struct cvm_priv, flags) % 8 == 0 &&
	       offsetof(struct cvm_priv, dr_differ) ==
	       offsetof(struct cvm_priv, flags) + 4, "one 64-bit test");
_Static_assert(offsetof(struct cvm_priv, debug_store_live) ==
	       offsetof(struct cvm_priv, dr_differ) + 2, "one 32-bit test");
_Static_assert((CVM_PRIV_HOST ^ CVM_PRIV_GUEST) == CVM_SIDE_FLIP, "flip");
_Static_assert(offsetof(struct cvm_side, state.ds) % 8 == 0 &&
	       offsetof(struct cvm_side, state.gs) -
	       offsetof(struct cvm_side, state.ds) == 6, "DS..GS in one word");
_Static_assert(offsetof(struct cvm_cpu_state, pl3_ssp) -
	       offsetof(struct cvm_cpu_state, CVM_MSR_FIRST) ==
	       8 * (CVM_MSR_ROWS - 1), "MSR fields form an array");

static inline struct cvm_side *cvm_host_side(struct cvm_priv *priv)
{
	return (struct cvm_side *)priv->host_room;
}

static inline struct cvm_side *cvm_guest_side(struct cvm_priv *priv)
{
	return (struct cvm_side *)priv->guest_room;
}

static inline uint64_t *cvm_msr_fields(struct cvm_cpu_state *s)
{
	return (uint64_t *)((char *)s +
			    offsetof(struct cvm_cpu_state, CVM_MSR_FIRST));
}

/* ---- switch.S: one page of position-independent code ------------------ */

#ifdef __x86_64__
#define CVM_SYSV __attribute__((sysv_abi))
#else
#define CVM_SYSV
#endif

/* The page; asked for its physical address and offsets only. */
extern const uint8_t cvm_passage_start[], cvm_passage_end[];
/* Places in it: entry of the guest, first instruction of a new guest, 32
 * exception entries (32 bytes each), and the targets of the jump between
 * worlds, as a rule and when the PATs may differ. */
extern const uint8_t cvm_passage_guest[], cvm_passage_boot[];
extern const uint8_t cvm_passage_gates[];
extern const uint8_t cvm_passage_far[], cvm_passage_far_pat[];

static inline uint64_t cvm_code_off(const uint8_t *place)
{
	return (uint64_t)(place - cvm_passage_start);
}

/*
 * cvm_x86_switch - enter the guest; returns when it calls back, when an
 * exception ended the attempt (priv->fault.count), with NMIs and machine
 * checks latched.  Inside a slice: interrupts disabled, same CPU throughout.
 */
void CVM_SYSV cvm_x86_switch(struct cvm_priv *priv);

/* cvm_x86_iret - IRET to the caller: NMIs are no longer blocked. */
void CVM_SYSV cvm_x86_iret(void);

/* ---- state.c ----------------------------------------------------------- */

/* Read every row of the running side.  Ring 0, interrupts disabled. */
void cvm_state_read(struct cvm_cpu_state *s, const struct cvm_x86_caps *caps);

/*
 * cvm_state_diff - name of the first row in which b differs from a, NULL if
 * none; the two values go to *va and *vb.
 */
const char *cvm_state_diff(const struct cvm_cpu_state *a,
			   const struct cvm_cpu_state *b,
			   uint64_t *va, uint64_t *vb);

/* One line a row through emit(arg, line). */
void cvm_state_dump(const struct cvm_cpu_state *s,
		    void (*emit)(void *arg, const char *line), void *arg);

/* The index of an MSR row, 0 when this CPU lacks the MSR. */
uint32_t cvm_msr_index(uint32_t row, const struct cvm_x86_caps *caps);

/* ---- msr.c --------------------------------------------------------------*/

/* Choose the MSR rows this CPU has. */
void cvm_msr_setup(struct cvm_priv *priv, const struct cvm_x86_caps *caps);
/* Read the host's thread-bound rows and MSRs again.  Inside a slice. */
void cvm_host_refresh(struct cvm_priv *priv, const struct cvm_x86_caps *caps);
/*
 * Does the host sample by PEBS or trace branches to memory, or did it?  Then
 * its state is to be read again.  At the begin of a slice.
 */
int cvm_debug_store_look(const struct cvm_priv *priv,
			 const struct cvm_x86_caps *caps);
/* Build both load lists, and far_ip, from the fields of both sides. */
void cvm_msr_lists(struct cvm_priv *priv);

/* ---- fpu.c ------------------------------------------------------------- */

struct cvm_fpu {
	uint64_t slow;		/* CVM_FPU_*: the short way will not do */
	uint64_t host_xcr0;
	uint64_t guest_xcr0;
	uint8_t *host;		/* 64-byte aligned areas */
	uint8_t *guest;
};

/* Bytes a vCPU needs for struct cvm_fpu and both areas. */
uint32_t cvm_fpu_bytes(const struct cvm_x86_caps *caps);
void cvm_fpu_setup(struct cvm_fpu *fpu, const struct cvm_x86_caps *caps);
/* Swap extended state, around cvm_x86_switch().  Inside a slice. */
void cvm_fpu_enter(struct cvm_fpu *fpu);
void cvm_fpu_leave(struct cvm_fpu *fpu);

/* ---- inter.c ----------------------------------------------------------- */

struct cvm_host_ops;
struct cvm_inter;

/*
 * cvm_inter_create - intermediate tables: the passage code and pages (three
 * of them at priv) at the host's and the guest's addresses, nothing else.
 */
struct cvm_monitor;

int cvm_inter_create(const struct cvm_monitor *mon, struct cvm_priv *priv,
		     uint64_t priv_gva, uint64_t code_gva, int la57,
		     struct cvm_inter **inter);
void cvm_inter_destroy(const struct cvm_monitor *mon, struct cvm_inter *inter);
uint64_t cvm_inter_cr3(const struct cvm_inter *inter);

#endif /* CVM_X86_PASSAGE_H */
