/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_print.h - between the files of `cvmctl kernel`. */
#ifndef CVMCTL_CMD_KERNEL_PRINT_H
#define CVMCTL_CMD_KERNEL_PRINT_H

#include <stdint.h>

#include "cvmctl/cli/json.h"
#include "kernel/sites.h"

typedef uint32_t kernel_counts[INSN_CLASSES][SITE_VERDICTS];

/* How many instructions of a class there are, and what becomes of them. */
void print_counts(const kernel_counts *counts);
void json_counts(struct json *json, const kernel_counts *counts);

/* kernel_modules - the same for files of modules; the exit status. */
int kernel_modules(const char *const *paths, int json);

#endif /* CVMCTL_CMD_KERNEL_PRINT_H */
