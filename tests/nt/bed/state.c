/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state.c - the CPU state of an NT x64 kernel, and its watchman.
 *
 * Whenever code of the bed runs (an export, an interrupt) the whole state has
 * to be the kernel's own: bed_watch() compares it and ends the machine at the
 * first difference, as NT's own watchman would, only sooner.  An NMI may come
 * in the middle of a thread switch: it says NMI_LEVEL, and the thread's own
 * rows are left out.
 */
#include "bed.h"
#include "ke.h"
#include "x86.h"

#define NT_CS		0x10
#define NT_USER_DS	0x2b
#define NT_TEB_FS	0x53
#define NT_TR		0x40
#define NT_GDT_BYTES	0x58
#define NT_PAT		0x0007010600070106ull
#define NT_STAR		0x0023001000000000ull
#define NT_SFMASK	0x4700ull
#define NT_TEB		0x000000000d0a0000ull
#define NT_EFER		0xd01ull
#define TSS_BYTES	0x68
#define GDT_TSS		0x89
#define SWEEP		64	/* tables are summed up every so often */

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

struct state {
	struct x86_dtr gdtr, idtr;
	uint16_t cs, ss, ds, es, fs, gs, tr, ldt;
	uint64_t cr0, cr4, dr7, xcr0;
	uint64_t pat, efer, star, lstar, cstar, sfmask, gs_base, kernel_gs;
	uint64_t fs_base, sysenter_cs, sysenter_esp, sysenter_eip;
};

extern char bare_gates[];

static uint64_t gdt[NT_GDT_BYTES / 8] __attribute__((aligned(4096))) = {
	[NT_CS / 8] = 0x00209b0000000000,
	[BED_SS / 8] = 0x00cf93000000ffff,
	[0x20 / 8] = 0x00cffb000000ffff,
	[0x28 / 8] = 0x00cff3000000ffff,
	[0x30 / 8] = 0x0020fb0000000000,
	[0x50 / 8] = 0x0040f30000003c00,
};
static struct gate idt[256] __attribute__((aligned(4096)));
static uint8_t tss[TSS_BYTES] __attribute__((aligned(128)));
static uint8_t ist_stack[4][BED_STACK_BYTES] __attribute__((aligned(16)));
static uint8_t kpcr[4096] __attribute__((aligned(4096)));
static struct state want;
static uint64_t want_sum;

uint64_t bed_watched;
void (*bed_watch_hook)(void);
int bed_segments_stale;

uint8_t *bed_kpcr(void)
{
	return kpcr;
}

static uint64_t sum(const void *data, uint64_t bytes, uint64_t h)
{
	const uint64_t *p = data;

	for (; bytes >= 8; bytes -= 8)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static uint64_t sum_tables(void)
{
	uint64_t h = sum(gdt, sizeof(gdt), 14695981039346656037ull);

	return sum(tss, sizeof(tss), sum(idt, sizeof(idt), h));
}

static void fill_tables(void)
{
	static const uint8_t ist_of[256] = { [2] = 3, [8] = 1, [18] = 2 };
	uint64_t at, base = (uint64_t)tss;
	uint32_t i;

	for (i = 0; i < 256; i++) {
		at = (uint64_t)bare_gates + 16 * i;
		idt[i].offset0 = (uint16_t)at;
		idt[i].offset1 = (uint16_t)(at >> 16);
		idt[i].offset2 = (uint32_t)(at >> 32);
		idt[i].selector = NT_CS;
		idt[i].type = i == 3 || i == 4 ? 0xee : 0x8e;
		idt[i].ist = ist_of[i];
	}
	for (i = 0; i < 4; i++) {
		at = (uint64_t)(ist_stack[i] + sizeof(ist_stack[i]));
		memcpy(tss + 0x24 + 8 * i, &at, 8);
	}
	tss[0x66] = TSS_BYTES;
	gdt[NT_TR / 8] = (TSS_BYTES - 1) | (base & 0xffffff) << 16 |
			 (uint64_t)GDT_TSS << 40 | (base >> 24 & 0xff) << 56;
	gdt[NT_TR / 8 + 1] = base >> 32;
}

/* CS comes with the first interrupt's return: both kernels use 0x10. */
static void load_tables(void)
{
	struct x86_dtr gdtr = { sizeof(gdt) - 1, (uint64_t)gdt };
	struct x86_dtr idtr = { sizeof(idt) - 1, (uint64_t)idt };

	x86_lgdt(&gdtr);
	x86_lidt(&idtr);
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax;"
			 "lretq; 1:" : : "i"(NT_CS) : "rax", "memory");
	x86_set_ss(BED_SS);
	x86_set_ds(NT_USER_DS);
	x86_set_es(NT_USER_DS);
	x86_set_fs(NT_TEB_FS);
	x86_set_gs(NT_USER_DS);
	__asm__ volatile("lldt %w0" : : "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(NT_TR));
}

static uint16_t selector_cs(void)
{
	uint16_t v;

	__asm__ volatile("mov %%cs, %0" : "=r"(v));
	return v;
}

static void read_state(struct state *s)
{
	memset(s, 0, sizeof(*s));
	x86_sgdt(&s->gdtr);
	x86_sidt(&s->idtr);
	s->cs = selector_cs();
	s->ss = x86_ss();
	s->ds = x86_ds();
	s->es = x86_es();
	s->fs = x86_fs();
	s->gs = x86_gs();
	__asm__ volatile("str %0" : "=r"(s->tr));
	__asm__ volatile("sldt %0" : "=r"(s->ldt));
	s->cr0 = x86_cr0();
	s->cr4 = x86_cr4();
	s->dr7 = x86_dr7();
	if (s->cr4 & X86_CR4_OSXSAVE)
		s->xcr0 = x86_xgetbv(0);
	s->pat = x86_rdmsr(MSR_PAT);
	s->efer = x86_rdmsr(MSR_EFER);
	s->star = x86_rdmsr(MSR_STAR);
	s->lstar = x86_rdmsr(MSR_LSTAR);
	s->cstar = x86_rdmsr(MSR_CSTAR);
	s->sfmask = x86_rdmsr(MSR_SFMASK);
	s->fs_base = x86_rdmsr(MSR_FS_BASE);
	s->gs_base = x86_rdmsr(MSR_GS_BASE);
	s->kernel_gs = x86_rdmsr(MSR_KERNEL_GS_BASE);
	s->sysenter_cs = x86_rdmsr(MSR_SYSENTER_CS);
	s->sysenter_esp = x86_rdmsr(MSR_SYSENTER_ESP);
	s->sysenter_eip = x86_rdmsr(MSR_SYSENTER_EIP);
}

/* Registers and tables as the kernel has them. */
static void set_state(void)
{
	load_tables();
	x86_wrmsr(MSR_PAT, NT_PAT);
	x86_wrmsr(MSR_EFER, NT_EFER);
	x86_wrmsr(MSR_STAR, NT_STAR);
	x86_wrmsr(MSR_LSTAR, (uint64_t)bare_gates);
	x86_wrmsr(MSR_CSTAR, (uint64_t)bare_gates + 64);
	x86_wrmsr(MSR_SFMASK, NT_SFMASK);
	x86_wrmsr(MSR_SYSENTER_CS, 0);
	x86_wrmsr(MSR_SYSENTER_ESP, 0);
	x86_wrmsr(MSR_SYSENTER_EIP, 0);
	x86_wrmsr(MSR_FS_BASE, 0);
	x86_wrmsr(MSR_GS_BASE, (uint64_t)kpcr);
	x86_wrmsr(MSR_KERNEL_GS_BASE, NT_TEB);
	read_state(&want);
}

void bed_state_init(void)
{
	x86_cli();
	fill_tables();
	x86_set_cr0(x86_cr0() | X86_CR0_AM);
	/* NT of these years has no user of it. */
	x86_set_cr4(x86_cr4() & ~(X86_CR4_SMAP | X86_CR4_PKE));
	*(uint64_t *)(kpcr + 0x18) = (uint64_t)kpcr;		/* Self */
	*(uint64_t *)(kpcr + 0x20) = (uint64_t)kpcr + 0x180;	/* its Prcb */
	*(uint64_t *)(kpcr + 0x38) = (uint64_t)idt;
	*(uint64_t *)(kpcr + 0x00) = (uint64_t)gdt;
	*(uint64_t *)(kpcr + 0x08) = (uint64_t)tss;
	set_state();
	want_sum = sum_tables();
	x86_sti();
}

/* SS is the thread's: interrupts keep it, a thread switch has to. */
void bed_state_adopt(void)
{
	read_state(&want);
	bed_current->ss = want.ss;
}

/* LTR takes an available TSS only; the bytes are the same afterwards. */
void bed_state_restore(void)
{
	uint64_t flags = bed_lock();

	((uint8_t *)gdt)[NT_TR + 5] = GDT_TSS;
	set_state();
	bed_current->ss = BED_SS;
	bed_segments_stale = 0;
	bed_unlock(flags);
}

static void forgive_segments(struct state *now)
{
	uint16_t *const seg[] = { &now->ds, &now->es, &now->fs, &now->gs };
	const uint16_t wanted[] = { want.ds, want.es, want.fs, want.gs };
	uint32_t i;

	for (i = 0; i < 4; i++)
		if (!*seg[i])
			*seg[i] = wanted[i];
}

static const char *difference(const struct state *now)
{
#define ROW(field) \
	if (memcmp(&now->field, &want.field, sizeof(now->field))) \
		return #field;
	ROW(gdtr)
	ROW(idtr)
	ROW(cs)
	ROW(ds)
	ROW(es)
	ROW(fs)
	ROW(gs)
	ROW(tr)
	ROW(ldt)
	ROW(cr0)
	ROW(cr4)
	ROW(dr7)
	ROW(xcr0)
	ROW(pat)
	ROW(efer)
	ROW(star)
	ROW(lstar)
	ROW(cstar)
	ROW(sfmask)
	ROW(fs_base)
	ROW(gs_base)
	ROW(kernel_gs)
	ROW(sysenter_cs)
	ROW(sysenter_esp)
	ROW(sysenter_eip)
#undef ROW
	return NULL;
}

void bed_watch(const char *where, uint32_t max_irql)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0);
	struct state now;
	const char *row;

	read_state(&now);
	if (bed_segments_stale)
		forgive_segments(&now);
	row = difference(&now);
	/* (An IST gate may leave a null selector.) */
	if (!row && max_irql <= HIGH_LEVEL && now.ss != bed_current->ss)
		row = "ss";
	if (!row && ++bed_watched % SWEEP == 0 && sum_tables() != want_sum)
		row = "the bytes of GDT, IDT or TSS";
	if (!row && max_irql <= HIGH_LEVEL &&
	    x86_cr3() != bed_current->attached->cr3)
		row = "cr3";
	if (!row && max_irql <= HIGH_LEVEL && bed_current->stack &&
	    here - (uint64_t)bed_current->stack >= BED_STACK_BYTES)
		row = "rsp";
	if (row)
		bare_panic("watch: %s is not the kernel's at %s", row, where);
	if (x86_cr8() > max_irql)
		bare_panic("watch: %s called at IRQL %llu", where,
			   (unsigned long long)x86_cr8());
	if (bed_watch_hook && max_irql <= HIGH_LEVEL && !x86_cr8() &&
	    x86_rflags() & 0x200)
		bed_watch_hook();
}
