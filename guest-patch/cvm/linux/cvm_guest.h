/* SPDX-License-Identifier: GPL-2.0-only */
/* cvm_guest.h - the libcvm platform's names for code of all architectures. */
#ifndef _LINUX_CVM_GUEST_H
#define _LINUX_CVM_GUEST_H

#ifdef CONFIG_CVM_GUEST
#include <asm/cvm.h>
#else
static inline bool cvm_is_guest(void) { return false; }
static inline bool cvm_guest_shut(const char *what) { return false; }
#endif

#endif /* _LINUX_CVM_GUEST_H */
