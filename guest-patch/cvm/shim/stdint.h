/* SPDX-License-Identifier: GPL-2.0-only */
/* stdint.h - lets abi.h be compiled inside the kernel. */
#ifndef _CVM_SHIM_STDINT_H
#define _CVM_SHIM_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#define UINT64_MAX	U64_MAX

#endif /* _CVM_SHIM_STDINT_H */
