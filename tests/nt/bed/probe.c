/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.c - a driver that tries the bed: imports, relocations, requests,
 * timers, DPCs, waits, memory.  It is compiled against public NT headers and
 * compares the bed's structures with theirs.
 */
#include <stddef.h>

#include <ntddk.h>

#include "offsets.h"
#include "probe.h"

#define SAME_OFFSET(s, f, ms, mf, at) \
	_Static_assert(offsetof(ms, mf) == (at), #ms "." #mf);
#define SAME_SIZE(s, ms, bytes) \
	_Static_assert(sizeof(ms) == (bytes), #ms);
BED_OFFSETS(SAME_OFFSET)
BED_SIZES(SAME_SIZE)

static UNICODE_STRING device_name, link_name;
static WCHAR device_text[] = L"\\Device\\probe";
static WCHAR link_text[] = L"\\DosDevices\\probe";
/* An address in the data, so that there is something to relocate. */
static WCHAR *volatile texts[] = { device_text, link_text };
static volatile LONG dpcs;
static KEVENT event;

static void name_init(UNICODE_STRING *name, WCHAR *text)
{
	USHORT n = 0;

	while (text[n])
		n++;
	name->Buffer = text;
	name->Length = name->MaximumLength = n * sizeof(WCHAR);
}

static void NTAPI on_dpc(KDPC *dpc, void *context, void *a, void *b)
{
	(void)dpc;
	(void)a;
	(void)b;
	dpcs++;
	if (context)
		KeSetEvent(context, 0, FALSE);
}

static NTSTATUS by_timer(struct probe_data *d)
{
	LARGE_INTEGER due = { .QuadPart = -(int64_t)d->value * 10000 };
	KTIMER timer;
	KDPC dpc;

	KeInitializeEvent(&event, SynchronizationEvent, FALSE);
	KeInitializeTimerEx(&timer, NotificationTimer);
	KeInitializeDpc(&dpc, on_dpc, &event);
	dpcs = 0;
	KeSetTimer(&timer, due, &dpc);
	KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
	d->value = (uint64_t)dpcs;
	return STATUS_SUCCESS;
}

/* Low byte: not before IRQL allows it, next: not before IF does. */
static NTSTATUS by_dpc(struct probe_data *d)
{
	uint64_t zero = 0, two = 2;
	KDPC dpc;

	KeInitializeDpc(&dpc, on_dpc, NULL);
	dpcs = 0;
	__asm__ volatile("mov %0, %%cr8" : : "r"(two) : "memory");
	KeInsertQueueDpc(&dpc, NULL, NULL);
	__asm__ volatile("nop; nop; nop");
	d->value = (uint64_t)!dpcs;
	__asm__ volatile("mov %0, %%cr8" : : "r"(zero) : "memory");
	__asm__ volatile("nop; nop; nop");
	d->value &= (uint64_t)(dpcs == 1);
	__asm__ volatile("cli" : : : "memory");
	KeInsertQueueDpc(&dpc, NULL, NULL);
	__asm__ volatile("nop; nop; nop");
	d->value |= (uint64_t)(dpcs == 1) << 8;
	__asm__ volatile("int $0x1f; int $0x80; sti; nop; nop" : : : "memory");
	if (dpcs != 2)
		d->value = 0;
	return STATUS_SUCCESS;
}

/* The number of the line that went wrong. */
static uint64_t try_memory(void)
{
	PHYSICAL_ADDRESS low = { .QuadPart = 0 }, high = { .QuadPart = -1 };
	PHYSICAL_ADDRESS at;
	uint8_t *p, *q;
	MDL *mdl;

	high.QuadPart = 0xffffffff;
	p = MmAllocateContiguousMemorySpecifyCache(8192, low, high, low,
						   MmCached);
	if (!p)
		return __LINE__;
	p[0] = 1;
	p[8191] = 2;
	at = MmGetPhysicalAddress(p);
	if (MmGetPhysicalAddress(p + 4096).QuadPart != at.QuadPart + 4096)
		return __LINE__;
	mdl = IoAllocateMdl(NULL, 8192, FALSE, FALSE, NULL);
	if (!mdl)
		return __LINE__;
	((PFN_NUMBER *)(mdl + 1))[0] = (PFN_NUMBER)at.QuadPart / 4096;
	((PFN_NUMBER *)(mdl + 1))[1] = (PFN_NUMBER)at.QuadPart / 4096 + 1;
	mdl->MdlFlags |= MDL_PAGES_LOCKED;
	q = MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL,
					 FALSE, NormalPagePriority);
	if (!q || q == p || q[0] != 1 || q[8191] != 2)
		return __LINE__;
	MmUnmapLockedPages(q, mdl);
	IoFreeMdl(mdl);
	MmFreeContiguousMemory(p);
	p = ExAllocatePoolWithTag(NonPagedPool, 100, 1);
	if (!p || (uintptr_t)p % 16)
		return __LINE__;
	ExFreePoolWithTag(p, 1);
	return 0;
}

/* The next call of the kernel has to notice. */
static void spoil(uint64_t what)
{
	static uint64_t stack[512];
	uint32_t lstar = 0xc0000082, low = 0, high = 0;

	if (!what)
		__asm__ volatile("wrmsr" : : "c"(lstar), "a"(low), "d"(high));
	else if (what == 1)
		__asm__ volatile("mov %%cr4, %%rax; xor $0x80, %%al;"
				 "mov %%rax, %%cr4" : : : "rax");
	else if (what == 2)
		__asm__ volatile("mov %0, %%ds" : : "r"(0));
	else
		__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp;"
				 "call *%1; mov %%rbx, %%rsp"
				 : : "r"(stack + 400),
				     "r"(PsGetCurrentProcessId)
				 : "rax", "rbx", "rcx", "rdx", "r8", "r9",
				   "r10", "r11", "memory");
}

static NTSTATUS serve(ULONG code, struct probe_data *d)
{
	switch (code) {
	case PROBE_ECHO:
		d->value++;
		return STATUS_SUCCESS;
	case PROBE_TIMER:
		return by_timer(d);
	case PROBE_DPC:
		return by_dpc(d);
	case PROBE_SPOIL:
		spoil(d->value);
		return STATUS_SUCCESS;
	case PROBE_MEMORY:
		d->value = try_memory();
		return STATUS_SUCCESS;
	}
	return (NTSTATUS)0xe0cc0016;
}

static NTSTATUS NTAPI dispatch(PDEVICE_OBJECT device, PIRP irp)
{
	const IO_STACK_LOCATION *at = IoGetCurrentIrpStackLocation(irp);
	NTSTATUS status = STATUS_SUCCESS;

	(void)device;
	irp->IoStatus.Information = 0;
	if (at->MajorFunction == IRP_MJ_DEVICE_CONTROL) {
		status = serve(at->Parameters.DeviceIoControl.IoControlCode,
			       irp->AssociatedIrp.SystemBuffer);
		irp->IoStatus.Information = sizeof(struct probe_data);
	}
	irp->IoStatus.Status = status;
	IofCompleteRequest(irp, IO_NO_INCREMENT);
	return status;
}

static void NTAPI unload(PDRIVER_OBJECT driver)
{
	IoDeleteSymbolicLink(&link_name);
	IoDeleteDevice(driver->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry)
{
	PDEVICE_OBJECT device;
	NTSTATUS status;

	(void)registry;
	name_init(&device_name, texts[0]);
	name_init(&link_name, texts[1]);
	driver->DriverUnload = unload;
	driver->MajorFunction[IRP_MJ_CREATE] = dispatch;
	driver->MajorFunction[IRP_MJ_CLEANUP] = dispatch;
	driver->MajorFunction[IRP_MJ_CLOSE] = dispatch;
	driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
	status = IoCreateDevice(driver, 0, &device_name, FILE_DEVICE_UNKNOWN,
				0, FALSE, &device);
	if (status < 0)
		return status;
	DbgPrint("probe: loaded, %d %s %u\n", -1, "text",
		 (unsigned int)sizeof(IRP));
	return IoCreateSymbolicLink(&link_name, &device_name);
}
