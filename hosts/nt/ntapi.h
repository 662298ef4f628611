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
