/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exports.c - what the kernel exports, by name.  since: 0 for what NT 5.2 x64
 * has, else the version that brought it (0x601: NT 6.1).  ..._FAILS: it may
 * fail for want of something, whatever the driver does.
 */
#include "bed.h"
#include "ex.h"
#include "io.h"
#include "mm.h"

void bed_map_locked(void);	/* switch.S */

struct export {
	const char *module, *name;
	void *fn;
	uint32_t since;
	int may_fail;
};

#define EXPORT(name, since, may_fail) \
	{ "ntoskrnl.exe", #name, (void *)name, since, may_fail }
#define NT(name)		EXPORT(name, 0, 0)
#define NT_FAILS(name)		EXPORT(name, 0, 1)
#define NEWER(name, since)	EXPORT(name, since, 0)
#define NEWER_FAILS(name, since) EXPORT(name, since, 1)

static const struct export exports[] = {
	NT(DbgPrint), NT_FAILS(ExAllocatePoolWithTag),
	NT_FAILS(ExCreateCallback), NT(ExFreePoolWithTag),
	NT_FAILS(ExRegisterCallback), NT(ExSetTimerResolution),
	NT(ExUnregisterCallback), NT_FAILS(IoAllocateMdl),
	NT_FAILS(IoCreateDevice), NT_FAILS(IoCreateSymbolicLink),
	NT(IoDeleteDevice), NT(IoDeleteSymbolicLink), NT(IoFreeMdl),
	NT(IoGetCurrentProcess), NT(IoIs32bitProcess), NT(IofCompleteRequest),
	NT(KeAcquireSpinLockRaiseToDpc), NT(KeBugCheckEx), NT(KeCancelTimer),
	NT(KeClearEvent), NT(KeDelayExecutionThread),
	NT(KeDeregisterBugCheckReasonCallback), NT(KeFlushQueuedDpcs),
	NT(KeInitializeDpc), NT(KeInitializeEvent), NT(KeInitializeMutex),
	NT(KeInitializeTimerEx), NT(KeInsertQueueDpc),
	NT(KeQueryActiveProcessors),
	NT_FAILS(KeRegisterBugCheckReasonCallback), NT(KeReleaseMutex),
	NT(KeReleaseSpinLock), NT(KeRevertToUserAffinityThread),
	NT(KeSetEvent), NT(KeSetImportanceDpc), NT(KeSetSystemAffinityThread),
	NT(KeSetTargetProcessorDpc), NT(KeSetTimer), NT(KeStackAttachProcess),
	NT(KeUnstackDetachProcess), NT(KeWaitForSingleObject),
	NT_FAILS(MmAllocateContiguousMemorySpecifyCache),
	NT(MmFreeContiguousMemory), NT(MmFreePagesFromMdl),
	NT(MmGetPhysicalAddress), NT_FAILS(MmGetSystemRoutineAddress),
	NT_FAILS(MmMapIoSpace),
	{ "ntoskrnl.exe", "MmMapLockedPagesSpecifyCache",
	  (void *)bed_map_locked, 0, 1 }, NT(MmUnmapIoSpace),
	NT(MmUnmapLockedPages), NT_FAILS(ObOpenObjectByPointer),
	NT(ObfDereferenceObject), NT(ObfReferenceObject),
	NT(PsGetCurrentProcessId), NT(PsGetCurrentThread),
	NT(PsIsThreadTerminating), NT_FAILS(PsSetCreateProcessNotifyRoutine),
	NT(RtlGetVersion), NT(ZwClose), NT_FAILS(ZwQuerySystemInformation),
	NT_FAILS(ZwSetSecurityObject), NT(__C_specific_handler),
	{ "HAL.dll", "KeQueryPerformanceCounter",
	  (void *)KeQueryPerformanceCounter, 0, 0 },
	NEWER_FAILS(KeRegisterNmiCallback, 0x502),
	NEWER(KeDeregisterNmiCallback, 0x502),
	NEWER_FAILS(MmAllocatePagesForMdlEx, 0x600),
	NEWER_FAILS(KeRegisterProcessorChangeCallback, 0x600),
	NEWER(KeDeregisterProcessorChangeCallback, 0x600),
	NEWER(KeGetCurrentProcessorNumberEx, 0x601),
	NEWER_FAILS(KeGetProcessorNumberFromIndex, 0x601),
	NEWER(KeQueryActiveProcessorCountEx, 0x601),
	NEWER(KeSetSystemGroupAffinityThread, 0x601),
	NEWER(KeRevertToUserGroupAffinityThread, 0x601),
	NEWER_FAILS(KeSetTargetProcessorDpcEx, 0x601),
	NEWER(KeQuerySystemTimePrecise, 0x602),
	NEWER_FAILS(MmAllocateContiguousNodeMemory, 0x602),
	NEWER_FAILS(MmMapIoSpaceEx, 0xa00),
};

static int same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !strncmp(a, b, strlen(a));
}

static int has(const struct export *e)
{
	return e->since <= (bed_nt_major << 8 | bed_nt_minor);
}

/* Only what NT 5.2 has may be in an import table; the rest is looked up. */
void *bed_export(const char *module, const char *name)
{
	uint32_t i;

	for (i = 0; i < sizeof(exports) / sizeof(exports[0]); i++) {
		const struct export *e = &exports[i];

		if (!same(e->name, name))
			continue;
		if (module)
			return e->since || !same(e->module, module) ? NULL :
			       e->fn;
		return has(e) ? e->fn : NULL;
	}
	return NULL;
}

int bed_may_fail(const char *name)
{
	uint32_t i;

	for (i = 0; i < sizeof(exports) / sizeof(exports[0]); i++)
		if (same(exports[i].name, name))
			return exports[i].may_fail;
	return 0;
}

const char *bed_next_fallible(uint32_t *at)
{
	const struct export *e;

	while (*at < sizeof(exports) / sizeof(exports[0])) {
		e = &exports[(*at)++];
		if (e->may_fail && has(e))
			return e->name;
	}
	return NULL;
}
