/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.h - walk cpu_state.def: define the CVM_ROW_<kind> macros that matter,
 * include this; the others are empty and all are gone afterwards.
 * No include guard: it is included once per use.
 */
#ifndef CVM_ROW_U16
#define CVM_ROW_U16(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_DTR
#define CVM_ROW_DTR(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_U64
#define CVM_ROW_U64(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_MSR
#define CVM_ROW_MSR(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_XST
#define CVM_ROW_XST(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_OFF
#define CVM_ROW_OFF(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_EQL
#define CVM_ROW_EQL(name, arg, when, hazard, sdm, apm)
#endif
#ifndef CVM_ROW_REF
#define CVM_ROW_REF(name, arg, when, hazard, sdm, apm)
#endif

#include "cpu_state.def"

#undef CVM_ROW_U16
#undef CVM_ROW_DTR
#undef CVM_ROW_U64
#undef CVM_ROW_MSR
#undef CVM_ROW_XST
#undef CVM_ROW_OFF
#undef CVM_ROW_EQL
#undef CVM_ROW_REF
