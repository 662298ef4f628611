/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * asm.h - names and sizes of functions in assembly, for ELF and PE, and what
 * checkers of object code are told about them.
 */
#ifndef CVM_X86_ASM_H
#define CVM_X86_ASM_H

/* The passage is one function to tools that look at symbols, with LABELs. */
#define LABEL(name)	.globl name; name:
#ifdef __ELF__
#define FUNCTION(name)	.globl name; .type name, @function; name:
#define END(name)	.size name, . - name; not_checked name
#else
#define FUNCTION(name)	LABEL(name)
#define END(name)
#endif

/*
 * A host kernel may have a checker of object code that knows neither two
 * worlds nor a page that can call no thunk.  Its build includes a header
 * that defines these three.
 */
#ifndef CVM_ASM_CHECKER
#define HOST_RETURN	ret	/* from a function outside the passage */
.macro not_checked name	/* the whole function */
.endm
.macro bare_branch	/* the indirect jump or return that follows */
.endm
#endif

#endif /* CVM_X86_ASM_H */
