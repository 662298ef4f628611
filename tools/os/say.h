/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * say.h - lines for people on stderr, and the exit status.
 *
 * Text of others is made visible on its way out (visible.h).
 */
#ifndef CVM_OS_SAY_H
#define CVM_OS_SAY_H

#include "problem.h"

/* Exit status, part of the tool's interface (docs/cvmctl.md). */
#define EXIT_OK			0	/* done; run: the guest powered off */
#define EXIT_REFUSED		1	/* refused before anything started */
#define EXIT_USAGE		2
#define EXIT_PANIC		3	/* the guest panicked */
#define EXIT_REBOOT		4	/* the guest asked for a reboot */
#define EXIT_ENDED		5	/* ended by the monitor */

/* say - one line on stderr, made visible; the newline is added. */
void say(const char *fmt, ...) __attribute__((format(OS_PRINTF, 1, 2)));

/* problem_print - the one line on stderr. */
void problem_print(const struct problem *problem);

/* reason - a result of os.h in words; until the next call. */
const char *reason(int result);

#endif /* CVM_OS_SAY_H */
