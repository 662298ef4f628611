/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvm_io.h - port instructions, refused while the machine is the host's.
 *
 * A refused read returns all ones, as an empty bus does, so probing code
 * finds nothing and goes away.  Included by <asm/io.h> after the plain
 * definitions; the decompressor has its own and never comes here.
 */
#ifndef _ASM_X86_CVM_IO_H
#define _ASM_X86_CVM_IO_H

#include <asm/cvm.h>

#define CVM_BUILDIO(bwl, type)						\
static __always_inline void cvm_guest_out##bwl(type value, u16 port)	\
{									\
	if (cvm_is_guest())						\
		cvm_guest_refuse_out(port);				\
	else								\
		__out##bwl(value, port);				\
}									\
									\
static __always_inline type cvm_guest_in##bwl(u16 port)			\
{									\
	if (cvm_is_guest())						\
		return (type)cvm_guest_refuse_in(port);			\
	return __in##bwl(port);						\
}									\
									\
static inline void cvm_guest_out##bwl##_p(type value, u16 port)		\
{									\
	if (cvm_is_guest())						\
		cvm_guest_refuse_out(port);				\
	else								\
		out##bwl##_p(value, port);				\
}									\
									\
static inline type cvm_guest_in##bwl##_p(u16 port)			\
{									\
	if (cvm_is_guest())						\
		return (type)cvm_guest_refuse_in(port);			\
	return in##bwl##_p(port);					\
}									\
									\
static inline void cvm_guest_outs##bwl(u16 port, const void *addr,	\
				       unsigned long count)		\
{									\
	if (cvm_is_guest())						\
		cvm_guest_refuse_out(port);				\
	else								\
		outs##bwl(port, addr, count);				\
}									\
									\
static inline void cvm_guest_ins##bwl(u16 port, void *addr,		\
				      unsigned long count)		\
{									\
	if (cvm_is_guest())						\
		cvm_guest_refuse_in(port);				\
	else								\
		ins##bwl(port, addr, count);				\
}

CVM_BUILDIO(b, u8)
CVM_BUILDIO(w, u16)
CVM_BUILDIO(l, u32)
#undef CVM_BUILDIO

#undef inb
#undef inw
#undef inl
#undef outb
#undef outw
#undef outl
#define inb cvm_guest_inb
#define inw cvm_guest_inw
#define inl cvm_guest_inl
#define outb cvm_guest_outb
#define outw cvm_guest_outw
#define outl cvm_guest_outl

#undef inb_p
#undef inw_p
#undef inl_p
#undef outb_p
#undef outw_p
#undef outl_p
#define inb_p cvm_guest_inb_p
#define inw_p cvm_guest_inw_p
#define inl_p cvm_guest_inl_p
#define outb_p cvm_guest_outb_p
#define outw_p cvm_guest_outw_p
#define outl_p cvm_guest_outl_p

#undef insb
#undef insw
#undef insl
#undef outsb
#undef outsw
#undef outsl
#define insb cvm_guest_insb
#define insw cvm_guest_insw
#define insl cvm_guest_insl
#define outsb cvm_guest_outsb
#define outsw cvm_guest_outsw
#define outsl cvm_guest_outsl

#endif /* _ASM_X86_CVM_IO_H */
