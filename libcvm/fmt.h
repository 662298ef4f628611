/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fmt.h - messages without a C library.
 *
 * The conversions name their type outright, so that the same text works
 * where long has 32 bits (NT) and where it has 64:
 *	%s  const char *, NULL prints "(null)"
 *	%c  int, one character
 *	%d  int, decimal
 *	%u  uint32_t, decimal
 *	%x  uint32_t, hexadecimal without prefix
 *	%U  uint64_t, decimal
 *	%X  uint64_t, hexadecimal without prefix
 *	%%  a percent sign
 * A number between '%' and the letter is the least width; it pads with
 * blanks, or with zeros when it begins with 0.  Anything else is copied as it
 * stands.  Arguments of %U and %X must really be 64 bits wide: cast them.
 */
#ifndef CVM_FMT_H
#define CVM_FMT_H

#include <stddef.h>
#include <stdint.h>

/*
 * cvm_fmt - write at most n bytes to buf, NUL included (n may be 0).  The
 * length of the text, as if buf had been large enough, is returned, so a
 * result >= n means it was cut.  Any context.
 */
int cvm_fmt(char *buf, size_t n, const char *fmt, ...);

/* cvm_vfmt - the same with an argument list. */
int cvm_vfmt(char *buf, size_t n, const char *fmt, __builtin_va_list ap);

#endif /* CVM_FMT_H */
