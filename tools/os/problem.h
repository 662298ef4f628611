/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * problem.h - what went wrong: a line for people, and an exit status.
 *
 * The first problem is kept and handed on; whoever can do nothing more says
 * it.  Text of others is made visible on its way out.
 */
#ifndef CVM_OS_PROBLEM_H
#define CVM_OS_PROBLEM_H

#include <stddef.h>

/* C99's formats on every host (gnu_printf); "printf" may mean less. */
#define CVMCTL_PRINTF		gnu_printf

/* Exit status, part of the tool's interface (docs/cvmctl.md). */
#define EXIT_OK			0	/* done; run: the guest powered off */
#define EXIT_REFUSED		1	/* refused before anything started */
#define EXIT_USAGE		2
#define EXIT_PANIC		3	/* the guest panicked */
#define EXIT_REBOOT		4	/* the guest asked for a reboot */
#define EXIT_ENDED		5	/* ended by the monitor */

struct problem {
	char text[640];		/* "<file or thing>: <reason>" */
};

/* problem_set - keep the first problem; -1, to hand on. */
int problem_set(struct problem *problem, const char *thing,
		const char *fmt, ...)
	__attribute__((format(CVMCTL_PRINTF, 3, 4)));

/* say - one line on stderr, made visible; the newline is added. */
void say(const char *fmt, ...) __attribute__((format(CVMCTL_PRINTF, 1, 2)));

/* problem_print - the one line on stderr. */
void problem_print(const struct problem *problem);

/* reason - a result of os.h in words; until the next call. */
const char *reason(int result);

#endif /* CVM_OS_PROBLEM_H */
