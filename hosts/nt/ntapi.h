/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ntapi.h - the NT kernel's interface: MinGW's headers, and by prototype what
 * they lack or hide behind a version.
 */
#ifndef CVM_NTAPI_H
#define CVM_NTAPI_H

#include <ntddk.h>

#define APC_IRQL		1u
#define DPC_IRQL		2u
#define RFLAGS_IF		(1ull << 9)

/*
 * Structures this driver looks into or keeps room for, as NT x64 has had them
 * since 5.2; the rest it only passes on.
 */
#define CVM_NT_AT(type, field, off) \
	_Static_assert(__builtin_offsetof(type, field) == (off), \
		       #type "." #field)
CVM_NT_AT(DRIVER_OBJECT, DriverUnload, 0x68);
CVM_NT_AT(DRIVER_OBJECT, MajorFunction, 0x70);
CVM_NT_AT(FILE_OBJECT, FsContext, 0x18);
CVM_NT_AT(FILE_OBJECT, Flags, 0x50);
CVM_NT_AT(IRP, AssociatedIrp.SystemBuffer, 0x18);
CVM_NT_AT(IRP, IoStatus, 0x30);
CVM_NT_AT(IRP, Tail.Overlay.CurrentStackLocation, 0xb8);
CVM_NT_AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.OutputBufferLength, 8);
CVM_NT_AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.InputBufferLength, 16);
CVM_NT_AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode, 24);
CVM_NT_AT(IO_STACK_LOCATION, FileObject, 0x30);
CVM_NT_AT(MDL, MdlFlags, 0x0a);
CVM_NT_AT(MDL, ByteCount, 0x28);
_Static_assert(sizeof(MDL) == 0x30, "page numbers follow the MDL");
_Static_assert(sizeof(KEVENT) == 0x18 && sizeof(KMUTEX) == 0x38 &&
	       sizeof(KTIMER) == 0x40 && sizeof(KDPC) == 0x40, "room for them");

/* Opaque here; its size since NT 5.2 is 48, room is left. */
struct cvm_nt_apc_state {
	uint64_t opaque[16];
};

struct cvm_nt_processor {
	uint16_t group;
	uint8_t number;
	uint8_t reserved;
};

struct cvm_nt_affinity {
	uint64_t mask;
	uint16_t group;
	uint16_t reserved[3];
};

NTKERNELAPI void NTAPI KeStackAttachProcess(void *process,
					    struct cvm_nt_apc_state *state);
NTKERNELAPI void NTAPI KeUnstackDetachProcess(struct cvm_nt_apc_state *state);
/* The headers' own PsGetCurrentThread() knows where the PCR has it. */
PETHREAD NTAPI cvm_current_thread(void) __asm__("PsGetCurrentThread");
NTKERNELAPI BOOLEAN NTAPI PsIsThreadTerminating(PETHREAD thread);
NTKERNELAPI NTSTATUS NTAPI ObOpenObjectByPointer(void *object, ULONG attributes,
	PACCESS_STATE state, ACCESS_MASK access, POBJECT_TYPE type,
	KPROCESSOR_MODE mode, HANDLE *handle);
NTSYSAPI NTSTATUS NTAPI ZwSetSecurityObject(HANDLE handle, ULONG information,
					    void *descriptor);
NTSYSAPI NTSTATUS NTAPI ZwQuerySystemInformation(ULONG kind, void *buffer,
						 ULONG length, ULONG *needed);

static inline uint64_t cvm_rflags(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline int cvm_irqs_off(void)
{
	return !(cvm_rflags() & RFLAGS_IF);
}

static inline void cvm_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void cvm_sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline uint64_t cvm_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t cvm_msr_read(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline void cvm_msr_write(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value),
			 "d"((uint32_t)(value >> 32)) : "memory");
}

#endif /* CVM_NTAPI_H */
