// SPDX-License-Identifier: GPL-2.0-only
/*
 * sites.c - instructions that no pointer and no function stands for.
 *
 * The first byte of each is an int3: in the kernel by the adapter, in a module
 * by modules.c.  What the platform does in its place is done here, with the
 * registers that the exception left.
 */
#include <linux/bsearch.h>
#include <linux/extable.h>
#include <linux/init.h>
#include <linux/kdebug.h>
#include <linux/notifier.h>
#include <linux/ptrace.h>

#include <asm/extable.h>
#include <asm/msr.h>
#include <asm/sections.h>
#include <asm/trapnr.h>

#include "cvm.h"
#include "cvm/object.h"

#define PREFIX_OPERAND		0x66
#define PREFIX_REP		0xf3
#define INS_FIRST		0x6c	/* insb, insd */
#define OUTS_FIRST		0x6e	/* outsb, outsd */
#define OUTS_LAST		0x6f
#define IMMEDIATE_FIRST		0xe4	/* in, out with the port in the code */
#define IMMEDIATE_LAST		0xe7

extern const struct cvm_site cvm_site_table[], cvm_site_table_end[];

static int compare_at(const void *key, const void *site)
{
	u32 at = *(const u32 *)key, other = ((const struct cvm_site *)site)->at;

	return at < other ? -1 : at > other;
}

static const struct cvm_site *find_site(unsigned long ip)
{
	u32 at = ip - (unsigned long)_text;

	if (ip < (unsigned long)_text || ip >= (unsigned long)_end)
		return cvm_guest_module_site(ip);
	return bsearch(&at, cvm_site_table,
		       cvm_site_table_end - cvm_site_table,
		       sizeof(*cvm_site_table), compare_at);
}

/* ---- ports --------------------------------------------------------------- */

static u16 port_of(const struct cvm_site *site, const struct pt_regs *regs)
{
	if (site->opcode >= IMMEDIATE_FIRST && site->opcode <= IMMEDIATE_LAST)
		return site->operand;
	return regs->dx;
}

static void refuse_port(const struct cvm_site *site, struct pt_regs *regs,
			enum cvm_guest_access kind, unsigned long ip)
{
	cvm_guest_record(kind, port_of(site, regs), ip);
	cvm_guest_count_refused();
}

/* A byte of the instruction; the first is in the table. */
static u8 byte_of(const struct cvm_site *site, unsigned long ip, unsigned int i)
{
	return i ? ((const u8 *)ip)[i] : site->opcode;
}

/* The opcode, and what the prefixes before it say. */
static u8 opcode_of(const struct cvm_site *site, unsigned long ip,
		    unsigned int *size, bool *rep)
{
	unsigned int i;
	u8 byte = 0;

	*size = 4;
	*rep = false;
	for (i = 0; i < site->bytes; i++) {
		byte = byte_of(site, ip, i);
		if (byte == PREFIX_OPERAND)
			*size = 2;
		else if (byte == PREFIX_REP)
			*rep = true;
		else
			break;
	}
	return byte;
}

/*
 * ins and outs move the pointer, and count down with a prefix; memory stays
 * as it is (SDM vol. 2A, INS, and 2B, OUTS).
 */
static void step_string(const struct cvm_site *site, struct pt_regs *regs,
			unsigned long ip)
{
	unsigned long times = 1;
	unsigned int size;
	bool rep;
	long step;
	u8 opcode = opcode_of(site, ip, &size, &rep);

	if (opcode < INS_FIRST || opcode > OUTS_LAST)
		return;
	if (!(opcode & 1))
		size = 1;
	if (rep) {
		times = regs->cx;
		regs->cx = 0;
	}
	step = (regs->flags & X86_EFLAGS_DF ? -1 : 1) * (long)size;
	if (opcode < OUTS_FIRST)
		regs->di += times * step;
	else
		regs->si += times * step;
}

static void do_out(const struct cvm_site *site, struct pt_regs *regs,
		   unsigned long ip)
{
	refuse_port(site, regs, CVM_ACCESS_OUT, ip);
	step_string(site, regs, ip);
}

static void do_in(const struct cvm_site *site, struct pt_regs *regs,
		  unsigned long ip)
{
	refuse_port(site, regs, CVM_ACCESS_IN, ip);
	switch (site->kind) {
	case CVM_SITE_IN8:
		regs->ax |= 0xff;
		break;
	case CVM_SITE_IN16:
		regs->ax |= 0xffff;
		break;
	case CVM_SITE_IN32:
		regs->ax = 0xffffffff;
		break;
	case CVM_SITE_INS:
		step_string(site, regs, ip);
		break;
	}
}

/* ---- registers ----------------------------------------------------------- */

/* Does the kernel want to know whether this write failed? */
static bool is_safe(const struct exception_table_entry *entry)
{
	return entry && (entry->data & EX_DATA_TYPE_MASK) ==
			EX_TYPE_WRMSR_SAFE;
}

/*
 * A write that is not made fails where somebody asks, as in msr.c.  One that
 * the CPU refuses ends as it would have: by the kernel's own fix-up, or as an
 * int3 that nobody takes.  False: regs->ip is not behind the instruction.
 */
static bool do_wrmsr(struct pt_regs *regs, unsigned long ip, bool *taken)
{
	const struct exception_table_entry *entry;
	u64 val = (u64)(u32)regs->dx << 32 | (u32)regs->ax;
	bool tried;

	*taken = true;
	if (!cvm_guest_write_msr_at(regs->cx, val, ip, &tried))
		return true;
	entry = search_exception_tables(ip);
	if (!tried && !is_safe(entry))
		return true;
	regs->ip = ip;
	*taken = fixup_exception(regs, X86_TRAP_GP, 0, 0);
	if (!*taken)
		regs->ip = ip + 1;
	return false;
}

static unsigned long *register_of(struct pt_regs *regs, unsigned int nr)
{
	switch (nr) {
	case 0:
		return &regs->ax;
	case 1:
		return &regs->cx;
	case 2:
		return &regs->dx;
	case 3:
		return &regs->bx;
	case 4:
		return &regs->sp;
	case 5:
		return &regs->bp;
	case 6:
		return &regs->si;
	case 7:
		return &regs->di;
	case 8:
		return &regs->r8;
	case 9:
		return &regs->r9;
	case 10:
		return &regs->r10;
	case 11:
		return &regs->r11;
	case 12:
		return &regs->r12;
	case 13:
		return &regs->r13;
	case 14:
		return &regs->r14;
	default:
		return &regs->r15;
	}
}

/*
 * Inside an exception nobody can sleep.  With interrupts on, a "hlt" may end
 * at any time: the host has its turn, and it does.
 */
static void do_halt(struct pt_regs *regs)
{
	if (!(regs->flags & X86_EFLAGS_IF))
		cvm_guest_stop();
	cvm_guest_yield();
}

/* ---- int3 ---------------------------------------------------------------- */

/* True: regs->ip is where to go on.  False: an int3 that is none of ours. */
bool cvm_guest_site(struct pt_regs *regs)
{
	unsigned long ip = regs->ip - 1;
	const struct cvm_site *site = find_site(ip);
	bool taken;

	if (!site)
		return false;
	switch (site->kind) {
	case CVM_SITE_OUT:
		do_out(site, regs, ip);
		break;
	case CVM_SITE_IN8:
	case CVM_SITE_IN16:
	case CVM_SITE_IN32:
	case CVM_SITE_INS:
		do_in(site, regs, ip);
		break;
	case CVM_SITE_WRMSR:
		if (!do_wrmsr(regs, ip, &taken))
			return taken;
		break;
	case CVM_SITE_HLT:
		do_halt(regs);
		break;
	case CVM_SITE_CR4:
		__cvm_guest_write_cr4(*register_of(regs, site->operand));
		break;
	default:
		return false;
	}
	regs->ip = ip + site->bytes;
	return true;
}

static int take_int3(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;

	if (event == DIE_INT3 && !user_mode(args->regs) &&
	    cvm_guest_site(args->regs))
		return NOTIFY_STOP;
	return NOTIFY_DONE;
}

static struct notifier_block int3_block = {
	.notifier_call = take_int3,
	.priority = INT_MAX,
};

/* Until the kernel has its IDT, an int3 is an early exception. */
void __init cvm_guest_sites_setup(void)
{
	register_die_notifier(&int3_block);
}
