/* SPDX-License-Identifier: GPL-2.0-only */
/* stdarg.h - va_list as the kernel defines it. */
#ifndef CVM_COMPAT_STDARG_H
#define CVM_COMPAT_STDARG_H

#include <linux/stdarg.h>

#endif /* CVM_COMPAT_STDARG_H */
