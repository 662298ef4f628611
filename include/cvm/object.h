/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cvm/object.h - what a platform object and the adapter agree on.
 *
 * A platform object is the guest platform (guest-patch/cvm) as one relocatable
 * ELF file, ET_REL for x86-64, which the adapter (tools/kernel) links into a
 * distribution's kernel in memory.  The object says what it wants by the
 * sections below; the adapter finds, checks and changes.  Nothing of the
 * kernel's text is changed by the object itself.
 *
 * Section		what becomes of it
 * .cvm.object		one struct cvm_object; read, not loaded
 * .cvm.hooks		struct cvm_hook, read after relocation, not loaded
 * .cvm.fields		struct cvm_field, read after relocation, not loaded
 * .cvm.strings		names and reasons of these three; not loaded
 * .cvm.entry		code that user mode's page tables must map too: behind
 *			the kernel's .entry.text, in the same 2 MiB
 * .note.cvm		the note of docs/guest-abi.md, in a header of its own
 * .data..percpu	laid over a per-CPU variable that no guest uses
 * executable		into the gap behind .text, or else the one behind the
 *			read-only data, in pages without data; not into padding
 *			of .text, where a kernel unwinds by tables of its own
 * other allocated	into the gap behind the read-only data, writable
 *
 * Undefined symbols are resolved in this order:
 *	cvm_site_table, cvm_site_table_end	the adapter's struct cvm_site
 *	cvm_text_begin, cvm_text_end		the pages with the object's text
 *	cvm_data_begin, cvm_data_end		the pages with its data
 *	cvm_begin_SECTION, cvm_end_SECTION	a section of the object, a dot
 *			or any other character that is none of a C name as "_"
 *	cvm_after_SYMBOL	where the kernel's next symbol is, which
 *			bounds its size
 *	cvm_field.STRUCT.MEMBER	offset of a member, from the image's BTF
 *	cvm_size.STRUCT		size of a structure, from the image's BTF
 *	cvm_enum.NAME		an enumerator's value, from the image's BTF
 *	anything else		a symbol of the kernel, by its kallsyms; a weak
 *			one that the kernel has not is 0, any other is refused
 */
#ifndef CVM_OBJECT_H
#define CVM_OBJECT_H

#include <stdint.h>

#define CVM_OBJECT_MAGIC	0x4a424f4d5643ull	/* "CVMOBJ" */
#define CVM_OBJECT_ABI		1u

/* cvm_object.flags */
/* For every build of a kernel series: its offsets come from BTF. */
#define CVM_OBJECT_F_SERIES	(1u << 0)

struct cvm_object {
	uint64_t magic;		/* CVM_OBJECT_MAGIC */
	uint32_t object_abi;	/* CVM_OBJECT_ABI */
	uint32_t guest_abi;	/* CVM_GUEST_ABI */
	uint32_t flags;		/* CVM_OBJECT_F_* */
	uint32_t hook_bytes;	/* sizeof(struct cvm_hook) */
	char release[72];	/* of the headers, or "6.12" of a series */
};

enum cvm_hook_kind {
	/*
	 * The entry of function target jumps to replacement.  With orig, the
	 * word there gets the way to the original.  A kernel that is built
	 * for tracing has a call of __fentry__ there, which makes room and
	 * whose place in __mcount_loc becomes 0; elsewhere instructions are
	 * moved, and the replacement keeps all registers but RAX.
	 */
	CVM_HOOK_ENTRY = 1,
	/* In function in, the one call or jump to target goes elsewhere. */
	CVM_HOOK_CALL = 2,
	/* The pointer at target + offset, of 8 bytes; orig gets the old one. */
	CVM_HOOK_POINTER = 3,
	/* All of them in function in: "mov reg, %cr4" becomes a site. */
	CVM_HOOK_CR4 = 4,
};

/* cvm_hook.flags */
#define CVM_HOOK_F_OPTIONAL	(1u << 0)	/* a kernel may lack target */
#define CVM_HOOK_F_VOID		(1u << 1)	/* returns nothing: keep RAX */
#define CVM_HOOK_F_NORETURN	(1u << 2)

/* A row of .cvm.hooks; addresses after relocation. */
struct cvm_hook {
	uint64_t target;	/* name */
	uint64_t in;		/* name, CVM_HOOK_CALL and CVM_HOOK_CR4 */
	uint64_t prototype;	/* as BTF has it, "int (int, void *)", or 0 */
	uint64_t reason;	/* why, in one sentence */
	uint64_t replacement;
	uint64_t orig;		/* of a pointer, or 0 */
	uint64_t offset;
	uint32_t kind;
	uint32_t flags;
};

/* What a row of .cvm.fields says of the kernel, by its BTF. */
enum cvm_field_kind {
	CVM_FIELD_MEMBER = 1,	/* name is a structure's or a union's */
	CVM_FIELD_SIZE = 2,	/* name is a type's; value in bytes */
	CVM_FIELD_ENUMERATOR = 3,	/* name's value */
	/*
	 * Function name is of type member, written without typedefs and
	 * qualifiers: "int (struct virtio_device *)".  With a value of 1 the
	 * kernel may lack it.
	 */
	CVM_FIELD_FUNCTION = 4,
	/*
	 * By its kallsyms: there is none of name, or there is one, as a kernel
	 * has that is configured with member (CONFIG_...).
	 */
	CVM_FIELD_NO_SYMBOL = 5,
	CVM_FIELD_SYMBOL = 6,
};

#define CVM_FIELD_ANY_SIZE	0xffffffffu

/*
 * A row of .cvm.fields: what the object was compiled with, to be compared;
 * addresses after relocation.  A type without a tag has its typedef's name; of
 * several types of one name, one has to fit all rows, which stand together.
 */
struct cvm_field {
	uint64_t name;
	uint64_t member;	/* or 0; "a.b" for one inside another */
	uint32_t kind;		/* enum cvm_field_kind */
	/* Of a member: in bytes; of a bit-field, whose bytes are 0, in bits. */
	uint32_t value;
	uint32_t bytes;		/* of a member, or CVM_FIELD_ANY_SIZE */
	uint32_t reserved;	/* 0 */
};

/* What an instruction did whose first byte is an int3 now. */
enum cvm_site_kind {
	CVM_SITE_OUT = 1,	/* out, outs: nothing */
	CVM_SITE_IN8 = 2,	/* all ones */
	CVM_SITE_IN16 = 3,
	CVM_SITE_IN32 = 4,
	CVM_SITE_INS = 5,	/* nothing */
	CVM_SITE_WRMSR = 6,	/* by msr.def */
	CVM_SITE_HLT = 7,	/* IF = 1: sleep; IF = 0: the guest's end */
	CVM_SITE_CR4 = 8,	/* mov reg, %cr4; operand: the register */
};

/* Sorted by at. */
struct cvm_site {
	uint32_t at;		/* from _text */
	uint8_t kind;
	uint8_t bytes;		/* of the whole instruction */
	uint8_t opcode;		/* the byte that was replaced */
	uint8_t operand;	/* an immediate port, or a register's number */
};

#endif /* CVM_OBJECT_H */
