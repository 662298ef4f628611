// SPDX-License-Identifier: GPL-2.0-only
/* decode.c - one instruction, by Zydis. */
#include <string.h>

#include <Zydis/Zydis.h>

#include <cvm/object.h>

#include "decode.h"

#define UDB	0xd6	/* undefined for good: SDM vol. 2D, "UDB" */

static const uint8_t class_of[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define INSN(mnemonic, class) [ZYDIS_MNEMONIC_##mnemonic] = INSN_##class,
#include "kernel/insn.def"
};

/* What the library does not know, or takes for something else. */
static const struct newer {
	uint8_t prefix, second, third, bytes;
	int8_t reg;		/* -1: third is the whole byte */
	uint8_t class;
} newer[] = {
#define INSN_NEW(prefix, second, third, reg, bytes, class) \
	{ prefix, second, third, bytes, reg, INSN_##class },
#include "kernel/insn.def"
};

const char *decode_missing(void)
{
	return NULL;
}

/* One with a memory operand, whose length is longer to tell, is refused. */
static bool decode_newer(const uint8_t *at, size_t left, struct insn *insn)
{
	const struct newer *row;
	size_t skip = *at == 0xf2 || *at == 0xf3;
	uint8_t prefix = skip ? *at : 0;

	if (left < skip + 3 || at[skip] != 0x0f)
		return false;
	for (row = newer; row < newer + sizeof(newer) / sizeof(*newer); row++)
		if (row->prefix == prefix && row->second == at[skip + 1] &&
		    (row->reg < 0 ? row->third == at[skip + 2] :
		     at[skip + 2] >= 0xc0 &&
		     row->reg == (at[skip + 2] >> 3 & 7))) {
			insn->class = row->class;
			insn->bytes = row->bytes;
			return true;
		}
	return false;
}

/* SDM vol. 2B, "MOV - Move to/from Control Registers". */
static void decode_register(const ZydisDecodedInstruction *from,
			    struct insn *insn)
{
	static const uint8_t to_cr[16] = {
		[0] = INSN_CR0, [2] = INSN_CR2, [3] = INSN_CR3, [4] = INSN_CR4,
		[8] = INSN_CR8,
	};
	unsigned int reg = from->raw.modrm.reg | (unsigned int)from->raw.rex.R
		<< 3;

	switch (from->opcode) {
	case 0x20:
		insn->class = INSN_CR_READ;
		break;
	case 0x21:
	case 0x23:
		insn->class = INSN_DR;
		break;
	case 0x22:
		insn->class = to_cr[reg] ? to_cr[reg] : INSN_UNKNOWN;
		insn->operand = (uint8_t)(from->raw.modrm.rm |
					  from->raw.rex.B << 3);
		if (insn->class == INSN_CR4)
			insn->kind = CVM_SITE_CR4;
		break;
	}
}

static uint8_t in_kind(const ZydisDecodedInstruction *from)
{
	return from->operand_width == 8 ? CVM_SITE_IN8 :
		from->operand_width == 16 ? CVM_SITE_IN16 : CVM_SITE_IN32;
}

static void decode_kind(const ZydisDecodedInstruction *from, struct insn *insn)
{
	switch (insn->class) {
	case INSN_OUT:
		insn->kind = CVM_SITE_OUT;
		break;
	case INSN_IN:
		insn->kind = in_kind(from);
		break;
	case INSN_INS:
		insn->kind = CVM_SITE_INS;
		break;
	case INSN_WRMSR:
		insn->kind = CVM_SITE_WRMSR;
		break;
	case INSN_HLT:
		insn->kind = CVM_SITE_HLT;
		break;
	}
	if (from->opcode >= 0xe4 && from->opcode <= 0xe7)
		insn->operand = (uint8_t)from->raw.imm[0].value.u;
}

static void decode_flow(const ZydisDecodedInstruction *from, struct insn *insn)
{
	if (from->raw.imm[0].is_relative) {
		insn->flow = from->mnemonic == ZYDIS_MNEMONIC_CALL ? FLOW_CALL :
			FLOW_JUMP;
		insn->target = (int32_t)(from->raw.imm[0].value.s +
					 from->length);
	} else if (from->mnemonic == ZYDIS_MNEMONIC_JMP) {
		insn->flow = FLOW_INDIRECT;
	}
}

/* The library's state is the same for every instruction. */
static bool decode_by_library(const uint8_t *at, size_t left,
			      ZydisDecodedInstruction *to)
{
	static const ZydisDecoder decoder = {
		.machine_mode = ZYDIS_MACHINE_MODE_LONG_64,
		.stack_width = ZYDIS_STACK_WIDTH_64,
		.decoder_mode = {
			[ZYDIS_DECODER_MODE_MINIMAL] = ZYAN_TRUE,
			[ZYDIS_DECODER_MODE_CET] = ZYAN_TRUE,
			[ZYDIS_DECODER_MODE_LZCNT] = ZYAN_TRUE,
			[ZYDIS_DECODER_MODE_TZCNT] = ZYAN_TRUE,
		},
	};

	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, at,
							  left, to));
}

void decode(const uint8_t *at, size_t left, struct insn *insn)
{
	ZydisDecodedInstruction from;

	memset(insn, 0, sizeof(*insn));
	insn->bytes = 1;
	insn->class = INSN_UNKNOWN;
	if (left && *at == UDB)
		insn->class = INSN_PLAIN;
	if (!insn->class || decode_newer(at, left, insn) ||
	    !decode_by_library(at, left, &from))
		return;
	insn->bytes = from.length;
	if (from.attributes & ZYDIS_ATTRIB_HAS_MODRM &&
	    !from.raw.modrm.mod && from.raw.modrm.rm == 5)
		insn->rip = from.raw.disp.offset;
	insn->class = class_of[from.mnemonic];
	if (insn->class)
		decode_kind(&from, insn);
	else if (from.mnemonic == ZYDIS_MNEMONIC_MOV &&
		 from.opcode_map == ZYDIS_OPCODE_MAP_0F)
		decode_register(&from, insn);
	else
		decode_flow(&from, insn);
}

/* What instructions of these opcodes write, of the general registers. */
enum written {
	WRITES_WHAT,		/* who knows */
	WRITES_NONE,		/* or RAX, RDX and memory */
	WRITES_REG,		/* of ModR/M, the register */
	WRITES_RM		/* the other one, or memory */
};

/* SDM vol. 2D, table A-2: arithmetic, moves, shifts, of more than 8 bits. */
static const uint8_t written[256] = {
	[0x01] = WRITES_RM, [0x09] = WRITES_RM, [0x11] = WRITES_RM,
	[0x19] = WRITES_RM, [0x21] = WRITES_RM, [0x29] = WRITES_RM,
	[0x31] = WRITES_RM, [0x81] = WRITES_RM, [0x83] = WRITES_RM,
	[0x89] = WRITES_RM, [0xc1] = WRITES_RM, [0xc7] = WRITES_RM,
	[0xd1] = WRITES_RM, [0xd3] = WRITES_RM, [0xf7] = WRITES_RM,
	[0x03] = WRITES_REG, [0x0b] = WRITES_REG, [0x13] = WRITES_REG,
	[0x1b] = WRITES_REG, [0x23] = WRITES_REG, [0x2b] = WRITES_REG,
	[0x33] = WRITES_REG, [0x63] = WRITES_REG, [0x8b] = WRITES_REG,
	[0x8d] = WRITES_REG,
	[0x05] = WRITES_NONE, [0x0d] = WRITES_NONE, [0x15] = WRITES_NONE,
	[0x1d] = WRITES_NONE, [0x25] = WRITES_NONE, [0x2d] = WRITES_NONE,
	[0x35] = WRITES_NONE, [0x39] = WRITES_NONE, [0x3b] = WRITES_NONE,
	[0x3d] = WRITES_NONE, [0x85] = WRITES_NONE, [0x90] = WRITES_NONE,
	[0xa9] = WRITES_NONE, [0xb8] = WRITES_NONE, [0xba] = WRITES_NONE,
	[0xfa] = WRITES_NONE, [0xfb] = WRITES_NONE,
};

static bool keeps_ecx(const ZydisDecodedInstruction *from)
{
	enum written what = WRITES_WHAT;

	if (from->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		what = written[from->opcode];
	else if (from->opcode_map == ZYDIS_OPCODE_MAP_0F &&
		 from->opcode == 0x1f)			/* nop */
		what = WRITES_NONE;
	switch (what) {
	case WRITES_NONE:
		return true;
	case WRITES_REG:
		return from->raw.modrm.reg != 1 || from->raw.rex.R;
	case WRITES_RM:
		return from->raw.modrm.mod != 3 || from->raw.modrm.rm != 1 ||
			from->raw.rex.B;
	default:
		return false;
	}
}

enum insn_ecx decode_ecx(const uint8_t *at, size_t left, uint32_t *constant)
{
	ZydisDecodedInstruction from;

	if (!decode_by_library(at, left, &from))
		return ECX_LOST;
	if (from.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
	    from.opcode == 0xb9 && !from.raw.rex.B &&
	    from.operand_width == 32) {
		*constant = (uint32_t)from.raw.imm[0].value.u;
		return ECX_SET;
	}
	return keeps_ecx(&from) ? ECX_KEPT : ECX_LOST;
}
