/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * problem.h - what went wrong: a line for people.
 *
 * The first problem is kept and handed on; whoever can do nothing more says
 * it (say.h).
 */
#ifndef CVM_OS_PROBLEM_H
#define CVM_OS_PROBLEM_H

/* C99's formats on every host (gnu_printf); "printf" may mean less. */
#define OS_PRINTF		gnu_printf

/* The one type of it in user space; set up by zeroes. */
struct problem {
	char text[640];		/* "<file or thing>: <reason>", or "" */
};

/*
 * problem_set - keep the first problem; -1, to hand on.  thing: NULL where the
 * reason names it.
 */
int problem_set(struct problem *problem, const char *thing,
		const char *fmt, ...)
	__attribute__((format(OS_PRINTF, 3, 4)));

#endif /* CVM_OS_PROBLEM_H */
