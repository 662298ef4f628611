/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exports.c - what the kernel exports, by name.  since: 0 for what NT 5.2 x64
 * has, else the version that brought it (0x601: NT 6.1).
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
};

#define NT(name)		{ "ntoskrnl.exe", #name, (void *)name, 0 }
#define NEWER(name, since)	{ "ntoskrnl.exe", #name, (void *)name, since }

static const struct export exports[] = {
	NT(DbgPrint), NT(ExAllocatePoolWithTag), NT(ExCreateCallback),
	NT(ExFreePoolWithTag), NT(ExRegisterCallback),
	NT(ExSetTimerResolution), NT(ExUnregisterCallback),
	NT(IoAllocateMdl), NT(IoCreateDevice), NT(IoCreateSymbolicLink),
	NT(IoDeleteDevice), NT(IoDeleteSymbolicLink), NT(IoFreeMdl),
	NT(IoGetCurrentProcess), NT(IoIs32bitProcess),
	NT(IofCompleteRequest), NT(KeAcquireSpinLockRaiseToDpc),
	NT(KeBugCheckEx), NT(KeCancelTimer), NT(KeClearEvent),
	NT(KeDelayExecutionThread),
	NT(KeDeregisterBugCheckReasonCallback), NT(KeFlushQueuedDpcs),
	NT(KeInitializeDpc), NT(KeInitializeEvent), NT(KeInitializeMutex),
	NT(KeInitializeTimerEx), NT(KeInsertQueueDpc),
	NT(KeQueryActiveProcessors), NT(KeRegisterBugCheckReasonCallback),
	NT(KeReleaseMutex), NT(KeReleaseSpinLock),
	NT(KeRevertToUserAffinityThread), NT(KeSetEvent),
	NT(KeSetImportanceDpc), NT(KeSetSystemAffinityThread),
	NT(KeSetTargetProcessorDpc), NT(KeSetTimer),
	NT(KeStackAttachProcess), NT(KeUnstackDetachProcess),
	NT(KeWaitForSingleObject),
	NT(MmAllocateContiguousMemorySpecifyCache),
	NT(MmFreeContiguousMemory), NT(MmFreePagesFromMdl),
	NT(MmGetPhysicalAddress), NT(MmGetSystemRoutineAddress),
	NT(MmMapIoSpace),
	{ "ntoskrnl.exe", "MmMapLockedPagesSpecifyCache",
	  (void *)bed_map_locked, 0 },
	NT(MmUnmapIoSpace), NT(MmUnmapLockedPages),
	NT(ObOpenObjectByPointer), NT(ObfDereferenceObject),
	NT(ObfReferenceObject), NT(PsGetCurrentProcessId),
	NT(PsGetCurrentThread), NT(PsIsThreadTerminating),
	NT(PsSetCreateProcessNotifyRoutine), NT(RtlGetVersion), NT(ZwClose),
	NT(ZwQuerySystemInformation), NT(ZwSetSecurityObject),
	NT(__C_specific_handler),
	{ "HAL.dll", "KeQueryPerformanceCounter",
	  (void *)KeQueryPerformanceCounter, 0 },
	NEWER(KeRegisterNmiCallback, 0x502),
	NEWER(KeDeregisterNmiCallback, 0x502),
	NEWER(MmAllocatePagesForMdlEx, 0x600),
	NEWER(KeRegisterProcessorChangeCallback, 0x600),
	NEWER(KeDeregisterProcessorChangeCallback, 0x600),
	NEWER(KeGetCurrentProcessorNumberEx, 0x601),
	NEWER(KeGetProcessorNumberFromIndex, 0x601),
	NEWER(KeQueryActiveProcessorCountEx, 0x601),
	NEWER(KeSetSystemGroupAffinityThread, 0x601),
	NEWER(KeRevertToUserGroupAffinityThread, 0x601),
	NEWER(KeSetTargetProcessorDpcEx, 0x601),
	NEWER(KeQuerySystemTimePrecise, 0x602),
	NEWER(MmAllocateContiguousNodeMemory, 0x602),
	NEWER(MmMapIoSpaceEx, 0xa00),
};

static int same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !strncmp(a, b, strlen(a));
}

/* Only what NT 5.2 has may be in an import table; the rest is looked up. */
void *bed_export(const char *module, const char *name)
{
	uint32_t version = bed_nt_major << 8 | bed_nt_minor, i;

	for (i = 0; i < sizeof(exports) / sizeof(exports[0]); i++) {
		const struct export *e = &exports[i];

		if (!same(e->name, name))
			continue;
		if (module)
			return e->since || !same(e->module, module) ? NULL :
			       e->fn;
		return e->since > version ? NULL : e->fn;
	}
	return NULL;
}
