/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_os_linux.c - memory and faults of a Linux process. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fake_os.h"

static int (*on_fault)(struct fake_fault *fault);

static const int place[FAKE_REGS] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

void *fake_os_map(uint64_t bytes)
{
	void *hva = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (hva == MAP_FAILED)
		abort();
	return hva;
}

void fake_os_unmap(void *hva, uint64_t bytes)
{
	munmap(hva, bytes);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct fake_fault fault = {
		.address = (uintptr_t)info->si_addr,
		.rip = (uint64_t)r[REG_RIP],
	};
	int i;

	for (i = 0; i < FAKE_REGS; i++)
		fault.reg[i] = (uint64_t)r[place[i]];
	if (!on_fault(&fault)) {
		signal(sig, SIG_DFL);
		return;
	}
	for (i = 0; i < FAKE_REGS; i++)
		r[place[i]] = (greg_t)fault.reg[i];
	r[REG_RIP] = (greg_t)fault.rip;
}

void fake_os_catch(int (*handler)(struct fake_fault *fault))
{
	struct sigaction act = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	on_fault = handler;
	sigaction(SIGSEGV, &act, NULL);
}
