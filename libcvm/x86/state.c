// SPDX-License-Identifier: GPL-2.0-only
/*
 * state.c - read, compare and print the CPU-state table.
 *
 * All three are made from cpu_state.def, so that a new row cannot be
 * forgotten in one of them.
 */
#include "passage.h"

#include "cpu.h"
#include "../fmt.h"

static uint16_t cvm_read_sel_pad(void)
{
	return 0;
}

static void cvm_read_gdtr(struct cvm_dtr *d)
{
	__asm__ volatile("sgdt %0" : "=m"(d->limit), "=m"(d->base));
}

static void cvm_read_idtr(struct cvm_dtr *d)
{
	__asm__ volatile("sidt %0" : "=m"(d->limit), "=m"(d->base));
}

/* RSP and CR2 are the reader's own business, not state to compare. */
static uint64_t cvm_read_rsp(void)
{
	return 0;
}

static uint64_t cvm_read_fs_base(void)
{
	return cvm_rdmsr(CVM_MSR_FS_BASE);
}

static uint64_t cvm_read_gs_base(void)
{
	return cvm_rdmsr(CVM_MSR_GS_BASE);
}

static uint64_t cvm_read_kernel_gs_base(void)
{
	return cvm_rdmsr(CVM_MSR_KERNEL_GS_BASE);
}

static uint64_t cvm_read_xcr0(void)
{
	return cvm_xgetbv0();
}

/* The rows are what guests were told (abi.h), no more and no less. */
enum {
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	CVM_MSR_INDEX_##name = (arg),
#include "rows.h"
};
#define CVM_ALIKE(name, index) \
	_Static_assert(CVM_MSR_INDEX_##name == (index), "MSR row " #name);
#define CVM_ONE_MORE(name, index)	+ 1
CVM_SWITCHED_MSRS(CVM_ALIKE)
_Static_assert(CVM_MSR_ROWS == CVM_SWITCHED_MSRS(CVM_ONE_MORE), "MSR rows");

uint32_t cvm_msr_index(uint32_t row, const struct cvm_x86_caps *caps)
{
	static const struct {
		uint32_t index;
		uint32_t row;
	} table[] = {
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
		{ arg, CVM_MSR_ROW_##name },
#include "rows.h"
	};
	uint32_t have = 1;

	switch (row) {
	case CVM_MSR_ROW_tsc_aux:
		have = caps->tsc_aux;
		break;
	case CVM_MSR_ROW_debugctl:
		have = caps->vendor != CVM_X86_OTHER;
		break;
	case CVM_MSR_ROW_spec_ctrl:
		have = caps->spec_ctrl;
		break;
	case CVM_MSR_ROW_test_ctrl:
		have = caps->test_ctrl;
		break;
	case CVM_MSR_ROW_tsx_ctrl:
		have = caps->tsx_ctrl;
		break;
	case CVM_MSR_ROW_mcu_opt_ctrl:
		have = caps->srbds_ctrl;
		break;
	case CVM_MSR_ROW_xss:
		have = caps->xsaves;
		break;
	case CVM_MSR_ROW_u_cet:
	case CVM_MSR_ROW_s_cet:
	case CVM_MSR_ROW_pl3_ssp:
		have = caps->cet;
		break;
	default:
		break;
	}
	return have ? table[row].index : 0;
}

void cvm_state_read(struct cvm_cpu_state *s, const struct cvm_x86_caps *caps)
{
	uint64_t *msr = cvm_msr_fields(s);
	uint32_t row, index;

#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm) \
	s->name = cvm_read_##name();
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm) \
	cvm_read_##name(&s->name);
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm) \
	if ((arg) != CVM_CAP_XSAVE || caps->xcr0) \
		s->name = cvm_read_##name();
#include "rows.h"
	for (row = 0; row < CVM_MSR_ROWS; row++) {
		index = cvm_msr_index(row, caps);
		msr[row] = index ? cvm_rdmsr(index) : 0;
	}
}

const char *cvm_state_diff(const struct cvm_cpu_state *a,
			   const struct cvm_cpu_state *b,
			   uint64_t *va, uint64_t *vb)
{
#define CVM_DIFFER(text, x, y)		\
	do {				\
		if ((x) != (y)) {	\
			*va = (x);	\
			*vb = (y);	\
			return text;	\
		}			\
	} while (0);
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm) \
	CVM_DIFFER(#name, a->name, b->name)
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm) \
	CVM_DIFFER(#name ".base", a->name.base, b->name.base) \
	CVM_DIFFER(#name ".limit", a->name.limit, b->name.limit)
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm) \
	CVM_DIFFER(#name, a->name, b->name)
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm) \
	CVM_DIFFER(#name, a->name, b->name)
#include "rows.h"
#undef CVM_DIFFER
	return NULL;
}

static void dump_row(const char *name, uint64_t value,
		     void (*emit)(void *arg, const char *line), void *arg)
{
	char line[64];

	cvm_fmt(line, sizeof(line), "%s 0x%016llx", name,
		(unsigned long long)value);
	emit(arg, line);
}

void cvm_state_dump(const struct cvm_cpu_state *s,
		    void (*emit)(void *arg, const char *line), void *arg)
{
#define CVM_ROW_U16(name, a, when, hazard, sdm, apm) \
	dump_row(#name, s->name, emit, arg);
#define CVM_ROW_DTR(name, a, when, hazard, sdm, apm) \
	dump_row(#name ".base", s->name.base, emit, arg); \
	dump_row(#name ".limit", s->name.limit, emit, arg);
#define CVM_ROW_U64(name, a, when, hazard, sdm, apm) \
	dump_row(#name, s->name, emit, arg);
#define CVM_ROW_MSR(name, a, when, hazard, sdm, apm) \
	dump_row(#name, s->name, emit, arg);
#include "rows.h"
}
