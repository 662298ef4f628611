/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fmt.h - messages without a C library.
 *
 * The conversions are C's, as far as they mean the same where long has 32 bits
 * (NT) and where it has 64; the compiler checks them:
 *	%s  const char *, NULL prints "(null)"
 *	%c  int, one character
 *	%d  int, decimal
 *	%u  uint32_t, decimal
 *	%x  uint32_t, hexadecimal without prefix
 *	%llu  unsigned long long, decimal
 *	%llx  unsigned long long, hexadecimal without prefix
 *	%%  a percent sign
 * A number between '%' and the letter is the least width; it pads with
 * blanks, or with zeros when it begins with 0.  Anything else is copied as it
 * stands.  A uint64_t is cast for %llu: it may be an unsigned long.
 */
#ifndef CVM_FMT_H
#define CVM_FMT_H

#include <stddef.h>
#include <stdint.h>

/* Not printf: where that is Microsoft's it knows no %llu.  A compiler that has
 * another name for it is told so by its build. */
#ifndef CVM_FMT_ARCHETYPE
#define CVM_FMT_ARCHETYPE	gnu_printf
#endif

/*
 * cvm_fmt - write at most n bytes to buf, NUL included (n may be 0).  The
 * length of the text, as if buf had been large enough, is returned, so a
 * result >= n means it was cut.  Any context.
 */
int cvm_fmt(char *buf, size_t n, const char *fmt, ...)
	__attribute__((format(CVM_FMT_ARCHETYPE, 3, 4)));

/* cvm_vfmt - the same with an argument list. */
int cvm_vfmt(char *buf, size_t n, const char *fmt, __builtin_va_list ap)
	__attribute__((format(CVM_FMT_ARCHETYPE, 3, 0)));

#endif /* CVM_FMT_H */
