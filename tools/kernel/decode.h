/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decode.h - one instruction of 64-bit ring 0: how long it is, what class of
 * insn.def, and where it goes.
 *
 * By Zydis; a build without it (decode_none.c) says so by decode_missing().
 * About 15 million instructions a second, so that a kernel's whole text is
 * decoded and nothing is guessed from bytes that might be the inside of one.
 */
#ifndef CVM_KERNEL_DECODE_H
#define CVM_KERNEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_class {
	INSN_PLAIN,
#define INSN_CLASS(name, words, treated, reason) INSN_##name,
#include "kernel/insn.def"
	INSN_CLASSES
};

enum insn_flow {
	FLOW_NEXT,
	FLOW_JUMP,	/* to target: jmp, jcc, loop, jrcxz, xbegin */
	FLOW_CALL,	/* of target */
	FLOW_INDIRECT,	/* a jump to who knows where */
};

struct insn {
	uint8_t bytes;
	uint8_t class;		/* enum insn_class */
	uint8_t flow;		/* enum insn_flow */
	uint8_t kind;		/* enum cvm_site_kind, or 0 */
	uint8_t operand;	/* as struct cvm_site has it */
	uint8_t rip;		/* where a displacement from RIP is, or 0 */
	int32_t target;		/* from the first byte */
};

/* decode_missing - why nothing can be decoded; NULL: it can. */
const char *decode_missing(void);

/*
 * decode - the instruction at `at`, of which left bytes are there.  One that
 * nobody knows or that is longer is INSN_UNKNOWN and of 1 byte.
 */
void decode(const uint8_t *at, size_t left, struct insn *insn);

enum insn_ecx {
	ECX_KEPT,
	ECX_SET,	/* to a constant */
	ECX_LOST	/* or possibly so */
};

/*
 * decode_ecx - what the instruction at `at` does to ECX.  Of those that keep
 * it only the few are known that stand between a constant and its wrmsr.
 */
enum insn_ecx decode_ecx(const uint8_t *at, size_t left, uint32_t *constant);

/* insn_words - of a class, for messages. */
const char *insn_words(enum insn_class class);

#endif /* CVM_KERNEL_DECODE_H */
