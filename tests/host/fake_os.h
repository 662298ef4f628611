/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_os.h - what the fake host and the fake CPU take from the system whose
 * process they are: fake_os_linux.c and fake_os_nt.c.
 */
#ifndef CVM_TEST_FAKE_OS_H
#define CVM_TEST_FAKE_OS_H

#include <stdint.h>

/* Zeroed memory that takes room only where it is touched.  Aborts when there
 * is none. */
void *fake_os_map(uint64_t bytes);
void fake_os_unmap(void *hva, uint64_t bytes);

/* The general registers, in the order of an instruction's operand. */
enum {
	FAKE_RAX, FAKE_RCX, FAKE_RDX, FAKE_RBX, FAKE_RSP, FAKE_RBP, FAKE_RSI,
	FAKE_RDI, FAKE_R8, FAKE_R15 = 15, FAKE_REGS
};

struct fake_fault {
	uint64_t address;	/* 0: a #GP, which has none */
	uint64_t rip;
	uint64_t reg[FAKE_REGS];
};

/*
 * From now on handler is called for each fault; the process goes on with the
 * registers it leaves.  If it returns 0, the fault is a bug and kills.
 */
void fake_os_catch(int (*handler)(struct fake_fault *fault));

#endif /* CVM_TEST_FAKE_OS_H */
