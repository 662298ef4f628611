// SPDX-License-Identifier: GPL-2.0-only
/*
 * services.c - what the other files ask of NT and of each other: memory from
 * the pool, mutexes, IRQL, and which of NT's newer functions there are.
 *
 * It knows no file but shim.h.
 */
#include "shim.h"

#define POOL_NX		512	/* NonPagedPoolNx, NT 6.2 */

struct cvm_nt_driver cvm_nt;

void *cvm_nt_pool_alloc(size_t bytes)
{
	void *block = ExAllocatePoolWithTag(cvm_nt.nx ? (POOL_TYPE)POOL_NX :
					    NonPagedPool, bytes, CVM_NT_TAG);

	if (block)
		__builtin_memset(block, 0, bytes);
	return block;
}

void cvm_nt_pool_free(void *block)
{
	ExFreePoolWithTag(block, CVM_NT_TAG);
}

/* A mutex keeps the thread from being suspended while it is held. */
void cvm_nt_mutex_lock(KMUTEX *mutex)
{
	KeWaitForSingleObject(mutex, Executive, KernelMode, FALSE, NULL);
}

/* Only the end of the thread interrupts such a wait; user APCs stay queued. */
int cvm_nt_mutex_lock_killable(KMUTEX *mutex)
{
	NTSTATUS status = KeWaitForSingleObject(mutex, UserRequest, UserMode,
						FALSE, NULL);

	return status == STATUS_SUCCESS ? 0 : -CVM_EINTR;
}

void cvm_nt_mutex_unlock(KMUTEX *mutex)
{
	KeReleaseMutex(mutex, FALSE);
}

uint64_t cvm_nt_irql_raise(uint64_t irql)
{
	uint64_t old = irql;

	if (!cvm_nt.ring0)
		return old;
	__asm__ volatile("mov %%cr8, %0" : "=r"(old) : : "memory");
	if (old < irql)
		__asm__ volatile("mov %0, %%cr8" : : "r"(irql) : "memory");
	return old;
}

void cvm_nt_irql_lower(uint64_t irql)
{
	if (cvm_nt.ring0)
		__asm__ volatile("mov %0, %%cr8" : : "r"(irql) : "memory");
}

/* ---- what this NT has ------------------------------------------------ */

#define LOOKUP(name) \
	{ L"" #name, sizeof(#name) * 2 - 2, \
	  offsetof(struct cvm_nt_lookup, name) }

static const struct {
	const WCHAR *name;
	uint16_t bytes;
	uint16_t offset;
} lookups[] = {
	LOOKUP(KeDeregisterNmiCallback),
	LOOKUP(KeDeregisterProcessorChangeCallback),
	LOOKUP(KeGetCurrentProcessorNumberEx),
	LOOKUP(KeGetProcessorNumberFromIndex),
	LOOKUP(KeQueryActiveProcessorCountEx),
	LOOKUP(KeQuerySystemTimePrecise),
	LOOKUP(KeRegisterNmiCallback),
	LOOKUP(KeRegisterProcessorChangeCallback),
	LOOKUP(KeRevertToUserGroupAffinityThread),
	LOOKUP(KeSetSystemGroupAffinityThread),
	LOOKUP(KeSetTargetProcessorDpcEx),
	LOOKUP(MmAllocateContiguousNodeMemory),
	LOOKUP(MmAllocatePagesForMdlEx),
	LOOKUP(MmMapIoSpaceEx),
};

void cvm_nt_look_around(void)
{
	RTL_OSVERSIONINFOW version = {
		.dwOSVersionInfoSize = sizeof(version)
	};
	UNICODE_STRING name;
	uint16_t cs;
	uint32_t i;

	__builtin_memset(&cvm_nt, 0, sizeof(cvm_nt));
	__asm__ volatile("mov %%cs, %0" : "=rm"(cs));
	cvm_nt.ring0 = !(cs & 3);
	RtlGetVersion(&version);
	cvm_nt.version = version.dwMajorVersion << 8 | version.dwMinorVersion;
	cvm_nt.nx = cvm_nt.version >= 0x602;
	for (i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		name.Buffer = (WCHAR *)(uintptr_t)lookups[i].name;
		name.Length = name.MaximumLength = lookups[i].bytes;
		*(void **)((char *)&cvm_nt.fn + lookups[i].offset) =
			MmGetSystemRoutineAddress(&name);
	}
	DbgPrint("cvm: version " CVM_VERSION " on NT %u.%u.%u\n",
		 (unsigned int)version.dwMajorVersion,
		 (unsigned int)version.dwMinorVersion,
		 (unsigned int)version.dwBuildNumber);
}
