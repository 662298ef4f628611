/* SPDX-License-Identifier: GPL-2.0-only */
/* vectors.h - interrupt vectors, for C and for assembly. */
#ifndef CVM_GUEST_VECTORS_H
#define CVM_GUEST_VECTORS_H

/* Below 0x20, exceptions here and interrupts to NT. */
#define CVM_LOW_VECTOR_FIRST	0x15
#define CVM_LOW_VECTOR_LAST	0x1f
#define CVM_NR_LOW_VECTORS	(CVM_LOW_VECTOR_LAST - CVM_LOW_VECTOR_FIRST + 1)

/* What the kernel's own APIC would send. */
#define CVM_NR_SYSTEM_VECTORS	(NR_VECTORS - FIRST_SYSTEM_VECTOR)

#endif /* CVM_GUEST_VECTORS_H */
