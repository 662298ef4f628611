/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * strip_ansi.h - output for a terminal that knows no control sequences.
 *
 * They are left out (ECMA-48: CSI, OSC and the like, two- and three-byte
 * escapes); what is left is text, with its line ends, tabs and backspaces.
 */
#ifndef CVM_OS_STRIP_ANSI_H
#define CVM_OS_STRIP_ANSI_H

#include <stddef.h>

/* A sequence may be cut anywhere: what comes next begins in this state. */
struct strip_ansi {
	int state;		/* 0 at the beginning */
};

/* strip_ansi - out has room for bytes; how many of it were used. */
size_t strip_ansi(struct strip_ansi *plain, const char *in, size_t bytes,
		  char *out);

#endif /* CVM_OS_STRIP_ANSI_H */
