/* SPDX-License-Identifier: GPL-2.0-only */
/* mm.h - the exports of mm.c that have no prototype elsewhere. */
#ifndef BED_MM_H
#define BED_MM_H

#include "bed.h"

/* Set by an export that raises an exception; switch.S looks at it. */
extern uint32_t bed_raise;

void *NTAPI ExAllocatePoolWithTag(uint32_t type, uint64_t bytes, uint32_t tag);
void NTAPI ExFreePoolWithTag(void *block, uint32_t tag);
void *NTAPI MmAllocateContiguousMemorySpecifyCache(uint64_t bytes,
	uint64_t low, uint64_t high, uint64_t boundary, uint32_t cache);
void *NTAPI MmAllocateContiguousNodeMemory(uint64_t bytes, uint64_t low,
	uint64_t high, uint64_t boundary, uint32_t protect, uint32_t node);
void NTAPI MmFreeContiguousMemory(void *block);
void *NTAPI IoAllocateMdl(void *va, uint32_t bytes, uint8_t secondary,
			  uint8_t quota, struct nt_irp *irp);
void NTAPI IoFreeMdl(struct nt_mdl *mdl);
struct nt_mdl *NTAPI MmAllocatePagesForMdlEx(uint64_t low, uint64_t high,
	uint64_t skip, uint64_t bytes, uint32_t cache, uint32_t flags);
void NTAPI MmFreePagesFromMdl(struct nt_mdl *mdl);
void NTAPI MmUnmapLockedPages(void *va, struct nt_mdl *mdl);
uint64_t NTAPI MmGetPhysicalAddress(const void *va);
void *NTAPI MmMapIoSpace(uint64_t hpa, uint64_t bytes, uint32_t cache);
void *NTAPI MmMapIoSpaceEx(uint64_t hpa, uint64_t bytes, uint32_t protect);
void NTAPI MmUnmapIoSpace(void *va, uint64_t bytes);
uint32_t NTAPI ObfReferenceObject(void *object);
void *NTAPI IoGetCurrentProcess(void);
void NTAPI KeStackAttachProcess(struct bed_process *p, void **apc);
void NTAPI KeUnstackDetachProcess(void **apc);

#endif /* BED_MM_H */
