/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.c - a driver that tries the bed: imports, relocations, requests,
 * timers, DPCs, waits, memory.  It is compiled against public NT headers and
 * compares the bed's structures with theirs.
 */
#include <stddef.h>

#include <ntifs.h>

#include "count.h"
#include "offsets.h"
#include "probe.h"

#define SAME_OFFSET(s, f, ms, mf, at) \
	_Static_assert(offsetof(ms, mf) == (at), #ms "." #mf);
#define SAME_SIZE(s, ms, bytes) \
	_Static_assert(sizeof(ms) == (bytes), #ms);
BED_OFFSETS(SAME_OFFSET)
BED_SIZES(SAME_SIZE)

static PDRIVER_OBJECT driver_object;
static PDEVICE_OBJECT own_device;
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

/* ---- leaks ----------------------------------------------------------- */

static PVOID take_contiguous(void)
{
	PHYSICAL_ADDRESS low = { .QuadPart = 0 };
	PHYSICAL_ADDRESS high = { .QuadPart = 0xffffffff };

	return MmAllocateContiguousMemorySpecifyCache(4096, low, high, low,
						      MmCached);
}

static MDL *take_mdl(void)
{
	MDL *mdl = IoAllocateMdl(NULL, 4096, FALSE, FALSE, NULL);
	PHYSICAL_ADDRESS at = MmGetPhysicalAddress(take_contiguous());

	((PFN_NUMBER *)(mdl + 1))[0] = (PFN_NUMBER)at.QuadPart / 4096;
	mdl->MdlFlags |= MDL_PAGES_LOCKED;
	return mdl;
}

static void map_mdl(KPROCESSOR_MODE mode)
{
	MmMapLockedPagesSpecifyCache(take_mdl(), mode, MmCached, NULL, FALSE,
				     NormalPagePriority);
}

static void keep_pages(void)
{
	static WCHAR text[] = L"MmAllocatePagesForMdlEx";
	PHYSICAL_ADDRESS low = { .QuadPart = 0 }, high = { .QuadPart = -1 };
	PMDL (NTAPI *alloc)(PHYSICAL_ADDRESS, PHYSICAL_ADDRESS,
			    PHYSICAL_ADDRESS, SIZE_T, ULONG, ULONG);
	UNICODE_STRING name;

	name_init(&name, text);
	*(PVOID *)&alloc = MmGetSystemRoutineAddress(&name);
	alloc(low, high, low, 8192, MmCached, 0);
}

static void keep_io_map(void)
{
	PHYSICAL_ADDRESS apic = { .QuadPart = 0xfee00000 };

	MmMapIoSpace(apic, 4096, MmNonCached);
}

static void keep_device(void)
{
	static WCHAR text[] = L"\\Device\\leak";
	PDEVICE_OBJECT device;
	UNICODE_STRING name;

	name_init(&name, text);
	IoCreateDevice(driver_object, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE,
		       &device);
}

static void keep_link(void)
{
	static WCHAR text[] = L"\\DosDevices\\leak";
	UNICODE_STRING name;

	name_init(&name, text);
	IoCreateSymbolicLink(&name, &device_name);
}

/* In pool, which stays: the kernel looks at it later. */
static void keep_timer(void)
{
	LARGE_INTEGER due = { .QuadPart = -36000000000ll };	/* an hour */
	KTIMER *timer = ExAllocatePoolWithTag(NonPagedPool, sizeof(*timer), 1);

	KeInitializeTimerEx(timer, NotificationTimer);
	KeSetTimer(timer, due, NULL);
}

static VOID NTAPI on_bug_check(KBUGCHECK_CALLBACK_REASON reason,
	PKBUGCHECK_REASON_CALLBACK_RECORD record, PVOID data, ULONG bytes)
{
	(void)reason;
	(void)record;
	(void)data;
	(void)bytes;
}

static void keep_callback(void)
{
	static UCHAR component[] = "probe";
	KBUGCHECK_REASON_CALLBACK_RECORD *r =
		ExAllocatePoolWithTag(NonPagedPool, sizeof(*r), 1);

	r->State = BufferEmpty;
	KeRegisterBugCheckReasonCallback(r, on_bug_check,
		KbCallbackSecondaryDumpData, component);
}

static void keep_handle(void)
{
	HANDLE handle;

	ObOpenObjectByPointer(own_device, OBJ_KERNEL_HANDLE,
			      NULL, 0, NULL, KernelMode, &handle);
}

static void keep_pool(void)
{
	ExAllocatePoolWithTag(NonPagedPool, 100, 1);
}

static void keep_mdl(void)
{
	IoAllocateMdl(NULL, 4096, FALSE, FALSE, NULL);
}

static void keep_contiguous(void)
{
	take_contiguous();
}

static void keep_map(void)
{
	map_mdl(KernelMode);
}

static void keep_user_map(void)
{
	map_mdl(UserMode);
}

static void keep_object(void)
{
	ObReferenceObject(IoGetCurrentProcess());
}

static void keep_resolution(void)
{
	ExSetTimerResolution(5000, TRUE);
}

static void keep_affinity(void)
{
	KeSetSystemAffinityThread(1);
}

static void keep_attached(void)
{
	static KAPC_STATE apc;

	KeStackAttachProcess((PKPROCESS)IoGetCurrentProcess(), &apc);
}

/* A request is kept by not completing it; files and threads are the bed's. */
static void (*const keep[BED_KINDS])(void) = {
	[BED_COUNT_pool] = keep_pool,
	[BED_COUNT_pool_bytes] = keep_pool,
	[BED_COUNT_mdl] = keep_mdl,
	[BED_COUNT_pages] = keep_pages,
	[BED_COUNT_contiguous] = keep_contiguous,
	[BED_COUNT_maps] = keep_map,
	[BED_COUNT_user_maps] = keep_user_map,
	[BED_COUNT_io_maps] = keep_io_map,
	[BED_COUNT_devices] = keep_device,
	[BED_COUNT_links] = keep_link,
	[BED_COUNT_timers] = keep_timer,
	[BED_COUNT_objects] = keep_object,
	[BED_COUNT_handles] = keep_handle,
	[BED_COUNT_callbacks] = keep_callback,
	[BED_COUNT_resolution] = keep_resolution,
	[BED_COUNT_affinity] = keep_affinity,
	[BED_COUNT_attached] = keep_attached,
};

static NTSTATUS leak(uint64_t kind)
{
	if (kind == BED_COUNT_irps)
		return STATUS_PENDING;
	if (kind < BED_KINDS && keep[kind])
		keep[kind]();
	return STATUS_SUCCESS;
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
	case PROBE_LEAK:
		return leak(d->value);
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
	if (status == STATUS_PENDING)
		return status;
	irp->IoStatus.Status = status;
	IofCompleteRequest(irp, IO_NO_INCREMENT);
	return status;
}

static void NTAPI unload(PDRIVER_OBJECT driver)
{
	(void)driver;
	IoDeleteSymbolicLink(&link_name);
	IoDeleteDevice(own_device);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry)
{
	NTSTATUS status;

	(void)registry;
	driver_object = driver;
	name_init(&device_name, texts[0]);
	name_init(&link_name, texts[1]);
	driver->DriverUnload = unload;
	driver->MajorFunction[IRP_MJ_CREATE] = dispatch;
	driver->MajorFunction[IRP_MJ_CLEANUP] = dispatch;
	driver->MajorFunction[IRP_MJ_CLOSE] = dispatch;
	driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
	status = IoCreateDevice(driver, 0, &device_name, FILE_DEVICE_UNKNOWN,
				0, FALSE, &own_device);
	if (status < 0)
		return status;
	DbgPrint("probe: loaded, %d %s %u\n", -1, "text",
		 (unsigned int)sizeof(IRP));
	return IoCreateSymbolicLink(&link_name, &device_name);
}
