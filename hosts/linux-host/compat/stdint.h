/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stdint.h - for libcvm and the ABI headers, which know only <stdint.h>:
 * the kernel's own fixed-width types under their standard names.
 */
#ifndef CVM_COMPAT_STDINT_H
#define CVM_COMPAT_STDINT_H

#ifndef __ASSEMBLY__
#include <linux/types.h>
#endif

#ifndef UINT8_MAX
#define UINT8_MAX	0xff
#endif
#ifndef UINT16_MAX
#define UINT16_MAX	0xffff
#endif
#ifndef UINT32_MAX
#define UINT32_MAX	0xffffffffU
#endif
#ifndef UINT64_MAX
#define UINT64_MAX	0xffffffffffffffffULL
#endif
#ifndef INT32_MAX
#define INT32_MAX	0x7fffffff
#endif
#ifndef INT64_MAX
#define INT64_MAX	0x7fffffffffffffffLL
#endif
#ifndef SIZE_MAX
#define SIZE_MAX	(~(size_t)0)
#endif

#endif /* CVM_COMPAT_STDINT_H */
