/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * step.h - one function of a test is called between any two instructions of
 * another, as an interrupt would, or another CPU.  x86-64 Linux processes;
 * needs _GNU_SOURCE.
 */
#ifndef CVM_TEST_STEP_H
#define CVM_TEST_STEP_H

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#define STEP_EVERY	0u
#define STEP_TRAP_FLAG	0x100

/* First of a test that steps. */
#ifdef __SANITIZE_THREAD__
#define STEP_OR_SKIP()	skip()	/* it holds signals back */
#else
#define STEP_OR_SKIP()	((void)0)
#endif

static uint32_t step_count, step_which;
static void (*step_between)(void);

static void step_signal(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	if (++step_count == step_which)
		r[REG_EFL] &= ~STEP_TRAP_FLAG;
	if (step_which == STEP_EVERY || step_count == step_which)
		step_between();
}

/*
 * Call fn(), and other() after one or each of its instructions; how many of
 * them there were up to then.
 */
static inline uint32_t step_call(void (*fn)(void), uint32_t which,
				 void (*other)(void))
{
	struct sigaction act = {
		.sa_sigaction = step_signal, .sa_flags = SA_SIGINFO,
	};

	sigaction(SIGTRAP, &act, NULL);
	step_count = 0;
	step_which = which;
	step_between = other;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::
			 "i"(STEP_TRAP_FLAG) : "cc", "memory");
	fn();
	__asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::
			 "i"(~STEP_TRAP_FLAG) : "cc", "memory");
	return step_count;
}

#endif /* CVM_TEST_STEP_H */
