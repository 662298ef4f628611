/* SPDX-License-Identifier: GPL-2.0-only */
/* stddef.h - size_t, NULL and offsetof() as the kernel defines them. */
#ifndef CVM_COMPAT_STDDEF_H
#define CVM_COMPAT_STDDEF_H

#include <linux/stddef.h>
#include <linux/types.h>

#endif /* CVM_COMPAT_STDDEF_H */
