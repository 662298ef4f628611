// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq.c - interrupts handed on to the kernel.
 *
 * An external vector the CPU took in the guest is already acknowledged: its
 * bit in the local APIC's in-service register is set, and NT's handler will
 * write the EOI as if it had been interrupted itself.  `int n` enters the same
 * gate, at APC_LEVEL, on the thread's kernel stack.
 */
#include "shim.h"

#define VECTOR_NMI	2u
#define VECTOR_MCE	18u

#define MSR_APIC_BASE	0x1bu
#define APIC_X2APIC	(1ull << 10)
#define APIC_ENABLED	(1ull << 11)
#define APIC_PAGE	0x000ffffffffff000ull

/* SDM vol. 3A, 11.6.1 "Interrupt Command Register (ICR)" */
#define ICR_NMI		0x400u
#define ICR_ASSERT	0x4000u
#define ICR_PENDING	0x1000u
#define XAPIC_ID	0x20u
#define XAPIC_ICR	0x300u
#define XAPIC_ICR_DEST	0x310u
#define X2APIC_ID	0x802u
#define X2APIC_ICR	0x830u
#define ICR_TRIES	100000
#define PROTECT_DEVICE	0x204u	/* PAGE_READWRITE, PAGE_NOCACHE */

static volatile uint8_t *xapic;
static uint64_t xapic_hpa;

static volatile uint32_t *xapic_reg(uint32_t reg)
{
	return (volatile uint32_t *)(xapic + reg);
}

static void xapic_wait(void)
{
	int i;

	for (i = 0; i < ICR_TRIES && *xapic_reg(XAPIC_ICR) & ICR_PENDING; i++)
		__asm__ volatile("pause");
}

/*
 * A real NMI: `int 2` would enter NT's handler with NMIs not blocked, and the
 * next one would overwrite its stack.  The shorthand "self" cannot deliver an
 * NMI, so the CPU is addressed by its number.  HalSendNMI() would be NT's way,
 * but its argument changed between versions without documentation, and older
 * ones leave the caller out.  The ICR is what NT itself writes for each IPI,
 * interrupts are off, and the destination is put back.
 */
static void raise_nmi(void)
{
	uint64_t base = cvm_msr_read(MSR_APIC_BASE);
	uint32_t dest;

	if (base & APIC_X2APIC) {
		cvm_msr_write(X2APIC_ICR, cvm_msr_read(X2APIC_ID) << 32 |
			      ICR_NMI | ICR_ASSERT);
	} else if (xapic && (base & APIC_PAGE) == xapic_hpa) {
		xapic_wait();
		dest = *xapic_reg(XAPIC_ICR_DEST);
		*xapic_reg(XAPIC_ICR_DEST) = *xapic_reg(XAPIC_ID);
		*xapic_reg(XAPIC_ICR) = ICR_NMI | ICR_ASSERT;
		xapic_wait();
		*xapic_reg(XAPIC_ICR_DEST) = dest;
	} else {
		cvm_nt.nmis_lost++;
	}
}

int cvm_nt_irq_can_nmi(void)
{
	return xapic || cvm_msr_read(MSR_APIC_BASE) & APIC_X2APIC;
}

void cvm_nt_irq_forward(void *ctx, uint32_t vector)
{
	(void)ctx;
	if (vector == VECTOR_NMI) {
		raise_nmi();
		return;
	}
	/* NT may switch threads in there, and come back on another CPU. */
	cvm_nt_slice_leave();
	cvm_nt_int(vector);
}

/* NT does not tell a guest from its own kernel: what it cannot correct, it
 * bug-checks for. */
int cvm_nt_machine_check(void *ctx, int in_guest)
{
	(void)ctx;
	(void)in_guest;
	cvm_nt_int(VECTOR_MCE);
	return 0;
}

/* ---- interrupts of our own ------------------------------------------- */

static void NTAPI self_dpc(KDPC *dpc, void *arg, void *a, void *b)
{
	struct cvm_nt_cpu *cpu = arg;

	(void)dpc;
	(void)a;
	(void)b;
	cpu->self_taken++;
}

static void NTAPI kick_dpc(KDPC *dpc, void *arg, void *a, void *b)
{
	(void)dpc;
	(void)arg;
	(void)a;
	(void)b;
}

/*
 * NT asks for a DPC by a self-IPI (vector 0x2F), which waits in the local
 * APIC's request register while IF is 0.  If the DPC is queued already, so is
 * its interrupt.
 */
void cvm_nt_irq_self(void *ctx)
{
	int32_t cpu = cvm_nt_cpu_current();

	(void)ctx;
	if (cpu >= 0)
		KeInsertQueueDpc(&cvm_nt_cpus[cpu].self, NULL, NULL);
}

static void bind(KDPC *dpc, PKDEFERRED_ROUTINE fn, struct cvm_nt_cpu *cpu)
{
	KeInitializeDpc(dpc, fn, cpu);
	/* Others are batched before an interrupt is sent. */
	KeSetImportanceDpc(dpc, HighImportance);
	if (cpu->place.group)
		cvm_nt.fn.KeSetTargetProcessorDpcEx(dpc, &cpu->place);
	else
		KeSetTargetProcessorDpc(dpc, (CCHAR)cpu->place.number);
}

/* Not executable, where NT can be told so. */
static void *map_device(uint64_t hpa)
{
	const PHYSICAL_ADDRESS page = { .QuadPart = (int64_t)hpa };

	if (cvm_nt.fn.MmMapIoSpaceEx)
		return cvm_nt.fn.MmMapIoSpaceEx((int64_t)hpa, CVM_PAGE_SIZE,
						PROTECT_DEVICE);
	return MmMapIoSpace(page, CVM_PAGE_SIZE, MmNonCached);
}

void cvm_nt_irq_init(void)
{
	uint64_t base;
	uint32_t i;

	for (i = 0; i < cvm_nt.cpus; i++) {
		bind(&cvm_nt_cpus[i].self, self_dpc, &cvm_nt_cpus[i]);
		bind(&cvm_nt_cpus[i].kick, kick_dpc, &cvm_nt_cpus[i]);
	}
	if (!cvm_nt.ring0)
		return;
	base = cvm_msr_read(MSR_APIC_BASE);
	if (!(base & APIC_ENABLED) || base & APIC_X2APIC)
		return;
	xapic_hpa = base & APIC_PAGE;
	xapic = map_device(xapic_hpa);
}

void cvm_nt_irq_exit(void)
{
	KeFlushQueuedDpcs();
	if (cvm_nt.nmis_lost)
		DbgPrint("cvm: %u NMIs were lost: no local APIC to raise "
			 "them\n", (unsigned int)cvm_nt.nmis_lost);
	if (xapic)
		MmUnmapIoSpace((void *)(uintptr_t)xapic, CVM_PAGE_SIZE);
	xapic = NULL;
}
