// SPDX-License-Identifier: GPL-2.0-only
/* stale.c - what comes to lie where ports was. */
#include "ports.c"
