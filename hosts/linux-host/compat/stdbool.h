/* SPDX-License-Identifier: GPL-2.0-only */
/* stdbool.h - bool, true and false as the kernel defines them. */
#ifndef CVM_COMPAT_STDBOOL_H
#define CVM_COMPAT_STDBOOL_H

#include <linux/stddef.h>
#include <linux/types.h>

#endif /* CVM_COMPAT_STDBOOL_H */
