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
static __always_inline void cvm_out##bwl(type value, u16 port)		\
{									\
	if (cvm_is_guest())						\
		cvm_refuse_out(port);					\
	else								\
		__out##bwl(value, port);				\
}									\
									\
static __always_inline type cvm_in##bwl(u16 port)			\
{									\
	if (cvm_is_guest())						\
		return (type)cvm_refuse_in(port);			\
	return __in##bwl(port);						\
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
#define inb cvm_inb
#define inw cvm_inw
#define inl cvm_inl
#define outb cvm_outb
#define outw cvm_outw
#define outl cvm_outl

#endif /* _ASM_X86_CVM_IO_H */
