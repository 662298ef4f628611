// SPDX-License-Identifier: GPL-2.0-only
/*
 * force_syscall.c - make another process do a system call.
 *
 * usage: force_syscall PID NUMBER [ARGUMENT...]
 *
 * Its first thread sleeps in one; it is made to do this one instead.  Of an
 * argument that begins with a slash it gets the address of a copy.  Prints
 * "returned N", "killed by signal N" or "exited with N".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static int fail(const char *what)
{
	fprintf(stderr, "force_syscall: %s: %s\n", what, strerror(errno));
	return 2;
}

/* The next stop, or the end. */
static int wait_for(pid_t pid, int *status)
{
	return waitpid(pid, status, __WALL) == pid ? 0 : -1;
}

/* Far below what is in use on its stack. */
static unsigned long long put_text(pid_t pid, unsigned long long sp,
				   const char *text)
{
	unsigned long long at = (sp - 65536) & ~7ull;
	size_t left = strlen(text) + 1, done;
	long word;

	for (done = 0; done < left; done += sizeof(word)) {
		word = 0;
		memcpy(&word, text + done, left - done < sizeof(word) ?
		       left - done : sizeof(word));
		ptrace(PTRACE_POKEDATA, pid, at + done, word);
	}
	return at;
}

static void set_call(pid_t pid, struct user_regs_struct *regs, int argc,
		     char **argv)
{
	unsigned long long *args[] = { &regs->rdi, &regs->rsi, &regs->rdx,
				       &regs->r10, &regs->r8, &regs->r9 };
	int i;

	/* Back to the instruction it sleeps in, two bytes long. */
	regs->rip -= 2;
	regs->orig_rax = -1ull;
	regs->rax = strtoull(argv[2], NULL, 0);
	for (i = 3; i < argc && i < 9; i++)
		*args[i - 3] = argv[i][0] == '/' ?
			       put_text(pid, regs->rsp, argv[i]) :
			       strtoull(argv[i], NULL, 0);
}

/*
 * Stops at the call's beginning and end, where *regs has its result, and at
 * the beginning of the next one; or the end of the process.  Signals are
 * handed on: one may be the answer to the call.
 */
static int run_call(pid_t pid, int *status, struct user_regs_struct *regs)
{
	int stops = 0;
	long signal = 0;

	while (stops < 3) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signal) ||
		    wait_for(pid, status))
			return -1;
		if (!WIFSTOPPED(*status))
			break;
		signal = 0;
		if (WSTOPSIG(*status) == (SIGTRAP | 0x80))
			stops++;
		else if (!(*status >> 16))
			signal = WSTOPSIG(*status);
		if (stops == 2 && ptrace(PTRACE_GETREGS, pid, NULL, regs))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct user_regs_struct regs;
	pid_t pid;
	int status;

	if (argc < 3)
		return 2;
	pid = atoi(argv[1]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ||
	    wait_for(pid, &status) ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		return fail("stopping it");
	set_call(pid, &regs, argc, argv);
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) ||
	    run_call(pid, &status, &regs))
		return fail("the call");
	if (WIFSIGNALED(status))
		printf("killed by signal %d\n", WTERMSIG(status));
	else if (WIFEXITED(status))
		printf("exited with %d\n", WEXITSTATUS(status));
	else
		printf("returned %lld\n", (long long)regs.rax);
	return 0;
}
