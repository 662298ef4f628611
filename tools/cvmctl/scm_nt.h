/* SPDX-License-Identifier: GPL-2.0-only */
/* scm_nt.h - what installing services and being one have in common. */
#ifndef CVMCTL_SCM_NT_H
#define CVMCTL_SCM_NT_H

#include "nt.h"

/* A guest that was asked to power off has this long. */
#define SCM_STOP_SECONDS	60u

#endif /* CVMCTL_SCM_NT_H */
